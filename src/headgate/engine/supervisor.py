"""The supervisor: one process that keeps the engine's services up.

It holds the lock `supervisor.lock`; a second one ends at once. A service that runs already (its supervisor was killed)
is adopted; one that exits is started again, at once the first times, then ever more slowly. SIGTERM stops everything in
order: the gateway takes no new requests and answers what is in flight, the engine ends, then the model servers, then
the gateway. A supervisor that is killed takes nothing with it.
"""

import fcntl
import logging
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from headgate.engine.home import Home
from headgate.engine.processes import Process, Processes, alive, itself
from headgate.errors import HeadgateError

log = logging.getLogger("headgate.supervisor")

LOG_BYTES = 20_000_000
LOOK_SECONDS = 10.0
FREE_STARTS = 5
"""So many starts in a row are made at once: callers are waiting, and deaths may come close together."""
SETTLED_SECONDS = 1.0
"""What lived this long did not fail to start: it is started again at once."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program that is to run as long as the supervisor does."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    before: Callable[[], object] = lambda: None
    """Called before each start: mends the files that the program needs."""


class Lock:
    """The supervisor's lock file: held by the one supervisor, whose record stands in it, and looked at by everybody."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the lock with this process's record in it; False where another supervisor has it.

        Somebody who only looks holds it for a moment too, hence the second attempts.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(20):
                if _locked(fd):
                    record = itself("supervisor")
                    os.truncate(fd, 0)
                    os.write(fd, f"{record.pid} {record.started}".encode())
                    yield True
                    return
                time.sleep(0.02)
            yield False
        finally:
            os.close(fd)

    def holder(self) -> Process | None:
        """The living supervisor, or None."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _locked(fd):
                return None
            pid, _, started = os.read(fd, 100).decode().partition(" ")
        finally:
            os.close(fd)
        found = Process("supervisor", int(pid), started) if started else None
        return found if found is not None and alive(found) else None  # the lock may be another onlooker's


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Supervisor:
    """Keeps services up until it is told to stop. `drain` asks the gateway to finish what is in flight."""

    def __init__(self, home: Home, services: Sequence[Service], drain: Callable[[], object]) -> None:
        self._home = home
        self._services = services
        self._drain = drain
        self._processes = Processes(home.processes)
        self._restarts: dict[str, tuple[int, float]] = {}
        self._alarm, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Returns at once when another supervisor is at work."""
        with Lock(self._home.supervisor_lock).held() as ours:
            if not ours:
                return
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._ring)
            log.info("supervisor %d: started", os.getpid())
            while not self._rung():
                pause = min([self._keep_up(service) for service in self._services])
                self._rotate_logs()
                self._sleep(pause)
            self._stop()

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._bell, b"!")

    def _rung(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self._alarm, 1))
        return False

    def _keep_up(self, service: Service) -> float:
        """Start the service if it does not run; returns the seconds until it wants another look."""
        if self._processes.find(service.name) is not None:
            return LOOK_SECONDS
        now = time.monotonic()
        count, last = self._restarts.get(service.name, (0, 0.0))
        count = 0 if now - last > SETTLED_SECONDS else count
        wait = last + (0.0 if count < FREE_STARTS else min(0.1 * 2 ** (count - FREE_STARTS), 10.0)) - now
        if wait > 0:
            return wait
        self._restarts[service.name] = (count + 1, now)
        try:
            service.before()
            process = self._processes.start(service.name, service.argv, env=service.env, log=service.log)
            log.info("%s: started as process %d", service.name, process.pid)
        except (HeadgateError, OSError) as error:
            log.error("%s: could not be started: %s", service.name, error)
            return 1.0
        return LOOK_SECONDS

    def _sleep(self, seconds: float) -> None:
        """Until a service exits, a signal comes, or the time is over."""
        poll = select.poll()
        poll.register(self._alarm, select.POLLIN)
        fds = []
        for service in self._services:
            process = self._processes.find(service.name)
            if process is None:  # it went between the look and now, or waits for its next start
                seconds = min(seconds, 0.05)
                continue
            with suppress(ProcessLookupError, AttributeError):
                fds.append(os.pidfd_open(process.pid))
        for fd in fds:
            poll.register(fd, select.POLLIN)
        poll.poll(seconds * 1000)
        for fd in fds:
            os.close(fd)

    def _stop(self) -> None:
        log.info("supervisor %d: stopping", os.getpid())
        with suppress(HeadgateError):
            self._drain()
        stop_everything(self._processes)
        log.info("supervisor %d: all stopped", os.getpid())

    def _rotate_logs(self) -> None:
        for path in self._home.logs.rglob("*.log"):
            with suppress(OSError):
                if path.stat().st_size > LOG_BYTES:
                    rotate(path)


def stop_everything(processes: Processes) -> None:
    """Stop all that is on record, in order: runner, engine (which would start models again), models, the rest."""
    processes.stop("runner", grace=5.0)
    processes.stop("engine", grace=15.0)
    processes.stop_all([name for name in processes.names() if name.startswith("model-")])
    processes.stop_all(processes.names())


def rotate(path: Path, size: int = LOG_BYTES) -> None:
    """Keep the last `size` bytes of a log as its predecessor. Writers append, so the file is emptied in place.

    Where there is no room for a predecessor there is none, and the room is given back.
    """
    before = path.with_suffix(".log.1")
    try:
        with path.open("rb") as source, before.open("wb") as kept:
            source.seek(max(0, path.stat().st_size - size))
            shutil.copyfileobj(source, kept, 1024**2)
    except OSError:
        before.unlink(missing_ok=True)
    os.truncate(path, 0)
