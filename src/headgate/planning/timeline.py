"""The steps of a rollout in order, how long each takes at a given traffic, and what its judge can see by then.

Two times: the least, which headgate.yaml asks for, and the one to expect, which is longer where the traffic brings the
requests that the judge needs more slowly. Both have the delay after which the judge knows what happened: on AWS it gets
its evidence minutes later. Waiting for people and for instances to start is in neither.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.core import durations
from headgate.rollout.plan import Analyse, Approve, Promote, Step, advice

FOUND_3X: dict[float, tuple[int, int]] = {
    5.0: (6_066, 12_427),
    10.0: (6_462, 12_957),
    25.0: (8_782, 17_696),
    50.0: (14_979, 29_591),
}
"""Canary's weight in percent -> the canary requests after which half, and nine in ten, of 2,000 simulated rollouts had
found that 0.2 % of errors had become 0.6 %. By `benchmarks.rollouts`, at 6,000 requests a minute; a test marked `proof`
simulates them again. Versions that differ less, or fail less often, take longer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step. `least` and `expected` are seconds, infinite where they never end; None where a person decides."""

    step: str
    words: str
    least: float | None
    expected: float | None
    canary_requests: float | None = None
    """What of the canary the judge knows in the expected time; None where nothing is judged."""
    half: float | None = None
    most: float | None = None
    """Seconds until errors that became three times as many are found, in half and in nine in ten of the rollouts."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stages, their sums, and what has to be said of them."""

    stages: tuple[Stage, ...]
    least: float
    expected: float
    advice: tuple[str, ...]


def timeline(steps: Sequence[Step], requests_per_second: float, *, delay: float = 0.0) -> Timeline:
    """What to expect of the steps at this traffic. `delay`: how many seconds later than it happens a thing is known to
    the judge (`core.evidence.Rhythm`). Raises InvalidInput for a traffic that is none."""
    said = [*advice(steps, requests_per_second, delay=delay)]
    stages = tuple(_stage(step, requests_per_second, delay) for step in steps)
    said += _blind(stages, delay)
    return Timeline(
        stages,
        sum(stage.least or 0.0 for stage in stages),
        sum(stage.expected or 0.0 for stage in stages),
        tuple(said),
    )


def found_3x(weight: float) -> tuple[int, int]:
    """The canary requests for a weight: those of the next larger one that was simulated, as more weight needs more."""
    return FOUND_3X[min((known for known in FOUND_3X if known >= weight), default=max(FOUND_3X))]


def _stage(step: Step, rate: float, delay: float) -> Stage:
    if isinstance(step, Approve):
        return Stage(step.name, step.words, None, None)
    if not isinstance(step, Analyse):
        return Stage(step.name, step.words, 0.0, 0.0)
    canary = rate * step.weight / 100
    half, most = found_3x(step.weight)
    # What does not come in time is asked of a person; the stage ends then.
    judged = min(max(step.bake, _seconds(step.min_requests, canary)), step.bake + step.wait)
    return Stage(
        step.name,
        step.words,
        step.bake + delay,
        judged + delay,
        canary * judged,
        _seconds(half, canary) + delay,
        _seconds(most, canary) + delay,
    )


def _seconds(requests: float, rate: float) -> float:
    return requests / rate if rate > 0 else math.inf


def _blind(stages: Sequence[Stage], delay: float) -> list[str]:
    """What a bake proves: next to nothing, where a version three times as bad would hardly be found in all of them."""
    judged = [stage for stage in stages if stage.canary_requests is not None]
    if not judged:
        if stages and stages[-1].step == Promote.name:
            return ["Nothing is compared: a version that answers, and answers badly, is found by alarms alone."]
        return []
    # The evidence of all steps is one: each brings its part of what its weight needs.
    parts = [((stage.expected or 0.0) - delay) / (stage.half - delay) if stage.half else 0.0 for stage in judged]
    largest = judged[-1]
    if sum(parts) >= 1.0 or largest.half == math.inf:  # without traffic `advice` has said all there is
        return []
    got = sum(stage.canary_requests or 0.0 for stage in judged)
    return [
        f"In all its bakes the canary gets about {got:,.0f} requests. Errors that rise from 0.2 % to 0.6 % would be "
        f"found in fewer than half of such rollouts ({within(largest.half)} at the last step would find half of them): "
        "a pass says little of regressions that small. Longer bakes, larger steps or more traffic see more."
    ]


def within(seconds: float | None) -> str:
    """A time for people, rounded to what a simulation is good for; `never` where it does not end."""
    if seconds is None:
        return ""
    if seconds == math.inf:
        return "never"
    if seconds == 0:
        return "0 s"
    unit = 1 if seconds < 120 else 60 if seconds < 36_000 else 3600
    return durations.text(max(1, round(seconds / unit)) * unit)
