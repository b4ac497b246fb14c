"""The errors Headgate raises on purpose.

    HeadgateError
    ├── UsageError          exit 2  400  a flag, an argument or a setting is wrong
    ├── SpecError           exit 2  400  headgate.yaml is wrong; carries every problem found
    ├── InvalidInput        exit 2  400  data, a request or a file is wrong
    │   ├── PayloadTooLarge exit 2  413
    │   ├── UnsupportedMedia exit 2 415
    │   └── NotAcceptable   exit 2  406
    ├── GateFailed          exit 1  409  the candidate is not good enough; the answer is "no"
    ├── NotFound            exit 3  404  no such endpoint, version, project, file
    ├── Refused             exit 5  409  the request is sound, the state of the world forbids it
    │   ├── Overtaken       exit 5  409  somebody else changed the thing since it was read, or is changing it
    │   └── RunsAlready     exit 5  409  what was asked for is so already
    ├── Unavailable         exit 4  503  the engine, a server or a store does not answer
    └── MissingExtra        exit 6  500  an optional part is not installed

Each carries a message for the user (what is wrong, where) and a hint (what to do about it). Neither names a
function of ours. The command line prints both and exits with `exit_code`; servers answer with `http_status`.
"""

from collections.abc import Sequence


class HeadgateError(Exception):
    """Something the user can understand and mend."""

    exit_code = 1
    http_status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HeadgateError):
    """A flag, an argument or a setting is wrong."""

    exit_code = 2
    http_status = 400


class SpecError(HeadgateError):
    """headgate.yaml is wrong. `problems` holds one line for every problem found."""

    exit_code = 2
    http_status = 400

    def __init__(self, message: str, problems: Sequence[str] = (), *, hint: str = "") -> None:
        super().__init__("\n  ".join([message, *problems]), hint=hint)
        self.problems = tuple(problems)


class InvalidInput(HeadgateError):
    """Data, a request or a file is not what was expected."""

    exit_code = 2
    http_status = 400


class PayloadTooLarge(InvalidInput):
    """The request is larger than the limit."""

    http_status = 413


class UnsupportedMedia(InvalidInput):
    """The content type is not one that is understood."""

    http_status = 415


class NotAcceptable(InvalidInput):
    """None of the media types that the caller accepts can be answered."""

    http_status = 406


class GateFailed(HeadgateError):
    """The candidate is not good enough."""

    exit_code = 1
    http_status = 409


class NotFound(HeadgateError):
    """There is no such thing."""

    exit_code = 3
    http_status = 404


class Unavailable(HeadgateError):
    """The engine, a server or a store does not answer."""

    exit_code = 4
    http_status = 503


class Refused(HeadgateError):
    """The request is sound, but the present state forbids it."""

    exit_code = 5
    http_status = 409


class Overtaken(Refused):
    """Somebody else changed the thing since it was read, or is changing it now."""


class RunsAlready(Refused):
    """The version that is to be rolled out is the one in force."""


class MissingExtra(HeadgateError):
    """An optional part of Headgate is not installed."""

    exit_code = 6

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed.", hint=f"pip install 'headgate[{extra}]'")
