"""What callers are told when something is wrong: `{"error": {"type", "message", "hint"}}`."""

from headgate.errors import HeadgateError, UsageError
from headgate.serving.codecs import Answer, to_json
from headgate.serving.failure import ModelFailure
from headgate.serving.media import JSON


class MethodNotAllowed(UsageError):
    """The path is right, the method is not."""

    http_status = 405


class HeadTooLarge(UsageError):
    """The request line and headers are longer than the limit."""

    http_status = 431


class TooSlow(UsageError):
    """The request did not arrive in time."""

    http_status = 408


class Overloaded(HeadgateError):
    """More requests wait than are worth keeping; the same request may succeed in a moment."""

    exit_code = 1
    http_status = 503


def encode_error(error: HeadgateError, request_id: str = "") -> Answer:
    """The body of an error: type, message and hint, and the request's id where it has one."""
    kind = error.kind if isinstance(error, ModelFailure) else type(error).__name__
    told = {"type": kind, "message": error.message, "hint": error.hint}
    if request_id:
        told["request_id"] = request_id
    return Answer(to_json({"error": told}).encode(), JSON)
