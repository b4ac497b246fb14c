"""Requests that came in one turn of the event loop, answered together.

The loop reads every socket that has something to say, and then runs what was scheduled meanwhile. So `end` finds the
requests of all callers who asked at the same time, and nobody waits for a timer. Scheduling takes a few microseconds
itself, so that requests over few connections are better answered as they come (measured).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Row = TypeVar("Row")
Asked = TypeVar("Asked")

FEW = 4
"""With no more connections than these, turns gain nothing."""

MOST = 32
"""More would hardly be faster for a row, and those who came first would wait for all of them."""


class Turn(Generic[Row, Asked]):
    """What has come since the last turn ended. It belongs to the server's event loop."""

    def __init__(self, answer: Callable[[Sequence[Row], Sequence[Asked]], None], most: int = MOST) -> None:
        """`answer` gets at most `most` rows and, in the same order, what was said about them; it does not raise."""
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._answer = answer
        self._rows: list[Row] = []
        self._asked: list[Asked] = []

    def add(self, row: Row, asked: Asked) -> None:
        """Have a row answered at the end of this turn, or as soon as there are enough."""
        rows = self._rows
        rows.append(row)
        self._asked.append(asked)
        if len(rows) == 1:
            self._loop.call_soon(self._end)
        elif len(rows) >= self._most:
            self._end()

    def _end(self) -> None:
        rows, asked = self._rows, self._asked
        if rows:  # else they were enough before the end
            self._rows, self._asked = [], []
            self._answer(rows, asked)
