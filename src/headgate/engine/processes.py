"""Processes that outlive whoever started them, and are found again by whoever comes next.

A process has a name and a file, `processes/<name>.pid`, with its pid and its start time. The file is written by the
process itself, before it becomes the program (a shell that writes, then `exec`s): whenever the program runs, its
pid is on record, even if its starter was killed in between. The start time tells a live process from a stranger that
was given the same pid. Linux counts it in clock ticks since boot; elsewhere `ps` gives it.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headgate.errors import Unavailable

_LINUX = Path("/proc/self/stat").exists()
_READ_START = (
    "read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ < /proc/$$/stat"
    if _LINUX
    else 'start=$(set -- $(ps -o lstart= -p $$); IFS=_; echo "$*")'
)
_RECORD_AND_EXEC = f'umask 077; {_READ_START}; echo "$$ $start" >"$0" && cd "$1" && shift && exec "$@"'


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was alive when it was looked up."""

    name: str
    pid: int
    started: str


def itself(name: str) -> Process:
    """The record of the process that asks."""
    return Process(name, os.getpid(), _start_time(os.getpid()))


class Processes:
    """The processes on record in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path, folder: Path | None = None
    ) -> Process:
        """Start a program in a session of its own, its output appended to `log`; returns once it is on record."""
        record = self._record(name)
        record.unlink(missing_ok=True)
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _RECORD_AND_EXEC, str(record), str(folder or "/"), *argv],
            dict(env),
            file_actions=[
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()),  # a caller's pipe or lock is not ours to keep
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        deadline = time.monotonic() + 10
        while (found := self._read(name)) is None or found.pid != pid:
            if os.waitpid(pid, os.WNOHANG)[0] == pid or time.monotonic() > deadline:
                raise Unavailable(f"{name} could not be started.", hint=f"Its log is {log}. Is the disk full?")
            time.sleep(0.001)
        return found

    def find(self, name: str) -> Process | None:
        """The live process of that name, or None."""
        process = self._read(name)
        return process if process is not None and alive(process) else None

    def names(self) -> list[str]:
        """The names on record, dead or alive."""
        return sorted(path.stem for path in self._folder.glob("*.pid"))

    def stop(self, name: str, *, grace: float = 30.0) -> None:
        """SIGTERM, then SIGKILL to the whole session after `grace` seconds; forget the record."""
        process = self.find(name)
        if process is not None:
            end(process, grace=grace)
        self.forget(name)

    def stop_all(self, names: Sequence[str], *, grace: float = 30.0) -> None:
        """Stop several at once: all of them together have `grace` seconds."""
        deadline = time.monotonic() + grace
        for name in names:
            self.terminate(name)
        for name in names:
            self.stop(name, grace=max(0.0, deadline - time.monotonic()))

    def terminate(self, name: str) -> None:
        """SIGTERM; does not wait."""
        process = self.find(name)
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """SIGKILL to the session of the process on record, which must be alive or only just have ended."""
        process = self._read(name)
        if process is not None:
            _kill_session(process)

    def forget(self, name: str) -> None:
        """Delete the record; the process, if there is one, goes on."""
        self._record(name).unlink(missing_ok=True)

    def _record(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _read(self, name: str) -> Process | None:
        try:
            pid, started = self._record(name).read_text().split()
            return Process(name, int(pid), started)
        except (FileNotFoundError, ValueError):
            return None


def _inheritable() -> list[int]:
    found = []
    for entry in Path("/dev/fd").iterdir():
        with suppress(OSError):
            if int(entry.name) > 2 and os.get_inheritable(int(entry.name)):
                found.append(int(entry.name))
    return found


def alive(process: Process) -> bool:
    """Whether that very process is alive; a zombie of ours is reaped and counts as dead."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return _start_time(process.pid) == process.started


def _start_time(pid: int) -> str:
    """When a process started, as the shell above writes it; empty for one that is gone or a zombie."""
    if not _LINUX:
        command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        return "_".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def wait_for_exit(process: Process, timeout: float) -> bool:
    """Wait until the process is gone; False when it is still there after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while alive(process):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        watch(process, min(left, 1.0))
    return True


def watch(process: Process, timeout: float) -> None:
    """Sleep until the process exits, or `timeout` seconds."""
    try:
        fd = os.pidfd_open(process.pid)
    except (ProcessLookupError, AttributeError):
        time.sleep(min(timeout, 0.01))
        return
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(timeout * 1000)
    finally:
        os.close(fd)


def end(process: Process, *, grace: float) -> None:
    """SIGTERM to the process, then SIGKILL to its session: to all of it after `grace` seconds, else to what is left."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    gone = wait_for_exit(process, grace)
    _kill_session(process)
    if not gone:
        wait_for_exit(process, 5.0)


def _kill_session(process: Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
