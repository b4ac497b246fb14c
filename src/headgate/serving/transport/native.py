"""HTTP/1.1 on httptools' parser and uvloop's transports, with nothing between them and the service.

One object a connection. The parser's callbacks gather a request; when its last byte is there, the service is called and
answers, in most cases before the call returns: head and body leave in one write. Requests that come while one is being
answered (pipelining) wait in the connection, and nothing more is read from it.

A body beyond the limit is read on without being kept, so that the caller sees the 413 instead of a broken connection; a
caller that waits for `100 Continue`, or announces more than is worth reading, is told at once.

Nothing here sets a timer for a request: the server looks at all its connections once a second (`Connection.overdue`).
"""

import asyncio
import socket
import time
from collections import deque
from http import HTTPStatus
from typing import cast

import httptools

from headgate.serving.answers import HeadTooLarge
from headgate.serving.codecs import Answer
from headgate.serving.predictor import Headers
from headgate.serving.service import DISCARDED_BODY, Extra, Service, not_http

MAX_HEAD = 65_536

_LAST_CALL = 0.1
"""Seconds for which connections that wait in the backlog are still taken in after SIGTERM."""

_HEADS: dict[tuple[int, str], bytes] = {}
"""The part of an answer's head that is the same for all of its status and type."""

_MAX_HEADS = 256


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, service: Service, connections: "set[Connection]") -> None:
        self._service = service
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._waiting: deque[tuple[bytes, bytes, Headers, bytes, int, bool]] = deque()
        self._busy = False
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._head_size = 0
        self._in_head = True
        self._keep_alive = True
        self._close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by type
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        """The client has gone; what is being predicted for it is answered to nobody."""
        self._connections.discard(self)
        self._close = True
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self._in_head:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._service.refuse(not_http(), self._reply_last)
            return
        if self._in_head and self._head_size > MAX_HEAD:
            self._service.refuse(
                HeadTooLarge(f"The request's head is larger than {MAX_HEAD:,} bytes."), self._reply_last
            )

    # the parser's callbacks

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        if b"expect" in self._headers or b"content-length" in self._headers:
            error = self._service.check_head(self._headers)
            if error:
                self._service.refuse(error, self._reply_last)
            elif self._headers.get(b"expect", b"").lower() == b"100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._size <= self._service.max_body:
            self._chunks.append(body)
        elif self._size > DISCARDED_BODY:
            self._service.refuse(self._service.too_large(), self._reply_last)
        else:
            self._chunks.clear()

    def on_message_complete(self) -> None:
        """The last byte is here."""
        received = time.perf_counter_ns()
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        request = self._parser.get_method(), self._url, self._headers, body, received, self._parser.should_keep_alive()
        too_large = self._size > self._service.max_body
        self._url, self._headers, self._chunks = b"", {}, []
        self._size = self._head_size = 0
        self._in_head = True
        if too_large:
            self._service.refuse(self._service.too_large(), self._reply_last)
        elif self._busy:
            self._waiting.append(request)
            self._transport.pause_reading()
        else:
            self._begin(request)

    def _begin(self, request: tuple[bytes, bytes, Headers, bytes, int, bool]) -> None:
        method, url, headers, body, received, self._keep_alive = request
        self._busy = True
        self._service.handle(method, url, headers, body, received, self.reply)

    def reply(self, status: int, answer: Answer, extra: Extra) -> None:
        """Write an answer; go on with what waits."""
        self._busy = False
        if self._close:
            return
        head = _HEADS.get((status, answer.content_type)) or _head_of(status, answer.content_type)
        lines = b"".join([b"%b: %b\r\n" % pair for pair in extra])
        body = answer.body
        self._transport.write(b"%b%d\r\n%b\r\n%b" % (head, len(body), lines, body))
        if not self._keep_alive:
            self._end()
        elif self._waiting:
            self._begin(self._waiting.popleft())
            if not self._waiting:
                self._transport.resume_reading()

    def _reply_last(self, status: int, answer: Answer, extra: Extra) -> None:
        """Write an answer after which nothing on this connection makes sense any more."""
        self._keep_alive = False
        self.reply(status, answer, [*extra, (b"connection", b"close")])

    def drain(self) -> None:
        """Close as soon as nothing is in flight."""
        self._keep_alive = False
        if not self._busy and self._in_head and not self._head_size:
            self._end()

    def _end(self) -> None:
        self._close = True
        self._transport.close()


def _head_of(status: int, content_type: str) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    kind = f"content-type: {content_type}\r\n" if content_type else ""
    head = f"{line}{kind}content-length: ".encode("latin-1", "replace")
    if len(_HEADS) < _MAX_HEADS:
        _HEADS[status, content_type] = head
    return head


async def serve(service: Service, listener: socket.socket, stop: asyncio.Event, *, drain_seconds: float) -> bool:
    """Serve until `stop`, then drain; whether everything in flight was answered."""
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(service, connections), sock=listener)
    await stop.wait()
    service.draining = True
    await asyncio.sleep(_LAST_CALL)
    server.close()
    for connection in list(connections):
        connection.drain()
    deadline = loop.time() + drain_seconds
    while connections and loop.time() < deadline:
        await asyncio.sleep(0.01)
    return not connections
