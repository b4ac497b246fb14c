"""What one second holds of one variant, while it may still grow (`Tally`) and as it is kept (`Units`, `Invocations`).

A unit is told from others by its hash only where it can come again: a client, or a request that failed and so may have
been tried again. A request of nobody in particular that was answered at once cannot come again: its second holds how
many there were, and their microseconds, sorted. So no query needs to remember requests, and thresholds compare exactly:
against each unit's largest microseconds, and against each such request's.

The errors of a request belong to the second of its first attempt, by the last status known when that second was closed.
A request that the caller sent to a variant of its choice is an invocation, with its latency, and nothing else.
"""

import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headgate.engine.evidence.attempts import Attempt
from headgate.engine.evidence.histogram import Histogram

_HEAD = struct.Struct("<IIII")
_LARGEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Invocations:
    """Requests that were first tried in one second, by what became of them."""

    invocations: int
    errors_4xx: int
    errors_5xx: int
    model_errors: int
    """As on AWS: not answered with 2xx by the variant's own server at the first attempt."""


@dataclass(frozen=True, slots=True)
class Units:
    """The units of one variant in one second. Those that failed come first."""

    hashes: Sequence[int]
    failing: int
    """How many of `hashes` failed."""
    largest: Sequence[int]
    """The largest microseconds of each of `hashes`; 0 where the variant's own servers gave no answer."""
    requests: int
    """How many more units there were: requests without a client, answered at the first attempt."""
    microseconds: Sequence[int]
    """Those of `requests`, sorted."""

    @property
    def slowest(self) -> int:
        """The largest microseconds of all units, 0 without any."""
        return max(max(self.largest, default=0), self.microseconds[-1] if self.microseconds else 0)

    def slow(self, threshold: float) -> tuple[Iterable[int], int]:
        """Units strictly slower than a threshold in microseconds: their hashes, and how many `requests`."""
        hashes = [unit for unit, largest in zip(self.hashes, self.largest, strict=True) if largest > threshold]
        return hashes, len(self.microseconds) - bisect_right(self.microseconds, threshold)

    def encode(self) -> bytes:
        """As bytes of this machine, for `decode`."""
        head = _HEAD.pack(len(self.hashes), self.failing, self.requests, len(self.microseconds))
        parts = array("Q", self.hashes), array("I", self.largest), array("I", self.microseconds)
        return zlib.compress(head + b"".join(part.tobytes() for part in parts), 1)

    @classmethod
    def decode(cls, encoded: bytes) -> "Units":
        """What `encode` made."""
        raw = zlib.decompress(encoded)
        size, failing, requests, _ = _HEAD.unpack_from(raw)
        first = _HEAD.size + 8 * size
        second = first + 4 * size
        hashes, largest = array("Q", raw[_HEAD.size : first]), array("I", raw[first:second])
        return cls(hashes, failing, largest, requests, array("I", raw[second:]))


class Tally:
    """One variant in one second that is still open."""

    __slots__ = (
        "_errors_4xx", "_errors_5xx", "_failing", "_invocations", "_largest", "_limit", "_microseconds",
        "_model_errors", "_requests", "_units", "beyond", "latency", "unsettled",
    )  # fmt: skip

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._invocations = 0
        self._errors_4xx = 0
        self._errors_5xx = 0
        self._model_errors = 0
        self._largest: dict[int, int] = {}
        self._failing: set[int] = set()
        self._requests = 0
        self._microseconds: list[int] = []
        self._units: Units | None = None
        self.latency = Histogram()
        self.unsettled: dict[int, int] = {}
        """The last known status of each request that failed at first, and may have been tried again."""
        self.beyond = 0
        """Attempts that are no evidence, because the second had `limit` other units already. Whether a unit is among
        the first of its second does not depend on how it fared, so what is left is a fair sample."""

    def add(self, attempt: Attempt) -> None:
        """Count one attempt."""
        if attempt.microseconds is not None:
            self.latency.add(min(attempt.microseconds, _LARGEST))
        if attempt.number == 1:
            self._invocations += 1
        if attempt.randomised:
            if attempt.number == 1:
                self._judge(attempt)
            self._count(attempt)

    def _judge(self, attempt: Attempt) -> None:
        if attempt.failed:
            self.unsettled[attempt.request] = attempt.status
        elif attempt.status >= 300:  # 0 here: the caller went away, which is nobody's error
            self._model_errors += 1
            self._errors_4xx += 400 <= attempt.status < 500
            self._errors_5xx += 500 <= attempt.status < 600

    def _count(self, attempt: Attempt) -> None:
        self._units = None
        microseconds = min(attempt.microseconds or 0, _LARGEST)
        if attempt.client is None and attempt.number == 1 and not attempt.failed:
            self._requests += 1
            if microseconds:
                self._microseconds.append(microseconds)
            return
        unit = attempt.request if attempt.client is None else attempt.client
        known = self._largest.get(unit)
        if known is None and len(self._largest) >= self._limit:
            self.beyond += 1
            return
        if known is None or microseconds > known:
            self._largest[unit] = microseconds
        if attempt.failed:
            self._failing.add(unit)

    @property
    def invocations(self) -> Invocations:
        """The requests, with what is known of them by now."""
        last = self.unsettled.values()
        return Invocations(
            self._invocations,
            self._errors_4xx + sum(400 <= status < 500 for status in last),
            self._errors_5xx + sum(500 <= status < 600 for status in last),
            self._model_errors + len(last),
        )

    @property
    def units(self) -> Units:
        """The units, with what is known of them by now."""
        if self._units is None:
            failing = self._failing
            hashes = [*failing, *(unit for unit in self._largest if unit not in failing)]
            largest = [self._largest[unit] for unit in hashes]
            self._units = Units(hashes, len(failing), largest, self._requests, sorted(self._microseconds))
        return self._units
