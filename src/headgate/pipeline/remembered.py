"""A value that is read from afar, and may be a second old."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

SECONDS = 1.0


class Remembered(Generic[T]):
    """What `read` returned, until it is more than `SECONDS` old by `clock`, or the clock was set back."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._kept: tuple[float, T] | None = None

    def get(self, *, fresh: bool = False) -> T:
        """The value; read anew where it is too old, or where `fresh` asks for it."""
        if fresh or self._kept is None or not 0 <= self._clock() - self._kept[0] <= SECONDS:
            self.set(self._read())
        assert self._kept is not None
        return self._kept[1]

    def set(self, value: T) -> None:
        """It was changed by us, to this."""
        self._kept = self._clock(), value

    def forget(self) -> None:
        """It was changed."""
        self._kept = None
