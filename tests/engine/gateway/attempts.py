"""The attempt log of a rig, read."""

from collections.abc import Callable

from headgate.engine.evidence.attempts import Attempt, read_attempt
from tests.engine.gateway.conftest import Rig, until


class Log:
    """What was logged since this was made, or asked the last time."""

    def __init__(self, rig: Rig) -> None:
        self._path = rig.gateway.attempts
        self._read = self._path.stat().st_size

    def after(self, count: int) -> list[Attempt]:
        """The next attempts, once there are at least that many."""
        return self.until(lambda found: len(found) >= count)

    def until(self, complete: Callable[[list[Attempt]], bool]) -> list[Attempt]:
        """The next attempts, once they are all that is waited for."""
        until(lambda: complete(read_all(self._new())), 30.0)
        new = self._new()
        self._read += len(new) + 1
        return read_all(new)

    def _new(self) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._read)
            return file.read().rpartition(b"\n")[0]


def read_all(text: bytes) -> list[Attempt]:
    """The attempts of whole lines; none of them may be damaged."""
    found = [read_attempt(line) for line in text.splitlines()]
    assert None not in found
    return [attempt for attempt in found if attempt is not None]
