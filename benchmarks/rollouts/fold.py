"""The judge's e-process over many rollouts at once.

The same arithmetic as `headgate.rollout.eprocess`, in arrays: what a marked unit adds to the logarithm for a ratio is
log_stable(ratio, share), and for one of the canary's log(ratio / tolerance) more. Only seconds with marked units change
anything, so the n-th such seconds of all rollouts are folded together, however far apart they lie.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from headgate.rollout.eprocess import GRID_SIZE, grid

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]


@dataclass
class Fold:
    """K e-processes of one tolerance (1 for errors, 3 for latency) of n rollouts. `logs`: (K, n, GRID_SIZE)."""

    tolerance: float
    logs: Floats

    @classmethod
    def empty(cls, tolerance: float, processes: int, rollouts: int) -> "Fold":
        """Nothing seen yet."""
        return cls(tolerance, np.zeros((processes, rollouts, GRID_SIZE)))

    def add(self, share: Floats, canary: Ints, stable: Ints) -> None:
        """One more second. `share`: (n,), the canary's of all seen; `canary` and `stable`: (K, n) marked units."""
        ratios = ratios_of(self.tolerance)
        known = (share > 0.0) & (share < 1.0)
        inner = np.where(known, share, 0.5)
        # in place: these arrays are what the time goes into
        both = np.multiply.outer(inner, 1.0 - ratios)
        both -= 1.0
        np.log(np.negative(both, out=both), out=both)
        np.subtract(np.log(1.0 + (self.tolerance - 1.0) * inner)[:, None], both, out=both)
        theirs = np.log(ratios / self.tolerance)
        work = np.empty_like(both)
        for logs, ours, all_of_them in zip(self.logs, canary * known, (canary + stable) * known, strict=True):
            logs += np.multiply(both, all_of_them[:, None], out=work)
            some = ours.nonzero()[0]
            logs[some] += np.multiply.outer(ours[some], theirs)

    def e(self) -> Floats:
        """The mean of the K e-values, (n,)."""
        highest = self.logs.max(axis=2)
        means = np.exp(self.logs - highest[:, :, None]).mean(axis=2)
        return np.asarray(np.exp(np.minimum(highest + np.log(means), 700.0)).mean(axis=0))

    def reaches(self, line: float, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of those asked for, (n,): whose e is at or above the line."""
        logs = self.logs[:, asked]
        found = logs.max(axis=(0, 2)) >= math.log(line)  # a mean reaches no line that none of its parts reaches
        if found.any():
            found[found] = Fold(self.tolerance, logs[:, found]).e() >= line
        return np.asarray(found)

    def only(self, kept: NDArray[np.bool_]) -> None:
        """Forget the other rollouts."""
        self.logs = self.logs[:, kept]


@cache
def ratios_of(tolerance: float) -> Floats:
    """The judge's grid, (GRID_SIZE,)."""
    return np.array(grid(tolerance))


def shares(canary_seen: Ints, stable_seen: Ints, steps: tuple[int, ...]) -> Floats:
    """The canary's share of the units seen since the step began, (rollouts, seconds); steps begin in `steps`."""
    found = np.empty(canary_seen.shape)
    for start, stop in zip(steps, (*steps[1:], canary_seen.shape[1]), strict=True):
        canary = canary_seen[:, start:stop].cumsum(axis=1)
        both = canary + stable_seen[:, start:stop].cumsum(axis=1)
        found[:, start:stop] = canary / np.maximum(both, 1)
    return found


def first_alarm(tolerance: float, line: float, share: Floats, canary: Ints, stable: Ints) -> Ints:
    """The second in which e first reaches the line, (rollouts,); the number of seconds where it never does.

    `share`: (rollouts, seconds); `canary` and `stable`: (K, rollouts, seconds) marked units in each second.
    """
    rollouts, seconds = share.shape
    alarm = np.full(rollouts, seconds)
    marked = (canary + stable).max(axis=0) > 0
    counts = marked.sum(axis=1)
    whose, when = np.nonzero(marked)
    begins = np.searchsorted(whose, np.arange(rollouts))
    alive = np.arange(rollouts)
    fold = Fold.empty(tolerance, len(canary), rollouts)
    for rank in range(counts.max(initial=0)):
        more = counts[alive] > rank
        if not more.all():
            alive = alive[more]
            fold.only(more)
        second = when[begins[alive] + rank]
        fold.add(share[alive, second], canary[:, alive, second], stable[:, alive, second])
        guilty = np.asarray(canary[:, alive, second].max(axis=0) > 0)  # a unit of the stable one's never raises e
        guilty[guilty] = fold.reaches(line, guilty)
        if guilty.any():
            alarm[alive[guilty]] = second[guilty]
            alive = alive[~guilty]
            fold.only(~guilty)
    return alarm
