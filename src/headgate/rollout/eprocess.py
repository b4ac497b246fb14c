"""An e-process on "whose was this marked unit", for a ratio of rates.

A unit is marked where it failed, say, or was slow. Under a rate ratio rho = canary / stable, a marked unit is the
canary's with probability

    theta(rho, w) = rho w / (rho w + 1 - w)

where w is the canary's share of the units seen. For each rho of a grid above the tolerance the likelihood ratio against
the tolerance is a non-negative supermartingale whatever ratio up to the tolerance is true, and so is their mean e. By
Ville's inequality e reaches 100 with a probability of at most 1 % in all of time (Ramdas et al., "Game-theoretic
statistics and safe anytime-valid inference", 2023): one may look after every unit, and carry on when w changes.
Everybody's bad times (both variants fail more) do not move it, because only marked units are asked whose they are.

With 64 values log-spaced in (1.5, 1000] and w = 0.10, 3 of 3 marked units being the canary's give 173, 7 of 9
give 3,072; with w = 0.50, 9 of 9 give 65.
"""

import math
from dataclasses import dataclass, replace

GRID_SIZE = 64
LARGEST_RATIO = 1000.0


@dataclass(frozen=True, slots=True)
class RatioProcess:
    """The evidence so far that the canary's rate is more than `tolerance` times the stable one's.

    `logs` holds, for each ratio of the grid, the logarithm of its likelihood ratio against the tolerance.
    """

    tolerance: float
    logs: tuple[float, ...] = (0.0,) * GRID_SIZE
    canary: int = 0
    stable: int = 0
    due: float = 0.0
    """How many of the marked units would have been the canary's by its share of all units."""

    def after(self, share: float, canary: int, stable: int) -> "RatioProcess":
        """With `canary` and `stable` more marked units, seen while the canary had this share of all units (0 to 1).

        At a share of 0 or 1 there is nobody to compare with, and nothing is learnt.
        """
        if not 0.0 < share < 1.0 or not (canary or stable):
            return self
        logs = tuple(
            log + canary * log_canary(ratio, share, self.tolerance) + stable * log_stable(ratio, share, self.tolerance)
            for log, ratio in zip(self.logs, grid(self.tolerance), strict=True)
        )
        due = self.due + share * (canary + stable)
        return replace(self, logs=logs, canary=self.canary + canary, stable=self.stable + stable, due=due)

    @property
    def share(self) -> float:
        """The canary's share of all units (0 to 1) while the marked ones came: the mean over these; 0 without any."""
        return self.due / max(1, self.canary + self.stable)

    @property
    def e(self) -> float:
        """The e-value: the mean likelihood ratio over the grid. Infinite where a float cannot hold it."""
        highest = max(self.logs)
        mean = sum(math.exp(log - highest) for log in self.logs) / len(self.logs)
        return math.inf if highest + math.log(mean) > 700.0 else math.exp(highest) * mean


def grid(tolerance: float) -> tuple[float, ...]:
    """GRID_SIZE ratios, log-spaced in (tolerance, LARGEST_RATIO]."""
    step = math.log(LARGEST_RATIO / tolerance) / GRID_SIZE
    return tuple(tolerance * math.exp(step * (i + 1)) for i in range(GRID_SIZE))


def log_canary(ratio: float, share: float, tolerance: float) -> float:
    """What a marked unit of the canary's adds to the logarithm for `ratio`."""
    return math.log(_theta(ratio, share) / _theta(tolerance, share))


def log_stable(ratio: float, share: float, tolerance: float) -> float:
    """What a marked unit of the stable one's adds to the logarithm for `ratio`."""
    # 1 - theta as a quotient of its own: at ratio 1000 the difference would lose its digits
    return math.log((tolerance * share + 1.0 - share) / (ratio * share + 1.0 - share))


def _theta(ratio: float, share: float) -> float:
    return ratio * share / (ratio * share + 1.0 - share)
