"""Requests and answers kept for monitoring, off the request's path.

    event loop   record(): a sampled exchange goes into a buffer as it is, nothing is encoded
    writer       every 250 ms, or at 1 MiB, takes what waits, redacts, encodes and appends it in pieces of 32 KiB

After each piece the writer sleeps for a moment, so that a request waits for a few dozen records at most. (Giving the
interpreter back in the write alone does not do: on one core the writer has it again before anybody else ran, and
keeps it for the five milliseconds after which Python takes it away.) It is seldom woken, as each time costs more than
a record. One body is encoded in one go, though, and holds other threads up for that long: measured 1 to 2 ms for each
megabyte, and 25 to 40 where it is parsed to be redacted.

The buffer is bounded in bytes; what finds it full is dropped and counted, and so is what cannot be written: the answers
never depend on it. `close` writes what is left; a process that is killed loses what waited for the writer.
"""

import time
from collections import deque
from collections.abc import Callable
from random import random
from threading import Event, Thread
from typing import Protocol

from headgate.serving.capture.record import OVERHEAD, Encoder, Exchange
from headgate.serving.codecs import Answer
from headgate.serving.logs import log_error
from headgate.serving.metrics import Counter, Metrics
from headgate.serving.predictor import Headers

BUFFER_BYTES = 16_777_216
WAKE_BYTES = 1_048_576
WAKE_SECONDS = 0.25
PIECE_BYTES = 32_768
PAUSE_SECONDS = 0.0005
CLOSE_SECONDS = 10.0
LOG_SECONDS = 60.0

_INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"


class Destination(Protocol):
    """Where lines go. Used by one thread."""

    def append(self, folder: str, lines: bytes) -> None:
        """Keep whole lines of one hour, `yyyy/mm/dd/hh`. Raises OSError (SpoolFull), and then has kept none."""

    def tick(self) -> None:
        """Called a few times a second: the time to finish a file that is old enough."""

    def close(self) -> None:
        """Nothing more is to come."""


class SpoolFull(OSError):
    """More waits to be sent than may be kept."""


class Capture:
    """Keeps a share of the exchanges. `record` is for one thread, the event loop's."""

    def __init__(
        self,
        encoder: Encoder,
        destination: Destination,
        metrics: Metrics,
        *,
        sampling: float = 100.0,
        buffer_bytes: int = BUFFER_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`sampling` in percent. The writer thread starts at once."""
        self._encoder = encoder
        self._destination = destination
        self._metrics = metrics
        self._share = sampling / 100
        self._limit = buffer_bytes
        self._clock = clock
        self._waiting: deque[Exchange] = deque()
        # two counters that only grow, each with one writing thread, in place of one that would need a lock
        self._put = self._taken = self._woken = 0
        self._overflown = self._lost = 0
        self._closing = False
        self._wake = Event()
        self._log_after = 0.0
        self._logged = 0
        self._reason = "they came faster than they could be written"
        self._writer = Thread(target=self._run, name="capture", daemon=True)
        self._writer.start()

    @property
    def dropped(self) -> int:
        """Records lost since the start."""
        return self._overflown + self._lost

    def record(self, body: bytes, content_type: str | None, answer: Answer, headers: Headers) -> None:
        """Take in the exchange of a request that was answered with success."""
        if self._share < 1 and random() >= self._share:
            return
        size = len(body) + len(answer.body) + OVERHEAD
        if self._put - self._taken + size > self._limit:
            self._overflown += 1
            self._metrics.add(Counter.DROPPED_BUFFER_FULL)
            return
        self._waiting.append(
            Exchange(self._clock(), body, content_type, answer, headers.get(_INFERENCE_ID), headers.get(_ATTRIBUTES))
        )
        self._put += size
        if self._put - self._woken >= WAKE_BYTES:
            self._woken = self._put
            self._wake.set()

    def close(self) -> None:
        """Write what waits and stop; gives up after a while where the disk hangs."""
        self._limit = 0
        self._closing = True
        self._wake.set()
        self._writer.join(CLOSE_SECONDS)
        if self._writer.is_alive():
            log_error("capture was not written", records=len(self._waiting))

    def _run(self) -> None:
        while True:
            self._wake.wait(WAKE_SECONDS)
            self._wake.clear()
            closing = self._closing
            try:
                self._drain()
                self._destination.tick()
                if closing:
                    self._destination.close()
            except Exception as error:  # noqa: BLE001 the thread's boundary: the next time it may go well
                log_error("capture failed", error)
            self._report()
            if closing:
                return

    def _drain(self) -> None:
        """Encode and append everything that waits, piece by piece."""
        waiting, encoder = self._waiting, self._encoder
        folder, size = "", 0
        lines: list[bytes] = []
        while waiting:
            exchange = waiting.popleft()
            try:
                hour, line = encoder.encode(exchange)
            except Exception as error:  # noqa: BLE001 a defect costs this record, not all that follow
                self._lose(1, Counter.DROPPED_NOT_WRITTEN, repr(error))
                self._taken += exchange.size
                continue
            if lines and (size >= PIECE_BYTES or hour != folder):
                self._append(folder, lines, size)
                lines, size = [], 0
                if not self._closing:
                    time.sleep(PAUSE_SECONDS)
            folder = hour
            lines.append(line)
            size += exchange.size
        if lines:
            self._append(folder, lines, size)

    def _append(self, folder: str, lines: list[bytes], size: int) -> None:
        piece = b"".join(lines)
        try:
            self._destination.append(folder, piece)
        except OSError as error:
            why = Counter.DROPPED_SPOOL_FULL if isinstance(error, SpoolFull) else Counter.DROPPED_NOT_WRITTEN
            self._lose(len(lines), why, error.strerror or str(error))
        else:
            self._metrics.add(Counter.CAPTURED, len(lines))
            self._metrics.add(Counter.CAPTURED_BYTES, len(piece))
        self._taken += size

    def _lose(self, records: int, why: Counter, reason: str) -> None:
        self._lost += records
        self._metrics.add(why, records)
        self._reason = reason

    def _report(self) -> None:
        """A line a minute at most about what was lost."""
        dropped, now = self.dropped, time.monotonic()
        if dropped > self._logged and now >= self._log_after:
            log_error("capture dropped records", records=dropped - self._logged, reason=self._reason)
            self._logged, self._log_after = dropped, now + LOG_SECONDS
