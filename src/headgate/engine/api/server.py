"""HTTP for the control API: one ASGI application, run by uvicorn on the control port.

A request passes, in this order: Host and Origin (a web page must not be able to speak to the engine, not even one whose
name resolves to this machine), size, signature, decompression, then the operation, on a thread. `GET /ping` answers the
supervisor without a signature. Every answer is typed, in the protocol that the caller speaks (`protocols`), and has a
request id; what was not foreseen is InternalFailure to the caller, with the traceback in the log.
"""

import asyncio
import logging
import re
import socket
import uuid
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import uvicorn

from headgate.engine.api.errors import ApiError
from headgate.engine.api.protocols import JSON_11, Answer, Services, failure, is_served
from headgate.engine.api.signature import SignedRequest, Verifier

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_LIMIT = 2 * 1024 * 1024
DRAINED = 8 * BODY_LIMIT
"""How much of a body that is too large is still read, so that its sender gets to see the answer."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_HOST = re.compile(rf"({'|'.join(re.escape(name) for name in LOOPBACK)})(:\d{{1,5}})?", re.IGNORECASE)
_log = logging.getLogger(__name__)


class ControlApp:
    """The ASGI application. `port` is the one it is reached at, for the check of Origin."""

    def __init__(
        self,
        services: Services,
        access_key: str,
        secret_key: str,
        region: str,
        port: int,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._services = services
        self._verifier = Verifier(access_key, secret_key, region)
        self._origins = {f"http://{name}:{port}" for name in LOOPBACK}
        self._now = now

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        request_id = str(uuid.uuid4())
        request = _request(scope)
        try:
            answer = await self._answer(request, receive, request_id)
        except ApiError as error:
            answer = failure(error, request, request_id)
        except Exception:  # noqa: BLE001 - the boundary: whatever it is, the client gets a typed answer
            _log.exception("control API: request %s failed", request_id)
            said = "The engine failed to process the request. Its log has the details under this request id."
            answer = failure(ApiError("InternalFailure", f"{said} ({request_id})", 500), request, request_id)
        headers = {
            "content-type": answer.content_type,
            "content-length": str(len(answer.body)),
            "x-amzn-requestid": request_id,
            **answer.headers,
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: SignedRequest, receive: Receive, request_id: str) -> Answer:
        self._check_caller(request)
        if request.method == "GET" and request.target == "/ping":
            return Answer(200, JSON_11, b"{}")
        if not is_served(request):
            what = f"{request.method} {request.target[:200]}"
            raise ApiError("UnknownOperationException", f"There is nothing at {what}; requests go to POST /.", 404)
        request = replace(request, body=await _body(receive))
        await asyncio.to_thread(self._verifier.verify, request, self._now())
        return await asyncio.to_thread(self._dispatch, request, request_id)

    def _check_caller(self, request: SignedRequest) -> None:
        hosts = [value for name, value in request.headers if name == "host"]
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise ApiError(
                "AccessDeniedException",
                f"The Host header must be one of {', '.join(LOOPBACK)}; the engine serves this machine only.",
                403,
            )
        origins = {value for name, value in request.headers if name == "origin"}
        if origins - self._origins:
            raise ApiError("AccessDeniedException", "The engine answers no web page of another origin.", 403)

    def _dispatch(self, request: SignedRequest, request_id: str) -> Answer:
        return self._services.answer(request, _decompressed(request), request_id)


def server(app: Application) -> uvicorn.Server:
    """A uvicorn server for the application: `run(sockets=[bound])` blocks until `should_exit` is set."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def serve(app: ControlApp, bound: socket.socket) -> None:
    """Serve on a bound socket until SIGINT or SIGTERM; raises that signal again once all requests are answered.

    To be called in the main thread; elsewhere use `server`.
    """
    server(app).run(sockets=[bound])


def _request(scope: MutableMapping[str, Any]) -> SignedRequest:
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    target = scope["raw_path"] + query
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    return SignedRequest(scope["method"], target.decode("latin-1"), headers, b"")


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError("RequestAbortedException", "The connection was closed before the whole body came.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_LIMIT:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if size > BODY_LIMIT:
        raise _too_large()
    return b"".join(chunks)


def _too_large() -> ApiError:
    return ApiError("RequestEntityTooLargeException", f"A request may have at most {BODY_LIMIT} bytes.", 413)


def _decompressed(request: SignedRequest) -> bytes:
    encoding = request.header("content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding != "gzip":
        raise ApiError(
            "UnsupportedMediaTypeException", f"Content-Encoding {encoding[:50]} is not known; use gzip.", 415
        )
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(request.body, BODY_LIMIT + 1)
    except zlib.error as error:
        raise ApiError("SerializationException", f"The body is not gzip: {error}") from None
    if len(body) > BODY_LIMIT:
        raise _too_large()
    if not stream.eof or stream.unused_data:
        raise ApiError("SerializationException", "The body is not one whole gzip stream.")
    return body
