"""Raw bytes to a model server and back."""

import re
import socket
from collections.abc import Iterable

from tests.serving.process import DEADLINE, ServerProcess

PING = b"GET /ping HTTP/1.1\r\nhost: m\r\n\r\n"
LAST = b"GET /ping HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n"
"""A request that shows that the connection is still good, and ends it."""


def post(body: bytes = b"[1,2]", *lines: bytes) -> bytes:
    """An invocation with further header lines."""
    head = [b"POST /invocations HTTP/1.1", b"host: m", b"content-length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def head(*lines: bytes) -> bytes:
    """The head of an invocation, without a length."""
    return b"\r\n".join([b"POST /invocations HTTP/1.1", b"host: m", *lines]) + b"\r\n\r\n"


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes; a reset is an end like any other."""
    answer = b""
    try:
        while part := connection.recv(65_536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def exchange(server: ServerProcess, pieces: Iterable[bytes], *, half_close: bool = False) -> bytes:
    """What comes back for bytes that are sent piece by piece, until the server closes."""
    with server.connect() as connection:
        connection.settimeout(DEADLINE)
        try:
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        return read_all(connection)


def statuses(answer: bytes) -> list[int]:
    """The final statuses in what a server sent."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", answer)]
