"""Metrics of the endpoints, which nobody puts: they are what the gateway saw.

`AWS/SageMaker` has the names, units and samples of AWS, by endpoint and variant. An invocation is one sample of each of
its counts: 1 where it was such a one, else 0, so that the average of Invocation5XXErrors is their share.

`Headgate` counts units of evidence (`core.evidence`). Two more dimensions say since when a unit is counted only once
(`Since`, epoch seconds; the start of the question where it is not given) and what is slow (`Microseconds`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from headgate.engine.metrics.metric import Aggregate, Metric, Span, Statistic, of_samples
from headgate.errors import InvalidInput

SAGEMAKER = "AWS/SageMaker"
HEADGATE = "Headgate"

Share = Literal["Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors"]
Unit = Literal["UnitsSeen", "UnitsFailing", "UnitsSlow"]
Series = Literal["Invocations"] | Share | Unit

INVOCATIONS: Literal["Invocations"] = "Invocations"
LATENCY = "ModelLatency"
SLOW = "UnitsSlow"
SHARES: dict[str, Share] = {name: name for name in get_args(Share)}
UNITS: dict[str, Unit] = {name: name for name in get_args(Unit)}

ENDPOINT, VARIANT, SINCE, MICROSECONDS = "EndpointName", "VariantName", "Since", "Microseconds"

_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)


class Latencies(Protocol):
    """The latencies of a variant in some time, in microseconds."""

    @property
    def count(self) -> int:
        """How many; without any there is nothing else to know."""

    @property
    def sum(self) -> int:
        """All together."""

    @property
    def minimum(self) -> int:
        """The shortest."""

    @property
    def maximum(self) -> int:
        """The longest."""

    def percentile(self, percent: float, /) -> float:
        """What so many percent do not exceed, within the width of a bucket."""

    def above(self, value: float, /) -> int:
        """How many are larger, within the width of a bucket."""


class Evidence(Protocol):
    """What the gateway saw, by the second."""

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
    ) -> Mapping[int, int]:
        """How many in each second; seconds without any may be left out. `start` is the default of `since`."""

    def latencies(self, endpoint: str, variant: str, *, start: int, end: int) -> Latencies:
        """All latencies of these seconds."""

    def variants(self, endpoint: str | None = None) -> Iterable[tuple[str, str]]:
        """The endpoints and variants there is anything about."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Dimensions, taken apart."""

    endpoint: str
    variant: str
    since: int | None
    microseconds: float | None


class ObservedMetrics:
    """The gateway's evidence as metrics."""

    namespaces = (SAGEMAKER, HEADGATE)

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def metrics(self) -> list[Metric]:
        """All there are, in order. The dimensions `Since` and `Microseconds` are the asker's to add."""
        return sorted(
            Metric.of(namespace, name, **{ENDPOINT: endpoint, VARIANT: variant})
            for endpoint, variant in self._evidence.variants()
            for namespace, names in ((SAGEMAKER, (INVOCATIONS, *SHARES, LATENCY)), (HEADGATE, UNITS))
            for name in names
        )

    def values(self, metric: Metric, statistic: Statistic, span: Span, unit: str | None = None) -> dict[int, float]:
        """The statistic of each period that has a sample, by its beginning.

        Another unit than the metric's has none, nor has a metric of AWS/SageMaker that there is not, as on AWS.
        Raises InvalidInput for what the namespace Headgate does not know.
        """
        asked = _asked(metric)
        if asked is None or unit not in (None, "Microseconds" if metric.name == LATENCY else "Count"):
            return {}
        if metric.name == LATENCY:
            return self._latency(asked, statistic, span)
        if share := SHARES.get(metric.name):
            some = self._counts(share, asked, span)
            every = self._counts(INVOCATIONS, asked, span)
            return {period: _share(count, some.get(period, 0), statistic) for period, count in every.items()}
        counts = self._counts(UNITS.get(metric.name, INVOCATIONS), asked, span)
        return {period: _share(count, count, statistic) for period, count in counts.items()}

    def _counts(self, name: Series, asked: _Asked, span: Span) -> dict[int, int]:
        found = self._evidence.series(
            name, asked.endpoint, asked.variant,
            start=span.start, end=span.end, since=asked.since, microseconds=asked.microseconds,
        )  # fmt: skip
        counts: dict[int, int] = {}
        for second, count in found.items():
            if count:
                period = span.period_of(second)
                counts[period] = counts.get(period, 0) + count
        return counts

    def _latency(self, asked: _Asked, statistic: Statistic, span: Span) -> dict[int, float]:
        values = {}
        for start in self._counts(INVOCATIONS, asked, span):
            end = min(start + span.period, span.end)
            found = self._evidence.latencies(asked.endpoint, asked.variant, start=start, end=end)
            if not found.count:
                continue
            if statistic.name == "Percentile":
                values[start] = float(found.percentile(statistic.percent))
            elif statistic.name == "CountAbove":
                values[start] = float(found.above(statistic.above))
            else:
                values[start] = Aggregate(found.count, found.sum, found.minimum, found.maximum).of(statistic)
        return values


def _share(every: int, some: int, statistic: Statistic) -> float:
    """The statistic of so many samples, some of them 1 and the others 0."""
    if statistic.of_samples:
        return of_samples(((0, every - some), (1, some)), statistic)
    return Aggregate(every, some, float(some == every), float(some > 0)).of(statistic)


def _asked(metric: Metric) -> _Asked | None:
    """None for a metric that AWS/SageMaker does not have."""
    dimensions = dict(metric.dimensions)
    if metric.namespace == SAGEMAKER:
        known = metric.name in (INVOCATIONS, *SHARES, LATENCY) and dimensions.keys() == {ENDPOINT, VARIANT}
        return _Asked(dimensions[ENDPOINT], dimensions[VARIANT], None, None) if known else None
    if metric.name not in UNITS:
        raise InvalidInput(f"The namespace {HEADGATE} has no metric {metric.name}; it has {', '.join(UNITS)}.")
    takes = [ENDPOINT, VARIANT, SINCE, *([MICROSECONDS] if metric.name == SLOW else [])]
    if unknown := sorted(dimensions.keys() - set(takes)):
        raise InvalidInput(f"{metric.name} has no dimension {unknown[0]}; it has {', '.join(takes)}.")
    must = (ENDPOINT, VARIANT, *([MICROSECONDS] if metric.name == SLOW else []))
    if missing := [name for name in must if name not in dimensions]:
        raise InvalidInput(f"{metric.name} needs the dimension {missing[0]}.")
    since, microseconds = _number(dimensions, SINCE), _number(dimensions, MICROSECONDS)
    if since is not None and not since.is_integer():
        raise InvalidInput(f"The dimension {SINCE} must be a whole number of seconds, not {since}.")
    return _Asked(dimensions[ENDPOINT], dimensions[VARIANT], None if since is None else int(since), microseconds)


def _number(dimensions: Mapping[str, str], name: str) -> float | None:
    text = dimensions.get(name)
    if text is None:
        return None
    if not _DECIMAL.fullmatch(text):
        raise InvalidInput(f"The dimension {name} must be a number like 1234, not {text!a}.")
    return float(text)
