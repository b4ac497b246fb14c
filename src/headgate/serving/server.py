"""The model server: load, warm up, bind, serve, drain.

The socket is bound only when the model has answered once, so that whoever can connect gets an answer. A Unix socket is
private (0600) and replaces the file that a killed predecessor left; a file somebody still listens on is left alone.

At SIGTERM the socket file goes first: its name is then free for a successor. For a tenth of a second what waits in the
backlog is still taken in, and answers carry `connection: close`, so that busy callers leave by themselves. Then the
listener and idle connections close, what is in flight is answered, and the process ends with 0. A hook that outlasts
the drain cannot be stopped from outside: the process ends with 1 without it.

uvicorn closes idle connections after seconds; a gateway keeps them for an hour and would now and then send a request
into one that is just being closed. So here they stay open for longer than that.
"""

import contextlib
import errno
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from types import FrameType

from uvicorn.config import Config
from uvicorn.server import Server

from headgate.errors import InvalidInput, Refused
from headgate.serving.app import Application
from headgate.serving.load import load
from headgate.serving.logs import log_error, log_info
from headgate.serving.protocol import ModelServerProtocol
from headgate.serving.settings import Settings, TcpBind, UnixBind

KEEP_ALIVE_SECONDS = 3_900
_BACKLOG = 2048


def serve(settings: Settings, *, started: float) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. `started`: `time.perf_counter()` when the process began.

    Raises NotFound, InvalidInput, ModelFailure where the package cannot be served, Refused where the address is taken.
    """
    predictor = load(settings.model_dir, threads=settings.threads, program=settings.program)
    app = Application(predictor, settings)
    listener = bind(settings.bind)
    path = settings.bind.path if isinstance(settings.bind, UnixBind) else None
    config = Config(
        app,
        loop="uvloop",
        http=ModelServerProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    log_info(
        "serving",
        project=predictor.project,
        backend=predictor.backend,
        bind=str(_bound(settings.bind, listener)),
        endpoint=settings.endpoint,
        variant=settings.variant,
        cold_start_ms=round((time.perf_counter() - started) * 1000),
        pid=os.getpid(),
    )
    if settings.transport == "native":
        import uvloop

        drained = uvloop.run(_native(predictor, settings, listener, path))
        if not drained:
            log_error("drain timed out")
            sys.stderr.flush()
            os._exit(1)
        log_info("stopped")
        return 0
    DrainingServer(config, app, path).run(sockets=[listener])
    if app.busy:
        log_error("drain timed out")
        sys.stderr.flush()
        os._exit(1)  # the interpreter would wait for the worker thread
    log_info("stopped")
    return 0


async def _native(predictor, settings, listener, path):
    import asyncio

    from headgate.serving.service import Service
    from headgate.serving.transport import native

    stop = asyncio.Event()

    def end():
        if path:
            path.unlink(missing_ok=True)
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)
    return await native.serve(Service(predictor, settings), listener, stop, drain_seconds=settings.drain_seconds)


class DrainingServer(Server):
    """uvicorn's server, ending with exit code 0 where uvicorn would raise the signal once more."""

    def __init__(self, config: Config, app: Application, socket_path: Path | None) -> None:
        super().__init__(config)
        self._app = app
        self._socket_path = socket_path

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 uvicorn's signature
        """Begin to drain; a second Ctrl-C stops at once."""
        if self.should_exit:
            self.force_exit = sig == signal.SIGINT
            return
        if self._socket_path:
            self._socket_path.unlink(missing_ok=True)
        self._app.draining = True
        self.should_exit = True


def bind(address: UnixBind | TcpBind) -> socket.socket:
    """A listening socket. Raises Refused where the address is taken, InvalidInput where it is wrong."""
    try:
        listener = _bind_unix(address.path) if isinstance(address, UnixBind) else _bind_tcp(address)
        listener.listen(_BACKLOG)
        return listener
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise _taken(address) from None
        reason = error.strerror if isinstance(error, OSError) else "that is no host name"
        raise InvalidInput(f"Cannot listen on {address}: {reason}.", hint="Choose another HEADGATE_BIND.") from None


def _taken(address: UnixBind | TcpBind) -> Refused:
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


def _bound(address: UnixBind | TcpBind, listener: socket.socket) -> UnixBind | TcpBind:
    """The address with the port that was really bound."""
    return address if isinstance(address, UnixBind) else TcpBind(address.host, listener.getsockname()[1])
