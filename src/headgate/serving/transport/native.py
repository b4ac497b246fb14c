"""HTTP/1.1 on httptools' parser and uvloop's transports, with nothing between them and the service.

One object a connection (its receiving half is `Intake`). A request is handed to the service with its last byte, and in
most cases is answered before that call returns; where its head is known, the parser is not asked (`heads`). Head and
body leave in one write, and so do the answers to all requests of one slice: uvloop makes a system call, and the kernel
a packet, of each write.

Requests that come while one is being answered, or while the client does not read, wait here, and nothing more is read.
What one read brought is parsed in slices, so that what waits is a slice of requests at most.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from headgate.errors import HeadgateError
from headgate.serving.answers import Overloaded
from headgate.serving.codecs import Answer
from headgate.serving.predictor import Headers
from headgate.serving.service import Service
from headgate.serving.transport.crowd import Crowd
from headgate.serving.transport.intake import BODY, DEAF, IDLE, Intake, Late, Stop

_SLICE = 16_384
_MAX_HEADS = 256
_HEADS: dict[tuple[int, str], bytes] = {}
"""What answers of one status and type begin with."""

_Request = tuple[bytes, bytes, Headers, bytes, int, bool]


def factory(service: Service, crowd: Crowd) -> Callable[[], asyncio.Protocol]:
    """What makes the connections of a server."""
    return lambda: Connection(service, crowd)


class Connection(Intake, asyncio.Protocol):
    """One client's connection."""

    def __init__(self, service: Service, crowd: Crowd) -> None:
        Intake.__init__(self, service, crowd)
        self._transport: asyncio.Transport
        self._body: bytes | bytearray = b""
        self._waiting: deque[_Request | HeadgateError] = deque()
        self._unfed = b""
        self._busy = False
        self._blocked = False
        self._going_on = False
        self._feeding = False
        self._unsent = b""
        self._closed = False
        self._keep_alive = True
        self._head_only = False
        self._half_closed = False
        self._asked_for = -1
        self._heads = crowd.heads
        self._between = True
        """Whether the parser is known to stand exactly between two requests."""
        self._arrival = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by type
        crowd = self.crowd
        full, overfull = crowd.full, crowd.overfull
        crowd.enter(self)
        if overfull:
            self._transport.abort()
        elif full:
            self.refuse(Overloaded("There are too many connections.", hint="Try again in a second."))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        """The client has gone; what is being predicted for it is answered to nobody."""
        self.crowd.leave(self)
        self._closed = True
        self.stage = DEAF
        self._waiting.clear()
        self._unfed = b""

    def eof_received(self) -> bool:
        """The client sends no more; whether it still waits for an answer."""
        self.stage = DEAF
        self._half_closed = True
        return not self._closed and (self._busy or bool(self._waiting))

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._blocked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._blocked = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Answer a request whose head is known; feed anything else to the parser, slice by slice."""
        if self._between and self.stage == IDLE and not (self._busy or self._blocked or self._closed):
            end = data.find(b"\r\n\r\n") + 4
            head = self._heads.known.get(data[:end])
            if head is not None and len(data) == end + head.length:
                self.requests += 1
                self._begin(head.method, head.target, head.fields, data[end:], time.perf_counter_ns(), True)
                return
        self._between = False
        self._arrival = data if self.stage == IDLE else b""
        if len(data) <= _SLICE and not self._unfed:
            self._feed(data)
        elif self.stage != DEAF:
            self._unfed += data
            self._go_on()

    def _feed(self, data: bytes) -> None:
        self._feeding = True
        Intake.data_received(self, data)
        self._feeding = False
        self._arrival = b""
        if self._unsent:
            self._transport.write(self._unsent)
            self._unsent = b""
        if self._closed:
            self._close()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self.size:
            self._body = body
        elif self.size <= self.service.max_body:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body
        self.count_body(len(body))

    def ask_for_body(self) -> None:
        """A client that waits for it is told to go on. One that has sent other requests before is not: it would take
        this for their answer.
        """
        if (self.head or self.fields).get(b"expect") and not self._busy and self._asked_for != self.requests:
            self._asked_for = self.requests
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_message_complete(self) -> None:
        """The last byte is here."""
        if self.stage != BODY:
            return  # an offer to upgrade: the request comes again
        if self._closed:
            self.stage = DEAF
            raise Stop  # what follows the last request is not answered
        received = time.perf_counter_ns()
        headers, body = self.head or self.fields, self._body
        method = self.parser.get_method()
        request = method, self.target, headers, bytes(body), received, self.persistent
        if self._arrival and self.persistent:
            self._between = self._heads.learn(self._arrival, method, self.target, headers, self.size)
        self._arrival = b""
        self.stage = IDLE
        self.requests += 1
        self.target, self.fields, self.head, self.size, self._body = b"", {}, None, 0, b""
        if self._busy or self._blocked:
            self._waiting.append(request)
            self._transport.pause_reading()
        else:
            self._begin(*request)

    def refuse(self, error: HeadgateError) -> None:
        """Answer with an error once what is in flight is answered, and hear nothing more."""
        self.stage = DEAF
        self._unfed = b""
        if self._busy or self._waiting:
            self._waiting.append(error)
        else:
            self._refuse_now(error)

    def _refuse_now(self, error: HeadgateError) -> None:
        self._keep_alive = self._head_only = False
        self.service.refuse(error, self.reply)

    def _begin(  # noqa: PLR0917 a request is what it is; a call with names costs more
        self, method: bytes, target: bytes, headers: Headers, body: bytes, received: int, keep_alive: bool
    ) -> None:
        self._busy = True
        self._keep_alive = keep_alive
        self._head_only = method == b"HEAD"
        self.service.handle(method, target, headers, body, received, self.reply)

    def reply(self, status: int, answer: Answer, lines: bytes) -> None:
        """Write an answer; go on with what waits."""
        self._busy = False
        if self._closed:
            return
        head = _HEADS.get((status, answer.content_type)) or _head_of(status, answer.content_type)
        body = answer.body
        last = not self._keep_alive or ((self.crowd.draining or self._half_closed) and not self._waiting)
        if last:
            lines += b"connection: close\r\n"
        written = b"%b%d\r\n%b\r\n%b" % (head, len(body), lines, b"" if self._head_only else body)
        if self._feeding:
            self._unsent += written
        else:
            self._transport.write(written)
        if last:
            self._end()
        elif self._waiting or self._unfed:
            self._go_on()

    def _go_on(self) -> None:
        """Answer what waits and parse what was read, as far as the model and the client keep up."""
        if self._going_on:
            return
        self._going_on = True
        while (self._waiting or self._unfed) and not (self._busy or self._blocked or self._closed):
            if not self._waiting:
                piece, self._unfed = self._unfed[:_SLICE], self._unfed[_SLICE:]
                self._feed(piece)
            elif isinstance(waiting := self._waiting.popleft(), HeadgateError):
                self._refuse_now(waiting)
            else:
                self._begin(*waiting)
        self._going_on = False
        if self._closed:
            return
        if self._waiting or self._unfed or self._blocked:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _end(self) -> None:
        """Close once what is written is sent."""
        self._closed = True
        self._waiting.clear()
        self._unfed = b""
        if not self._feeding:
            self._close()

    def _close(self) -> None:
        if self.stage == DEAF and not self._half_closed:
            self._transport.resume_reading()  # it may still be sending: see `Intake` for how long
            self._transport.write_eof()
        else:
            self.stage = DEAF
            self._transport.close()

    def keep_pace(self, now: float) -> None:
        """Do what is due if this connection takes too long."""
        excused = self._busy or bool(self._waiting)
        match self.late(now, excused=excused, blocked=self._blocked):
            case Late.REFUSE:
                self.refuse(self.too_slow())
            case Late.CLOSE:
                self._end()
            case Late.ABORT:
                self._transport.abort()

    def drain(self) -> None:
        """Close as soon as nothing is in flight."""
        if self.stage == IDLE and not self._busy and not self._waiting:
            self._end()


def _head_of(status: int, content_type: str) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    kind = f"content-type: {content_type}\r\n" if content_type else ""
    head = f"{line}{kind}content-length: ".encode("latin-1", "replace")
    if len(_HEADS) < _MAX_HEADS:
        _HEADS[status, content_type] = head
    return head
