"""An engine that kills itself at its Nth transaction after it was armed, once.

    python -m tests.system.dying_engine supervise HOME     a supervisor that keeps such an engine up
    python -m tests.system.dying_engine HOME               the engine itself

`HOME/armed` says when: "3 before" or "3 after". It deletes the file and dies by kill -9; started again, it behaves
until it is armed again.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headgate.engine.home import Home
from headgate.engine.state import State
from headgate.wiring import engine, supervise


class DyingState(State):
    """Dies before or after a transaction."""

    def __init__(self, path: Path) -> None:
        self._armed = path.parent / "armed"
        self._count = 0
        self._depth = 0
        super().__init__(path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As the real one, but for the death."""
        outermost = self._depth == 0
        self._count += outermost and self._armed.exists()
        self._die_if_it_is("before", outermost)
        self._depth += 1
        try:
            with super().transaction():
                yield
        finally:
            self._depth -= 1
        self._die_if_it_is("after", outermost)

    def _die_if_it_is(self, when: str, outermost: bool) -> None:
        if outermost and self._armed.exists() and self._armed.read_text() == f"{self._count} {when}":
            self._armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=engine.LOG_FORMAT)
    home = Home(Path(sys.argv[-1]))
    if sys.argv[1] == "supervise":
        file = home.read()
        assert file is not None
        supervise.main(home, file, "tests.system.dying_engine")
    else:
        engine.main(home, DyingState)
