"""SIGTERM, and what is left when it is over.

SageMaker sends SIGTERM to process 1 of the container and SIGKILL 30 s later. One request is half sent at that moment,
so that it is surely in flight; where the server works on more than one, a large one is being computed beside it.
Process 1 has a peculiarity: a signal that it does not handle is not delivered at all. A process that dies *of* SIGTERM
here would have gone on there, and been killed.
"""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.doctor.check import Check, Finding, failed, ok, skipped, warning
from headgate.doctor.pickles import REMEDY
from headgate.doctor.readiness import LARGE
from headgate.doctor.sample import MARK
from headgate.doctor.server import Server
from headgate.doctor.visit import Visit, invocation
from headgate.doctor.wire import Connection, NoAnswer, request

_SETTLE = 0.1
"""Seconds for a server to take in what was sent."""
_LATE = 0.25
"""Seconds after SIGTERM at which a caller comes late. Some servers take connections for a moment on purpose."""
_BEGIN = 0.03
"""Seconds for a server to begin with a large request; most need longer than this to finish it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A server that was told to stop. `lost`: why requests in flight were not answered, as told to the callers.

    `late`: what a caller got who came after SIGTERM. `exit_code` is None where it had to be killed; `left` are the
    commands of the children that outlived it.
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


def end(visit: Visit, before: dict[str, tuple[int, int]], *, together: bool) -> Ending:
    """Stop the server with requests in flight; `together`: it works on more than one. `before`: the package's files."""
    server, limit = visit.server, visit.limits.drain
    callers: list[Connection] = []
    lost: list[str] = []
    data = visit.any_request
    try:
        half = visit.connect(limit)
        half.send(data[:-1])
        callers.append(half)
        time.sleep(_SETTLE)
        if together and visit.sample and visit.sample.row:
            large = visit.connect(limit)
            large.send(invocation(visit.sample.many(LARGE)))
            callers.append(large)
            time.sleep(_BEGIN)
    except NoAnswer as error:
        lost.append(str(error))
    server.terminate()
    began = time.perf_counter()
    time.sleep(_LATE)
    late = _come_late(visit)
    lost += _hear(visit, callers, data[-1:])
    heard = _late_answer(late) if isinstance(late, Connection) else late
    exit_code = server.wait(began + limit - time.perf_counter())
    seconds = time.perf_counter() - began
    left = _commands(server) if exit_code is not None else []
    changed = sorted(name for name, stamp in stamps(server.site.model).items() ^ before.items())
    return Ending(server, limit, exit_code, seconds, len(callers), lost, heard, left, changed)


def _hear(visit: Visit, callers: list[Connection], rest: bytes) -> list[str]:
    lost = []
    for number, caller in enumerate(callers):
        with caller:
            try:
                if number == 0:
                    caller.send(rest)
                reply = caller.reply()
                if not visit.answered(reply):
                    lost.append(str(reply))
            except NoAnswer as error:
                lost.append(str(error))
    return lost


def _come_late(visit: Visit) -> Connection | str:
    try:
        late = visit.connect(visit.limits.ping)
        late.send(request("GET", "/ping"))
        return late
    except NoAnswer as error:
        return str(error)


def _late_answer(late: Connection) -> str:
    with late:
        try:
            return f"answered {late.reply('GET').status}"
        except NoAnswer as error:
            return str(error)


def _commands(server: Server) -> list[str]:
    deadline = time.perf_counter() + 1.0  # children of a process that has just gone may be on their way out
    while (left := server.members()) and time.perf_counter() < deadline:
        time.sleep(0.05)
    return [f"{pid} {_command(pid)}" for pid in left]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:100].strip()
    except OSError:
        return ""


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Name to size and time of change of everything in `folder`."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        found[path.relative_to(folder).as_posix()] = (0 if path.is_dir() else state.st_size, state.st_mtime_ns)
    return found


def look_at_drain(ending: Ending) -> Finding:
    """Requests that had begun."""
    if ending.lost:
        return failed(f"{len(ending.lost)} of {ending.in_flight} in flight: {'; '.join(ending.lost)}")
    return ok(f"{ending.in_flight} in flight, all answered")


def look_at_exit(ending: Ending) -> Finding:
    """How it ended."""
    match ending.exit_code:
        case None:
            return failed(f"still running {ending.limit:g} s after SIGTERM; SIGKILL follows")
        case 0:
            return ok(f"exit code 0 after {ending.seconds:.1f} s")
        case code if code == -signal.SIGTERM and not ending.lost:
            return warning("drained, then ended by the signal instead of with exit code 0")
        case code if code == -signal.SIGTERM:
            return failed("SIGTERM is not handled: as process 1 of a container it would be ignored until SIGKILL")
        case code:
            return failed(f"exit code {code} after {ending.seconds:.1f} s; last words: {ending.server.last_words()}")


def look_at_late_callers(ending: Ending) -> Finding:
    """Who came after SIGTERM."""
    return warning(ending.late) if "reset" in ending.late or "within" in ending.late else ok(ending.late)


def look_at_children(ending: Ending) -> Finding:
    """Who outlived it."""
    if ending.exit_code is None:
        return skipped("it did not end")
    return failed(f"left behind: {'; '.join(ending.left[:3])}") if ending.left else ok("no process is left")


def look_at_logs(ending: Ending) -> Finding:
    """Whether what callers sent stands in the log."""
    lines = ending.server.written().splitlines()
    telling = [line for line in lines if MARK in line]
    if telling:
        return failed(f"{len(telling)} of {len(lines)} lines hold what a request held: {telling[0][:120]!r}")
    return ok(f"{len(lines)} lines on stdout and stderr, none with what was sent")


def look_at_package(ending: Ending) -> Finding:
    """Whether the package's folder was left alone: /opt/ml/model may be read-only."""
    if ending.changed:
        return failed(f"changed: {', '.join(ending.changed[:5])}")
    return ok("nothing in the package's folder changed")


def look_at_writes(ending: Ending) -> Finding:
    """Files opened for writing outside the folders that it was given."""
    notes = _notes(ending.server, "wrote")
    if notes is None:
        return skipped("only Python tells what it opens")
    own = (str(ending.server.site.root), "/dev/", "/proc/")
    found = sorted(path for path in notes if not path.startswith(own))
    return warning(", ".join(found[:5])) if found else ok("only in its temporary and home folder, if anywhere")


def look_at_unpickled(ending: Ending) -> Finding:
    """What was unpickled while it ran."""
    notes = _notes(ending.server, "unpickled")
    if notes is None:
        return skipped("only Python tells what it unpickles")
    return warning(f"unpickled {', '.join(sorted(notes)[:6])}") if notes else ok("nothing was unpickled")


def _notes(server: Server, kind: str) -> set[str] | None:
    if not server.site.notes.exists():
        return None
    lines = server.site.notes.read_text(errors="replace").splitlines()
    return {what for line in lines for found, _, what in [line.partition("\t")] if found == kind}


CHECKS: tuple[Check[Ending], ...] = (
    Check(
        "drain", "requests in flight at SIGTERM are answered", "SageMaker",
        "On SIGTERM stop taking connections, answer what has begun, then exit. gunicorn, uvicorn and waitress do.",
        look_at_drain,
    ),
    Check(
        "exit", "exit code 0 within 30 s of SIGTERM", "SageMaker",
        "Handle SIGTERM in the first process: exec-form ENTRYPOINT, `exec` in shell scripts, a signal handler in code.",
        look_at_exit,
    ),
    Check(
        "late-callers", "after SIGTERM new connections are answered, refused or closed, not reset", "HTTP",
        "Close the listening socket before the process ends, and answer what was taken.", look_at_late_callers,
    ),
    Check(
        "children", "no process outlives the first one", "SageMaker",
        "Pass SIGTERM on to the children and wait for them.", look_at_children,
    ),
    Check(
        "logs", "what callers send is not written to the log", "Headgate",
        "Log a request's id, size and status, never its body: logs are kept longer and read by more people.",
        look_at_logs,
    ),
    Check(
        "package-unchanged", "the package's folder is only read", "SageMaker",
        "Write to /tmp; /opt/ml/model may be read-only and is shared by all workers.", look_at_package,
    ),
    Check(
        "writes", "files are written to its temporary and home folder only", "Headgate",
        "Write below tempfile.gettempdir(): the rest of a container may be read-only.", look_at_writes,
    ),
    Check("unpickled", "nothing is unpickled at run time", "Headgate", REMEDY, look_at_unpickled),
)  # fmt: skip
