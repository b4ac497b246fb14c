"""A sound request that the model could not answer."""

from headgate.errors import HeadgateError

NOT_FINITE = "NotFinite"
TIMED_OUT = "TimedOut"


class ModelFailure(HeadgateError):
    """The model, or the user's code, failed (500).

    `kind` is the type that the caller is shown; the traceback of `__cause__` is for the log only.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, message: str, *, kind: str = "ModelFailure", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        if kind == TIMED_OUT:
            self.http_status = 504
