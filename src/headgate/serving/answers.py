"""What callers are told when something is wrong: `{"error": {"type", "message", "hint"}}`."""

from headgate.errors import HeadgateError, InvalidInput, UsageError
from headgate.serving.codecs import Answer, to_json
from headgate.serving.failure import ModelFailure
from headgate.serving.media import JSON


class MethodNotAllowed(UsageError):
    """The path is right, the method is not."""

    http_status = 405


class TooSlow(UsageError):
    """The request did not arrive in time."""

    http_status = 408


class TargetTooLong(UsageError):
    """The path and query are longer than the limit."""

    http_status = 414


class ExpectationFailed(UsageError):
    """The request expects something other than `100-continue`."""

    http_status = 417


class HeadTooLarge(UsageError):
    """The request line and headers are longer, or more, than the limit."""

    http_status = 431


class UnknownCoding(UsageError):
    """The body arrives in a transfer coding other than `chunked`."""

    http_status = 501


class Overloaded(HeadgateError):
    """More callers or requests wait than are worth keeping; the same request may succeed in a moment."""

    http_status = 503


class Throttled(Overloaded):
    """The caller, or all callers together, ask more often than they may; the same request may succeed in a moment."""

    http_status = 429


def not_http() -> InvalidInput:
    """The error for bytes that are no HTTP request."""
    return InvalidInput("This is not an HTTP request.", hint="POST /invocations with HTTP/1.1.")


def encode_error(error: HeadgateError, request_id: str = "") -> Answer:
    """The body of an error: type, message and hint, and the request's id where it has one."""
    told = {"type": kind_of(error), "message": error.message, "hint": error.hint}
    if request_id:
        told["request_id"] = request_id
    return Answer(to_json({"error": told}).encode(), JSON)


def kind_of(error: Exception) -> str:
    """The type that a caller is shown."""
    return error.kind if isinstance(error, ModelFailure) else type(error).__name__
