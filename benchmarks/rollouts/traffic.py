"""Rollouts of a canary that may fail: who was seen and who failed, in each second.

Where a request is the unit, a steady number of good requests comes each second, each of which is the canary's with
the probability of its weight; failing ones come on top, as a Poisson process, so that the wanted part of all fails.

Where routing is sticky, clients call at random times, some far more often than others, and each has a place in (0, 1):
it is the canary's while the weight is above that place, so that a growing weight moves nobody back. Every client is
drawn by itself: when it is first seen in each step, when it first fails in each step and in the whole rollout.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Random = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """Weights of the canary, each for so many seconds, and requests a minute."""

    weights: tuple[float, ...] = (0.05,)
    seconds: int = 7200
    rate: int = 600

    @property
    def steps(self) -> tuple[int, ...]:
        """The first second of each step."""
        return tuple(self.seconds * i for i in range(len(self.weights)))

    @property
    def length(self) -> int:
        """Seconds in all."""
        return self.seconds * len(self.weights)

    def weight(self) -> NDArray[np.float64]:
        """The weight in each second."""
        return np.repeat(self.weights, self.seconds)


@dataclass(frozen=True)
class Traffic:
    """Rollouts; arrays of (rollouts, seconds). Units seen count from their step's first second on."""

    steps: tuple[int, ...]
    canary_seen: Ints
    stable_seen: Ints
    canary_failing: Ints
    stable_failing: Ints
    canary_requests: Ints
    stable_requests: Ints
    canary_failed: Ints
    stable_failed: Ints

    def by_request(self) -> "Traffic":
        """Counted as if every request were a unit."""
        return replace(
            self,
            canary_seen=self.canary_requests,
            stable_seen=self.stable_requests,
            canary_failing=self.canary_failed,
            stable_failing=self.stable_failed,
        )


def requests(
    random: Random,
    rollouts: int,
    plan: Plan,
    parts: tuple[float, float],
    outage: tuple[int, int, float] = (0, 0, 1.0),
) -> Traffic:
    """Each request for itself; these parts of the stable variant's and of the canary's fail, and more of both in an
    outage (from, to, factor)."""
    size = (rollouts, plan.length)
    weight = plan.weight()
    worse = np.ones(plan.length)
    worse[outage[0] : outage[1]] = outage[2]
    each = plan.rate // 60
    good = random.binomial(each, weight, size).astype(np.int16)
    bad = poisson(random, rollouts, each * weight * odds(parts[1] * worse))
    others = poisson(random, rollouts, each * (1.0 - weight) * odds(parts[0] * worse))
    ours, theirs = good + bad, each - good + others
    return Traffic(plan.steps, ours, theirs, bad, others, ours, theirs, bad, others)


def odds(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Failing requests for each good one."""
    return part / (1.0 - part)


@dataclass(frozen=True)
class Clients:
    """Sticky clients. Of each variant's requests a part fails; some clients always fail; some fail in bursts."""

    count: int = 500
    always_failing: int = 0
    bursts: float = 0.0
    """How many bursts a second begin, each at a client drawn anew: one failing request a second while it lasts."""
    burst_seconds: int = 30
    spread: float = 1.0
    """Sigma of the logarithm of how often each calls."""


def sticky(
    random: Random, rollouts: int, plan: Plan, parts: tuple[float, float], clients: Clients
) -> tuple[Traffic, Traffic]:
    """The rollouts with a client's first failure in all the rollout, as the judge counts, and with one in each step."""
    place = random.random((rollouts, clients.count))
    rate = random.lognormal(0.0, clients.spread, place.shape)
    rate *= plan.rate / 60 / rate.sum(axis=1, keepdims=True)
    always = np.arange(clients.count) < clients.always_failing
    bursts = random.poisson(clients.bursts * plan.length, rollouts)
    rollout = np.repeat(np.arange(rollouts), bursts)
    client, begin = random.integers(clients.count, size=len(rollout)), random.integers(plan.length, size=len(rollout))
    found = []
    failed_before = np.zeros(place.shape, bool)
    for start, weight in zip(plan.steps, plan.weights, strict=True):
        mine = place < weight
        part = np.where(always, 1.0, np.where(mine, parts[1], parts[0]))
        with np.errstate(divide="ignore"):
            fine = random.exponential(1.0, place.shape) / (rate * (1.0 - part))
            fails = random.exponential(1.0, place.shape) / (rate * part)
        here = (begin >= start) & (begin < start + plan.seconds)
        np.minimum.at(fails, (rollout[here], client[here]), begin[here] - start + 0.5)
        burst = np.zeros((2, rollouts, plan.seconds), np.int16)
        for later in range(clients.burst_seconds):
            now = begin + later - start
            there = (now >= 0) & (now < plan.seconds)
            at = (mine[rollout[there], client[there]].astype(int), rollout[there], now[there])
            np.add.at(burst, at, 1)
        group = Group(random, rate, plan.seconds, mine)
        found.append(group.step(part, (fine, fails), failed_before, burst))
        failed_before |= fails < plan.seconds
    seen, first, each, asked, failed = (np.concatenate(pieces, axis=2) for pieces in zip(*found, strict=True))
    whole = Traffic(
        plan.steps,
        seen[1],
        seen[0],
        first[1],
        first[0],
        asked[1] + failed[1],
        asked[0] + failed[0],
        failed[1],
        failed[0],
    )
    return whole, replace(whole, canary_failing=each[1], stable_failing=each[0])


@dataclass(frozen=True)
class Group:
    """The clients in one step: how often each calls a second, and who is the canary's; both (rollouts, clients)."""

    random: Random
    rate: NDArray[np.float64]
    seconds: int
    mine: NDArray[np.bool_]

    def step(
        self,
        part: NDArray[np.float64],
        first: tuple[NDArray[np.float64], NDArray[np.float64]],
        failed_before: NDArray[np.bool_],
        burst: Ints,
    ) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Each (2, rollouts, seconds), stable first: units seen, first failures in the rollout and in the step, good
        and failing requests. `part` of a client's requests fails; `first` are its first good and first failing one."""
        fine, fails = first
        seen, each = self.counted(np.minimum(fine, fails)), self.counted(fails)
        new = self.counted(np.where(failed_before, np.inf, fails))
        asked, failed = self.requests(1.0 - part), self.requests(part)
        # drawn apart from the first ones, which are among them
        return seen, new, each, np.maximum(asked, seen - each), np.maximum(failed + burst, each)

    def requests(self, part: NDArray[np.float64]) -> Ints:
        """This part of the requests of both variants."""
        size = (self.seconds, len(self.mine))
        rates = [(self.rate * part * (self.mine == side)).sum(axis=1) for side in (False, True)]
        return np.stack([self.random.poisson(rate, size).T for rate in rates])

    def counted(self, times: NDArray[np.float64]) -> Ints:
        """How many of the clients' times fall in each second."""
        return counted(times, self.mine, self.seconds)


def poisson(random: Random, rollouts: int, rate: NDArray[np.float64]) -> Ints:
    """Rare events at so many a second, (seconds,): how many come in each, (rollouts, seconds)."""
    second = np.repeat(np.arange(len(rate)), random.poisson(rollouts * rate))
    flat = random.integers(rollouts, size=len(second)) * len(rate) + second
    return np.bincount(flat, minlength=rollouts * len(rate)).reshape(rollouts, -1).astype(np.int16)


def counted(times: NDArray[np.float64], mine: NDArray[np.bool_], seconds: int) -> Ints:
    """How many of the clients' times fall in each second, for stable and canary: (2, rollouts, seconds)."""
    rollouts = len(times)
    row = np.arange(rollouts)[:, None] + rollouts * mine
    within = times < seconds
    flat = row[within] * seconds + times[within].astype(np.int64)
    return np.bincount(flat, minlength=2 * rollouts * seconds).reshape(2, rollouts, seconds).astype(np.int16)
