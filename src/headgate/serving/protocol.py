"""uvicorn's HTTP/1.1 protocol with four additions: a limit on the head of a request; the moment at which its last byte
came (in the scope's state, for the latency header); head and body of an answer in one write, where uvicorn and uvloop
make two system calls and two packets of it; and errors of HTTP itself in the shape of all other errors.
"""

import asyncio
import time

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from headgate.errors import InvalidInput
from headgate.serving.app import RECEIVED, encode_error

MAX_HEAD = 65_536


class HeadTooLarge(InvalidInput):
    """The request line and headers are longer than the limit."""

    http_status = 431


class JoiningTransport(asyncio.Transport):
    """Holds the head of an answer back until its body comes, so that both leave in one write."""

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

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection closes or is closed."""
        return self._transport.is_closing()


class ModelServerProtocol(HttpToolsProtocol):
    """One connection."""

    _in_head = True
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Write through the joining transport; flow control keeps the real one."""
        super().connection_made(transport)
        self.transport: JoiningTransport = JoiningTransport(transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; refuse a head that does not end."""
        if self._in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._in_head and self._head_size > MAX_HEAD and not self.transport.is_closing():
            self._refuse(HeadTooLarge(f"The request's head is larger than {MAX_HEAD:,} bytes."))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The last byte is here."""
        self.scope["state"][RECEIVED] = time.perf_counter_ns()
        self._in_head = True
        self._head_size = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Nothing of the answer is to come."""
        self.transport.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 uvicorn's text says nothing more
        """Answer bytes that are not HTTP."""
        self._refuse(InvalidInput("This is not an HTTP request.", hint="POST /invocations with HTTP/1.1."))

    def _refuse(self, error: InvalidInput) -> None:
        answer = encode_error(error)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(answer.body)
        self.transport.write(STATUS_LINE[error.http_status] + head + answer.body)
        self.transport.close()
