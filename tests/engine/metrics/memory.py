"""Evidence in memory: what the gateway would have seen, one request after the other."""

import math
from collections import Counter
from dataclasses import dataclass, field

from headgate.engine.metrics.observed import Series


@dataclass(frozen=True)
class Request:
    """A request that was answered at once, or, with status 0, never; its client is the unit."""

    second: int
    variant: str
    client: str
    status: int = 200
    microseconds: int = 1000
    endpoint: str = "iris"


@dataclass
class Distribution:
    """Latencies, exactly."""

    values: list[int]

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def sum(self) -> int:
        return sum(self.values)

    @property
    def minimum(self) -> int:
        return min(self.values, default=0)

    @property
    def maximum(self) -> int:
        return max(self.values, default=0)

    def above(self, value: float, /) -> int:
        return sum(found > value for found in self.values)

    def percentile(self, percent: float, /) -> float:
        return float(sorted(self.values)[max(0, math.ceil(self.count * percent / 100) - 1)])


@dataclass
class MemoryEvidence:
    """All requests, in the order of their seconds."""

    requests: list[Request] = field(default_factory=list)

    def add(self, *requests: Request) -> None:
        self.requests += requests

    def series(
        self,
        metric: Series,
        endpoint: str,
        variant: str,
        *,
        start: int,
        end: int,
        since: int | None = None,
        microseconds: float | None = None,
    ) -> dict[int, int]:
        matching = [r for r in self.requests if r.endpoint == endpoint and matches(metric, r, microseconds)]
        if metric.startswith("Units"):
            matching = self._first(metric, [r for r in matching if r.second >= (start if since is None else since)])
        return dict(Counter(r.second for r in matching if r.variant == variant and start <= r.second < end))

    def _first(self, metric: Series, requests: list[Request]) -> list[Request]:
        """Of each client the first; of those that were only seen, in each variant."""
        first: dict[tuple[str, str], Request] = {}
        for request in requests:
            first.setdefault((request.client, request.variant if metric == "UnitsSeen" else ""), request)
        return list(first.values())

    def latencies(self, endpoint: str, variant: str, *, start: int, end: int) -> Distribution:
        return Distribution(
            [
                r.microseconds
                for r in self.requests
                if (r.endpoint, r.variant) == (endpoint, variant) and start <= r.second < end and r.status == 200
            ]
        )

    def variants(self, endpoint: str | None = None) -> list[tuple[str, str]]:
        return sorted({(r.endpoint, r.variant) for r in self.requests if endpoint in (None, r.endpoint)})


def matches(metric: Series, request: Request, microseconds: float | None) -> bool:
    """Whether a request is an event of this metric."""
    match metric:
        case "Invocations" | "UnitsSeen":
            return True
        case "Invocation4XXErrors":
            return request.status // 100 == 4
        case "Invocation5XXErrors":
            return request.status // 100 == 5
        case "InvocationModelErrors":
            return request.status // 100 != 2
        case "UnitsFailing":
            return request.status // 100 not in (2, 4)
        case "UnitsSlow":
            assert microseconds is not None
            return request.microseconds > microseconds
