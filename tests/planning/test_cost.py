"""Forecasts and break-evens held against arithmetic of their own."""

import pytest

from headgate.planning.cost import METRICS_OF_A_FUNCTION, Assumptions, Linear, crossing, forecast, way
from headgate.serving.aws_lambda.metrics import METRICS, SETS
from tests.planning.environments import environment, prices

ALL = prices(
    **{"sagemaker__instance__ml.m5.large": 0.115},
    sagemaker__serverless__2=0.00004,
    lambda__request=0.0000002,
    lambda__gb_second=0.0000166667,
    api__request=0.0000035,
    cloudwatch__alarm=0.10,
    cloudwatch__metric=0.30,
    logs__written=0.50,
    kms__key=1.0,
    ecr__stored=0.10,
    s3__stored=0.023,
    states__transition=0.000025,
)
USUAL = Assumptions()


def usd(found: object, what: str) -> float | None:
    (line,) = (line for line in found.lines if line.what == what)  # type: ignore[attr-defined]
    amount: float | None = line.usd
    return amount


def test_a_real_time_endpoint() -> None:
    """1 request/s: 2,628,000 a month. Two instances for 730 hours, and four canaries of an hour on as many."""
    found = forecast(environment(instances={"count": 2}), 1.0, 3600.0, ALL, USUAL, alarmed=4)
    assert found.requests == 2_628_000
    assert usd(found, "endpoint: 2 x ml.m5.large") == pytest.approx(167.90)  # 2 * 730 * 0.115
    assert usd(found, "the canary beside it, during rollouts") == pytest.approx(0.92)  # 4 * 1 * 2 * 0.115
    assert usd(found, "alarms") == pytest.approx(0.40)
    assert usd(found, "logs, written") == pytest.approx(0.657)  # 1.314 GB
    # an hour has 240 looks, one every 15 s: 4 * (240 + 10) = 1,000, of 3 * 0.000025 and 0.5 GB for a second
    assert usd(found, "state machine") == pytest.approx(0.075)
    assert usd(found, "function that looks at rollouts") == pytest.approx(0.00853335)
    # 167.90 + 0.92 + 0.40 + 0.657 + 1 + 0.20 + 0.115 + 0.075 + 0.00853335
    assert found.total == pytest.approx(171.27553335)
    assert found.missing == ("endpoint: data in and out", "composite alarm", "dashboard")


def test_a_rollout_without_a_canary_has_no_instance_beside() -> None:
    found = forecast(environment(rollout=[{"all-at-once": {}}]), 1.0, 3600.0, ALL, USUAL)
    assert [line.what for line in found.lines if "canary" in line.what] == []


def test_a_serverless_endpoint_behind_a_front_door() -> None:
    """A million requests of 100 ms: 100,000 s at 2 GB; the function before it has 512 MB for as long."""
    rate = 1_000_000 / 2_628_000
    given = environment(hosting={"serverless": {"memory": 2048}}, front={}, alarms={"quiet": "6h"})
    found = forecast(given, rate, 0.0, ALL, Assumptions(latency=0.1), alarmed=6)
    assert usd(found, "serverless endpoint, 2048 MB") == pytest.approx(4.00)
    assert usd(found, "API Gateway") == pytest.approx(3.50)
    assert usd(found, "function before the endpoint: requests") == pytest.approx(0.20)
    assert usd(found, "function before the endpoint: 512 MB") == pytest.approx(0.833335)  # 50,000 GB-s
    assert usd(found, "alarms") == pytest.approx(0.60)
    assert usd(found, "detailed metrics of API Gateway") == pytest.approx(3.00), "five each of POST and GET"
    assert usd(found, "serverless endpoint: data in and out") is None


def test_a_function() -> None:
    """A million requests of 100 ms at 512 MB: 50,000 GB-seconds."""
    given = environment(hosting={"lambda": {"memory": 512}}, front={}, capture=None)
    found = forecast(given, 1_000_000 / 2_628_000, 0.0, ALL, Assumptions(latency=0.1))
    assert usd(found, "function: requests") == pytest.approx(0.20)
    assert usd(found, "function: 512 MB") == pytest.approx(0.833335)
    assert len(METRICS) * len(SETS) == METRICS_OF_A_FUNCTION
    assert usd(found, "metrics of the function") == pytest.approx(1.80)
    assert [line.what for line in found.lines if "before the endpoint" in line.what] == []


def test_captures_are_kept_in_the_bucket() -> None:
    """Half of 2,628,000 requests of 2,500 bytes: 3.285 GB beside the 5 that are there."""
    found = forecast(environment(capture={"sampling": "50%"}), 1.0, 0.0, ALL, USUAL)
    assert usd(found, "bucket, with a month's captures") == pytest.approx((5 + 3.285) * 0.023)


def test_where_serverless_and_real_time_cost_the_same() -> None:
    """83.95 USD a month for the instance; 50 ms at 0.00004 USD a second: 0.000002 a request."""
    found = forecast(environment(), 1.0, 0.0, ALL, USUAL)
    crossings = {(c.below, c.above): c.requests for c in found.crossings}
    assert crossings["serverless", "realtime"] == pytest.approx(41_975_000)
    # Lambda: 0.0000002 + 0.05 s * 1 GB * 0.0000166667
    assert crossings["lambda", "realtime"] == pytest.approx(83.95 / 0.000001033335)
    assert crossings["lambda", "serverless"] is None, "cheaper at any traffic"
    assert found.cheapest is not None
    assert found.cheapest.kind == "lambda"
    busy = forecast(environment(), 100.0, 0.0, ALL, USUAL)
    assert busy.cheapest is not None
    assert busy.cheapest.kind == "realtime"


def test_at_the_crossing_both_cost_the_same() -> None:
    one, other = Linear("realtime", "", 100.0, 0.000001), Linear("serverless", "", 10.0, 0.000004)
    found = crossing(one, other)
    assert found == crossing(other, one)
    assert found is not None
    assert found.requests is not None
    assert (found.below, found.above) == ("serverless", "realtime")
    assert one.month(found.requests) == pytest.approx(other.month(found.requests))
    assert found.requests == pytest.approx(30_000_000)


def test_a_front_door_costs_endpoints_a_function_more() -> None:
    """0.0000002 + 0.05 s * 0.5 GB * 0.0000166667 a request."""
    front = 0.0000002 + 0.05 * 0.5 * 0.0000166667
    with_door, without = environment(front={}), environment()
    for kind in ("realtime", "serverless"):
        dear, cheap = (way(kind, env, ALL, USUAL).each for env in (with_door, without))
        assert dear is not None
        assert cheap is not None
        assert dear - cheap == pytest.approx(front)
    assert way("lambda", with_door, ALL, USUAL) == way("lambda", without, ALL, USUAL)


def test_a_price_that_is_not_known_is_not_made_up() -> None:
    found = forecast(environment(instances={"type": "ml.c5.large"}), 1.0, 0.0, ALL, USUAL)
    assert usd(found, "endpoint: 1 x ml.c5.large") is None
    assert "endpoint: 1 x ml.c5.large" in found.missing
    assert all("realtime" not in (c.below, c.above) for c in found.crossings)
    assert (found.cheapest, found.uncompared) == (None, ("realtime",)), "the unknown one may be the cheapest"
    assert [way.kind for way in found.compared] == ["lambda", "serverless"]
    nothing = forecast(environment(), 1.0, 0.0, prices(kms__key=1.0), USUAL)
    assert nothing.total == pytest.approx(1.0)
    assert nothing.cheapest is None
    assert nothing.crossings == ()
