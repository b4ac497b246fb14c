import pytest

from headgate.engine.metrics.metric import Metric, Span, Statistic
from headgate.engine.metrics.observed import ObservedMetrics
from headgate.errors import InvalidInput
from tests.engine.metrics.memory import MemoryEvidence, Request

NOW = 1_800_000_000
WHERE = {"EndpointName": "iris", "VariantName": "canary"}


@pytest.fixture
def observed() -> ObservedMetrics:
    evidence = MemoryEvidence()
    for second in range(10):
        for number in range(4):
            status = 500 if number == 0 else 400 if number == 1 else 200
            client = f"client-{number % 2}"
            evidence.add(Request(NOW + second, "canary", client, status, microseconds=1000 * (second + 1)))
    return ObservedMetrics(evidence)


def ask(observed: ObservedMetrics, metric: Metric, stat: str, period: int = 5, unit: str | None = None) -> list[float]:
    statistic = Statistic.parse(stat)
    assert statistic is not None
    return list(observed.values(metric, statistic, Span(NOW, NOW + 10, period), unit).values())


@pytest.mark.parametrize(
    ("name", "stat", "values"),
    [
        ("Invocations", "Sum", [20, 20]),
        ("Invocations", "SampleCount", [20, 20]),
        ("Invocations", "Average", [1, 1]),
        ("Invocations", "p50", [1, 1]),
        ("Invocation5XXErrors", "Sum", [5, 5]),
        ("Invocation4XXErrors", "Average", [0.25, 0.25]),
        ("Invocation5XXErrors", "SampleCount", [20, 20]),
        ("Invocation5XXErrors", "Minimum", [0, 0]),
        ("Invocation5XXErrors", "Maximum", [1, 1]),
        ("Invocation5XXErrors", "p75", [0, 0]),
        ("Invocation5XXErrors", "p76", [1, 1]),
        ("ModelLatency", "Average", [3000, 8000]),
        ("ModelLatency", "Maximum", [5000, 10000]),
        ("ModelLatency", "SampleCount", [10, 10]),
        ("ModelLatency", "p50", [3000, 8000]),
    ],
)
def test_the_metrics_of_aws(observed: ObservedMetrics, name: str, stat: str, values: list[float]) -> None:
    assert ask(observed, Metric.of("AWS/SageMaker", name, **WHERE), stat) == values


def test_units_count_once_since(observed: ObservedMetrics) -> None:
    assert ask(observed, Metric.of("Headgate", "UnitsSeen", **WHERE), "Sum", 1) == [2]
    assert ask(observed, Metric.of("Headgate", "UnitsFailing", **WHERE), "Sum", 1) == [1]
    assert ask(observed, Metric.of("Headgate", "UnitsSeen", **WHERE, Since=str(NOW - 5)), "Sum") == [2]
    assert ask(observed, Metric.of("Headgate", "UnitsSlow", **WHERE, Microseconds="7000.5"), "Sum") == [2]
    later = ObservedMetrics(MemoryEvidence([Request(NOW - 3, "canary", "a"), Request(NOW + 3, "canary", "a")]))
    assert ask(later, Metric.of("Headgate", "UnitsSeen", **WHERE), "Sum") == [1]
    assert ask(later, Metric.of("Headgate", "UnitsSeen", **WHERE, Since=str(NOW - 3)), "Sum") == []


def test_another_unit_has_no_data(observed: ObservedMetrics) -> None:
    invocations, latency = (Metric.of("AWS/SageMaker", name, **WHERE) for name in ("Invocations", "ModelLatency"))
    assert len(ask(observed, invocations, "Sum", unit="Count")) == len(ask(observed, latency, "p99")) == 2
    assert ask(observed, invocations, "Sum", unit="Seconds") == ask(observed, latency, "p99", unit="Count") == []


def test_what_aws_does_not_have_is_empty(observed: ObservedMetrics) -> None:
    assert ask(observed, Metric.of("AWS/SageMaker", "CPUUtilization", **WHERE), "Sum") == []
    assert ask(observed, Metric.of("AWS/SageMaker", "Invocations", EndpointName="iris"), "Sum") == []
    assert ask(observed, Metric.of("AWS/SageMaker", "Invocations", **WHERE | {"VariantName": "other"}), "Sum") == []


@pytest.mark.parametrize(
    ("name", "dimensions", "says"),
    [
        ("UnitsLost", WHERE, "has no metric UnitsLost; it has UnitsSeen, "),
        ("UnitsSeen", {"EndpointName": "iris"}, "needs the dimension VariantName"),
        ("UnitsSlow", WHERE, "needs the dimension Microseconds"),
        ("UnitsSeen", WHERE | {"Microseconds": "1"}, "has no dimension Microseconds"),
        ("UnitsSeen", WHERE | {"Since": "-1"}, "Since must be a number like 1234, not '-1'"),
        ("UnitsSeen", WHERE | {"Since": "1.5"}, "Since must be a whole number of seconds"),
        ("UnitsSlow", WHERE | {"Microseconds": "1e3"}, "Microseconds must be a number"),
    ],
)
def test_what_headgate_does_not_have_is_told(
    observed: ObservedMetrics, name: str, dimensions: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        ask(observed, Metric.of("Headgate", name, **dimensions), "Sum")


def test_all_metrics_are_listed(observed: ObservedMetrics) -> None:
    listed = observed.metrics()
    assert listed == sorted(listed)
    assert Metric.of("AWS/SageMaker", "ModelLatency", **WHERE) in listed
    assert {metric.name for metric in listed if metric.namespace == "Headgate"} == {
        "UnitsSeen", "UnitsFailing", "UnitsSlow",
    }  # fmt: skip
