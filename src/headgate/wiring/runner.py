"""The runner process: `python -m headgate.wiring.runner HOME`. Started and restarted by the supervisor.

It takes every open rollout on (pipeline.tick), and waits a moment. Which rollouts are open stands in the home's folder
`rollouts/`: one small file for each, written before the rollout's first entry and removed after its last. One runner
works at a time, under a lock; another waits. Killed at any moment, the next one goes on from the logs.
"""

import fcntl
import json
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.core.digest import digest_json
from headgate.core.files import write_atomic, writing
from headgate.engine.home import Home
from headgate.errors import HeadgateError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from headgate.data.store import Store
    from headgate.hosting.session import Connection
    from headgate.pipeline.rollouts import Rollout
    from headgate.pipeline.terms import Terms

log = logging.getLogger("headgate.runner")

IDLE_SECONDS = 0.25
AWAY_SECONDS = 0.5
"""How long it waits for an engine that does not answer."""
DAMAGED_SECONDS = 10.0
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Where an open rollout's log is."""

    path: Path
    store: Path
    environment: str
    number: int


def announce(home: Home, store: Path, environment: str, number: int) -> Notice:
    """Tell the runner of a rollout that is about to start; durable when this returns."""
    document = {"store": str(store.resolve()), "environment": environment, "number": number}
    path = home.rollouts / f"{digest_json(document)[:16]}.json"
    with writing(path):
        write_atomic(path, json.dumps(document).encode(), mode=0o600)
    return Notice(path, store, environment, number)


def launch(home: Home, store: Path, terms: "Terms", *, by: str) -> "Rollout":
    """Start a rollout or rollback on these terms: from now on the runner takes it on.

    Raises Refused where another was started at the same moment. The notice is left then: it may be the other's, which
    has the same number, and the runner removes one of a rollout that never began.
    """
    from headgate.data.store import Store
    from headgate.pipeline.rollouts import Rollouts

    announce(home, store, terms.environment, terms.number)
    return Rollouts(Store(store), terms.environment).start(terms, at=time.time(), by=by)


def notices(home: Home) -> list[Notice]:
    """The rollouts that may be open."""
    found = []
    for path in sorted(home.rollouts.glob("*.json")):
        with suppress(FileNotFoundError):
            try:
                document = json.loads(path.read_bytes())
                found.append(Notice(path, Path(document["store"]), document["environment"], int(document["number"])))
            except (ValueError, KeyError, TypeError):
                log.error("%s is damaged; it is left aside", path)
                path.replace(path.with_suffix(".damaged"))
    return found


class Runner:
    """Takes the open rollouts of a home on, each in a thread: one that waits for an answer keeps no other waiting."""

    def __init__(self, home: Home, connection: "Connection") -> None:
        self._home = home
        self._connection = connection
        self._threads: dict[Path, threading.Thread] = {}
        self._stopping = threading.Event()

    def turn(self) -> float:
        """See to it that every open rollout is taken on. Returns the seconds until the next look."""
        open_now = {notice.path: notice for notice in notices(self._home)}
        if open_now and not self._threads:
            self._connection.make_clients()
        alive = {path: thread for path, thread in self._threads.items() if thread.is_alive()}
        for path in open_now.keys() - alive.keys():
            alive[path] = threading.Thread(target=self._take_on, args=(open_now[path],), daemon=True)
            alive[path].start()
        self._threads = alive
        return IDLE_SECONDS

    def stop(self) -> None:
        """Let the ticks that are under way end; the logs do not mind those that take too long for it."""
        self._stopping.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _take_on(self, notice: Notice) -> None:
        tick: Callable[[], float | None] | None = None
        while notice.path.exists():
            try:
                tick = tick or self.open(notice)
                pause = tick() if tick is not None else IDLE_SECONDS
            except Unavailable as error:
                log.warning("%s %d: %s", notice.environment, notice.number, error.message)
                pause = AWAY_SECONDS
            except HeadgateError as error:
                log.error("%s %d: %s %s", notice.environment, notice.number, error.message, error.hint)
                pause = DAMAGED_SECONDS
            except Exception:
                log.exception("%s %d: a tick failed; it is repeated", notice.environment, notice.number)
                pause = DAMAGED_SECONDS
            if pause is None:
                notice.path.unlink(missing_ok=True)
            elif self._stopping.wait(pause):
                return

    def open_store(self, folder: Path) -> "Store":
        """Where a rollout's log is read and written."""
        from headgate.data.store import Store

        return Store(folder)

    def open(self, notice: Notice) -> "Callable[[], float | None] | None":
        """What takes this rollout on; None, and no notice any more, where it was never started."""
        from headgate.pipeline.hosted import HostedWorld
        from headgate.pipeline.probe import rows_in
        from headgate.pipeline.rollouts import Rollouts
        from headgate.pipeline.tick import Tick

        if not notice.store.is_dir():
            raise InvalidInput(f"The store {notice.store} is gone.", hint=f"Put it back, or delete {notice.path}.")
        store = self.open_store(notice.store)
        rollouts = Rollouts(store, notice.environment)
        if notice.number not in rollouts.numbers() or not rollouts.get(notice.number).log.read():
            if time.time() - notice.path.stat().st_mtime > 60.0:
                notice.path.unlink(missing_ok=True)
            return None
        rollout = rollouts.get(notice.number)
        terms = rollout.run().terms
        log.info("%s: version %d on %s", terms.id, terms.version, terms.endpoint)
        return Tick(HostedWorld(self._connection, rows_in(notice.store), terms), rollout, time.time)


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the runner's lock; waits while another runner has it."""
    fd = os.open(home.path / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def main(home: Home, make: "Callable[[Home, Connection], Runner]" = Runner) -> None:
    """Until SIGTERM or SIGINT."""
    from headgate.wiring.local import connection

    file = home.read()
    if file is None:
        raise Unavailable(f"{home.engine_file} is missing.", hint="Run `headgate up`.")
    alarm, bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    with alone(home):
        for number in (signal.SIGTERM, signal.SIGINT):  # who still waits for the lock just dies of them
            signal.signal(number, lambda *_: os.write(bell, b"!"))
        runner = make(home, connection(file))
        log.info("runner %d: started", os.getpid())
        while not select.select([alarm], [], [], runner.turn())[0]:
            pass
        runner.stop()
    log.info("runner %d: stopped", os.getpid())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        main(Home(Path(sys.argv[1])))
    except HeadgateError as problem:
        log.error("%s %s", problem.message, problem.hint)
        sys.exit(problem.exit_code)
