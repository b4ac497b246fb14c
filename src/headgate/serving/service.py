"""What the model server answers, whichever transport carries it.

    GET  /ping, /metrics, /execution-parameters, /openapi.json
    POST /invocations

A transport reads a request, calls `Service.handle` and is called back with the answer: at once where a small request
meets a model of microseconds, later where the backlog has it (see `batching`). No coroutine is made for the first kind,
which is nearly all of them. Limits that are reached while a request is still being read are the transport's to notice
and worded here, so that every transport says the same.
"""

import time
from collections.abc import Callable

from headgate.core import headers as names
from headgate.errors import HeadgateError, InvalidInput, NotFound, PayloadTooLarge
from headgate.serving.answers import MethodNotAllowed, Overloaded, encode_error
from headgate.serving.batching import Backlog, Coroutines, ModelThread, Outcome
from headgate.serving.codecs import Answer
from headgate.serving.failure import ModelFailure
from headgate.serving.logs import log_error
from headgate.serving.predictor import AsyncPredictor, Call, Headers, Predictor
from headgate.serving.settings import Settings

Extra = list[tuple[bytes, bytes]]
Reply = Callable[[int, Answer, Extra], None]
"""Takes the status, the body with its type, and further headers; called once, on the event loop."""

INLINE_BODY = 16_384
DISCARDED_BODY = 67_108_864
"""The most bytes of a refused body that are read and thrown away."""

_METHODS = {
    b"/invocations": b"POST",
    b"/ping": b"GET",
}
_CLOSE = (b"connection", b"close")
_EMPTY = Answer(b"", "")
_INVOCATIONS = b"/invocations"
_INFERENCE_ID = names.INFERENCE_ID.encode()
_REQUEST_ID = names.REQUEST_ID.encode()
_MICROSECONDS = names.MODEL_MICROSECONDS.encode()


class Service:
    """One loaded model behind HTTP. Made on the event loop that serves it."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self._predictor = predictor
        self._inline = predictor.mode == "inline"
        self._settings = settings
        lane = Coroutines(predictor) if isinstance(predictor, AsyncPredictor) else ModelThread(predictor)
        self._backlog = Backlog(lane, limit=settings.queue, timeout=settings.timeout)
        self._stamp: Extra = [(names.INVOKED_VARIANT.encode(), settings.variant.encode())] if settings.variant else []
        self.draining = False
        """Once true, answers ask callers to come back on another connection, which will be another server's."""

    @property
    def busy(self) -> bool:
        """Whether a prediction is under way; true also after its request was given up."""
        return self._backlog.pending > 0

    def handle(self, method: bytes, path: bytes, headers: Headers, body: bytes, received: int, reply: Reply) -> None:
        """Answer one request. `received`: `time.perf_counter_ns()` when its last byte came."""
        if path == _INVOCATIONS and method == b"POST":
            self._invoke(headers, body, received, reply)
            return
        path = path.partition(b"?")[0]
        allowed = _METHODS.get(path)
        if allowed is None:
            self.refuse(NotFound(f"There is no {_text(path[:200])!r} here.", hint="POST to /invocations."), reply)
        elif method != allowed:
            self.refuse(
                MethodNotAllowed(f"{_text(path)} takes {_text(allowed)}, not {_text(method)}."),
                reply,
                [(b"allow", allowed)],
            )
        elif path == _INVOCATIONS:
            self._invoke(headers, body, received, reply)
        else:
            self._answer(reply, 200, _EMPTY, [])

    def refuse(self, error: HeadgateError, reply: Reply, extra: Extra | None = None) -> None:
        """Answer with an error, one of the transport's too."""
        self._answer(reply, error.http_status, encode_error(error), extra or [])

    def check_head(self, headers: Headers) -> HeadgateError | None:
        """What is wrong with a request before its body is read, where reading it is not worth while."""
        announced = headers.get(b"content-length", b"")
        size = int(announced) if announced.isdigit() else 0
        if size > self._settings.max_body and (b"expect" in headers or size > DISCARDED_BODY):
            return self.too_large()
        return None

    @property
    def max_body(self) -> int:
        """Bytes."""
        return self._settings.max_body

    def too_large(self) -> PayloadTooLarge:
        """The error for a body beyond the limit."""
        return PayloadTooLarge(
            f"The body is larger than {self._settings.max_body:,} bytes.",
            hint="Send fewer rows, or raise SAGEMAKER_MAX_PAYLOAD_IN_MB.",
        )

    def _invoke(self, headers: Headers, body: bytes, received: int, reply: Reply) -> None:
        content_type, accept = headers.get(b"content-type"), headers.get(b"accept")
        kind = None if content_type is None else content_type.decode("latin-1")
        wanted = self._settings.default_accept if accept is None or accept == b"*/*" else accept.decode("latin-1")
        if self._inline and len(body) <= INLINE_BODY:
            outcome: Outcome
            try:
                outcome = self._predictor.predict(body, kind, wanted)
            except Exception as error:  # noqa: BLE001 the HTTP boundary: `_conclude` tells them apart
                outcome = error
            self._conclude(outcome, (time.perf_counter_ns() - received) // 1000, headers, body, received, reply)
            return
        try:
            self._backlog.submit(
                Call(body, kind, wanted, headers),
                lambda outcome, micros: self._conclude(outcome, micros, headers, body, received, reply),
            )
        except Overloaded as error:
            self.refuse(error, reply, [(b"retry-after", b"1")])

    def _conclude(  # noqa: PLR0917
        self, outcome: Outcome, micros: int, headers: Headers, body: bytes, received: int, reply: Reply
    ) -> None:
        """Answer with what came of an invocation."""
        extra = self._stamp.copy()
        for name in (_INFERENCE_ID, _REQUEST_ID):
            if name in headers:
                extra.append((name, headers[name]))
        if isinstance(outcome, Answer):
            status, answer = 200, outcome
        else:
            error = self._as_told(outcome, headers)
            status, answer = error.http_status, encode_error(error, _text(headers.get(_REQUEST_ID, b"")))
        extra.append((_MICROSECONDS, b"%d" % ((time.perf_counter_ns() - received) // 1000)))
        self._answer(reply, status, answer, extra)

    def _as_told(self, error: Exception, headers: Headers) -> HeadgateError:
        """The error that the caller is told; those of the server's side are logged."""
        told = error if isinstance(error, HeadgateError) else _defect()
        if told.http_status >= 500:
            cause = error.__cause__ if isinstance(error, HeadgateError) else error
            kind = told.kind if isinstance(error, ModelFailure) else type(error).__name__
            log_error(
                "request failed", cause, request_id=_text(headers.get(_REQUEST_ID, b"")), type=kind, message=str(error)
            )
        return told

    def _answer(self, reply: Reply, status: int, answer: Answer, extra: Extra) -> None:
        if self.draining:
            extra.append(_CLOSE)
        reply(status, answer, extra)


def not_http() -> InvalidInput:
    """The error for bytes that are no HTTP request."""
    return InvalidInput("This is not an HTTP request.", hint="POST /invocations with HTTP/1.1.")


def _defect() -> ModelFailure:
    return ModelFailure("The model server failed.", kind="InternalError")


def _text(value: bytes) -> str:
    return value.decode("latin-1")
