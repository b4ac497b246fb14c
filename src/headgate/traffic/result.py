"""What a load found: requests, failures by kind, latencies, second by second and in all.

Latencies are microseconds from the first byte of a request to the last byte of its answer, as its user saw them, and
only of answers that were good: a refusal is quick, and would flatter.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Second:
    """What ended in about a second. `at` is where it ended, in seconds since the load began."""

    at: float
    users: int
    latencies: Sequence[int]
    """In microseconds, sorted."""
    failures: Mapping[str, int] = field(default_factory=dict)
    variants: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Requests that failed."""
        return sum(self.failures.values())

    @property
    def sent(self) -> int:
        """Requests that ended, one way or the other."""
        return len(self.latencies) + self.failed

    def to_json(self) -> dict[str, Any]:
        """Its percentiles, in milliseconds."""
        return {
            "at": round(self.at, 3),
            "users": self.users,
            "requests": self.sent,
            "failed": self.failed,
            **percentiles(self.latencies),
            "variants": dict(self.variants),
        }


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to the endpoint meanwhile, and when (epoch seconds)."""

    at: float
    said: str


@dataclass(frozen=True, slots=True)
class Result:
    """The sum. `began` is in epoch seconds; `said` is what one failure of each kind was told."""

    url: str
    users: int
    rate: float
    began: float
    seconds: tuple[Second, ...]
    said: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    interrupted: bool = False

    @property
    def took(self) -> float:
        """How long it was, in seconds."""
        return self.seconds[-1].at if self.seconds else 0.0

    @property
    def sent(self) -> int:
        """All requests."""
        return sum(second.sent for second in self.seconds)

    @property
    def failed(self) -> int:
        """All that failed."""
        return sum(second.failed for second in self.seconds)

    @property
    def failures(self) -> dict[str, int]:
        """Failures by kind, the most frequent first."""
        return dict(_summed(second.failures for second in self.seconds).most_common())

    @property
    def variants(self) -> dict[str, int]:
        """Answers by variant."""
        return dict(sorted(_summed(second.variants for second in self.seconds).items()))

    @property
    def latencies(self) -> dict[str, float | None]:
        """Percentiles of all good answers, in milliseconds."""
        every = array("q")
        for second in self.seconds:
            every.extend(second.latencies)
        return percentiles(sorted(every))

    def to_json(self) -> dict[str, Any]:
        """A JSON document of all of it."""
        return {
            "url": self.url,
            "users": self.users,
            "rate": self.rate,
            "began": self.began,
            "took": round(self.took, 3),
            "interrupted": self.interrupted,
            "requests": self.sent,
            "failed": self.failed,
            "failures": [
                {"kind": kind, "count": count, "said": self.said.get(kind, "")} for kind, count in self.failures.items()
            ],
            "latency_ms": self.latencies,
            "variants": self.variants,
            "events": [{"at": round(event.at - self.began, 3), "said": event.said} for event in self.events],
            "seconds": [second.to_json() for second in self.seconds],
        }


def percentiles(latencies: Sequence[int]) -> dict[str, float | None]:
    """Percentiles of sorted microseconds, in milliseconds, by nearest rank; None where there is nothing."""
    count = len(latencies)
    return {
        name: latencies[max(0, math.ceil(share * count) - 1)] / 1000 if count else None
        for name, share in PERCENTILES.items()
    }


def _summed(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total
