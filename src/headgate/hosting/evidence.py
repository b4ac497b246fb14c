"""Evidence of a rollout, asked of CloudWatch: `core.evidence` out of GetMetricData.

One question of the judge is one call, so that what it is told was true at the same time, or nearly: seconds that are
still going on may be told anew with more in them. Counts are those of the namespace `Headgate`, where a client is
counted once since a time that the question names; only the engine has it, by the second.

What is asked for a whole span of time, as percentiles are, is asked as one period. It begins where the span begins
only if it is no whole number of minutes and divides none, hence its odd length; it ends where the span ends.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.core.evidence import BY_SECOND, Baseline, Counts, Tail, Window
from headgate.errors import Refused, Unavailable
from headgate.hosting.session import Connection, domain_errors

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import GetMetricDataOutputTypeDef, MessageDataTypeDef, MetricDataQueryTypeDef

STABLE, CANARY = "stable", "canary"
SAGEMAKER, HEADGATE = "AWS/SageMaker", "Headgate"
PERCENTILES = ("p50", "p90", "p99")
SLOWNESS = ("slow50", "slow90", "slow99")

Values = dict[str, dict[int, float]]
"""For each question, its value by the second in which the period began."""


@dataclass(frozen=True, slots=True)
class Question:
    """One metric of one variant. `more` are dimensions beyond endpoint and variant."""

    id: str
    namespace: str
    metric: str
    variant: str
    statistic: str = "Sum"
    more: tuple[tuple[str, str], ...] = ()

    def query(self, endpoint: str, period: int) -> "MetricDataQueryTypeDef":
        """As GetMetricData takes it."""
        dimensions = (("EndpointName", endpoint), ("VariantName", self.variant), *self.more)
        return {
            "Id": self.id,
            "MetricStat": {
                "Metric": {
                    "Namespace": self.namespace,
                    "MetricName": self.metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
                },
                "Period": period,
                "Stat": self.statistic,
            },
        }


class Evidence:
    """What the platform counted of the variants `stable` and `canary`. All times are epoch seconds."""

    rhythm = BY_SECOND

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def windows(
        self,
        endpoint: str,
        *,
        step_began: int,
        rollout_began: int,
        thresholds: tuple[float, float, float] | None,
        start: int,
        end: int,
        slow_began: int | None = None,
    ) -> list[Window]:
        """A window for each second from `start` up to `end`, without the latter, that has anything in it.

        Units are seen once since the step began; they fail once since the rollout began, and are slower than each of
        the thresholds (microseconds) once since `slow_began`, which is when these were frozen (default: with the
        rollout). Without thresholds nothing is slow. The last two or three seconds may still grow.
        """
        asked = [
            question
            for variant in (STABLE, CANARY)
            for question in _questions(variant, step_began, rollout_began, slow_began or rollout_began, thresholds)
        ]
        values = self.values(endpoint, asked, start, end, period=1)
        seconds = sorted({second for found in values.values() for second in found})
        return [
            Window(float(second), 1.0, _counts(values, STABLE, second), _counts(values, CANARY, second))
            for second in seconds
        ]

    def baseline(self, endpoint: str, *, start: int, end: int) -> Baseline | None:
        """The latency of the stable variant; None where it answered nothing."""
        found = self._latencies(endpoint, (STABLE,), PERCENTILES, start, end)
        if found is None:
            return None
        requests, p50, p90, p99 = found[STABLE]
        return Baseline(int(requests), (p50, p90, p99))

    def tail(self, endpoint: str, *, start: int, end: int) -> Tail | None:
        """The slowest of both variants; None where one of them answered nothing. Requests are those answered."""
        found = self._latencies(endpoint, (STABLE, CANARY), ("p50", "p99"), start, end)
        if found is None:
            return None
        (stable, stable_p50, stable_p99), (canary, canary_p50, canary_p99) = found[STABLE], found[CANARY]
        return Tail(
            float(start),
            float(end - start),
            stable_p50,
            canary_p50,
            stable_p99,
            canary_p99,
            int(stable),
            int(canary),
        )

    def _latencies(
        self, endpoint: str, variants: tuple[str, ...], percentiles: tuple[str, ...], start: int, end: int
    ) -> dict[str, list[float]] | None:
        """For each variant how many were measured, then their percentiles; None unless there are some of each."""
        asked = {
            variant: [
                Question(f"{variant}_{statistic}", SAGEMAKER, "ModelLatency", variant, statistic)
                for statistic in ("SampleCount", *percentiles)
            ]
            for variant in variants
        }
        questions = [question for of_variant in asked.values() for question in of_variant]
        values = self.values(endpoint, questions, start, end, period=_one_period(end - start))
        if any(not values[question.id] for question in questions):
            return None
        return {variant: [sum(values[q.id].values()) for q in of_variant] for variant, of_variant in asked.items()}

    def values(self, endpoint: str, asked: list[Question], start: int, end: int, *, period: int) -> Values:
        """The value of each question in each period."""
        return read_metrics(self._connection, [question.query(endpoint, period) for question in asked], start, end)


def read_metrics(connection: Connection, queries: "list[MetricDataQueryTypeDef]", start: int, end: int) -> Values:
    """GetMetricData, all pages.

    What is left out of an answer would be taken for zeros, and settled: raises Unavailable where it is not whole, and
    Refused where a metric is forbidden.
    """
    request: dict[str, Any] = {
        "MetricDataQueries": queries,
        "StartTime": start,
        "EndTime": end,
        "ScanBy": "TimestampAscending",
    }
    values: Values = defaultdict(dict)
    while True:
        with domain_errors():
            page = connection.metrics.get_metric_data(**request)
        _require_whole(page)
        for result in page["MetricDataResults"]:
            times = (int(time.timestamp()) for time in result["Timestamps"])
            values[result["Id"]].update(zip(times, result["Values"], strict=True))
        if not page.get("NextToken"):
            return values
        request["NextToken"] = page["NextToken"]


def weighed(values: Values, ids: Sequence[str]) -> list[float]:
    """How many were measured, and their percentiles: the answers to questions of these ids, which ask for both in turn.

    AWS may cut a span where its own periods begin; the percentiles of the pieces are weighed by how many each had.
    """
    counts, *percentiles = (values[name] for name in ids)
    total = sum(counts.values())
    return [total, *(sum(found.get(at, 0.0) * n for at, n in counts.items()) / total for found in percentiles)]


def _require_whole(page: "GetMetricDataOutputTypeDef") -> None:
    """Of what goes on on the next page a part may be missing; a message is about all of it."""
    said = [_message(message) for message in page.get("Messages", ())]
    for result in page["MetricDataResults"]:
        status, about = result.get("StatusCode", "Complete"), [_message(m) for m in result.get("Messages", ())]
        if status == "Forbidden":
            raise Refused(
                " ".join([f"CloudWatch does not let us see {result['Id']}.", *about]),
                hint="`headgate infra synth` shows what each role may do.",
            )
        if status == "InternalError" or (status == "PartialData" and not page.get("NextToken")):
            said += [f"{result['Id']} is {status}.", *about]
    if said:
        raise Unavailable(" ".join(["CloudWatch did not answer in full.", *said]), hint="Try again.")


def _message(message: "MessageDataTypeDef") -> str:
    return f"{message.get('Code', '')}: {message.get('Value', '')}".strip(": ")


def _questions(
    variant: str,
    step_began: int,
    rollout_began: int,
    slow_began: int,
    thresholds: tuple[float, float, float] | None,
) -> Iterator[Question]:
    step, rollout, slow = (("Since", str(began)) for began in (step_began, rollout_began, slow_began))
    yield Question(f"{variant}_requests", SAGEMAKER, "Invocations", variant)
    yield Question(f"{variant}_seen", HEADGATE, "UnitsSeen", variant, more=(step,))
    yield Question(f"{variant}_failing", HEADGATE, "UnitsFailing", variant, more=(rollout,))
    for name, threshold in zip(SLOWNESS, thresholds or (), strict=False):
        # Latencies are whole microseconds, so being slower than a threshold is being slower than its whole part.
        slower_than = ("Microseconds", str(math.floor(threshold)))
        yield Question(f"{variant}_{name}", HEADGATE, "UnitsSlow", variant, more=(slow, slower_than))


def _counts(values: Values, variant: str, second: int) -> Counts:
    def count(name: str) -> int:
        return int(values[f"{variant}_{name}"].get(second, 0))

    median, nine_of_ten, most = (count(name) for name in SLOWNESS)
    return Counts(count("seen"), count("failing"), (median, nine_of_ten, most), count("requests"))


def _one_period(seconds: int) -> int:
    """A period that has a span of so many seconds in it whole, wherever the span begins."""
    period = max(61, seconds)
    return period + 1 if period % 60 == 0 else period
