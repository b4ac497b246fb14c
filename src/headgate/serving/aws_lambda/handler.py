"""The model behind the door: one predictor, asked by HTTP requests and by direct invocations.

The rules of the model server hold here too: the same predictor, the same error shape.
"""

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from headgate.core import headers as names
from headgate.errors import HeadgateError
from headgate.serving.aws_lambda.cors import Cors
from headgate.serving.aws_lambda.door import Context, Door
from headgate.serving.aws_lambda.events import Request
from headgate.serving.aws_lambda.metrics import Metrics
from headgate.serving.codecs import Answer
from headgate.serving.logs import log_error
from headgate.serving.media import JSON
from headgate.serving.predictor import NO_HEADERS, AsyncPredictor, Headers, Predictor
from headgate.serving.settings import Settings

if TYPE_CHECKING:
    import asyncio


class Handler:
    """The function that Lambda calls."""

    def __init__(
        self,
        predictor: Predictor,
        settings: Settings,
        *,
        path: str = "/invocations",
        cors: Cors | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """`path`: where POST is answered, without the stage, or `*`. `metrics`: what counts the predictions."""
        self._predictor = predictor
        self._coroutines = predictor if predictor.mode == "async" and isinstance(predictor, AsyncPredictor) else None
        self._loop = _loop() if self._coroutines else None
        self._settings = settings
        self._door = Door(self, path=path, cors=cors, metrics=metrics)
        self.invocation = self._door.invocation

    def __call__(self, event: Any, context: Context) -> Any:
        """Answer one event. Raises for direct invocations only: HeadgateErrors."""
        return self._door(event, context)

    def post(self, request: Request, headers: dict[str, str]) -> Answer:
        """The prediction for a request. Raises what the predictor raises."""
        began = time.perf_counter_ns()
        if self._settings.variant:
            headers[names.INVOKED_VARIANT] = self._settings.variant
        body = request.content(self._settings.max_body)
        content_type, accept = (request.headers.get(name) for name in (b"content-type", b"accept"))
        wanted = self._settings.default_accept if accept in (None, b"", b"*/*") else _text(accept)
        answer = self._predict(body, _text(content_type), wanted, request.headers)
        headers[names.MODEL_MICROSECONDS] = str((time.perf_counter_ns() - began) // 1000)
        return answer

    def direct(self, event: Any) -> Any:
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

    def _predict(self, body: bytes, content_type: str | None, accept: str | None, headers: Headers) -> Answer:
        if self._loop and self._coroutines:
            return self._loop.run(self._coroutines.predict_async(body, content_type, accept, headers))
        return self._predictor.predict(body, content_type, accept, headers)


def _loop() -> "asyncio.Runner":
    """One loop for all invocations: what user code opened on it stays usable."""
    import asyncio  # a fifth of the cold start, and few models need it

    return asyncio.Runner()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
