"""Evidence: what a rollout is judged by. Counts of units, per variant and window of time.

A unit is what was randomised: a client where routing is sticky, else a request. It belongs to the variant it was
assigned to, whoever answered it in the end, and counts once in a window, in the second of its first event.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """One variant in one window. `slow`: units slower than the baseline's p50, p90 and p99, frozen beforehand."""

    seen: int
    failing: int = 0
    slow: tuple[int, int, int] = (0, 0, 0)
    p99_us: float | None = None
    """The variant's own 99th percentile of latency in this window, in microseconds; None where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Window:
    """Both variants in the same seconds. `start` is in epoch seconds, `seconds` the length."""

    start: float
    seconds: float
    stable: Counts
    canary: Counts

    @property
    def canary_share(self) -> float:
        """The canary's part of the units that were really seen, 0 to 1; 0 where there were none."""
        total = self.stable.seen + self.canary.seen
        return self.canary.seen / total if total else 0.0
