"""What is asked of a metric: its identity, a span of time cut into periods, and a statistic of each period."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Name = Literal["SampleCount", "Sum", "Average", "Minimum", "Maximum", "Percentile", "CountAbove"]
NAMES: dict[str, Name] = {
    "SampleCount": "SampleCount", "Sum": "Sum", "Average": "Average", "Minimum": "Minimum", "Maximum": "Maximum",
}  # fmt: skip
_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100(\.0{1,10})?)", re.ASCII)
_COUNT_ABOVE = re.compile(r"(?:TC|tc)\((\d{1,15}(\.\d{1,10})?):\)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Metric:
    """A metric. Its dimensions (name, value) are part of its identity, and sorted."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, **dimensions: str) -> "Metric":
        """With the dimensions in whatever order."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True, slots=True)
class Span:
    """The seconds from `start` up to `end`, without the latter, in periods of so many seconds that begin at `start`."""

    start: int
    end: int
    period: int = 1

    def period_of(self, second: int) -> int:
        """When the period that has this second began."""
        return second - (second - self.start) % self.period


@dataclass(frozen=True, slots=True)
class Statistic:
    """What a period is summed up by. `percent` is that of a percentile, 0 to 100; `above` is what counted samples
    exceed (CloudWatch's trimmed count with a lower bound only)."""

    name: Name
    percent: float = 0.0
    above: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Statistic | None":
        """A statistic as CloudWatch writes it, like Sum or p99.9; None for one that there is not."""
        if text in NAMES:
            return cls(NAMES[text])
        if found := _COUNT_ABOVE.fullmatch(text):
            return cls("CountAbove", above=float(found[1]))
        found = _PERCENTILE.fullmatch(text)
        return cls("Percentile", float(found[1])) if found else None

    @property
    def of_samples(self) -> bool:
        """Whether it needs the samples themselves."""
        return self.name in ("Percentile", "CountAbove")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The samples of a period, as far as sums go: how many (more than 0), their sum, the least and the most."""

    count: float
    total: float
    least: float
    most: float

    def of(self, statistic: Statistic) -> float:
        """The statistic, which must not be one of samples."""
        match statistic.name:
            case "SampleCount":
                return self.count
            case "Sum":
                return self.total
            case "Average":
                return self.total / self.count
            case "Minimum":
                return self.least
            case "Maximum":
                return self.most
            case "Percentile" | "CountAbove":
                raise ValueError(f"{statistic.name} needs the samples")


def of_samples(samples: Iterable[tuple[float, float]], statistic: Statistic) -> float:
    """A statistic that needs the samples: (value, how often), not none."""
    if statistic.name == "CountAbove":
        return sum(count for value, count in samples if value > statistic.above)
    return percentile(samples, statistic.percent)


def percentile(samples: Iterable[tuple[float, float]], percent: float) -> float:
    """The least value that so many percent of the samples do not exceed. Samples are (value, how often), not none."""
    ordered = sorted(samples)
    rank = sum(count for _, count in ordered) * percent / 100 * (1 - 1e-12)  # 99.9 % of 1000 is not above 999
    below = 0.0
    for value, count in ordered:
        below += count
        if below >= rank:
            return value
    return ordered[-1][0]  # sums of fractions may fall short of their own total
