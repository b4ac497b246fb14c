"""One model server: load, warm up, listen, serve, drain; the same for every transport.

Nobody can connect until the model has answered once. At SIGTERM the socket file goes first: its name is then free for
a successor. For a tenth of a second what waits in the backlog is still taken in, and answers carry `connection: close`,
so that busy callers leave by themselves. Then the listener and idle connections close, what is in flight is answered,
and the process ends with 0. A hook that outlasts the drain cannot be stopped from outside: the process ends with 1
without it. So does one whose model is stuck for longer than any caller waits: whoever started it starts another.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import uvloop

import headgate
from headgate.serving.capture import Capture, open_capture
from headgate.serving.listen import BACKLOG, bind, bound, listen, socket_file
from headgate.serving.load import load
from headgate.serving.logs import log_error, log_info
from headgate.serving.metrics import Metrics, map_memory
from headgate.serving.predictor import Predictor
from headgate.serving.service import Service
from headgate.serving.settings import Settings
from headgate.serving.transport.crowd import Crowd
from headgate.serving.workers import Seat

_LAST_CALL = 0.1
"""Seconds for which connections that wait in the backlog are still taken in after SIGTERM."""


def serve(settings: Settings, *, started: float, seat: Seat | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. `started`: `time.perf_counter()` when the process began.

    With a `seat`, one worker of several. Raises NotFound, InvalidInput, ModelFailure where the package cannot be
    served, Refused where the address is taken.
    """
    predictor = load(settings.model_dir, threads=settings.threads, program=settings.program)
    metrics = _metrics(predictor, settings, seat)
    capture = open_capture(settings, metrics, [f.name for f in predictor.schema.features] if predictor.schema else [])
    listener = socket.socket(fileno=seat.listener) if seat else bind(settings.bind)
    listen(listener, settings.bind)

    def ready() -> None:
        if seat:
            seat.tell_ready()
        log_info(
            "serving",
            project=predictor.project,
            backend=predictor.backend,
            bind=str(bound(settings.bind, listener)),
            endpoint=settings.endpoint,
            variant=settings.variant,
            cold_start_ms=round((time.perf_counter() - started) * 1000),
            pid=os.getpid(),
            **({"worker": seat.number} if seat else {}),
        )

    def leave() -> None:
        path = socket_file(settings.bind)
        if path and not seat:
            path.unlink(missing_ok=True)

    drained = uvloop.run(_Server(predictor, settings, listener, metrics, capture).run(ready, leave))
    if capture is not None:
        capture.close()
    if not drained:
        sys.stderr.flush()
        os._exit(1)  # the interpreter would wait for the model's thread
    log_info("stopped", **({"worker": seat.number} if seat else {}))
    return 0


def _metrics(predictor: Predictor, settings: Settings, seat: Seat | None) -> Metrics:
    workers = settings.workers if seat else 1
    memory = map_memory(workers, seat.memory if seat else -1)
    info = {"version": headgate.__version__, "project": predictor.project, "backend": predictor.backend}
    return Metrics(memory, seat.number if seat else 0, workers, info)


class _Server:
    def __init__(
        self,
        predictor: Predictor,
        settings: Settings,
        listener: socket.socket,
        metrics: Metrics,
        capture: Capture | None,
    ) -> None:
        self._predictor = predictor
        self._metrics = metrics
        self._capture = capture
        self._settings = settings
        self._listener = listener
        self._crowd = Crowd(settings)
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()

    async def run(self, ready: Callable[[], None], leave: Callable[[], None]) -> bool:
        """Serve until told to stop, then drain; whether everything in flight was answered."""
        loop = asyncio.get_running_loop()
        if self._settings.transport == "asgi":
            from headgate.serving.transport.asgi import factory
        else:
            from headgate.serving.transport.native import factory
        service = Service(self._predictor, self._settings, self._metrics, self._capture)
        server = await loop.create_server(factory(service, self._crowd), sock=self._listener, backlog=BACKLOG)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        ready()
        while not self._stop.is_set() and not service.backlog.stuck:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1.0)
            self._crowd.keep_pace(loop.time())
            service.keep_pace()
        leave()
        if service.backlog.stuck:
            log_error("model stuck", seconds=self._settings.timeout)
        self._crowd.draining = True
        await asyncio.sleep(_LAST_CALL)
        server.close()
        self._crowd.drain()
        return await self._drained(service)

    def _end(self, number: int) -> None:
        """Begin to drain; a second Ctrl-C stops at once."""
        if self._stop.is_set() and number == signal.SIGINT:
            self._at_once.set()
        self._stop.set()

    async def _drained(self, service: Service) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_seconds
        looked = loop.time()
        while self._crowd.connections and loop.time() < deadline and not self._at_once.is_set():
            await asyncio.sleep(0.01)
            if loop.time() - looked > 1:
                looked = loop.time()
                self._crowd.keep_pace(looked)
                service.keep_pace()
        if self._crowd.connections or service.backlog.pending:
            log_error("drain timed out")
            return False
        return not service.backlog.stuck
