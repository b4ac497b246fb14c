"""Stopping a server with requests in flight.

SageMaker sends SIGTERM to process 1 of the container and SIGKILL 30 s later. One request is half sent at that moment,
so that it is surely in flight; where the server works on more than one, a large one is being computed beside it. A
quarter of a second later another caller comes.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.doctor.readiness import LARGE
from headgate.doctor.server import Server
from headgate.doctor.visit import Visit, invocation
from headgate.doctor.wire import Connection, NoAnswer, Reply, request

_SETTLE = 0.1
"""Seconds for a server to take in what was sent."""
_BEGIN = 0.03
"""Seconds for a server to begin with a large request; most need longer than this to finish it."""
_LATE = 0.25
"""Seconds after SIGTERM at which a caller comes late. Some servers take connections for a moment on purpose."""
_LEAVE = 1.0
"""Seconds for the children of a process that has just gone: they may be on their way out."""

Stamps = Mapping[str, tuple[int, int]]
"""Name to size and time of change of everything in a package."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A server that was told to stop. `lost`: what callers in flight got instead of their answer.

    `late`: what a caller got who came after SIGTERM. `exit_code` is None where it still ran after `limit` seconds;
    `left`: the children that outlived it; `changed`: files of the package that are not as they were at the start.
    """

    server: Server
    limit: float
    exit_code: int | None
    seconds: float
    in_flight: int
    lost: Sequence[str]
    late: str
    left: Sequence[str]
    changed: Sequence[str]


def end(visit: Visit, before: Stamps, *, together: bool) -> Ending:
    """Stop the server. `together`: it works on more than one request; `before`: the package at the start."""
    server, limit = visit.server, visit.limits.drain
    data = visit.any_request
    half = _begin(visit, data[:-1], limit, _SETTLE)
    callers: list[tuple[Connection | str, bytes]] = [(half, data[-1:])]
    if together and visit.sample and visit.sample.row:
        callers.append((_begin(visit, invocation(visit.sample.many(LARGE)), limit, _BEGIN), b""))
    server.terminate()
    began = time.perf_counter()
    time.sleep(_LATE)
    late = _begin(visit, request("GET", "/ping"), visit.limits.ping)
    heard = [_hear(connection, rest) for connection, rest in callers]
    lost = [reply for reply in heard if isinstance(reply, str)]
    if isinstance(heard[0], Reply) and not visit.answered(heard[0]):  # the large one need not be understood
        lost.append(str(heard[0]))
    last = _hear(late)
    exit_code = server.wait(began + limit - time.perf_counter())
    seconds = time.perf_counter() - began
    left = [] if exit_code is None else _left(server)
    changed = sorted({name for name, _ in stamps(server.site.model).items() ^ before.items()})
    return Ending(server, limit, exit_code, seconds, len(callers), lost, str(last), left, changed)


def _begin(visit: Visit, data: bytes, timeout: float, settle: float = 0) -> Connection | str:
    """A connection with a request on its way, or the words for none."""
    try:
        connection = visit.connect(timeout)
        connection.send(data)
    except NoAnswer as error:
        return str(error)
    time.sleep(settle)
    return connection


def _hear(connection: Connection | str, rest: bytes = b"") -> Reply | str:
    """Send what is left of a request; the answer, or the words for none."""
    if isinstance(connection, str):
        return connection
    with connection:
        try:
            connection.send(rest)
            return connection.reply()
        except NoAnswer as error:
            return str(error)


def _left(server: Server) -> list[str]:
    deadline = time.perf_counter() + _LEAVE
    while (left := server.members()) and time.perf_counter() < deadline:
        time.sleep(0.05)
    return [f"{pid} {_command(pid)}" for pid in left]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:100].strip()
    except OSError:
        return ""


def stamps(folder: Path) -> Stamps:
    """The package as it lies in `folder` now."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        found[path.relative_to(folder).as_posix()] = (0 if path.is_dir() else state.st_size, state.st_mtime_ns)
    return found
