"""GetMetricData: statistics of metrics, by period, in pages.

Periods are cut as on AWS. With a Period of whole minutes StartTime is rounded down to the minute; with one of 5, 10, 20
or 30 seconds, to such a division of it; the periods then follow from there. Beyond AWS any other whole number of
seconds is a Period too, and its periods begin at StartTime itself (a fraction of a second is cut off). What lies at
EndTime or later does not count, so the last period may be a part of one. Periods without samples are left out.

A page holds MaxDatapoints values in all, in the order of the queries. A token tells which query the page ended in and
at what time, so the next page goes on exactly there, whatever was recorded since. Metric math is not supported.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headgate.engine.api.errors import ApiError, bad_parameter
from headgate.engine.api.metric_datum import metric_of
from headgate.engine.api.paging import fingerprint_of, read_token, write_token
from headgate.engine.metrics.metric import Metric, Span, Statistic

MOST_QUERIES = 500
MOST_DATAPOINTS = 100_800
MINUTE = 60
DIVISIONS = (5, 10, 20, 30)
LATEST = 2**38
"""Seconds since 1970 beyond which there is no time to speak of."""

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*", re.ASCII)
_BAD_TOKEN = "GetMetricData gave no such NextToken for the same queries."


class Source(Protocol):
    """What knows the values of metrics."""

    def values(self, metric: Metric, statistic: Statistic, span: Span, unit: str | None = None) -> dict[int, float]:
        """The statistic of each period that has a sample, by its beginning."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A query that was found good."""

    id: str
    label: str
    metric: Metric
    statistic: Statistic
    period: int
    unit: str | None


class MetricData:
    """Answers GetMetricData."""

    def __init__(self, source: Callable[[str], Source]) -> None:
        """`source` answers what knows a namespace."""
        self._source = source

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetMetricData."""
        most = request.get("MaxDatapoints", MOST_DATAPOINTS)
        if not 0 < most <= MOST_DATAPOINTS:
            raise bad_parameter(f"The parameter MaxDatapoints must be 1 to {MOST_DATAPOINTS}.")
        start, end = _times(request)
        queries = _queries(request)
        fingerprint = fingerprint_of(request, "MaxDatapoints")
        first, after = _position(request.get("NextToken"), fingerprint, len(queries))
        descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results: list[dict[str, Any]] = []
        answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
        for number in range(first, len(queries)):
            values = self._values(queries[number], start, end)
            times = sorted(values, reverse=descending)
            if number == first and after is not None:
                times = [time for time in times if (time < after if descending else time > after)]
            page, most = times[:most], most - len(times)
            results.append(_result(queries[number], page, values, is_whole=most >= 0))
            if most < 0 or (most == 0 and number + 1 < len(queries)):
                answer["NextToken"] = write_token(fingerprint, _next(number, page, after, is_whole=most == 0))
                break
        return answer

    def _values(self, query: _Query, start: float, end: float) -> dict[int, float]:
        span = Span(_aligned(start, query.period), math.ceil(end), query.period)
        return self._source(query.metric.namespace).values(query.metric, query.statistic, span, query.unit)


def _times(request: Mapping[str, Any]) -> tuple[float, float]:
    start, end = request["StartTime"], request["EndTime"]
    if not 0 <= start < end <= LATEST:
        raise bad_parameter("The parameter StartTime must be less than the parameter EndTime, and neither before 1970.")
    return start, end


def _aligned(start: float, period: int) -> int:
    if period % MINUTE == 0:
        return int(start) // MINUTE * MINUTE
    return int(start) // period * period if period in DIVISIONS else int(start)


def _queries(request: Mapping[str, Any]) -> list[_Query]:
    """The queries whose data is wanted. Without metric math the others are of no use, but must be good all the same."""
    given = request["MetricDataQueries"]
    if not 0 < len(given) <= MOST_QUERIES:
        raise bad_parameter(f"The collection MetricDataQueries must have a size of 1 to {MOST_QUERIES}.")
    queries = [_query(query, f"MetricDataQueries.member.{number}") for number, query in enumerate(given, 1)]
    if len({query.id for query in queries}) < len(queries):
        raise bad_parameter("The values for parameter Id in MetricDataQueries are not unique.")
    wanted = [query for query, asked in zip(queries, given, strict=True) if asked.get("ReturnData", True)]
    if not wanted:
        raise bad_parameter("At least one of the MetricDataQueries must have ReturnData.")
    return wanted


def _query(query: Mapping[str, Any], path: str) -> _Query:
    if not _ID.fullmatch(query["Id"]):
        raise bad_parameter(f"The value {query['Id']!a} for parameter {path}.Id must match [a-z][a-zA-Z0-9_]*.")
    for member in ("Expression", "Period", "AccountId"):
        if member in query:
            raise bad_parameter(f"{path}.{member} is not supported by the Headgate engine: use MetricStat.")
    if "MetricStat" not in query:
        raise ApiError("MissingParameter", f"The parameter {path}.MetricStat is required.")
    asked = query["MetricStat"]
    named = asked["Metric"]
    for member in ("Namespace", "MetricName"):
        if member not in named:
            raise ApiError("MissingParameter", f"The parameter {path}.MetricStat.Metric.{member} is required.")
    statistic = Statistic.parse(asked["Stat"])
    if statistic is None:
        raise bad_parameter(
            f"The value {asked['Stat']!a} for parameter {path}.MetricStat.Stat is not supported by the Headgate "
            "engine: use Sum, Average, SampleCount, Minimum, Maximum, a percentile such as p99, or a trimmed count "
            "such as TC(1500:)."
        )
    metric = metric_of(
        named["Namespace"], named["MetricName"], named.get("Dimensions", []), f"{path}.MetricStat.Metric"
    )
    label = query.get("Label", metric.name)
    return _Query(query["Id"], label, metric, statistic, asked["Period"], asked.get("Unit"))


def _result(query: _Query, page: Sequence[int], values: Mapping[int, float], *, is_whole: bool) -> dict[str, Any]:
    return {
        "Id": query.id,
        "Label": query.label,
        "Timestamps": list(page),
        "Values": [values[time] for time in page],
        "StatusCode": "Complete" if is_whole else "PartialData",
    }


def _next(number: int, page: Sequence[int], after: int | None, *, is_whole: bool) -> list[int | None]:
    """Where the next page begins: a query, and the time after which its values follow (None: all of them)."""
    if is_whole:
        return [number + 1, None]
    return [number, page[-1] if page else after]


def _position(token: str | None, fingerprint: str, queries: int) -> tuple[int, int | None]:
    if not token:
        return 0, None
    try:
        number, after = read_token(token, fingerprint)
    except (ValueError, TypeError):
        raise ApiError("InvalidNextToken", _BAD_TOKEN) from None
    if not (isinstance(number, int) and 0 <= number < queries and isinstance(after, int | None)):
        raise ApiError("InvalidNextToken", _BAD_TOKEN)
    return number, after
