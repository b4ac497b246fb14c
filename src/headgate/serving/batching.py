"""Where predictions are made that take longer than an event loop can wait for.

    Backlog         bounds what is under way and gives each call its deadline
    ModelThread     one prediction after the other, so that hooks never run beside one another. It takes up to
                    `max_batch` of the calls that came while it was at work as one batch: nothing waits for a timer,
                    and an idle server answers at once
    Coroutines      an event loop of its own for asynchronous hooks: one that blocks holds up its like, never /ping

At most `limit` calls are under way; more are shed at once. A call that is not answered in time is told so. A coroutine
is then cancelled; a thread cannot be stopped from outside, so its server is `stuck`: only a new process helps.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from headgate.serving.answers import Overloaded
from headgate.serving.codecs import Answer
from headgate.serving.failure import TIMED_OUT, ModelFailure
from headgate.serving.predictor import AsyncPredictor, Call, Predictor

Outcome = Answer | Exception
Done = Callable[[Outcome, int], None]
"""Called on the server's event loop with what came of a call, and the microseconds that the model took over it."""


class Lane(Protocol):
    """Something that works on calls."""

    def start(self, call: Call, done: Done) -> Callable[[], object]:
        """Have a call answered, now or in its turn; the result gives it up."""

    def at_work(self) -> float:
        """For how many seconds it has been at what it is doing; 0 where it waits, or can be stopped."""

    def queued(self) -> int:
        """How many calls wait for their turn."""


@dataclass(slots=True, eq=False)
class _Promise:
    """What a caller was promised."""

    done: Done
    deadline: float
    give_up: Callable[[], object] = lambda: None
    kept: bool = False


class Backlog:
    """The calls under way. It belongs to the server's event loop."""

    def __init__(self, lane: Lane, *, limit: int, timeout: float) -> None:
        """`timeout` in seconds."""
        self._lane = lane
        self._limit = limit
        self._timeout = timeout
        self._promises: dict[_Promise, None] = {}
        self.pending = 0
        """Calls under way; one that was given up counts until the lane is through with it."""

    def submit(self, call: Call, done: Done) -> None:
        """Have a call answered. Raises Overloaded."""
        if self.pending >= self._limit:
            raise Overloaded(f"{self.pending} requests are waiting already.", hint="Try again in a second.")
        promise = _Promise(done, time.monotonic() + self._timeout)
        self._promises[promise] = None
        self.pending += 1

        def finish(outcome: Outcome, micros: int) -> None:
            self.pending -= 1
            if not promise.kept:
                del self._promises[promise]
                done(outcome, micros)

        promise.give_up = self._lane.start(call, finish)

    def expire(self, now: float) -> None:
        """Answer the calls whose time is up; asked once a second. All have the same time, so the oldest are first."""
        while self._promises:
            promise = next(iter(self._promises))
            if promise.deadline > now:
                return
            del self._promises[promise]
            promise.kept = True
            promise.give_up()
            promise.done(self._timed_out(), round(self._timeout * 1e6))

    def _timed_out(self) -> ModelFailure:
        return ModelFailure(
            f"The model did not answer within {self._timeout:g} s.",
            kind=TIMED_OUT,
            hint="Send fewer rows, or raise SAGEMAKER_MODEL_SERVER_TIMEOUT.",
        )

    @property
    def queued(self) -> int:
        """Calls that wait for their turn."""
        return self._lane.queued()

    @property
    def stuck(self) -> bool:
        """Whether the lane has been at one thing for longer than anybody waits."""
        return self._lane.at_work() > self._timeout


@dataclass(slots=True, eq=False)
class _Waiting:
    call: Call
    done: Done
    given_up: bool = False

    def give_up(self) -> None:
        self.given_up = True


class ModelThread:
    """A lane of one thread."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[_Waiting] = SimpleQueue()
        self._since: float | None = None
        self._thread: threading.Thread | None = None

    def at_work(self) -> float:
        """For how many seconds it has been at its present batch."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def queued(self) -> int:
        """Roughly: what was given up counts until its turn."""
        return self._waiting.qsize()

    def start(self, call: Call, done: Done) -> Callable[[], object]:
        """Put a call in the queue."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="model", daemon=True)
            self._thread.start()
        waiting = _Waiting(call, done)
        self._waiting.put(waiting)
        return waiting.give_up

    def _work(self) -> None:
        while True:
            batch = self._take()
            self._since = time.monotonic()
            began = time.perf_counter_ns()
            outcomes = self._answer([waiting.call for waiting in batch])
            micros = (time.perf_counter_ns() - began) // 1000
            self._since = None
            for waiting, outcome in zip(batch, outcomes, strict=True):
                _tell(self._loop, waiting.done, outcome, micros)

    def _take(self) -> list[_Waiting]:
        """The calls of the next batch: waits for the first, takes what else is there."""
        batch: list[_Waiting] = []
        with suppress(Empty):
            while len(batch) < self._predictor.max_batch:
                waiting = self._waiting.get(block=not batch)
                if waiting.given_up:
                    _tell(self._loop, waiting.done, _GIVEN_UP, 0)
                else:
                    batch.append(waiting)
        return batch

    def _answer(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        try:
            return self._predictor.predict_many(calls)
        except Exception as error:  # noqa: BLE001 the worker's loop: a defect of ours is an answer, the thread lives on
            return [error] * len(calls)


class Coroutines:
    """A lane that is an event loop in a thread of its own."""

    def __init__(self, predictor: AsyncPredictor) -> None:
        self._predictor = predictor
        self._asked: float | None = None
        self._server = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="hooks", daemon=True).start()

    def at_work(self) -> float:
        """For how many seconds the loop has not come round: each question is a call to it that it must answer."""
        if self._asked is None:
            self._asked = time.monotonic()
            self._loop.call_soon_threadsafe(self._answer)
        return time.monotonic() - self._asked if self._asked is not None else 0.0

    def _answer(self) -> None:
        self._asked = None

    def queued(self) -> int:
        """None: all are begun at once."""
        return 0

    def start(self, call: Call, done: Done) -> Callable[[], object]:
        """Begin a coroutine."""
        began = time.perf_counter_ns()

        def finish(future: Future[Answer]) -> None:
            outcome: Outcome
            if future.cancelled():
                outcome = _GIVEN_UP
            else:
                error = future.exception()
                outcome = future.result() if error is None else _as_exception(error)
            _tell(self._server, done, outcome, (time.perf_counter_ns() - began) // 1000)

        future = asyncio.run_coroutine_threadsafe(self._predictor.predict_async(*call), self._loop)
        future.add_done_callback(finish)
        return future.cancel


def _tell(loop: asyncio.AbstractEventLoop, done: Done, outcome: Outcome, micros: int) -> None:
    with suppress(RuntimeError):  # the server's loop is closed: nobody is left to tell
        loop.call_soon_threadsafe(done, outcome, micros)


def _as_exception(error: BaseException) -> Exception:
    """What a coroutine raised; SystemExit of user code must not end the server."""
    return error if isinstance(error, Exception) else ModelFailure(str(error), kind=type(error).__name__)


_GIVEN_UP = ModelFailure("Nobody waits for this answer.")
