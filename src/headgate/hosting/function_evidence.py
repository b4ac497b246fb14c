"""Evidence of two versions behind one alias of a Lambda function, asked of CloudWatch: by the minute, a unit a request.

Lambda counts what it sees (`AWS/Lambda`: Errors, Duration), our handler what it answered (`Headgate`: Requests,
Failures, Raised; see serving.aws_lambda.metrics). Both have the dimensions FunctionName, Resource (`function:alias`)
and ExecutedVersion. So

    crashed    Errors - Raised: out of memory, out of time, no start. No handler was left to count them
    failing    Failures + crashed. A request that the model refuses (4xx) fails nothing, however it was sent
    seen       Requests + crashed
    slow       Duration above a threshold, by CloudWatch's trimmed count: `TC(12.5:)` is how many took over 12.5 ms

A minute is looked at only MATURE_SECONDS after its end. What the two versions log arrives in different streams, and
Lambda's numbers by another way than ours: half of an outage that both share would look like the fault of one, and a
refusal like a crash.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate.core.evidence import OF_FUNCTIONS, Baseline, Counts, Tail, Window
from headgate.hosting.evidence import CANARY, HEADGATE, PERCENTILES, STABLE, Values, read_metrics, weighed
from headgate.hosting.functions import ALIAS
from headgate.hosting.session import Connection

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MINUTE, MATURE_SECONDS = 60, 60
LAMBDA = "AWS/Lambda"
COUNTED = ((HEADGATE, "Requests"), (HEADGATE, "Failures"), (HEADGATE, "Raised"), (LAMBDA, "Errors"))


@dataclass(frozen=True, slots=True)
class _Question:
    """One metric of one version behind the alias; of all versions where `version` is empty."""

    id: str
    namespace: str
    metric: str
    version: str
    statistic: str = "Sum"

    def query(self, function: str, period: int) -> "MetricDataQueryTypeDef":
        """As GetMetricData takes it."""
        dimensions = {"FunctionName": function, "Resource": f"{function}:{ALIAS}", "ExecutedVersion": self.version}
        return {
            "Id": self.id,
            "MetricStat": {
                "Metric": {
                    "Namespace": self.namespace,
                    "MetricName": self.metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items() if value],
                },
                "Period": period,
                "Stat": self.statistic,
            },
        }


class FunctionEvidence:
    """What was counted of a version `stable` and a version `canary` behind the alias. All times are epoch seconds."""

    rhythm = OF_FUNCTIONS

    def __init__(self, connection: Connection, function: str, now: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._function = function
        self._now = now

    def windows(
        self,
        stable: str,
        canary: str,
        *,
        thresholds: tuple[float, float, float] | None,
        slow_began: int | None,
        start: int,
        end: int,
    ) -> list[Window]:
        """A window for each mature minute from `start` on, begun before `end`, that has anything in it.

        Requests are slow from `slow_began` on, when the thresholds (microseconds) were frozen.
        """
        start, end = self.rhythm.next(start), min(end, int(self._now() - MATURE_SECONDS) // MINUTE * MINUTE)
        if end <= start:
            return []
        versions = ((STABLE, stable), (CANARY, canary))
        asked = [question for name, version in versions for question in _questions(name, version, thresholds)]
        values = self._values(asked, start, end, MINUTE)
        minutes = sorted({minute for found in values.values() for minute in found if start <= minute < end})
        return [
            Window(
                float(minute),
                float(MINUTE),
                _counts(values, STABLE, minute, slow),
                _counts(values, CANARY, minute, slow),
            )
            for minute in minutes
            for slow in (slow_began is not None and minute >= slow_began,)
        ]

    def baseline(self, stable: str, *, start: int, end: int) -> Baseline | None:
        """The latency of the version that runs; None where it answered nothing.

        Where the alias ran nothing else since `start`, Lambda may not tell its versions apart: then all it answered
        was by this one.
        """
        found = self._latencies({STABLE: stable}, PERCENTILES, start, end)
        found = found or self._latencies({STABLE: ""}, PERCENTILES, start, end)
        if found is None:
            return None
        requests, p50, p90, p99 = found[STABLE]
        return Baseline(int(requests), (p50, p90, p99))

    def tail(self, stable: str, canary: str, *, start: int, end: int) -> Tail | None:
        """The slowest of both versions; None where one of them answered nothing."""
        found = self._latencies({STABLE: stable, CANARY: canary}, ("p50", "p99"), start, end)
        if found is None:
            return None
        (of_stable, stable_p50, stable_p99), (of_canary, canary_p50, canary_p99) = found[STABLE], found[CANARY]
        seconds = float(end - start)
        return Tail(
            float(start), seconds, stable_p50, canary_p50, stable_p99, canary_p99, int(of_stable), int(of_canary)
        )

    def _latencies(
        self, versions: dict[str, str], percentiles: tuple[str, ...], start: int, end: int
    ) -> dict[str, list[float]] | None:
        """For each version how many were measured in the whole minutes of the span, then their percentiles in
        microseconds; None unless there are some of each.
        """
        start, end = self.rhythm.next(start), end // MINUTE * MINUTE
        if end <= start:
            return None
        statistics = ("SampleCount", *percentiles)
        asked = {
            name: [
                _Question(f"{name}_{statistic.lower()}", LAMBDA, "Duration", version, statistic)
                for statistic in statistics
            ]
            for name, version in versions.items()
        }
        values = self._values([q for questions in asked.values() for q in questions], start, end, end - start)
        if not all(values[questions[0].id] for questions in asked.values()):
            return None
        found = {name: weighed(values, [question.id for question in questions]) for name, questions in asked.items()}
        return {name: [total, *(1000.0 * ms for ms in milliseconds)] for name, (total, *milliseconds) in found.items()}

    def _values(self, asked: list[_Question], start: int, end: int, period: int) -> Values:
        return read_metrics(
            self._connection, [question.query(self._function, period) for question in asked], start, end
        )


def _questions(name: str, version: str, thresholds: tuple[float, float, float] | None) -> list[_Question]:
    counts = [_Question(f"{name}_{metric.lower()}", space, metric, version) for space, metric in COUNTED]
    slow = [
        _Question(f"{name}_slow{number}", LAMBDA, "Duration", version, f"TC({threshold / 1000:.3f}:)")
        for number, threshold in enumerate(thresholds or ())
    ]
    return counts + slow


def _counts(values: Values, name: str, minute: int, slow: bool) -> Counts:
    def count(what: str) -> int:
        return round(values[f"{name}_{what}"].get(minute, 0))

    crashed = max(0, count("errors") - count("raised"))
    seen = count("requests") + crashed
    median, nine_of_ten, most = (min(seen, count(f"slow{number}")) if slow else 0 for number in range(3))
    return Counts(seen, min(seen, count("failures") + crashed), (median, nine_of_ten, most), seen)
