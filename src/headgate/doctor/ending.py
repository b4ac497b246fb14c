"""How it ended, and what it left: the drain, the log, what was written and unpickled.

Process 1 of a container has a peculiarity: a signal that it does not handle is not delivered at all. A process that
dies *of* SIGTERM here would have gone on there, and been killed.
"""

import signal
from pathlib import Path

from headgate.doctor.check import Check, Finding, failed, ok, skipped, warning
from headgate.doctor.drain import Ending
from headgate.doctor.pickles import REMEDY
from headgate.doctor.sample import MARK
from headgate.doctor.server import Server


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
    seen = f"who came after SIGTERM got: {ending.late}"
    return warning(seen) if "reset" in ending.late or "within" in ending.late else ok(seen)


def look_at_children(ending: Ending) -> Finding:
    """Who outlived it."""
    if ending.exit_code is None or not Path("/proc").is_dir():
        return skipped("it did not end" if ending.exit_code is None else "this system does not tell")
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
