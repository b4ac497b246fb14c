"""Rollouts of a canary that may be slow: each request with its latency.

A latency is kept as its place among the stable variant's own, uniform in (0, 1): 0.5 is the stable median. All that
compares latencies by order works on places; `Shape` turns them into milliseconds where somebody asks for those. So the
stable variant needs no arithmetic, and the canary's few requests are moved from place to place by what ails it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from benchmarks.rollouts.traffic import Plan, counted
from headgate.rollout.judge import SLACK_US

Ints = NDArray[np.integer]
Places = NDArray[np.floating]
Random = np.random.Generator
Change = Callable[[Random, Places], Places]
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Shape:
    """A lognormal latency: its median in milliseconds and the sigma of its logarithm."""

    median: float = 10.0
    sigma: float = 0.5

    def milliseconds(self, place: Places) -> Places:
        """The latency at a place."""
        return np.asarray(self.median * np.exp(self.sigma * ndtri(place)))

    def place(self, milliseconds: Places) -> Places:
        """The place of a latency."""
        return np.asarray(ndtr(np.log(milliseconds / self.median) / self.sigma))

    def later(self, wait: float, part: float = 1.0) -> Change:
        """This part of the requests waits so many milliseconds more."""

        def change(random: Random, place: Places) -> Places:
            waits = random.random(place.shape) < part
            return np.where(waits, self.place(self.milliseconds(place) + wait), place)

        return change


SLOW = Shape().place(Shape().milliseconds(np.array(QUANTILES)) + SLACK_US / 1000)
"""The places above which an answer is slow: the stable variant's quantiles, and what is let pass beyond them."""


def same(random: Random, place: Places) -> Places:
    """Nothing is wrong."""
    del random
    return place


def more_slow_ones(times: float) -> Change:
    """Above every threshold lie so many times as many, as far as there is room."""

    def change(random: Random, place: Places) -> Places:
        del random
        return 1.0 - (1.0 - place) / times

    return change


@dataclass(frozen=True)
class Latencies:
    """Rollouts; `slow`: (3, rollouts, seconds) requests above the stable p50, p90 and p99; `minutes`: all places,
    (rollouts, minutes, requests), in rising order, the canary's marked in `mine`."""

    steps: tuple[int, ...]
    canary_seen: Ints
    stable_seen: Ints
    canary_slow: Ints
    stable_slow: Ints
    minutes: Places
    mine: NDArray[np.bool_]


def latencies(random: Random, rollouts: int, plan: Plan, change: Change) -> Latencies:
    """A steady number of requests each second, each of which is the canary's with the probability of its weight."""
    size = (rollouts, plan.length, plan.rate // 60)
    place = random.random(size, dtype=np.float32)
    mine = random.random(size, dtype=np.float32) < plan.weight()[:, None].astype(np.float32)
    place[mine] = change(random, place[mine])
    ours = np.empty((3, *size[:2]), np.int16)
    both = np.empty((3, *size[:2]), np.int16)
    for i, quantile in enumerate(SLOW):
        slow = place > np.float32(quantile)
        both[i] = np.count_nonzero(slow, axis=2)
        ours[i] = np.count_nonzero(slow & mine, axis=2)
    seen = np.count_nonzero(mine, axis=2).astype(np.int16)
    minutes, marked = in_order(place, mine, plan.rate)
    return Latencies(plan.steps, seen, size[2] - seen, ours, both - ours, minutes, marked)


def in_order(place: Places, mine: NDArray[np.bool_], rate: int) -> tuple[Places, NDArray[np.bool_]]:
    """Each minute's places in rising order, and which of them are the canary's."""
    # positive floats are ordered as their bits are: the last bit carries the mark through the sort
    bits = (place.view(np.uint32) & np.uint32(0xFFFFFFFE)) | mine
    bits = bits.reshape(len(place), -1, rate)
    bits.sort(axis=2)
    return (bits & np.uint32(0xFFFFFFFE)).view(np.float32), (bits & np.uint32(1)).astype(bool)


def p99(minutes: Places, mine: NDArray[np.bool_]) -> Places:
    """The place of the 99th percentile of the marked ones in each minute, (rollouts, minutes)."""
    count = np.count_nonzero(mine, axis=2)
    above = count - np.ceil(0.99 * count).astype(np.int64)
    from_top = mine[:, :, ::-1].cumsum(axis=2, dtype=np.int16)
    at = mine.shape[2] - 1 - (from_top > above[:, :, None]).argmax(axis=2)
    return np.take_along_axis(minutes, at[:, :, None], axis=2)[:, :, 0]


def p99_of(random: Random, size: tuple[int, int], requests: int) -> Places:
    """The place of the 99th percentile of so many requests: an order statistic, so a Beta variable."""
    at = math.ceil(0.99 * requests)
    return random.beta(at, requests + 1 - at, size)


@dataclass(frozen=True)
class SlowClients:
    """Sticky clients, some of whom are slow by nature, whoever answers them: 100 to 200 ms, always."""

    count: int = 500
    slow: int = 4


def sticky_latencies(
    random: Random, rollouts: int, plan: Plan, clients: SlowClients, shape: Shape
) -> tuple[Latencies, Places, Places]:
    """Equal versions, one step. A client is slow once, in the second of its first slow answer; `minutes` and `mine`
    stay empty. With it the p99 of each minute in milliseconds of canary and stable, (rollouts, minutes)."""
    rate = plan.rate / 60 / clients.count
    size = (rollouts, clients.count)
    mine = random.random(size) < plan.weights[0]
    by_nature = np.arange(clients.count) < clients.slow
    # the first answers between the thresholds, from the rarest to any: each first time is the least of those above it
    parts = np.diff([0.0, *(1.0 - q for q in reversed(SLOW)), 1.0])
    times = np.minimum.accumulate([random.exponential(1.0 / (rate * part), size) for part in parts])
    times[:, :, by_nature] = times[-1][:, by_nature]
    seen = counted(times[-1], mine, plan.length)
    slow = np.stack([counted(found, mine, plan.length) for found in times[2::-1]], axis=1)
    empty = np.empty((rollouts, 0, 0))
    found = Latencies(plan.steps, seen[1], seen[0], slow[1], slow[0], empty, empty.astype(bool))
    counts = [((who & by_nature).sum(axis=1), (who & ~by_nature).sum(axis=1)) for who in (mine, ~mine)]
    ours, theirs = (mixed_p99(random, 60 * rate, plan.length // 60, count, shape) for count in counts)
    return found, ours, theirs


def mixed_p99(
    random: Random, each: float, minutes: int, counts: tuple[NDArray[np.integer], NDArray[np.integer]], shape: Shape
) -> Places:
    """The p99 of a variant's requests of each minute; of its clients, so many are slow and so many are not (rollouts,),
    and each sends so many requests a minute. What slow clients get is slower than all the rest."""
    slow, rest = (random.poisson(each * count, (minutes, len(count))).T for count in counts)
    at = np.maximum(np.ceil(0.99 * (slow + rest)).astype(np.int64), 1)
    usual = shape.milliseconds(random.beta(np.minimum(at, rest), np.maximum(rest + 1 - at, 1)))
    within = at - rest
    high = 100.0 + 100.0 * random.beta(np.maximum(within, 1), np.maximum(slow + 1 - within, 1))
    return np.where(within > 0, high, usual)
