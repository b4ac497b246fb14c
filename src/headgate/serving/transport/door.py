"""How several workers take connections from one listening socket, so that each gets its share.

The system wakes all who listen, and whoever is awake first could take everything that waits. So a worker takes one
connection a turn, and one that has more than another stands back for a moment: only for a moment, for the other may be
dead.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from headgate.serving.metrics import Gauge, Metrics

_SLACK = 2
"""By how many connections a worker may be ahead of another without standing back."""

_STAND_BACK = 0.002
_NO_FILES = 0.1
"""Seconds to wait where no more files can be opened."""


class SharedDoor:
    """A listening socket that other processes accept from too."""

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol], metrics: Metrics) -> None:
        """Begin to accept; `make` makes the protocol of a connection."""
        self._listener = listener
        self._make = make
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._loop.add_reader(listener, self._knock)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listener)
        if self._pause:
            self._pause.cancel()
        self._listener.close()

    def _knock(self) -> None:
        if self._metrics.own(Gauge.CONNECTIONS) > self._metrics.least(Gauge.CONNECTIONS) + _SLACK:
            self._stand_back(_STAND_BACK)
        else:
            self._accept()

    def _stand_back(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._come_back)

    def _come_back(self) -> None:
        self._loop.add_reader(self._listener, self._knock)
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return  # another worker was first
        except OSError:
            self._stand_back(_NO_FILES)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._welcome(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it has gone again
            await self._loop.connect_accepted_socket(self._make, connection)
