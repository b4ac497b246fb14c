"""The ASGI application: GET /ping and POST /invocations over one predictor.

An ONNX model answers small requests in microseconds, so they are answered on the event loop. The user's code, and large
requests, go to one worker thread: /ping stays alive, and hooks never run beside one another.

A body beyond the limit is read on without being kept, so that the caller sees the 413 instead of a broken connection; a
caller that waits for `100 Continue`, or announces more than is worth reading, is told at once.

Every error has one shape: `{"error": {"type", "message", "hint"}}`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from headgate.core import headers
from headgate.errors import HeadgateError, InvalidInput, NotFound, PayloadTooLarge, UsageError
from headgate.serving.codecs import Answer, to_json
from headgate.serving.failure import ModelFailure
from headgate.serving.logs import log_error
from headgate.serving.media import JSON
from headgate.serving.predictor import Predictor
from headgate.serving.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

INLINE_BODY = 16_384
DISCARDED_BODY = 67_108_864
"""The most bytes of a refused body that are read and thrown away."""

RECEIVED = "received_ns"
"""In the scope's state: `time.perf_counter_ns()` when the last byte of the request came."""

_ECHOED = frozenset({headers.INFERENCE_ID.encode(), headers.REQUEST_ID.encode()})
_CLOSE = (b"connection", b"close")
_METHODS = {"/ping": "GET", "/invocations": "POST"}


class MethodNotAllowed(UsageError):
    """The path is right, the method is not."""

    http_status = 405


class Application:
    """Raw ASGI, HTTP only."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self._predictor = predictor
        self._settings = settings
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._variant: Headers = (
            [(headers.INVOKED_VARIANT.encode(), settings.variant.encode())] if settings.variant else []
        )
        self._pending: set[Future[Answer]] = set()
        self.draining = False
        """Once true, answers ask callers to come back on another connection, which will be another server's."""

    @property
    def busy(self) -> bool:
        """Whether the worker thread is at work; true also after its request was given up."""
        return bool(self._pending)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = scope["path"], scope["method"]
        allowed = _METHODS.get(path)
        if allowed is None:
            error: HeadgateError = NotFound(f"There is no {path[:200]!r} here.", hint="POST to /invocations.")
            await _send(send, error.http_status, encode_error(error), [])
        elif method != allowed:
            error = MethodNotAllowed(f"{path} takes {allowed}, not {method}.", hint=f"Use {allowed}.")
            await _send(send, error.http_status, encode_error(error), [(b"allow", allowed.encode())])
        elif path == "/ping":
            await _send(send, 200, Answer(b"", ""), [_CLOSE] if self.draining else [])
        else:
            await self._invoke(scope, receive, send)

    async def _invoke(self, scope: Message, receive: Receive, send: Send) -> None:
        given: dict[bytes, bytes] = dict(scope["headers"])
        extra = self._variant + [(name, given[name]) for name in _ECHOED & given.keys()]
        request_id = _text(given.get(headers.REQUEST_ID.encode()))
        try:
            body = await self._read_body(given, receive)
            if body is None:
                return  # the caller is gone
            answer = await self._predict(body, _text(given.get(b"content-type")), _text(given.get(b"accept")))
            status = 200
        except HeadgateError as error:
            status, answer = error.http_status, encode_error(error)
            if status >= 500:
                log_error(
                    "request failed", error.__cause__, request_id=request_id, type=_kind(error), message=str(error)
                )
            if status == 413 or b"upgrade" in given:  # bytes of the body may still be to come
                extra.append(_CLOSE)
        except Exception as error:  # noqa: BLE001 the HTTP boundary: a defect of ours is an answer and a log line
            log_error("request failed", error, request_id=request_id, type=type(error).__name__)
            status, answer = 500, encode_error(ModelFailure("The model server failed.", kind="InternalError"))
        received = scope.get("state", {}).get(RECEIVED)
        if received:
            micros = (time.perf_counter_ns() - received) // 1000
            extra.append((headers.MODEL_MICROSECONDS.encode(), b"%d" % micros))
        if self.draining:
            extra.append(_CLOSE)
        await _send(send, status, answer, extra)

    async def _predict(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        if not accept or accept == "*/*":
            accept = self._settings.default_accept
        if self._predictor.mode == "inline" and len(body) <= INLINE_BODY:
            return self._predictor.predict(body, content_type, accept)
        future = self._worker.submit(self._predictor.predict, body, content_type, accept)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return await asyncio.wrap_future(future)

    async def _read_body(self, given: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The body, or None where the caller went away. Raises PayloadTooLarge, InvalidInput."""
        if b"upgrade" in given:  # the parser stops at such a head: the body would be lost
            raise InvalidInput("HTTP upgrades are not supported.", hint="Send the request without an Upgrade header.")
        limit = self._settings.max_body
        announced = int(given.get(b"content-length", b"0"))
        if announced > limit and (b"expect" in given or announced > DISCARDED_BODY):
            raise _too_large(limit)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > DISCARDED_BODY:
                raise _too_large(limit)
            else:
                chunks.clear()
            if not message.get("more_body"):
                break
        if size > limit:
            raise _too_large(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is larger than {limit:,} bytes.", hint="Send fewer rows, or raise SAGEMAKER_MAX_PAYLOAD_IN_MB."
    )


def encode_error(error: HeadgateError) -> Answer:
    """The body of an error: type, message and hint."""
    document = {"error": {"type": _kind(error), "message": error.message, "hint": error.hint}}
    return Answer(to_json(document).encode(), JSON)


def _kind(error: HeadgateError) -> str:
    return error.kind if isinstance(error, ModelFailure) else type(error).__name__


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


async def _send(send: Send, status: int, answer: Answer, extra: Iterable[tuple[bytes, bytes]]) -> None:
    head: Headers = [(b"content-length", b"%d" % len(answer.body)), *extra]
    if answer.content_type:
        head.append((b"content-type", answer.content_type.encode("latin-1", "replace")))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": answer.body})
