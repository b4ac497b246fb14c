"""One item of PutMetricData: checked, and made a point of the store.

A value, a set of statistics, or values with how often each came: exactly one of the three. What is refused, and under
which code, is as on AWS, except that a time may lie at most 24 hours back: older points are not kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.engine.api.errors import ApiError, bad_parameter
from headgate.engine.metrics.metric import Aggregate, Metric
from headgate.engine.metrics.store import KEPT_SECONDS, Point

MOST_VALUES = 150
AHEAD_SECONDS = 2 * 3600
LARGEST, SMALLEST = 2.0**360, 2.0**-360
RESOLUTIONS = (1, 60)
KINDS = ("Value", "StatisticValues", "Values")


def point_of(namespace: str, datum: Mapping[str, Any], path: str, now: float) -> Point:
    """The point that a MetricDatum is; `path` is what messages call it. Raises ApiError."""
    if datum.get("StorageResolution", 60) not in RESOLUTIONS:
        raise bad_parameter(f"The parameter {path}.StorageResolution must be 1 or 60.")
    metric = metric_of(namespace, datum["MetricName"], datum.get("Dimensions", []), path)
    unit = datum.get("Unit", "None")
    second = _second(datum.get("Timestamp", now), path, now)
    samples = _samples(datum, path)
    if samples:
        count = sum(often for _, often in samples)
        total = sum(value * often for value, often in samples)
        least, most = min(samples)[0], max(samples)[0]
        return Point(metric, unit, second, Aggregate(count, total, least, most), samples)
    sums = _sums(datum["StatisticValues"], f"{path}.StatisticValues")
    known = [(sums.least, sums.count)] if sums.least == sums.most else []
    return Point(metric, unit, second, sums, known)


def metric_of(namespace: str, name: str, dimensions: Sequence[Mapping[str, str]], path: str) -> Metric:
    """The metric of that name. Raises ApiError for control characters and for a dimension that is given twice."""
    names = [dimension["Name"] for dimension in dimensions]
    if len(set(names)) < len(names):
        raise bad_parameter(f"The parameter {path}.Dimensions has a dimension twice.")
    for text in (namespace, name, *names, *(dimension["Value"] for dimension in dimensions)):
        if not text.isprintable():
            raise bad_parameter(f"The value {text!a} at {path} is invalid: it has characters that cannot be printed.")
    return Metric(namespace, name, tuple(sorted((d["Name"], d["Value"]) for d in dimensions)))


def _second(timestamp: float, path: str, now: float) -> int:
    if not now - KEPT_SECONDS <= timestamp <= now + AHEAD_SECONDS:
        raise bad_parameter(
            f"The parameter {path}.Timestamp must lie within the last 24 hours, which is how long the Headgate engine "
            "keeps metrics, or the next 2."
        )
    return int(timestamp)


def _samples(datum: Mapping[str, Any], path: str) -> list[tuple[float, float]]:
    """The values and how often each came; none of a set of statistics."""
    given = [kind for kind in KINDS if kind in datum]
    if not given:
        raise ApiError("MissingParameter", f"One of {', '.join(f'{path}.{kind}' for kind in KINDS)} is required.")
    if len(given) > 1 or ("Counts" in datum and given != ["Values"]):
        both = [*given, *(["Counts"] if "Counts" in datum else [])][:2]
        raise ApiError(
            "InvalidParameterCombination",
            f"The parameters {path}.{both[0]} and {path}.{both[1]} are mutually exclusive and you have specified both.",
        )
    match given:
        case ["Value"]:
            return [(_number(datum["Value"], f"{path}.Value"), 1.0)]
        case ["Values"]:
            return _values(datum["Values"], datum.get("Counts"), path)
        case _:
            return []


def _values(values: Sequence[float], counts: Sequence[float] | None, path: str) -> list[tuple[float, float]]:
    if not 0 < len(values) <= MOST_VALUES:
        raise bad_parameter(f"The collection {path}.Values must have a size of 1 to {MOST_VALUES}.")
    if counts is None:
        counts = [1.0] * len(values)
    if len(counts) != len(values):
        raise bad_parameter(f"The collections {path}.Values and {path}.Counts must have the same size.")
    often: dict[float, float] = {}
    for value, count in zip(values, counts, strict=True):
        number = _number(value, f"{path}.Values")
        often[number] = often.get(number, 0.0) + _positive(count, f"{path}.Counts")
    return sorted(often.items())


def _sums(given: Mapping[str, float], path: str) -> Aggregate:
    count = _positive(given["SampleCount"], f"{path}.SampleCount")
    total, least, most = (_number(given[name], f"{path}.{name}") for name in ("Sum", "Minimum", "Maximum"))
    if least > most:
        raise bad_parameter(f"The parameter {path}.Minimum must not be greater than {path}.Maximum.")
    return Aggregate(count, total, least, most)


def _number(value: float, path: str) -> float:
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise bad_parameter(f"The value {value:g} for parameter {path} is invalid: it is not within 2^-360 to 2^360.")
    return float(value)


def _positive(value: float, path: str) -> float:
    if value <= 0:
        raise bad_parameter(f"The value {value:g} for parameter {path} is invalid: it must be greater than 0.")
    return _number(value, path)
