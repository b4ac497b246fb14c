"""What is simulated: each cell draws rollouts and asks each rule when, if ever, it would have rolled them back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.rollouts import rules
from benchmarks.rollouts.latency import (
    Change,
    Shape,
    SlowClients,
    latencies,
    more_slow_ones,
    p99,
    p99_of,
    same,
    sticky_latencies,
)
from benchmarks.rollouts.traffic import Clients, Plan, requests, sticky

Ints = NDArray[np.integer]
Random = np.random.Generator

HEADGATE = "Headgate"
PER_STEP = "Headgate, a client counted in each step"
PER_REQUEST = "Headgate, requests counted instead of clients"
TAIL_ALONE = "Headgate's floor rule on sticky clients' requests"
ERROR_RATE = "errors above 1 % in a minute"
TWO_PROPORTIONS = "errors p < 0.05, each minute"
SLOW_P99 = "p99 above 1.5x in a minute"
MANN_WHITNEY = "Mann-Whitney p < 0.05, each minute"
USUAL = (ERROR_RATE, TWO_PROPORTIONS, SLOW_P99, MANN_WHITNEY)


@dataclass(frozen=True)
class Outcome:
    """By rule, the second of the first alarm, (rollouts,), or the number of seconds; and what the canary saw in each
    second, (rollouts, seconds)."""

    alarms: Mapping[str, Ints]
    canary_requests: Ints
    canary_units: Ints


Draw = Callable[[Random, int], Outcome]
Kind = Literal["null", "worse", "weight"]


@dataclass(frozen=True)
class Cell:
    """`null`: every alarm is false. `worse`: every alarm is right. `weight`: worse too; how detection hangs on it."""

    name: str
    kind: Kind
    title: str
    draw: Draw
    rollouts: int = 10_000
    """At most so many, where drawing them is dear."""


def errors(
    stable: float,
    canary: float,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    outage: tuple[int, int, float] = (0, 0, 1.0),
    *,
    usual: bool = True,
) -> Draw:
    """Each request is a unit, and so many fail."""

    def draw(random: Random, rollouts: int) -> Outcome:
        traffic = requests(random, rollouts, plan, (stable, canary), outage)
        alarms = {HEADGATE: rules.by_errors(traffic)}
        if usual:
            alarms |= {ERROR_RATE: rules.error_rate(traffic), TWO_PROPORTIONS: rules.two_proportions(traffic)}
        return Outcome(alarms, traffic.canary_requests, traffic.canary_seen)

    return draw


def clients(stable: float, canary: float, plan: Plan, who: Clients) -> Draw:
    """Each client is a unit."""

    def draw(random: Random, rollouts: int) -> Outcome:
        traffic, by_step = sticky(random, rollouts, plan, (stable, canary), who)
        alarms = {
            HEADGATE: rules.by_errors(traffic),
            PER_STEP: rules.by_errors(by_step),
            PER_REQUEST: rules.by_errors(traffic.by_request()),
            ERROR_RATE: rules.error_rate(traffic),
            TWO_PROPORTIONS: rules.two_proportions(traffic),
        }
        if len(plan.weights) == 1:
            del alarms[PER_STEP]
        return Outcome(alarms, traffic.canary_requests, traffic.canary_seen)

    return draw


def latency(plan: Plan, change: Change, shape: Shape = Shape()) -> Draw:  # noqa: B008 - frozen
    """Each request is a unit, and the canary's latencies are changed."""

    def draw(random: Random, rollouts: int) -> Outcome:
        traffic = latencies(random, rollouts, plan, change)
        ours, theirs = (shape.milliseconds(p99(traffic.minutes, who)) for who in (traffic.mine, ~traffic.mine))
        guilty = rules.by_latency(traffic)
        if min(plan.weights) * plan.rate > 1.1 * rules.LIMITS.floor_requests:
            guilty = np.minimum(guilty, rules.floor(ours, theirs, plan.length))
        alarms = {
            HEADGATE: guilty,
            SLOW_P99: rules.slow_p99(ours, theirs, plan.length),
            MANN_WHITNEY: rules.mann_whitney(traffic),
        }
        return Outcome(alarms, traffic.canary_seen, traffic.canary_seen)

    return draw


def slow_clients(plan: Plan, who: SlowClients, shape: Shape = Shape()) -> Draw:  # noqa: B008 - frozen
    """Each client is a unit, some are slow by nature, the versions are equal."""

    def draw(random: Random, rollouts: int) -> Outcome:
        traffic, ours, theirs = sticky_latencies(random, rollouts, plan, who, shape)
        alarms = {
            HEADGATE: rules.by_latency(traffic),
            TAIL_ALONE: rules.floor(ours, theirs, plan.length),
            SLOW_P99: rules.slow_p99(ours, theirs, plan.length),
        }
        return Outcome(alarms, traffic.canary_seen, traffic.canary_seen)

    return draw


def medians(plan: Plan, spread: float, clients: int) -> Draw:
    """Each client is a unit and has a speed of its own (`spread`: sigma of its logarithm); the versions are equal."""

    def draw(random: Random, rollouts: int) -> Outcome:
        minutes, requests = plan.length // 60, 600
        ours, theirs = np.empty((rollouts, minutes)), np.empty((rollouts, minutes))
        for found, count in ((ours, round(clients * plan.weights[0])), (theirs, clients)):
            speeds = random.normal(0.0, spread, (rollouts, count)).astype(np.float32)
            for minute in range(minutes):
                who = random.integers(0, count, (rollouts, requests))
                one = np.take_along_axis(speeds, who, axis=1) + 0.5 * random.standard_normal(who.shape, np.float32)
                found[:, minute] = np.exp(np.median(one, axis=1))
        alarms = {HEADGATE: rules.median(ours, theirs, plan.length)}
        seen = np.full((rollouts, plan.length), round(plan.rate * plan.weights[0]) // 60)
        return Outcome(alarms, seen, seen)

    return draw


def tails(plan: Plan, shape: Shape) -> Draw:
    """Each request is a unit, the versions are equal; only what looks at p99 is asked."""

    def draw(random: Random, rollouts: int) -> Outcome:
        size = (rollouts, plan.length // 60)
        canary = round(plan.rate * plan.weights[0])
        ours, theirs = (shape.milliseconds(p99_of(random, size, n)) for n in (canary, plan.rate - canary))
        alarms = {
            HEADGATE: rules.floor(ours, theirs, plan.length),
            SLOW_P99: rules.slow_p99(ours, theirs, plan.length),
        }
        seen = np.full((rollouts, plan.length), canary // 60)
        return Outcome(alarms, seen, seen)

    return draw


STEPS = (0.05, 0.25, 0.5)
BUSY = Plan((0.1,), 1800, 6000)


def weighed() -> Iterable[Cell]:
    """How soon ours finds failures, at each weight: 7,200 canary requests long, or 1,800."""
    for weight in (0.05, 0.1, 0.25, 0.5):
        for worse in (0.01, 0.05):
            yield Cell(
                f"weight_{100 * weight:g}_{100 * worse:g}",
                "weight",
                f"errors 0.1 % -> {100 * worse:g} % at {100 * weight:g} %",
                errors(0.001, worse, Plan((weight,), round((720 if worse < 0.02 else 180) / weight)), usual=False),
                2000,
            )


CELLS = (
    Cell("equal", "null", "equal versions", errors(0.001, 0.001)),
    Cell("edge", "null", "the tolerance: errors 0.1 %, 0.15 %", errors(0.001, 0.0015)),
    Cell("edge_many", "null", "the tolerance: errors 1 %, 1.5 %", errors(0.01, 0.015)),
    Cell("edge_steps", "null", "the tolerance: errors 1 %, 1.5 %, three steps", errors(0.01, 0.015, Plan(STEPS, 1200))),
    Cell("outage", "null", "shared outage: 50x errors for 5 min", errors(0.001, 0.001, outage=(1800, 2100, 50.0))),
    Cell(
        "bursts",
        "null",
        "sticky clients that fail in bursts",
        clients(0.001, 0.001, Plan(seconds=3600), Clients(bursts=1 / 600)),
    ),
    Cell(
        "always",
        "null",
        "3 sticky clients always fail, three steps",
        clients(0.0, 0.0, Plan(STEPS, 600), Clients(always_failing=3)),
    ),
    Cell(
        "always_long",
        "null",
        "3 sticky clients always fail, six steps",
        clients(0.0, 0.0, Plan((0.05, 0.1, 0.2, 0.3, 0.4, 0.5), 300), Clients(always_failing=3)),
    ),
    Cell("latency_equal", "null", "equal latency", latency(Plan(seconds=1200), same)),
    Cell(
        "latency_edge",
        "null",
        "the tolerance: 1.25x the slow, three steps",
        latency(Plan(STEPS, 420), more_slow_ones(1.25)),
    ),
    Cell("latency_sticky", "null", "equal latency, 4 sticky clients slow", slow_clients(BUSY, SlowClients())),
    Cell(
        "latency_speeds",
        "null",
        "equal latency, each sticky client at its speed",
        medians(Plan((0.1,), 1200, 6000), 1.0, 500),
    ),
    Cell("latency_heavy", "null", "equal latency, very long tails", tails(Plan((0.1,), 7200, 6000), Shape(sigma=1.5))),
    Cell("errors_1", "worse", "errors 0.1 % -> 1 %", errors(0.001, 0.01)),
    Cell("errors_5", "worse", "errors 0.1 % -> 5 %", errors(0.001, 0.05, Plan(seconds=1800))),
    Cell("errors_3x", "worse", "errors 0.2 % -> 0.6 %", errors(0.002, 0.006, Plan((0.1,), 3600, 6000)), 2000),
    Cell(
        "clients_5",
        "worse",
        "errors 0.1 % -> 5 %, sticky clients",
        clients(0.001, 0.05, Plan(seconds=1200), Clients()),
    ),
    Cell("slower", "worse", "30 ms slower", latency(Plan(seconds=300), Shape().later(30.0))),
    Cell("tail", "worse", "1 % of requests wait 60 ms: p99 x 2", latency(BUSY, Shape().later(60.0, 0.01)), 500),
    *weighed(),
)
