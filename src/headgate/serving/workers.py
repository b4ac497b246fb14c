"""Several model servers behind one address.

    parent    binds, starts the workers, replaces those that die, passes on SIGTERM; loads no model, answers nothing
    worker    a fresh process (never a fork: threads and locks of a loaded model do not survive one) that is given the
              parent's socket and a row in the shared memory of the metrics

The socket begins to listen when the first worker is ready, and all accept from its one queue: a worker that dies loses
its own connections only. The first worker starts alone, so that a model that cannot be served is said once, and with
its own exit code. Later deaths are made good: at once, then after ever longer pauses, until START_LIMIT starts in a row
have failed. Workers are asked by the kernel to leave when their parent dies.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass

from headgate.errors import UsageError
from headgate.serving.listen import bind, socket_file
from headgate.serving.logs import log_error, log_info
from headgate.serving.metrics import shared_file
from headgate.serving.settings import Settings

START_LIMIT = 5
_LONGEST_PAUSE = 30.0
_SETTLED = 10.0
"""Seconds after which a worker's death is no failed start of it."""

_CLOSING = 12.0
"""Seconds beyond the drain for a worker to write its captures and end."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Seat:
    """What a worker is given by its parent: file descriptors, its number, and who the parent is."""

    number: int
    listener: int
    ready: int
    memory: int
    parent: int

    @classmethod
    def from_arguments(cls, arguments: list[str]) -> "Seat":
        """Take the seat. Raises UsageError where nobody gave one."""
        if len(arguments) != 5 or not all(argument.isdigit() for argument in arguments):
            raise UsageError("Workers are started by the server.", hint="Set SAGEMAKER_MODEL_SERVER_WORKERS.")
        seat = cls(*map(int, arguments))
        for descriptor in (seat.listener, seat.ready, seat.memory):
            os.set_inheritable(descriptor, False)
        if sys.platform == "linux":
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != seat.parent:
            os._exit(0)  # the parent died before it could be watched
        return seat

    def tell_ready(self) -> None:
        """Tell the parent that requests are taken."""
        os.write(self.ready, b"1")
        os.close(self.ready)


def supervise(settings: Settings) -> int:
    """Serve with several workers until SIGTERM or SIGINT; the exit code. Raises as `bind` does."""
    listener = bind(settings.bind)
    try:
        return asyncio.run(_Parent(settings, listener, shared_file(settings.workers)).run())
    finally:
        listener.close()


class _Parent:
    def __init__(self, settings: Settings, listener: socket.socket, memory: int) -> None:
        self._settings = settings
        self._listener = listener
        self._memory = memory
        self._stop = asyncio.Event()
        self._first = asyncio.Event()
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._failure = 0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        seats = [loop.create_task(self._keep(number)) for number in range(self._settings.workers)]
        await self._stop.wait()
        path = socket_file(self._settings.bind)
        if path:
            path.unlink(missing_ok=True)
        self._listener.close()
        self._first.set()
        for process in self._processes.values():
            process.terminate()
        _, late = await asyncio.wait(seats, timeout=self._settings.drain_seconds + _CLOSING)
        for process in self._processes.values():
            process.kill()
        await asyncio.gather(*seats)
        if late or self._failure:
            return self._failure or 1
        log_info("stopped")
        return 0

    async def _keep(self, number: int) -> None:
        """Have a worker in this seat until the end."""
        if number:
            await self._first.wait()
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            served, code = await self._one(number)
            if self._stop.is_set():
                ended_early = code == -signal.SIGTERM and not served  # it was still starting, and had no request
                self._failure = self._failure or (0 if ended_early else code if code >= 0 else 1)
                return
            settled = served and time.monotonic() - began > _SETTLED
            failures = 0 if settled else failures + 1
            if not self._first.is_set() or failures >= START_LIMIT:
                self._failure = code if code > 0 else 1
                self._stop.set()
                return
            log_error("worker died", worker=number, code=code)
            await self._pause(min(2.0 ** (failures - 2), _LONGEST_PAUSE) if failures > 1 else 0.0)

    async def _one(self, number: int) -> tuple[bool, int]:
        """A worker from start to end: whether it served, and its exit code."""
        loop = asyncio.get_running_loop()
        ready, told = os.pipe()
        seat = [number, self._listener.fileno(), told, self._memory, os.getpid()]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "headgate.serving", "worker", *map(str, seat), pass_fds=seat[1:4]
        )
        os.close(told)
        self._processes[number] = process
        reader = asyncio.StreamReader()
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ready, "rb"))
        if self._stop.is_set():
            process.terminate()
        served = bool(await reader.read(1))
        if served:
            self._first.set()
        pipe.close()
        code = await process.wait()
        del self._processes[number]
        return served, code

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
