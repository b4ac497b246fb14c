"""A runner that kills itself before or after one of its writes, or before and after each of them.

    python -m tests.system.dying_runner supervise HOME     a supervisor that keeps such a runner up
    python -m tests.system.dying_runner HOME               the runner itself

A write is an entry of a rollout's log, or a call that changes something at the engine. `HOME/armed` says when to die by
kill -9: "3 before" or "3 after" the third write from now, once; the file is deleted then. Or "all": before and after
each write, but only once for the same one; `HOME/died` lists them.

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

from headgate.core.digest import digest_json
from headgate.data.store import Store
from headgate.engine.home import Home
from headgate.hosting.session import Connection
from headgate.wiring import engine, local, runner, supervise

READS = ("Describe", "List", "Get")


class Death:
    """Counts writes, and dies at the one that `armed` names."""

    def __init__(self, home: Home) -> None:
        self._armed = home.path / "armed"
        self._died = home.path / "died"
        self._count = 0

    def before(self, write: str) -> None:
        """A write is about to be made."""
        self._count += self._armed.exists()
        self._die_if_it_is("before", write)

    def after(self, write: str) -> None:
        """A write was made."""
        self._die_if_it_is("after", write)

    def _die_if_it_is(self, when: str, write: str) -> None:
        wanted = self._armed.read_text() if self._armed.exists() else ""
        if wanted == f"{self._count} {when}":
            self._armed.unlink()
            die()
        known = self._died.read_text().splitlines() if self._died.exists() else []
        if wanted == "all" and f"{when} {write}" not in known:
            self._died.write_text("\n".join([*known, f"{when} {write}"]))
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
        self._death.before(key)
        super().put(key, data, create_only=create_only)
        self._death.after(key)


class DyingRunner(runner.Runner):
    """A runner whose writes are counted."""

    def __init__(self, ready: Connection, home: Home, _connection: Connection) -> None:
        super().__init__(home, ready)
        self._death = Death(home)
        self._calls: list[str] = []
        events = ready.control.meta.events
        events.register("before-call.sagemaker", self._calling)
        events.register("after-call.sagemaker", self._called)

    def open_store(self, folder: Path) -> Store:
        """One that dies."""
        return DyingStore(folder, self._death)

    def _calling(self, model: Any, params: Any, **_: object) -> None:
        if not model.name.startswith(READS):
            self._calls.append(f"{model.name} {digest_json(params['body'].decode())}")
            self._death.before(self._calls[-1])

    def _called(self, model: Any, **_: object) -> None:
        if not model.name.startswith(READS):
            self._death.after(self._calls.pop())


def keep_forking(home: Home, ready: Connection) -> None:
    """Have a runner as a child until one ends by itself, which it does on SIGTERM."""
    ready.make_clients()
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
