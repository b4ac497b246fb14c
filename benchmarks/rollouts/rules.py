"""Ours and the rules that people use instead: each answers with the second of its first alarm, (rollouts,); with the
number of seconds where it has none."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from benchmarks.rollouts.fold import first_alarm, shares
from benchmarks.rollouts.latency import Latencies
from benchmarks.rollouts.traffic import Traffic
from headgate.rollout.judge import ERROR_TOLERANCE, LATENCY_TOLERANCE, SLACK_US, Limits

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]
MINUTE = 60
TWO_SIDED = -float(ndtri(0.025))
"""The z beyond which p < 0.05."""
LIMITS = Limits()


def by_errors(traffic: Traffic) -> Ints:
    """Ours: the e-value of errors, looked at every second."""
    share = shares(traffic.canary_seen, traffic.stable_seen, traffic.steps)
    return first_alarm(ERROR_TOLERANCE, LIMITS.line, share, traffic.canary_failing[None], traffic.stable_failing[None])


def by_latency(traffic: Latencies) -> Ints:
    """Ours: the e-value of latency, looked at every second."""
    share = shares(traffic.canary_seen, traffic.stable_seen, traffic.steps)
    return first_alarm(LATENCY_TOLERANCE, LIMITS.line, share, traffic.canary_slow, traffic.stable_slow)


def error_rate(traffic: Traffic) -> Ints:
    """More than 1 % of the canary's requests of a minute failed."""
    return first_minute(minutes(traffic.canary_failed) > 0.01 * minutes(traffic.canary_requests), seconds(traffic))


def two_proportions(traffic: Traffic) -> Ints:
    """Chi-square with Yates' correction on all requests since the step began, each minute: p < 0.05, canary worse."""
    a, n = since(traffic.canary_failed, traffic.steps), since(traffic.canary_requests, traffic.steps)
    b, m = since(traffic.stable_failed, traffic.steps), since(traffic.stable_requests, traffic.steps)
    gap = a * (m - b) - b * (n - a)
    square = np.maximum(gap - (n + m) / 2.0, 0.0) ** 2 * (n + m)
    spread = (a + b) * (n + m - a - b) * n * m
    return first_minute(square > TWO_SIDED**2 * np.maximum(spread, 1.0), seconds(traffic))


def slow_p99(ours: Floats, theirs: Floats, seconds: int) -> Ints:
    """The canary's p99 of a minute is more than 1.5 times the stable one's; both (rollouts, minutes)."""
    return first_minute(ours > 1.5 * theirs, seconds)


def above(ours: Floats, theirs: Floats, ratio: float) -> Flags:
    """Milliseconds that are too high by ratio, and by more than what is let pass."""
    return np.asarray(ours > np.maximum(ratio * theirs, theirs + SLACK_US / 1000))


def floor(ours: Floats, theirs: Floats, seconds: int) -> Ints:
    """Ours: the floor rule on the same windows of one minute, each of which has enough requests."""
    return first_minute(running(above(ours, theirs, LIMITS.floor_ratio), LIMITS.floor_windows), seconds)


def median(ours: Floats, theirs: Floats, seconds: int) -> Ints:
    """Ours where clients are the units: the same on medians."""
    return first_minute(running(above(ours, theirs, LIMITS.median_ratio), LIMITS.floor_windows), seconds)


def mann_whitney(traffic: Latencies) -> Ints:
    """Mann-Whitney on the latencies of a minute: p < 0.05, canary slower."""
    count = traffic.mine.sum(axis=2)
    size = traffic.mine.shape[2]
    ranks = np.arange(1.0, size + 1.0, dtype=np.float32)
    total = traffic.mine.astype(np.float32) @ ranks
    middle = count * (size + 1) / 2.0
    spread = np.sqrt(count * (size - count) * (size + 1) / 12.0)
    return first_minute(total - middle > TWO_SIDED * np.maximum(spread, 1e-9), seconds(traffic))


def running(flags: Flags, times: int) -> Flags:
    """Where so many in a row, up to this one, are set."""
    found = flags.copy()
    for back in range(1, times):
        found[:, back:] &= flags[:, :-back]
        found[:, :back] = False
    return found


def minutes(counts: Ints) -> NDArray[np.float64]:
    """Counts of each minute, (rollouts, minutes)."""
    return np.asarray(counts.reshape(len(counts), -1, MINUTE).sum(axis=2), np.float64)


def since(counts: Ints, steps: tuple[int, ...]) -> NDArray[np.float64]:
    """Counts since the step began, at the end of each minute."""
    begins = [step // MINUTE for step in steps[1:]]
    return np.concatenate([part.cumsum(axis=1) for part in np.split(minutes(counts), begins, axis=1)], axis=1)


def first_minute(flags: Flags, seconds: int) -> Ints:
    """The last second of the first minute that is flagged."""
    return np.where(flags.any(axis=1), MINUTE * (flags.argmax(axis=1) + 1) - 1, seconds)


def seconds(traffic: Traffic | Latencies) -> int:
    """How long the rollouts are."""
    return int(traffic.canary_seen.shape[1])
