"""One small HTTP request to a process on this machine, by `unix:/path` or `127.0.0.1:port`."""

import http.client
import socket
from contextlib import closing

from headgate.errors import Unavailable


class UnixConnection(http.client.HTTPConnection):
    """HTTP/1.1 over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def request(address: str, path: str, *, method: str = "GET", timeout: float = 2.0) -> tuple[int, bytes]:
    """Status and body of the answer. Raises Unavailable when there is none."""
    with closing(_connection(address, timeout)) as connection:
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{address} does not answer: {error}.") from None


def accepts(address: str) -> bool:
    """Whether somebody listens there."""
    with closing(_connection(address, 0.5)) as connection:
        try:
            connection.connect()
            return True
        except TimeoutError:  # its backlog is full
            return True
        except OSError:
            return False


def _connection(address: str, timeout: float) -> http.client.HTTPConnection:
    unix = address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    return UnixConnection(unix, timeout) if unix != address else http.client.HTTPConnection(host, int(port), timeout)
