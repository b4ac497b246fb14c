"""What callers of the front door are told when the endpoint did not answer, and what goes into the log instead.

    the container said 4xx            that status, with its message: 400, 406, 413, 415, 422; any other is 400
    the container failed              502 and no more: the text of an exception is for its log
    the container sheds load          503 with Retry-After, and its 429 is 429
    it takes too long                 504
    SageMaker throttles, not ready    429 with Retry-After
    there is no such endpoint         503: to callers a path that exists is out of order, not absent
    the role may not, no connection   503
    SageMaker itself failed           502, or 503 with Retry-After where it says so

Account, endpoint and role are in AWS's own messages: those are logged. What a container said is not logged: it may
repeat what was sent to it, and the container has a log of its own, which the line names.
"""

import json
from typing import TYPE_CHECKING, Any, cast

from headgate.errors import HeadgateError, InvalidInput, Unavailable
from headgate.serving.answers import Overloaded, Throttled
from headgate.serving.failure import TIMED_OUT, ModelFailure
from headgate.serving.logs import log_error

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

MAX_SAID = 2_000
"""Characters of a message that are passed on."""

_AS_THEY_ARE = (400, 406, 413, 415, 422)
_THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException",
              "RequestLimitExceeded", "ModelNotReadyException")  # fmt: skip
_KEYS_REFUSED = ("AccessDeniedException", "InvalidSignatureException", "UnrecognizedClientException",
                 "ExpiredTokenException", "MissingAuthenticationTokenException")  # fmt: skip
_INVALID = ("ValidationError", "ValidationException")
_LATER = "Try again in a moment."


class Relayed(ModelFailure):
    """What a container said, with the status that callers get."""

    def __init__(self, status: int, said: str, kind: str = "ModelError", hint: str = "") -> None:
        super().__init__(said, kind=kind, hint=hint)
        self.http_status = status


def told(error: "ClientError | BotoCoreError", endpoint: str) -> HeadgateError:
    """The error for callers; what only operators may know is logged."""
    from botocore.exceptions import ClientError, ReadTimeoutError

    if isinstance(error, ClientError):
        return _by_code(cast("dict[str, Any]", error.response), endpoint)
    log_error("the endpoint did not answer", endpoint=endpoint, type=type(error).__name__, said=str(error)[:MAX_SAID])
    if isinstance(error, ReadTimeoutError):
        return _too_slow()
    return Unavailable("The model cannot be reached.", hint=_LATER)


def _by_code(response: dict[str, Any], endpoint: str) -> HeadgateError:
    code, said = response.get("Error", {}).get("Code", ""), response.get("Error", {}).get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ModelError":
        return _by_container(response, endpoint)
    if code in _THROTTLED or status == 429:
        return Throttled("There are more requests than the endpoint takes.", hint=_LATER)
    log_error("the endpoint refused", endpoint=endpoint, code=code, status=status, said=said[:MAX_SAID])
    if code in _INVALID and status in (400, 404):
        return _invalid(said)
    if code in _KEYS_REFUSED or status in (403, 404):
        return Unavailable("The model cannot be reached.", hint="The log of the function says why.")
    if status == 503:
        return Overloaded("The endpoint is not available just now.", hint=_LATER)
    if 400 <= status < 500:
        return Relayed(status if status in _AS_THEY_ARE else 400, "The endpoint does not take this request.", code)
    return Relayed(502, "The endpoint failed.", "EndpointFailure", _LATER)


def _invalid(said: str) -> HeadgateError:
    """Validation errors have one code for what the caller sent and for what is missing here."""
    lower = said.lower()
    if "variant" in lower and "not found" in lower:
        return InvalidInput("The endpoint has no such variant.", hint="Leave the target variant out.")
    if "not found" in lower or "could not find" in lower:
        return Unavailable("The model is not deployed just now.", hint="The log of the function says what is missing.")
    return InvalidInput("The endpoint does not take this request.", hint="Look at its headers and at its size.")


def _by_container(response: dict[str, Any], endpoint: str) -> HeadgateError:
    status = response.get("OriginalStatusCode") or 0
    text = str(response.get("OriginalMessage") or "").strip()
    kind, said, hint = _in_our_shape(text)
    if status == 429:
        return Throttled("The model takes no more requests just now.", hint=_LATER)
    if 400 <= status < 500:
        refused = said or text[:MAX_SAID] or "The model refused the request."
        return Relayed(status if status in _AS_THEY_ARE else 400, refused, kind or "ModelError", hint)
    log = str(response.get("LogStreamArn") or "")
    log_error("the model failed", endpoint=endpoint, status=status, type=kind, container_log=log)
    if status == 503:
        return Overloaded("The model takes no more requests just now.", hint=_LATER)
    if status == 504 or (status == 0 and "timed out" in text):
        return _too_slow()
    return Relayed(502, "The model failed.", "ModelFailure", "Name the request's id to those who run it.")


def _too_slow() -> HeadgateError:
    return ModelFailure("The model took too long to answer.", kind=TIMED_OUT, hint="Send fewer rows, or try again.")


def _in_our_shape(text: str) -> tuple[str, str, str]:
    """Type, message and hint of an error as our model server writes it; empty for anything else."""
    try:
        error = json.loads(text)["error"]
        return tuple(str(error.get(key, ""))[:MAX_SAID] for key in ("type", "message", "hint"))  # type: ignore[return-value]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", "", ""
