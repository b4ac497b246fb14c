"""One JSON object a line on stderr: time, level, event, and what belongs to the event.

The standard library's logging carries it, so that what the user's code logs comes out in the same form. Bodies of
requests are never logged; `SAGEMAKER_CONTAINER_LOG_LEVEL` at debug adds a line for each request. On a full disk lines
are lost, never answers: what a model prints must not make it fail.
"""

import io
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from headgate.core import headers as names
from headgate.serving.predictor import Headers
from headgate.serving.trace import trace_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

REQUEST_ID = names.REQUEST_ID.encode()

logger = logging.getLogger("headgate.serving")


class _Lossy(io.FileIO):
    """A file that takes whatever it is given, and keeps what the system lets it keep."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """All of it, as far as the writer can tell."""
        with suppress(OSError):
            super().write(data)
        return memoryview(data).nbytes


def lossy(stream: TextIO) -> TextIO:
    """A stream to the same file, unbuffered, whose writes never fail: a full disk, or a reader that has gone."""
    file = _Lossy(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(file, stream.encoding, "backslashreplace", write_through=True)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; `extra={"fields": {...}}` adds members."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.name != logger.name:
            line["logger"] = record.name
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(stream: TextIO, level: int = logging.INFO) -> None:
    """Send everything of this level and above to `stream`, of uvicorn only errors."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def request_fields(headers: Headers) -> dict[str, str]:
    """What ties a log line to a request: `request_id`, `trace_id` and `span_id`, as far as the caller sent them."""
    fields = {}
    if REQUEST_ID in headers:
        fields["request_id"] = headers[REQUEST_ID].decode("latin-1")
    trace = trace_of(headers)
    if trace:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return fields


AccessLog = Callable[[int, int, Headers], None]
"""Writes a line for an invocation: its status, microseconds from its last byte to the answer, the request's headers."""


def access_log() -> AccessLog | None:
    """What is to be called for each invocation; None, so that nothing is, where the level is above debug."""
    return _log_invocation if logger.isEnabledFor(logging.DEBUG) else None


def _log_invocation(status: int, micros: int, headers: Headers) -> None:
    logger.debug("invocation", extra={"fields": {"status": status, "micros": micros, **request_fields(headers)}})


def log_info(event: str, **fields: object) -> None:
    """A line of level info."""
    logger.info(event, extra={"fields": fields})


def log_error(event: str, error: BaseException | None = None, **fields: object) -> None:
    """A line of level error, with the traceback of `error`."""
    trace = (type(error), error, error.__traceback__) if error else None
    logger.error(event, exc_info=trace, extra={"fields": fields})
