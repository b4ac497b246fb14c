"""The same service as a raw ASGI application under uvicorn: what the native transport is held to, and the one to go
back to (HEADGATE_TRANSPORT=asgi).

uvicorn's protocol queues pipelined requests, makes a task of each and writes its answer; `Intake` limits what may be
received, `Crowd` how long it may take. uvicorn's own server and signal handling are not used: a worker starts, serves
and drains in one way, whatever the transport.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from headgate.errors import HeadgateError
from headgate.serving.answers import Overloaded
from headgate.serving.codecs import Answer
from headgate.serving.service import Service
from headgate.serving.transport.crowd import IDLE_SECONDS, Crowd
from headgate.serving.transport.intake import BODY, DEAF, HEAD, IDLE, Intake, Late

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_RECEIVED = "received_ns"
"""In the scope's state: `time.perf_counter_ns()` when the last byte of the request came."""


def factory(service: Service, crowd: Crowd) -> Callable[[], asyncio.Protocol]:
    """What makes the connections of a server."""
    config = Config(
        Application(service, crowd),
        http=HttpToolsProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=IDLE_SECONDS + 60,  # the crowd is first
    )
    config.load()
    state = ServerState()
    return lambda: Connection(service, crowd, config, state)


class Application:
    """Raw ASGI, HTTP only."""

    def __init__(self, service: Service, crowd: Crowd) -> None:
        self._service = service
        self._crowd = crowd

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b", " + value if name in headers else value
        body = await self._read_body(receive)
        if body is None:
            return  # the caller is gone
        answered: asyncio.Future[tuple[int, Answer, bytes]] = asyncio.get_running_loop().create_future()

        def reply(status: int, answer: Answer, lines: bytes) -> None:
            if not answered.done():
                answered.set_result((status, answer, lines))

        received = scope["state"].get(_RECEIVED) or time.perf_counter_ns()
        self._service.handle(scope["method"].encode(), scope["raw_path"], headers, body, received, reply)
        status, answer, lines = await answered
        if self._crowd.draining:
            lines += b"connection: close\r\n"
        await send({"type": "http.response.start", "status": status, "headers": _pairs(answer, lines)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _read_body(self, receive: Receive) -> bytes | None:
        """The body, one byte beyond the limit at most; None where the caller went away."""
        body = bytearray()
        keep = self._service.max_body + 1
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")[: keep - len(body)]
            if not message.get("more_body"):
                return bytes(body)


def _pairs(answer: Answer, lines: bytes) -> list[tuple[bytes, bytes]]:
    pairs = [(b"content-length", b"%d" % len(answer.body))]
    if answer.content_type:
        pairs.append((b"content-type", answer.content_type.encode("latin-1", "replace")))
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b": ")
        pairs.append((name, value))
    return pairs


class JoiningTransport(asyncio.Transport):
    """Holds the head of an answer back until its body comes, so that both leave in one write and not in two packets."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold a head, send anything else. `100 Continue` has no body and the caller waits for it."""
        if self._held:
            self._transport.write(self._held + data)
            self._held = b""
        elif isinstance(data, bytes) and data.startswith(b"HTTP/1.1 ") and data[9:10] != b"1":
            self._held = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send what is held: an answer to HEAD has no body."""
        if self._held:
            self.write(b"")

    def write_eof(self) -> None:
        """Send what is held and no more."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection closes or is closed."""
        return self._transport.is_closing()


class Connection(Intake, HttpToolsProtocol):
    """One client's connection. `fields` and `target` are the intake's; uvicorn keeps its own beside them."""

    def __init__(self, service: Service, crowd: Crowd, config: Config, state: ServerState) -> None:
        HttpToolsProtocol.__init__(self, config, state, {})
        Intake.__init__(self, service, crowd)
        self._unanswered: deque[Any] = deque()
        """uvicorn's cycles, the oldest first."""
        self._refusal: HeadgateError | None = None
        self._half_closed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """A client has come."""
        full, overfull = self.crowd.full, self.crowd.overfull
        HttpToolsProtocol.connection_made(self, transport)
        self.transport: JoiningTransport = JoiningTransport(transport)  # flow control keeps the real one
        self.crowd.enter(self)
        if overfull:
            transport.abort()
        elif full:
            self.refuse(Overloaded("There are too many connections.", hint="Try again in a second."))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self.crowd.leave(self)
        self.stage = DEAF
        self._refusal = None
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        HttpToolsProtocol.connection_lost(self, exc)

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's says None, which is False
        """The client sends no more; whether it still waits for an answer."""
        self._drop_unfinished()
        self.stage = DEAF
        self._half_closed = True
        return bool(self._unanswered)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        Intake.on_message_begin(self)
        HttpToolsProtocol.on_message_begin(self)

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        Intake.on_url(self, url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        Intake.on_header(self, name, value)
        if self.stage == HEAD:
            HttpToolsProtocol.on_header(self, name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: uvicorn makes a task of the request."""
        Intake.on_headers_complete(self)
        if self.stage == BODY:
            self.url = self.target if httptools.parse_url(self.target).path else b"/"
            HttpToolsProtocol.on_headers_complete(self)
            self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self.count_body(len(body))
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        """The last byte is here."""
        if self.stage != BODY:
            return  # an offer to upgrade: the request comes again
        self.scope["state"][_RECEIVED] = time.perf_counter_ns()
        self.stage = IDLE
        self.requests += 1
        self.target, self.fields, self.head, self.size = b"", {}, None, 0
        HttpToolsProtocol.on_message_complete(self)

    def on_response_complete(self) -> None:
        """An answer is written."""
        self.transport.flush()
        self._unanswered.popleft()
        HttpToolsProtocol.on_response_complete(self)
        if self._refusal and not self._unanswered:
            self._refuse_now(self._refusal)
        elif self._half_closed and not self._unanswered:
            self.transport.close()

    def refuse(self, error: HeadgateError) -> None:
        """Answer with an error once what is in flight is answered, and hear nothing more."""
        self._drop_unfinished()
        self.stage = DEAF
        if self._unanswered:
            self._refusal = error
        else:
            self._refuse_now(error)

    def _drop_unfinished(self) -> None:
        """Give up a request whose body is not complete: uvicorn has a task for it already, or has it in its queue."""
        if self.stage == BODY:
            unfinished = self._unanswered.pop()
            unfinished.disconnected = True
            unfinished.message_event.set()
            if self._unanswered:
                self.pipeline.popleft()

    def _refuse_now(self, error: HeadgateError) -> None:
        self._refusal = None
        self.service.refuse(error, self._write_last)

    def _write_last(self, status: int, answer: Answer, lines: bytes) -> None:
        if self.transport.is_closing():
            return
        head = b"".join(b"%b: %b\r\n" % pair for pair in _pairs(answer, lines + b"connection: close\r\n"))
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + answer.body)
        if self._half_closed:
            self.transport.close()
        else:
            self.flow.resume_reading()
            self.transport.write_eof()

    def keep_pace(self, now: float) -> None:
        """Do what is due if this connection takes too long."""
        excused = len(self._unanswered) > (self.stage == BODY)
        match self.late(now, excused=excused, blocked=self.flow.write_paused):
            case Late.REFUSE:
                self.refuse(self.too_slow())
            case Late.CLOSE:
                self.transport.close()
            case Late.ABORT:
                self.transport.abort()

    def drain(self) -> None:
        """Close as soon as nothing is in flight."""
        if self.stage == IDLE and not self._unanswered:
            self.transport.close()
