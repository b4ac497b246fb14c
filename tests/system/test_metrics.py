"""Metrics of a real engine: what boto3 and the aws CLI are told is what a load was answered."""

import time
from typing import Any

import pytest

from headgate.hosting.evidence import Evidence
from headgate.hosting.session import Connection
from tests.system.engine import RunningEngine, Sum, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def dimensions(endpoint: str, variant: str) -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]


def counted(engine: RunningEngine, endpoint: str, metric: str, start: int, space: str = "AWS/SageMaker") -> Any:
    """The sum of a metric of both variants since `start`, by variant."""
    client = engine.client("cloudwatch")
    queries = [
        {
            "Id": variant,
            "MetricStat": {
                "Metric": {"Namespace": space, "MetricName": metric, "Dimensions": dimensions(endpoint, variant)},
                "Period": 1,
                "Stat": "Sum",
            },
        }
        for variant in ("stable", "canary")
    ]
    told = client.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=start + 600)
    client.close()
    return {result["Id"]: sum(result["Values"]) for result in told["MetricDataResults"]}


def test_invocations_are_what_the_load_counted(engine: RunningEngine) -> None:
    for name in ("watched-one", "watched-two"):
        engine.create_model(name, engine.put_linear(name))
    engine.create_config("watched", ("stable", "watched-one", 3), ("canary", "watched-two", 1))
    engine.sagemaker.create_endpoint(EndpointName="watched", EndpointConfigName="watched")
    assert engine.settled("watched")["EndpointStatus"] == "InService"
    start = int(time.time())
    with engine.load("watched") as total:
        until(lambda: sum(counted(engine, "watched", "Invocations", start).values()) > 300, what="a few requests")
        found: Sum = total()
    assert found.failed == 0
    until(lambda: counted(engine, "watched", "Invocations", start) == found.variants, 5, what=f"{found.variants}")
    units = counted(engine, "watched", "UnitsSeen", start, "Headgate")
    assert units == pytest.approx({"stable": 37, "canary": 13}, abs=12)
    assert sum(units.values()) == 50, "each of the load's clients is seen once, in the variant it was assigned to"
    assert counted(engine, "watched", "Invocation5XXErrors", start) == {"stable": 0, "canary": 0}
    the_judge_is_told_the_same(engine, found, start)
    engine.delete("watched")


def the_judge_is_told_the_same(engine: RunningEngine, found: Sum, start: int) -> None:
    """Windows, baseline and tail are of the same requests, of which each took less than a second."""
    file = engine.home.read()
    assert file is not None
    evidence = Evidence(
        Connection(file.control_url, file.gateway_url, file.region, file.access_key, file.secret_key)
    )  # fmt: skip
    span = {"start": start, "end": int(time.time()) + 1}
    windows = evidence.windows(
        "watched", step_began=start, rollout_began=start, thresholds=(0.0, 1e6, 1e6), **span
    )  # fmt: skip
    told = {"stable": [w.stable for w in windows], "canary": [w.canary for w in windows]}
    assert {variant: sum(c.requests for c in counts) for variant, counts in told.items()} == found.variants
    for counts in told.values():
        assert {c.failing for c in counts} == {0}
        assert {c.slow[1:] for c in counts} == {(0, 0)}
    both = [c for counts in told.values() for c in counts]
    assert sum(c.seen for c in both) == sum(c.slow[0] for c in both) == 50
    baseline, tail = evidence.baseline("watched", **span), evidence.tail("watched", **span)
    assert baseline is not None
    assert tail is not None
    assert (tail.stable_requests, tail.canary_requests) == (found.variants["stable"], found.variants["canary"])
    assert baseline.requests == tail.stable_requests
    assert 0 < baseline.percentiles[0] <= baseline.percentiles[1] <= baseline.percentiles[2] == tail.stable_p99_us < 1e6
