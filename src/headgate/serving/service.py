"""What the model server answers, whichever transport carries it.

    GET  /ping, /metrics, /execution-parameters, /openapi.json (and HEAD)
    POST /invocations

A transport reads a request, calls `Service.handle` and is called back with the answer: at once where a small request
meets a model of microseconds, later where the backlog has it (see `batching`). No coroutine is made for the first kind,
which is nearly all of them. Limits that are reached while a request is still being read are the transport's to notice
and worded here, so that every transport says the same.

Invocations are counted and, once answered with success, given to the capture. A request keeps the X-Request-Id it came
with. One without it that fails on our side is given one, so that what the caller is told and what the log says can be
brought together.
"""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from headgate.core import headers as names
from headgate.errors import HeadgateError, NotFound, PayloadTooLarge, Unavailable
from headgate.serving.answers import MethodNotAllowed, Overloaded, encode_error, kind_of
from headgate.serving.batching import Backlog, Coroutines, ModelThread, Outcome
from headgate.serving.capture import Capture
from headgate.serving.codecs import Answer
from headgate.serving.failure import TIMED_OUT, ModelFailure
from headgate.serving.logs import access_log, log_error, request_fields
from headgate.serving.media import JSON
from headgate.serving.metrics import CONTENT_TYPE, Counter, Gauge, Metrics
from headgate.serving.predictor import NO_HEADERS, AsyncPredictor, Call, Headers, Predictor, TurnPredictor
from headgate.serving.settings import MEBIBYTE, Settings
from headgate.serving.turn import FEW, Turn

Reply = Callable[[int, Answer, bytes], None]
"""Takes the status, the body with its type, and further header lines; called once, on the event loop."""

_Asked = tuple[bytes, str | None, Headers, int, Reply]
"""A request that waits for the end of the turn: body, content type, headers, when it came, and who is to be told."""

INLINE_BODY = 16_384
DISCARDED_BODY = 67_108_864
"""The most bytes of a refused body that are read and thrown away."""

_TASKS = 8
"""How many requests batch transform should send at once to hooks that are asynchronous."""

_INTERNAL = "InternalError"
_RETRY = b"retry-after: 1\r\n"
_EMPTY = Answer(b"", "")
_INVOCATIONS = b"/invocations"
_INFERENCE_ID = names.INFERENCE_ID.encode()
_REQUEST_ID = names.REQUEST_ID.encode()
_CONNECTIONS = Gauge.CONNECTIONS
_MICROSECONDS = b"%b%b: %%d\r\n" % (b"%b", names.MODEL_MICROSECONDS.encode())


class Service:
    """One loaded model behind HTTP. Made on the event loop that serves it."""

    def __init__(
        self, predictor: Predictor, settings: Settings, metrics: Metrics, capture: Capture | None = None
    ) -> None:
        self._predict = predictor.predict
        self._inline = predictor.mode in ("inline", "turn")
        self._default_accept = settings.default_accept
        self.max_body = settings.max_body
        """Bytes."""
        self.most_discarded = max(settings.max_body, DISCARDED_BODY)
        """Bytes of a body that are read before its connection is closed."""
        self._turn: Turn[Any, _Asked] | None = None
        if predictor.mode == "turn":
            together = cast(TurnPredictor, predictor)
            self._read_one, self._answer_each = together.read_one, together.answer_each
            self._turn = Turn(self._end_turn)
        lane = Coroutines(cast(AsyncPredictor, predictor)) if predictor.mode == "async" else ModelThread(predictor)
        self.backlog = Backlog(lane, limit=settings.queue, timeout=settings.timeout)
        self._stamp = b"%b: %b\r\n" % (names.INVOKED_VARIANT.encode(), settings.variant.encode())
        if not settings.variant:
            self._stamp = b""
        self._metrics = metrics
        self._capture = capture
        self._log = access_log()
        parameters = _execution_parameters(predictor, settings)
        self._views: dict[bytes, Callable[[], Answer]] = {
            b"/ping": self._ping,
            b"/metrics": lambda: Answer(metrics.render(), CONTENT_TYPE),
            b"/execution-parameters": lambda: parameters,
            b"/openapi.json": lambda: _openapi(predictor),
        }

    def handle(  # noqa: PLR0917 a request is what it is; a call with names costs more
        self, method: bytes, target: bytes, headers: Headers, body: bytes, received: int, reply: Reply
    ) -> None:
        """Answer one request. `received`: `time.perf_counter_ns()` when its last byte came.

        Of a body beyond `max_body` not all need be there.
        """
        if target == _INVOCATIONS and method == b"POST":
            self._invoke(headers, body, received, reply)
        else:
            self._route(method, _path_of(target), headers, body, received, reply)

    def refuse(self, error: HeadgateError, reply: Reply, headers: Headers = NO_HEADERS, lines: bytes = b"") -> None:
        """Answer with an error, one of the transport's too."""
        request_id = headers.get(_REQUEST_ID, b"")
        self._metrics.add(_class_of(error))
        if isinstance(error, Overloaded):
            lines += _RETRY
        reply(error.http_status, encode_error(error, _text(request_id)), _echo(headers) + lines)

    def check_announced(self, headers: Headers) -> HeadgateError | None:
        """What is wrong with a body before it is read, where reading it is not worth while."""
        size = int(headers.get(b"content-length", b"0"))
        if size > self.max_body and (b"expect" in headers or size > self.most_discarded):
            return self.too_large()
        return None

    def too_large(self) -> PayloadTooLarge:
        """The error for a body beyond the limit."""
        return PayloadTooLarge(
            f"The body is larger than {self.max_body:,} bytes.",
            hint="Send fewer rows, or raise SAGEMAKER_MAX_PAYLOAD_IN_MB.",
        )

    def defect(self, error: BaseException | None) -> HeadgateError:
        """The error for a defect of ours, which is logged."""
        log_error("request failed", error, type=type(error).__name__)
        return _defect()

    def _invoke(self, headers: Headers, body: bytes, received: int, reply: Reply) -> None:
        given, accept = headers.get(b"content-type"), headers.get(b"accept")
        content_type = None if given is None else given.decode("latin-1")
        wanted = self._default_accept if accept is None or accept == b"*/*" else accept.decode("latin-1")
        if not self._inline or len(body) > INLINE_BODY:
            self._submit(Call(body, content_type, wanted, headers), received, reply)
            return
        try:
            if self._turn is not None and self._metrics.own(_CONNECTIONS) > FEW:
                row = self._read_one(body, content_type, wanted)
                if row is not None:
                    self._turn.add(row, (body, content_type, headers, received, reply))
                    return
            answer = self._predict(body, content_type, wanted, headers)
        except Exception as error:  # noqa: BLE001 the HTTP boundary: `_fail` tells them apart
            self._fail(error, 0, headers, received, reply)
        else:
            self._succeed(answer, -1, headers, received, reply)
            if self._capture is not None:
                self._capture.record(body, content_type, answer, headers)

    def _end_turn(self, rows: Sequence[Any], asked: Sequence[_Asked]) -> None:
        began = time.perf_counter_ns()
        outcomes: Sequence[Outcome]
        try:
            outcomes = self._answer_each(rows)
        except Exception as error:  # noqa: BLE001 the HTTP boundary: `_fail` tells them apart
            outcomes = [error] * len(rows)
        model = (time.perf_counter_ns() - began) // 1000
        for outcome, (body, content_type, headers, received, reply) in zip(outcomes, asked, strict=True):
            if isinstance(outcome, Answer):
                self._succeed(outcome, model, headers, received, reply)
                if self._capture is not None:
                    self._capture.record(body, content_type, outcome, headers)
            else:
                self._fail(outcome, model, headers, received, reply)

    def _submit(self, call: Call, received: int, reply: Reply) -> None:
        """Have the backlog answer. A method of its own: a closure makes every name that it uses slower to reach."""

        def done(outcome: Outcome, model: int) -> None:
            self._show_backlog()
            if not isinstance(outcome, Answer):
                self._fail(outcome, model, call.headers, received, reply)
                return
            self._succeed(outcome, model, call.headers, received, reply)
            if self._capture is not None:
                self._capture.record(call.body, call.content_type, outcome, call.headers)

        try:
            if len(call.body) > self.max_body:
                raise self.too_large()
            self.backlog.submit(call, done)
            self._show_backlog()
        except HeadgateError as error:
            self._fail(error, 0, call.headers, received, reply)

    def _succeed(self, answer: Answer, model: int, headers: Headers, received: int, reply: Reply) -> None:
        """`model`: the microseconds that the model took; -1: all there were."""
        lines = self._stamp
        if _REQUEST_ID in headers or _INFERENCE_ID in headers:
            lines += _echo(headers)
        micros = (time.perf_counter_ns() - received) // 1000
        reply(200, answer, _MICROSECONDS % (lines, micros))
        self._metrics.request(200, micros, micros if model < 0 else model)
        if self._log is not None:
            self._log(200, micros, headers)

    def _fail(self, error: Exception, model: int, headers: Headers, received: int, reply: Reply) -> None:
        """Answer an invocation with an error; those of the server's side are logged."""
        told = error if isinstance(error, HeadgateError) else _defect()
        request_id, lines = headers.get(_REQUEST_ID, b""), self._stamp + _echo(headers)
        if isinstance(told, Overloaded):
            lines += _RETRY
        elif told.http_status >= 500:
            if not request_id:
                request_id = secrets.token_hex(8).encode()
                lines += b"%b: %b\r\n" % (_REQUEST_ID, request_id)
            cause = error.__cause__ if isinstance(error, HeadgateError) else error
            fields = {**request_fields(headers), "request_id": _text(request_id), "type": kind_of(error)}
            log_error("request failed", cause, **fields, message=str(error))
        micros = (time.perf_counter_ns() - received) // 1000
        reply(told.http_status, encode_error(told, _text(request_id)), _MICROSECONDS % (lines, micros))
        self._metrics.request(told.http_status, micros, model)
        self._metrics.add(_class_of(told))
        if self._log is not None:
            self._log(told.http_status, micros, headers)

    def keep_pace(self) -> None:
        """What is due once a second."""
        self.backlog.expire(time.monotonic())
        self._show_backlog()

    def _show_backlog(self) -> None:
        self._metrics.set(Gauge.IN_FLIGHT, self.backlog.pending)
        self._metrics.set(Gauge.QUEUED, self.backlog.queued)

    def _route(  # noqa: PLR0917
        self, method: bytes, path: bytes, headers: Headers, body: bytes, received: int, reply: Reply
    ) -> None:
        allowed = b"POST" if path == _INVOCATIONS else b"GET"
        if path != _INVOCATIONS and path not in self._views:
            absent = NotFound(f"There is no {_text(path[:200])!r} here.", hint="POST to /invocations.")
            self.refuse(absent, reply, headers)
        elif method != allowed and (method != b"HEAD" or allowed == b"POST"):
            wrong = MethodNotAllowed(
                f"{_text(path)} takes {_text(allowed)}, not {_text(method)}.", hint=f"Use {_text(allowed)}."
            )
            self.refuse(wrong, reply, headers, b"allow: %b\r\n" % allowed)
        elif path == _INVOCATIONS:
            self._invoke(headers, body, received, reply)
        else:
            try:
                reply(200, self._views[path](), _echo(headers))
            except HeadgateError as error:
                self.refuse(error, reply, headers)

    def _ping(self) -> Answer:
        if self.backlog.stuck:
            raise Unavailable("The model has not come back for too long.", hint="This server is being replaced.")
        return _EMPTY


def _execution_parameters(predictor: Predictor, settings: Settings) -> Answer:
    """What batch transform asks before it begins."""
    document = {
        "MaxConcurrentTransforms": settings.workers * (_TASKS if predictor.mode == "async" else predictor.max_batch),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": settings.max_body // MEBIBYTE,
    }
    return Answer(json.dumps(document).encode(), JSON)


def _openapi(predictor: Predictor) -> Answer:
    """The description of this server. Made when somebody asks: hardly anybody does, and starting must be quick."""
    from headgate.serving.openapi import document

    return Answer(json.dumps(document(predictor.schema, predictor.project)).encode(), JSON)


def _defect() -> ModelFailure:
    return ModelFailure("The model server failed.", kind=_INTERNAL)


def _class_of(error: HeadgateError) -> Counter:
    """Under which class an error is counted."""
    if isinstance(error, Overloaded):
        return Counter.SHED
    if error.http_status == 413:
        return Counter.TOO_LARGE
    if error.http_status < 500 or error.http_status == 501:
        return Counter.BAD_REQUEST
    return {TIMED_OUT: Counter.TIMEOUT, _INTERNAL: Counter.INTERNAL}.get(kind_of(error), Counter.MODEL_FAILURE)


def _echo(headers: Headers) -> bytes:
    """The lines that repeat the ids of a request."""
    return b"".join([b"%b: %b\r\n" % (name, headers[name]) for name in (_INFERENCE_ID, _REQUEST_ID) if name in headers])


def _path_of(target: bytes) -> bytes:
    """The path in a request's target: without scheme, host, query and percent-encoding."""
    if b"://" in target and not target.startswith(b"/"):
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path = target.partition(b"?")[0].partition(b"#")[0]
    return unquote_to_bytes(path) if b"%" in path else path


def _text(value: bytes) -> str:
    return value.decode("latin-1")
