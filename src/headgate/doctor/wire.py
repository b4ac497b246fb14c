"""HTTP/1.1 by hand over one TCP connection: the checks must send what no well-behaved client would, and tell a reset
from a hang from an answer. Whatever is not an answer is a `NoAnswer` with the words for it."""

import io
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from typing import cast

HOST = "127.0.0.1"
CONTINUE = b"HTTP/1.1 100"


class NoAnswer(Exception):
    """No HTTP answer came; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `seconds`: from the last byte sent to the last one received. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        said = " ".join(self.body[:120].decode(errors="replace").split())
        return f"{self.status} {said}".rstrip()


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """The bytes of a request; `content_type="text/csv"` is the header Content-Type. A body gets its length."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    if body is not None and "transfer_encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class _Shared(io.BufferedReader):
    """What HTTPResponse reads from. It closes its file after each answer; the next answer is in the same buffer."""

    def close(self) -> None:
        """Stay open."""

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Itself: what HTTPResponse asks of a socket."""
        return self


class Connection:
    """One connection. `connected`: the seconds that it took the server to take it."""

    def __init__(self, port: int, timeout: float) -> None:
        """Connect. Raises NoAnswer."""
        began = time.perf_counter()
        try:
            self._socket = socket.create_connection((HOST, port), timeout)
        except TimeoutError:
            raise NoAnswer(f"no connection within {timeout:g} s") from None
        except OSError as error:
            raise NoAnswer(f"no connection: {error.strerror}") from None
        self.connected = time.perf_counter() - began
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout = timeout
        self._raw = self._socket.makefile("rb", buffering=0)
        self._reader = _Shared(cast(io.RawIOBase, self._raw))
        self._sent = began

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._raw.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send as much as the server takes: one that answers early and closes is heard all the same."""
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise NoAnswer(f"the server stopped reading for {self._timeout:g} s") from None
        except (BrokenPipeError, ConnectionResetError):
            pass  # its answer, if there is one, can still be read
        self._sent = time.perf_counter()

    def reply(self, method: str = "POST") -> Reply:
        """The next answer; `method` tells whether it can have a body. Raises NoAnswer."""
        response = HTTPResponse(cast(socket.socket, self._reader), method=method)
        try:
            response.begin()
            body = response.read()
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._timeout:g} s") from None
        except ConnectionResetError:
            raise NoAnswer("the connection was reset") from None
        except HTTPException as error:
            raise NoAnswer(_explained(error)) from None
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, body, time.perf_counter() - self._sent)

    def told_to_continue(self, seconds: float) -> bool:
        """Whether `100 Continue` is what comes within so many seconds. It stays to be read; `reply` passes over it."""
        try:
            readable, _, _ = select.select([self._socket], [], [], seconds)
            return bool(readable) and self._reader.peek(len(CONTINUE)).startswith(CONTINUE)
        except ConnectionResetError:
            return False

    def closed(self) -> bool:
        """Whether the server has closed it, or does so within the time-out."""
        try:
            return self._reader.read(1) == b""
        except OSError:
            return False


def _explained(error: HTTPException) -> str:
    if type(error).__name__ == "RemoteDisconnected":
        return "the connection was closed without an answer"
    return f"something that is not HTTP, or was cut off ({type(error).__name__})"


def ask(port: int, data: bytes, timeout: float) -> Reply:
    """Send the bytes of one request on a connection of its own. Raises NoAnswer."""
    with Connection(port, timeout) as connection:
        connection.send(data)
        return connection.reply(data.partition(b" ")[0].decode("latin-1"))
