"""A runner that kills itself before or after one of its writes, or before and after each of them.

    python -m tests.system.dying_runner supervise HOME     a supervisor that keeps such a runner up
    python -m tests.system.dying_runner HOME               the runner itself

A write is an entry of a rollout's log, or a call that changes something at the engine. `HOME/armed` says when to die by
kill -9: "3 before" or "3 after", once, the third write from now; or "all": before and after each write. It deletes the
file after the one death, and keeps it for "all".

For a loop of deaths to be short, the process that the supervisor starts only makes what takes long, the clients, and
forks: its child is the runner, which knows nothing but what stands in the logs. Where one dies the next is forked.
"""

import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import headgate.pipeline.hosted
import headgate.pipeline.rollouts
import headgate.pipeline.tick
from headgate.data.store import Store
from headgate.engine.home import Home
from headgate.hosting.session import Connection
from headgate.wiring import engine, local, runner, supervise

READS = ("Describe", "List", "Get")


class Death:
    """Counts writes, and dies at the one that `armed` names."""

    def __init__(self, home: Home) -> None:
        self._armed = home.path / "armed"
        self._let_through = home.path / "let-through"
        self._count = 0

    def before(self) -> None:
        """A write is about to be made."""
        wanted = self._wanted()
        self._count += bool(wanted)
        if wanted == "all" and not self._let_through.exists():
            self._let_through.touch()  # the next runner makes this write, and dies after it
            die()
        self._let_through.unlink(missing_ok=True)
        self._die_once(f"{self._count} before")

    def after(self) -> None:
        """A write was made."""
        if self._wanted() == "all":
            die()
        self._die_once(f"{self._count} after")

    def _wanted(self) -> str:
        return self._armed.read_text() if self._armed.exists() else ""

    def _die_once(self, when: str) -> None:
        if self._wanted() == when:
            self._armed.unlink()
            die()


def die() -> None:
    """kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(Store):
    """Dies before or after an entry is written."""

    def __init__(self, folder: Path, death: Death) -> None:
        super().__init__(folder)
        self._death = death

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        """As the real one, but for the death."""
        self._death.before()
        super().put(key, data, create_only=create_only)
        self._death.after()


class DyingRunner(runner.Runner):
    """A runner whose writes are counted."""

    def __init__(self, ready: Connection, home: Home, _connection: Connection) -> None:
        super().__init__(home, ready)
        self._death = Death(home)
        events = ready.control.meta.events
        events.register("before-call.sagemaker", lambda **call: self._called(call["model"], self._death.before))
        events.register("after-call.sagemaker", lambda **call: self._called(call["model"], self._death.after))

    def open_store(self, folder: Path) -> Store:
        """One that dies."""
        return DyingStore(folder, self._death)

    def _called(self, operation: Any, then: Any) -> None:
        if not operation.name.startswith(READS):
            then()


def keep_forking(home: Home, ready: Connection) -> None:
    """Have a runner as a child until one ends by itself, which it does on SIGTERM."""
    assert (ready.control, ready.metrics, ready.runtime)
    while True:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            runner.main(home, partial(DyingRunner, ready))
            os._exit(0)
        signal.signal(signal.SIGTERM, lambda *_, child=pid: os.kill(child, signal.SIGTERM))
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != -signal.SIGKILL:
            return


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=engine.LOG_FORMAT)
    place = Home(Path(sys.argv[-1]))
    file = place.read()
    assert file is not None
    if sys.argv[1] == "supervise":
        supervise.main(place, file, runner_module="tests.system.dying_runner")
    else:
        keep_forking(place, local.connection(file))
