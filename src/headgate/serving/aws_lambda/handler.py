"""One event, one answer, over one predictor.

The rules of the model server hold here too: the same predictor, the same error shape, nothing of ours in a 500 but
that it happened, the traceback in the log.
"""

import base64
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from headgate.core import headers as names
from headgate.errors import HeadgateError, NotFound
from headgate.serving.answers import MethodNotAllowed, encode_error
from headgate.serving.aws_lambda.cors import Cors
from headgate.serving.aws_lambda.events import Request, is_warm_up, read_request, response
from headgate.serving.codecs import Answer
from headgate.serving.failure import ModelFailure
from headgate.serving.logs import log_error, log_info
from headgate.serving.media import JSON
from headgate.serving.predictor import NO_HEADERS, AsyncPredictor, Headers, Predictor
from headgate.serving.settings import Settings

if TYPE_CHECKING:
    import asyncio

ANY_PATH = "*"

_ECHOED = (names.INFERENCE_ID, names.REQUEST_ID)
_EMPTY = Answer(b"", "")


class Context(Protocol):
    """What is used of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The id of this invocation."""


class Invocation(logging.Filter):
    """Puts what identifies the invocation on every line of the log, the user's own lines too."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, str] = {}

    def begin(self, context: Context, headers: Headers) -> None:
        """From now on lines belong to this invocation."""
        trace = headers.get(b"traceparent", b"").decode("latin-1")
        found = {"xray_trace": os.environ.get("_X_AMZN_TRACE_ID", ""), "traceparent": trace}
        self._fields = {"aws_request_id": context.aws_request_id, **{k: v for k, v in found.items() if v}}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, with the fields."""
        record.fields = {**self._fields, **getattr(record, "fields", {})}
        return True


class Handler:
    """The function that Lambda calls."""

    def __init__(
        self, predictor: Predictor, settings: Settings, *, path: str = "/invocations", cors: Cors | None = None
    ) -> None:
        """`path`: where POST is answered, without the stage, or `*`."""
        self._predictor = predictor
        self._coroutines = predictor if predictor.mode == "async" and isinstance(predictor, AsyncPredictor) else None
        self._loop = _loop() if self._coroutines else None
        self._settings = settings
        self._path = path
        self._ping = "/ping" if path == ANY_PATH else path.rpartition("/")[0] + "/ping"
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
        return self._answer(request, context) if request else self._answer_directly(event)

    def _answer_directly(self, event: Any) -> Any:
        """The prediction for an event that is itself the request body. Raises what the predictor raises."""
        try:
            answer = self._predict(json.dumps(event).encode(), JSON, JSON, NO_HEADERS)
        except HeadgateError as error:
            if error.http_status >= 500:  # the runtime shows the error, but not where it came from
                log_error("request failed", error.__cause__, message=error.message)
            raise
        if answer.content_type.partition(";")[0].strip() == JSON:
            return json.loads(answer.body)
        return {
            "content_type": answer.content_type,
            "body": base64.b64encode(answer.body).decode(),
            "isBase64Encoded": True,
        }

    def _answer(self, request: Request, context: Context) -> dict[str, Any]:
        began = time.perf_counter_ns()
        origin = request.headers.get(b"origin", b"").decode("latin-1")
        headers = self._cors.headers(origin, preflight=request.method == "OPTIONS")
        headers[names.REQUEST_ID] = context.aws_request_id
        headers |= {name: given.decode("latin-1") for name in _ECHOED if (given := request.headers.get(name.encode()))}
        if self._settings.variant:
            headers[names.INVOKED_VARIANT] = self._settings.variant
        try:
            status, answer = self._route(request, headers)
            micros = (time.perf_counter_ns() - began) // 1000
            headers[names.MODEL_MICROSECONDS] = str(micros)
            document = response(status, answer, headers)
        except HeadgateError as error:
            document = _refuse(error, error.__cause__, headers)
        except Exception as error:  # noqa: BLE001 the HTTP boundary: a defect of ours is an answer and a log line
            told = ModelFailure("The model server failed.", kind="InternalError")
            document = _refuse(told, error, headers)
        ms = (time.perf_counter_ns() - began) / 1e6
        log_info("request", method=request.method, path=request.path, status=document["statusCode"], ms=round(ms, 2))
        return document

    def _route(self, request: Request, headers: dict[str, str]) -> tuple[int, Answer]:
        """The status and body of the answer; `headers` receives what else it carries."""
        allowed = self._allowed(request)
        if request.method == "OPTIONS":
            headers["allow"] = f"{allowed}, OPTIONS"
            return 204, _EMPTY
        if request.method != allowed:
            headers["allow"] = f"{allowed}, OPTIONS"
            raise MethodNotAllowed(f"{request.path} takes {allowed}, not {request.method}.", hint=f"Use {allowed}.")
        if allowed == "GET":
            return 200, _EMPTY
        body = request.content(self._settings.max_body)
        content_type, accept = (request.headers.get(name) for name in (b"content-type", b"accept"))
        wanted = self._settings.default_accept if accept in (None, b"", b"*/*") else _text(accept)
        return 200, self._predict(body, _text(content_type), wanted, request.headers)

    def _allowed(self, request: Request) -> str:
        """The method that the path takes. Raises NotFound."""
        if request.path == self._ping:
            return "GET"
        if self._path in (ANY_PATH, request.path):
            return "POST"
        raise NotFound(f"There is no {request.path[:200]!r} here.", hint=f"POST to {self._path}.")

    def _predict(self, body: bytes, content_type: str | None, accept: str | None, headers: Headers) -> Answer:
        if self._loop and self._coroutines:
            return self._loop.run(self._coroutines.predict_async(body, content_type, accept, headers))
        return self._predictor.predict(body, content_type, accept, headers)


def _loop() -> "asyncio.Runner":
    """One loop for all invocations: what user code opened on it stays usable."""
    import asyncio  # a fifth of the cold start, and few models need it

    return asyncio.Runner()


def _refuse(error: HeadgateError, cause: BaseException | None, headers: Mapping[str, str]) -> dict[str, Any]:
    request_id = headers[names.REQUEST_ID]
    if error.http_status >= 500:
        log_error("request failed", cause, request_id=request_id, message=error.message)
    return response(error.http_status, encode_error(error, request_id), headers)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
