"""One event, one answer: what is the same whoever answers, a model in this function or an endpoint behind it.

A warm-up is answered at once. An HTTP request gets its path, method and origin looked at, and an answer whatever
happens: errors in the one shape, nothing of ours in a 500 but that it happened, the traceback in the log. Any other
event goes inside as it is.
"""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

from headgate.core import headers as names
from headgate.errors import HeadgateError, NotFound, UsageError
from headgate.serving.answers import MethodNotAllowed, Overloaded, encode_error
from headgate.serving.aws_lambda.cors import Cors
from headgate.serving.aws_lambda.events import Request, is_warm_up, read_request, response
from headgate.serving.aws_lambda.metrics import Metrics
from headgate.serving.codecs import Answer
from headgate.serving.failure import ModelFailure
from headgate.serving.logs import log_error, log_info
from headgate.serving.predictor import NO_HEADERS, Headers

ANY_PATH = "*"
PATH_SETTING = "HEADGATE_LAMBDA_PATH"

_PING = "/ping"
_ECHOED = (names.INFERENCE_ID, names.REQUEST_ID)
_LOGGED = {"variant": names.INVOKED_VARIANT, "inference_id": names.INFERENCE_ID, "request_id": names.REQUEST_ID}
_EMPTY = Answer(b"", "")


class Context(Protocol):
    """What is used of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The id of this invocation."""


class Inside(Protocol):
    """What answers behind the door."""

    def post(self, request: Request, headers: dict[str, str]) -> Answer:
        """The answer to a POST; `headers` receives what else it carries. Raises HeadgateErrors."""

    def direct(self, event: Any) -> Any:
        """The result for an event that is no HTTP request. Raises HeadgateErrors."""


class Invocation(logging.Filter):
    """Puts what identifies the invocation on every line of the log, the user's own lines too."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, str] = {}
        self.began = 0.0
        """Epoch seconds."""

    def begin(self, context: Context, headers: Headers) -> None:
        """From now on lines belong to this invocation."""
        self.began = time.time()
        trace = headers.get(b"traceparent", b"").decode("latin-1")
        found = {"xray_trace": os.environ.get("_X_AMZN_TRACE_ID", ""), "traceparent": trace}
        self._fields = {"aws_request_id": context.aws_request_id, **{k: v for k, v in found.items() if v}}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, with the fields."""
        record.fields = {**self._fields, **getattr(record, "fields", {})}
        return True


class Door:
    """The door in front of `inside`."""

    def __init__(
        self, inside: Inside, *, path: str = "/invocations", cors: Cors | None = None, metrics: Metrics | None = None
    ) -> None:
        """`path`: where POST is answered, without the stage, or `*`. `metrics`: what counts the predictions."""
        self._inside = inside
        self._metrics = metrics
        self._path = path
        self._pings = {_PING, path.rpartition("/")[0] + _PING}
        self._cors = cors or Cors()
        self.invocation = Invocation()

    def __call__(self, event: Any, context: Context) -> Any:
        """Answer one event. Raises for direct invocations only: HeadgateErrors."""
        if is_warm_up(event):
            return {"warm": True}
        try:
            request = read_request(event)
        except HeadgateError as error:
            return response(error.http_status, encode_error(error, context.aws_request_id), {})
        self.invocation.begin(context, request.headers if request else NO_HEADERS)
        return self._answer(request, context) if request else self._answer_directly(event, context)

    def _answer_directly(self, event: Any, context: Context) -> Any:
        began, status = time.perf_counter_ns(), 500
        try:
            result = self._inside.direct(event)
            status = 200
            return result
        except HeadgateError as error:
            status = error.http_status
            raise
        finally:
            self._tell(began, status, self._counted(context, status, raised=status != 200), direct=True)

    def _answer(self, request: Request, context: Context) -> dict[str, Any]:
        began = time.perf_counter_ns()
        origin = request.headers.get(b"origin", b"").decode("latin-1")
        headers = self._cors.headers(origin, preflight=request.method == "OPTIONS")
        headers[names.REQUEST_ID] = context.aws_request_id
        headers |= {name: given for name in _ECHOED if (given := _id(request.headers.get(name.encode(), b"")))}
        try:
            status, answer = self._route(request, headers)
            document = response(status, answer, headers)
        except HeadgateError as error:
            document = _refuse(error, error.__cause__, headers)
        except Exception as error:  # noqa: BLE001 the HTTP boundary: a defect of ours is an answer and a log line
            told = ModelFailure("The model server failed.", kind="InternalError")
            document = _refuse(told, error, headers)
        status = document["statusCode"]
        fields = {field: headers[name] for field, name in _LOGGED.items() if name in headers}
        asked = status >= 500 or (request.method == "POST" and status not in (404, 405))
        counted = self._counted(context, status) if asked else {}
        self._tell(began, status, counted, method=request.method[:20], path=request.path[:200], **fields)
        return document

    def _counted(self, context: Context, status: int, *, raised: bool = False) -> dict[str, Any]:
        return (
            self._metrics.fields(context, status, began=self.invocation.began, raised=raised) if self._metrics else {}
        )

    def _tell(self, began: int, status: int, counted: Mapping[str, Any], **fields: Any) -> None:
        ms = round((time.perf_counter_ns() - began) / 1e6, 2)
        log_info("request", **fields, status=status, ms=ms, **counted)

    def _route(self, request: Request, headers: dict[str, str]) -> tuple[int, Answer]:
        """The status and body of the answer; `headers` receives what else it carries."""
        allowed = self._allowed(request)
        if request.method == "OPTIONS":
            headers["allow"] = f"{allowed}, OPTIONS"
            return 204, _EMPTY
        if request.method != allowed:
            headers["allow"] = f"{allowed}, OPTIONS"
            raise MethodNotAllowed(f"{request.path} takes {allowed}, not {request.method}.", hint=f"Use {allowed}.")
        return 200, _EMPTY if allowed == "GET" else self._inside.post(request, headers)

    def _allowed(self, request: Request) -> str:
        """The method that the path takes. Raises NotFound."""
        if request.path in self._pings:
            return "GET"
        if self._path in (ANY_PATH, request.path):
            return "POST"
        raise NotFound(f"There is no {request.path[:200]!r} here.", hint=f"POST to {self._path}.")


def path_from(environment: Mapping[str, str]) -> str:
    """Where POST is answered, as the environment says. Raises UsageError."""
    path = environment.get(PATH_SETTING) or "/invocations"
    if path != ANY_PATH and (not path.startswith("/") or path.rpartition("/")[2] == "ping"):
        raise UsageError(f"{PATH_SETTING} should be a path such as /invocations, or *, got {path!r}.")
    return path if path in (ANY_PATH, "/") else path.rstrip("/")


def _id(value: bytes) -> str:
    """A caller's id, to be sent back and passed on; empty for one that no header can hold."""
    text = value.decode("latin-1").strip()
    return text if text.isascii() and text.isprintable() else ""


def _refuse(error: HeadgateError, cause: BaseException | None, headers: Mapping[str, str]) -> dict[str, Any]:
    request_id = headers[names.REQUEST_ID]
    if error.http_status >= 500:
        log_error("request failed", cause, request_id=request_id, message=error.message)
    more = {"retry-after": "1"} if isinstance(error, Overloaded) else {}
    return response(error.http_status, encode_error(error, request_id), {**headers, **more})
