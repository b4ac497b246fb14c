"""Latencies in buckets at most 1/64 (1.6 %) as wide as their lower bound; count, sum, minimum and maximum are exact.

A value keeps its highest seven bits: below 128 a bucket is one microsecond wide, from there on two to the power of
(bits - 7). So buckets need integers only, are the same everywhere, and two histograms merge by adding their counts.
"""

import math
import struct
import zlib
from array import array

_BITS = 7
_HALF = 1 << (_BITS - 1)
_HEAD = struct.Struct("<QQQQI")


class Histogram:
    """Values in microseconds. Not safe to share between threads while it changes."""

    __slots__ = ("_buckets", "count", "maximum", "minimum", "sum")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.sum = 0
        self.minimum = 0
        """0 while there are no values; so `maximum`."""
        self.maximum = 0

    def add(self, value: int) -> None:
        """Count one value (0 or more)."""
        shift = value.bit_length() - _BITS
        index = value if shift <= 0 else shift * _HALF + (value >> shift)
        self._buckets[index] = self._buckets.get(index, 0) + 1
        if value < self.minimum or not self.count:
            self.minimum = value
        self.maximum = max(self.maximum, value)
        self.count += 1
        self.sum += value

    def merge(self, other: "Histogram") -> None:
        """Add all values of another one."""
        if not other.count:
            return
        self.minimum = min(self.minimum, other.minimum) if self.count else other.minimum
        self.maximum = max(self.maximum, other.maximum)
        self.count += other.count
        self.sum += other.sum
        mine = self._buckets
        for index, count in other._buckets.items():
            mine[index] = mine.get(index, 0) + count

    def percentile(self, percent: float) -> float:
        """The value that `percent` (0 to 100) of all values do not exceed, to 1.6 %; 0 without values."""
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile lies between 0 and 100, not at {percent}")
        rank = max(1, math.ceil(self.count * percent / 100))
        passed = 0
        for index in sorted(self._buckets):
            count = self._buckets[index]
            if passed + count >= rank:
                low, width = _bounds(index)
                return float(min(self.maximum, max(self.minimum, low + (width - 1) * (rank - passed) / count)))
            passed += count
        return 0.0

    def above(self, value: float) -> int:
        """How many values are larger; of the bucket that `value` is in, the part above it."""
        found = 0.0
        for index, count in self._buckets.items():
            low, width = _bounds(index)
            larger = width - 1 - (math.floor(value) - low)
            found += count * min(1.0, max(0.0, larger / width))
        return round(found)

    def encode(self) -> bytes:
        """As bytes, for `decode`."""
        head = _HEAD.pack(self.count, self.sum, self.minimum, self.maximum, len(self._buckets))
        indexes = sorted(self._buckets)
        counts = array("I", [self._buckets[index] for index in indexes])
        return zlib.compress(head + array("H", indexes).tobytes() + counts.tobytes(), 1)

    @classmethod
    def decode(cls, encoded: bytes) -> "Histogram":
        """What `encode` made."""
        raw = zlib.decompress(encoded)
        made = cls()
        made.count, made.sum, made.minimum, made.maximum, size = _HEAD.unpack_from(raw)
        middle = _HEAD.size + 2 * size
        made._buckets = dict(zip(array("H", raw[_HEAD.size : middle]), array("I", raw[middle:]), strict=True))
        return made


def _bounds(index: int) -> tuple[int, int]:
    """The lowest value of a bucket, and how many values it holds."""
    shift = index // _HALF - 1
    return (index, 1) if shift <= 0 else ((index % _HALF + _HALF) << shift, 1 << shift)
