"""Evidence: what a rollout is judged by. Counts of units, per variant and window of time.

A unit is what was randomised: a client where routing is sticky, else a request. It belongs to the variant it was
assigned to, whoever answered it in the end. It is seen once in a step of the rollout, and fails or is slow at most once
in the whole rollout, each in the second of the first such event: what a client does again and again is no new evidence.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How evidence comes, in whole seconds: in windows of `period`, settled `lag` after they ended; and how much later
    than it happened a thing is known at all (`delay`), so that a bake is judged so much after its end."""

    period: int = 1
    lag: int = 3
    delay: int = 0

    def next(self, second: int) -> int:
        """The first beginning of a window that is not before `second`."""
        return -(-second // self.period) * self.period

    def settled(self, now: float) -> int:
        """Up to which second nothing changes any more."""
        return int((now - self.lag) // self.period) * self.period


BY_SECOND = Rhythm()
"""The engine's: what happens is known at once."""
OF_ENDPOINTS = Rhythm(period=60, lag=180, delay=180)
"""CloudWatch's, of SageMaker's endpoints."""
OF_FUNCTIONS = Rhythm(period=60, lag=120, delay=120)
"""CloudWatch's, of Lambda functions: a minute is looked at a minute after its end."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One variant in one window: units that were first seen, first failed, and were first slower than the baseline's
    p50, p90 and p99 (thresholds frozen beforehand) in it; and all its requests."""

    seen: int
    failing: int = 0
    slow: tuple[int, int, int] = (0, 0, 0)
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Both variants in the same seconds. `start` is in epoch seconds, `seconds` the length."""

    start: float
    seconds: float
    stable: Counts
    canary: Counts


@dataclass(frozen=True, slots=True)
class Tail:
    """Median and 99th percentile of latency (microseconds) of both variants in the same seconds, and their requests."""

    start: float
    seconds: float
    stable_p50_us: float
    canary_p50_us: float
    stable_p99_us: float
    canary_p99_us: float
    stable_requests: int
    canary_requests: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual: the stable variant's latency before the canary came, and how many requests that is told from."""

    requests: int
    percentiles: tuple[float, float, float]
    """p50, p90 and p99, in microseconds."""
