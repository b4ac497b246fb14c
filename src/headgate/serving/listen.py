"""The socket of a model server.

Nobody can connect before `listen`: whoever is connected finds a model that answers. A Unix socket is private (0600) and
replaces the file that a killed predecessor left; a file somebody still listens on is left alone.
"""

import contextlib
import errno
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from headgate.errors import InvalidInput, Refused
from headgate.serving.settings import TcpBind, UnixBind

BACKLOG = 2048

Address = UnixBind | TcpBind


def bind(address: Address) -> socket.socket:
    """A socket that does not listen yet. Raises Refused where the address is taken, InvalidInput where it is wrong."""
    with _explained(address):
        return _bind_unix(address.path) if isinstance(address, UnixBind) else _bind_tcp(address)


def listen(listener: socket.socket, address: Address) -> None:
    """Let callers connect. Raises Refused where somebody else listens there."""
    with _explained(address):
        listener.listen(BACKLOG)


def bound(address: Address, listener: socket.socket) -> Address:
    """The address with the port that was really bound."""
    return address if isinstance(address, UnixBind) else TcpBind(address.host, listener.getsockname()[1])


def socket_file(address: Address) -> Path | None:
    """The file of a Unix socket."""
    return address.path if isinstance(address, UnixBind) else None


@contextlib.contextmanager
def _explained(address: Address) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise _taken(address) from None
        reason = error.strerror if isinstance(error, OSError) else "that is no host name"
        raise InvalidInput(f"Cannot listen on {address}: {reason}.", hint="Choose another HEADGATE_BIND.") from None


def _taken(address: Address) -> Refused:
    return Refused(f"Cannot listen on {address}: somebody else does.", hint="Stop that process, or bind elsewhere.")


def _bind_tcp(address: TcpBind) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
    except BaseException:
        listener.close()
        raise
    return listener


def _bind_unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody can connect yet: the socket does not listen
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket file that nobody listens on. Raises Refused where somebody does, and for other files."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Refused(f"{path} exists and is not a socket.", hint="Remove it, or bind elsewhere.")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise _taken(UnixBind(path))
