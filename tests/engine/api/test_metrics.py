"""CloudWatch as stock boto3 sees it, in all three protocols."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.engine.api.cloudwatch import PROTOCOLS, client, write_models
from tests.engine.api.running import Front, Running, refusal
from tests.engine.metrics.memory import Request

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine")]

NOW = int(time.time()) // 60 * 60 - 600
WHERE = [{"Name": "EndpointName", "Value": "iris"}, {"Name": "VariantName", "Value": "canary"}]
SPAN = {"StartTime": NOW, "EndTime": NOW + 60}


@pytest.fixture(scope="session")
def clients(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A client for each protocol; they all speak to the engine of the test that runs."""
    models = write_models(tmp_path_factory.mktemp("models"))
    made = {protocol: client(front.port, models, protocol) for protocol in PROTOCOLS}
    yield made
    for one in made.values():
        one.close()


@pytest.fixture(params=PROTOCOLS)
def cloudwatch(clients: dict[str, Any], request: pytest.FixtureRequest) -> Any:
    """A client of each protocol, and an engine behind it."""
    return clients[request.param]


@pytest.fixture
def json_client(clients: dict[str, Any]) -> Any:
    return clients["json"]


def query(name: str = "m", metric: str = "Invocations", stat: str = "Sum", **more: Any) -> dict[str, Any]:
    """A query; `space`, `dimensions`, `period` and `unit` are of its MetricStat, all else its own."""
    named = {"Namespace": more.pop("space", "AWS/SageMaker"), "MetricName": metric}
    named["Dimensions"] = more.pop("dimensions", WHERE)
    asked = {"Metric": named, "Period": more.pop("period", 60), "Stat": stat}
    if "unit" in more:
        asked["Unit"] = more.pop("unit")
    return {"Id": name, "MetricStat": asked, **more}


def stat(metric_stat: dict[str, Any]) -> dict[str, Any]:
    return {"Id": "e", "MetricStat": metric_stat}


def get(cloudwatch: Any, *queries: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The results of queries."""
    return list(cloudwatch.get_metric_data(MetricDataQueries=list(queries), **SPAN | more)["MetricDataResults"])


def put(cloudwatch: Any, *data: dict[str, Any], space: str = "Mine", **more: Any) -> None:
    """PutMetricData, ten seconds after NOW where the item says nothing else."""
    cloudwatch.put_metric_data(
        Namespace=space, MetricData=[{"MetricName": "Loss", "Timestamp": NOW + 10} | d for d in data], **more
    )


def own(stat: str = "Sum", **more: Any) -> dict[str, Any]:
    return query("own", "Loss", stat, **{"space": "Mine", "dimensions": []} | more)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


def test_what_the_gateway_saw(engine: Running, cloudwatch: Any) -> None:
    for second in range(30):
        engine.evidence.add(Request(NOW + second, "canary", f"client-{second % 10}", 500 if second < 3 else 200, 2000))
    since = [*WHERE, {"Name": "Since", "Value": str(NOW)}]
    found = get(
        cloudwatch,
        query("a", period=10),
        query("b", "ModelLatency", "p99", Label="latency"),
        query("c", "UnitsSeen", space="Headgate", dimensions=since, period=1),
        query("d", "Invocation5XXErrors", "Average", unit="Count"),
        query("e", "Invocations", "Sum", dimensions=[]),
    )
    assert [result["StatusCode"] for result in found] == ["Complete"] * 5
    assert [result["Label"] for result in found][:2] == ["Invocations", "latency"]
    a, b, c, d, e = found
    assert a["Timestamps"] == [at(20), at(10), at(0)]
    assert a["Values"] == [10.0, 10.0, 10.0]
    assert (b["Timestamps"], b["Values"]) == ([at(0)], [2000.0])
    assert c["Timestamps"] == [at(second) for second in range(9, -1, -1)]
    assert d["Values"] == [0.1]
    assert (e["Timestamps"], e["Values"]) == ([], [])


def test_what_was_put(cloudwatch: Any) -> None:
    put(
        cloudwatch,
        {"Value": 1.5},
        {"Values": [2.0, 4], "Counts": [3, 1]},
        {"StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}, "Timestamp": at(40)},
        {"Value": -7, "Dimensions": [{"Name": "b", "Value": "<&> ü"}, {"Name": "a", "Value": "1"}]},
    )
    values = {stat: get(cloudwatch, own(stat))[0]["Values"] for stat in ("Sum", "SampleCount", "Minimum", "Maximum")}
    assert values == {"Sum": [14.5], "SampleCount": [7.0], "Minimum": [1.0], "Maximum": [4.0]}
    (apart,) = get(cloudwatch, own("p50", period=7), ScanBy="TimestampAscending")
    assert (apart["Timestamps"], apart["Values"]) == ([at(7)], [2.0])
    dimensions = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "<&> ü"}]
    assert get(cloudwatch, own(dimensions=dimensions))[0]["Values"] == [-7.0]
    listed = cloudwatch.list_metrics(Namespace="Mine")["Metrics"]
    assert listed == [
        {"Namespace": "Mine", "MetricName": "Loss", "Dimensions": []},
        {"Namespace": "Mine", "MetricName": "Loss", "Dimensions": dimensions},
    ]


def test_without_a_time_it_is_now(json_client: Any) -> None:
    json_client.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "Loss", "Value": 1}])
    span = {"StartTime": time.time() - 120, "EndTime": time.time() + 60}
    assert sum(get(json_client, own(period=1), **span)[0]["Values"]) == 1.0


def test_large_bodies_come_compressed(cloudwatch: Any) -> None:
    seen: list[str] = []
    cloudwatch.meta.events.register(
        "before-send.cloudwatch", lambda request, **_: seen.append(str(request.headers.get("Content-Encoding")))
    )
    put(cloudwatch, *({"Value": number, "Unit": "Milliseconds"} for number in range(1000)))
    assert "gzip" in seen[0]
    assert get(cloudwatch, own())[0]["Values"] == [499500.0]


def test_periods_are_cut_as_on_aws(json_client: Any) -> None:
    put(json_client, *({"Value": 1, "Timestamp": NOW + second} for second in range(600)))

    def first(start: float, period: int, end: float = NOW + 500) -> tuple[datetime, float]:
        (found,) = get(
            json_client, own(period=period), StartTime=start, EndTime=end, ScanBy="TimestampAscending"
        )  # fmt: skip
        return found["Timestamps"][0], found["Values"][0]

    assert first(NOW + 119, 60) == (at(60), 60.0)
    assert first(NOW + 119, 120) == (at(60), 120.0)
    assert first(NOW + 119, 20) == (at(100), 20.0)
    assert first(NOW + 119, 5) == (at(115), 5.0)
    assert first(NOW + 119, 7) == (at(119), 7.0)
    assert first(NOW + 119.9, 1) == (at(119), 1.0)
    assert first(NOW + 119, 61, NOW + 130) == (at(119), 11.0)
    assert first(NOW, 3600, NOW + 90.5) == (at(0), 91.0)


def test_pages_hold_all_values_once(cloudwatch: Any) -> None:
    put(cloudwatch, *({"Value": second, "Timestamp": NOW + second} for second in range(20)))
    queries = [own("Sum", period=1), {**own("Maximum", period=1), "Id": "other"}, {**own(period=60), "Id": "third"}]
    for scan in ("TimestampAscending", "TimestampDescending"):
        found: dict[str, list[float]] = {}
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, **SPAN, ScanBy=scan, PaginationConfig={"PageSize": 7}
        )
        sizes = []
        for page in pages:
            sizes.append(sum(len(result["Values"]) for result in page["MetricDataResults"]))
            for result in page["MetricDataResults"]:
                found.setdefault(result["Id"], []).extend(result["Values"])
        wanted = [float(second) for second in range(20)]
        wanted = wanted if scan == "TimestampAscending" else wanted[::-1]
        assert found == {"own": wanted, "other": wanted, "third": [190.0]}
        assert sizes == [7, 7, 7, 7, 7, 6]


def test_a_page_goes_on_where_the_last_one_ended(json_client: Any) -> None:
    put(json_client, *({"Value": 1, "Timestamp": NOW + second} for second in (10, 20, 30)))
    request = {"MetricDataQueries": [own(period=1)], **SPAN, "MaxDatapoints": 2}
    first = json_client.get_metric_data(**request)
    assert first["MetricDataResults"][0]["StatusCode"] == "PartialData"
    put(json_client, {"Value": 1, "Timestamp": NOW + 40}, {"Value": 1, "Timestamp": NOW + 5})
    second = json_client.get_metric_data(**request, NextToken=first["NextToken"])
    assert second["MetricDataResults"][0]["Timestamps"] == [at(10), at(5)]
    assert "NextToken" not in second


def test_lists_are_filtered_and_come_in_pages(engine: Running, cloudwatch: Any) -> None:
    engine.evidence.add(Request(NOW, "stable", "a"), Request(NOW, "canary", "b"))
    put(cloudwatch, *({"Value": 1, "Dimensions": [{"Name": "n", "Value": str(n)}]} for n in range(600)))
    paginator = cloudwatch.get_paginator("list_metrics")
    pages = [page["Metrics"] for page in paginator.paginate(Namespace="Mine", RecentlyActive="PT3H")]
    assert [len(page) for page in pages] == [500, 100]
    assert len({metric["Dimensions"][0]["Value"] for page in pages for metric in page}) == 600
    assert len(cloudwatch.list_metrics(Dimensions=[{"Name": "n", "Value": "7"}])["Metrics"]) == 1
    assert len(cloudwatch.list_metrics(Dimensions=[{"Name": "VariantName"}])["Metrics"]) == 16
    (found,) = cloudwatch.list_metrics(
        Namespace="Headgate", MetricName="UnitsSeen", Dimensions=[{"Name": "VariantName", "Value": "canary"}]
    )["Metrics"]
    assert found == {"Namespace": "Headgate", "MetricName": "UnitsSeen", "Dimensions": WHERE}


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"MetricDataQueries": []}, "InvalidParameterValue", "size of 1 to 500"),
        ({"MetricDataQueries": [query(f"m{n}") for n in range(501)]}, "InvalidParameterValue", "size of 1 to 500"),
        ({"MetricDataQueries": [query(), query()]}, "InvalidParameterValue", "not unique"),
        ({"MetricDataQueries": [query("M")]}, "InvalidParameterValue", "[a-z][a-zA-Z0-9_]*"),
        ({"MetricDataQueries": [query(ReturnData=False)]}, "InvalidParameterValue", "must have ReturnData"),
        ({"MetricDataQueries": [query(stat="tm90")]}, "InvalidParameterValue", "'tm90' for parameter"),
        ({"MetricDataQueries": [query(period=0)]}, "InvalidParameterValue", "greater than or equal to 1"),
        ({"MetricDataQueries": [query(unit="Flowers")]}, "InvalidParameterValue", "enum value set"),
        ({"MetricDataQueries": [query(dimensions=WHERE * 2)]}, "InvalidParameterValue", "a dimension twice"),
        ({"MetricDataQueries": [query(dimensions=WHERE * 16)]}, "InvalidParameterValue", "less than or equal to 30"),
        ({"MetricDataQueries": [query(metric="a\x07")]}, "InvalidParameterValue", "cannot be printed"),
        ({"MetricDataQueries": [query(metric="m", space="Headgate")]}, "InvalidParameterValue", "no metric m"),
        ({"MetricDataQueries": [{"Id": "e", "Expression": "m1 / m2"}]}, "InvalidParameterValue", "not supported"),
        ({"MetricDataQueries": [{"Id": "e"}]}, "MissingParameter", "MetricStat is required"),
        ({"MetricDataQueries": [stat({"Metric": {"MetricName": "a"}, "Period": 1, "Stat": "Sum"})]},
         "MissingParameter", "Metric.Namespace is required"),
        ({"MetricDataQueries": [stat({"Stat": "Sum"})]}, "MissingParameter", "2 validation errors detected"),
        ({"StartTime": NOW + 60}, "InvalidParameterValue", "StartTime must be less"),
        ({"StartTime": -5}, "InvalidParameterValue", "neither before 1970"),
        ({"MaxDatapoints": 0}, "InvalidParameterValue", "MaxDatapoints"),
        ({"ScanBy": "Up"}, "InvalidParameterValue", "enum value set"),
        ({"NextToken": "nonsense"}, "InvalidNextToken", "no such NextToken"),
        ({"NextToken": "WyJ4IiwgW11d"}, "InvalidNextToken", "no such NextToken"),
    ],
)  # fmt: skip
def test_bad_questions(cloudwatch: Any, changed: dict[str, Any], code: str, says: str) -> None:
    got, message = refusal(cloudwatch.get_metric_data, **{"MetricDataQueries": [query()], **SPAN} | changed)
    assert got == code
    assert says in message


def test_a_token_is_good_for_its_own_request_only(json_client: Any) -> None:
    put(json_client, {"Value": 1}, {"Value": 1, "Timestamp": NOW + 20})
    request = {"MetricDataQueries": [own(period=1)], **SPAN, "MaxDatapoints": 1}
    token = json_client.get_metric_data(**request)["NextToken"]
    other = request | {"ScanBy": "TimestampAscending"}
    assert refusal(json_client.get_metric_data, **other, NextToken=token)[0] == "InvalidNextToken"
    assert refusal(json_client.list_metrics, NextToken=token)[0] == "InvalidNextToken"


DATUM = {"MetricName": "Loss", "Value": 1.0}
STATISTICS = {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({}, "MissingParameter", "MetricData.member.1.Value, "),
    ({"Value": 1, "Values": [1]}, "InvalidParameterCombination", "1.Value and MetricData.member.1.Values"),
    ({"Value": 1, "Counts": [1]}, "InvalidParameterCombination", "mutually exclusive"),
    ({"Value": 2.0**400}, "InvalidParameterValue", "2^-360 to 2^360"),
    ({"Values": []}, "InvalidParameterValue", "size of 1 to 150"),
    ({"Values": list(range(151))}, "InvalidParameterValue", "size of 1 to 150"),
    ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue", "the same size"),
    ({"Values": [1], "Counts": [0]}, "InvalidParameterValue", "greater than 0"),
    ({"StatisticValues": {"Sum": 1}}, "MissingParameter", "3 validation errors"),
    ({"StatisticValues": STATISTICS | {"SampleCount": 0}}, "InvalidParameterValue", "greater than 0"),
    ({"StatisticValues": STATISTICS | {"Minimum": 5}}, "InvalidParameterValue", "must not be greater than"),
    ({"Value": 1, "Unit": "Flowers"}, "InvalidParameterValue", "enum value set"),
    ({"Value": 1, "StorageResolution": 30}, "InvalidParameterValue", "must be 1 or 60"),
    ({"Value": 1, "Timestamp": NOW - 86400}, "InvalidParameterValue", "within the last 24 hours"),
    ({"Value": 1, "Timestamp": NOW + 9000}, "InvalidParameterValue", "within the last 24 hours"),
    ({"Value": 1, "Dimensions": [{"Name": "a", "Value": ""}]}, "InvalidParameterValue", "have length"),
    ({"Value": 1, "Dimensions": [{"Name": "a"}]}, "MissingParameter", "dimensions.1.member.value"),
    ({"Value": float("nan")}, "SerializationException", "to a Float"),
    ({"Value": float("inf")}, "SerializationException", "to a Float"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        ({"Namespace": "AWS/SageMaker", "MetricData": [DATUM]}, "InvalidParameterValue", "The value AWS/SageMaker for"),
        ({"Namespace": "Headgate", "MetricData": [DATUM]}, "InvalidParameterValue", "The value Headgate for parameter"),
        ({"Namespace": ":x", "MetricData": [DATUM]}, "InvalidParameterValue", "regular expression"),
        ({"Namespace": "a\x01", "MetricData": [DATUM]}, "InvalidParameterValue", "cannot be printed"),
        ({"Namespace": "Mine"}, "MissingParameter", "MetricData is required"),
        ({"MetricData": [DATUM]}, "MissingParameter", "at 'namespace'"),
        ({"Namespace": "Mine", "MetricData": []}, "MissingParameter", "MetricData is required"),
        ({"Namespace": "Mine", "MetricData": [DATUM] * 1001}, "InvalidParameterValue", "greater than 1000"),
        ({"Namespace": "Mine", "MetricData": [DATUM], "StrictEntityValidation": True}, "InvalidParameterValue",
         "StrictEntityValidation is not supported"),
        ({"Namespace": "Mine", "MetricData": [{"Value": 1}]}, "MissingParameter", "metricData.1.member.metricName"),
        *(({"Namespace": "Mine", "MetricData": [{"MetricName": "Loss"} | d]}, code, says) for d, code, says in BAD),
    ],
)  # fmt: skip
def test_bad_data(cloudwatch: Any, request_: dict[str, Any], code: str, says: str) -> None:
    got, message = refusal(cloudwatch.put_metric_data, **request_)
    assert got == code
    assert says in message
    assert cloudwatch.list_metrics()["Metrics"] == []


def test_bad_lists(cloudwatch: Any) -> None:
    assert refusal(cloudwatch.list_metrics, NextToken="x")[0] == "InvalidNextToken"
    assert refusal(cloudwatch.list_metrics, RecentlyActive="PT1H")[0] == "InvalidParameterValue"
    assert refusal(cloudwatch.list_metrics, OwningAccount="1")[0] == "InvalidParameterValue"
    assert refusal(cloudwatch.list_metrics, Dimensions=[{"Value": "1"}])[0] == "MissingParameter"


def test_operations_that_are_not_there(cloudwatch: Any) -> None:
    code, message = refusal(cloudwatch.describe_alarms)
    assert code == "UnknownOperationException"
    assert "no CloudWatch operation 'DescribeAlarms'" in message


def test_a_wrong_key(engine: Running, tmp_path: Path) -> None:
    models = write_models(tmp_path)
    for protocol in PROTOCOLS:
        made = client(engine.port, models, protocol, "wrong")
        assert refusal(made.list_metrics)[0] == "InvalidSignatureException"
        made.close()
