"""Scales and their ticks: seconds from left to right, latencies by orders of magnitude from bottom to top."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)
MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high`, drawn from pixel `start` to pixel `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; one outside is drawn at the border."""
        value = min(max(value, self.low), self.high)
        share = (
            math.log(value / self.low) / math.log(self.high / self.low)
            if self.logarithmic
            else (value - self.low) / (self.high - self.low)
        )
        return round(self.start + share * (self.end - self.start), 1)


def time_ticks(seconds: float) -> list[int]:
    """Round numbers of seconds, at most MOST_TICKS of them beside 0."""
    step = next((step for step in STEPS if seconds / step <= MOST_TICKS), STEPS[-1])
    return list(range(0, int(seconds) + 1, step))


def time_text(seconds: int) -> str:
    """`40 s`, and `1:30` from a minute on."""
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02d}"


def latency_range(milliseconds: Sequence[float]) -> tuple[float, float]:
    """From where to where the axis goes: round values around all of these."""
    least, most = (min(milliseconds), max(milliseconds)) if milliseconds else (1.0, 10.0)
    low = max((tick for tick in _ladder() if tick <= least), default=0.001)
    high = min((tick for tick in _ladder() if tick >= most * 1.1), default=1e6)
    return low, max(high, low * 5)


def latency_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every order of magnitude; only the orders themselves where those would be many."""
    ticks = [tick for tick in _ladder() if low <= tick <= high]
    return ticks if len(ticks) <= MOST_TICKS else [t for t in ticks if round(math.log10(t), 6).is_integer()]


def latency_text(milliseconds: float) -> str:
    """`0.5 ms`, `20 ms`, `2.15 s`: three digits are more than a measurement is good for."""
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


def _ladder() -> list[float]:
    return [float(f"{digit}e{power}") for power in range(-3, 7) for digit in (1, 2, 5)]
