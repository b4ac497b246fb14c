"""What goes over the wire, and that whatever comes over it gets a typed answer in its own protocol."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.engine.api.errors import ApiError
from headgate.engine.api.protocols import Answer, Services, failure
from headgate.engine.api.signature import SignedRequest
from tests.engine.api.running import services
from tests.engine.metrics.memory import MemoryEvidence, Request

GRANITE = "GraniteServiceVersion20100801"
OPERATIONS = ("GetMetricData", "PutMetricData", "ListMetrics")
NOW = 1_800_000_000
LIST = {"Namespace": "AWS/SageMaker", "MetricName": "Invocations"}
GET: dict[str, Any] = {
    "MetricDataQueries": [
        {
            "Id": "a",
            "MetricStat": {
                "Metric": LIST
                | {
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": "iris"},
                        {"Name": "VariantName", "Value": "stable"},
                    ]
                },
                "Period": 60,
                "Stat": "Sum",
            },
            "Label": "<&>\x00",
        }
    ],
    "StartTime": NOW,
    "EndTime": NOW + 60,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    evidence = MemoryEvidence([Request(NOW, "stable", "a")])
    with services(tmp_path_factory.mktemp("protocols"), evidence) as (api, metrics, _):
        yield Services(api, metrics)


def ask(served: Services, protocol: str, operation: str, body: bytes) -> Answer:
    """What the services say, or the error in its place."""
    headers = {
        "json": [("x-amz-target", f"{GRANITE}.{operation}"), ("content-type", "application/x-amz-json-1.0")],
        "query": [("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        "cbor": [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")],
    }[protocol]
    target = f"/service/{GRANITE}/operation/{operation}" if protocol == "cbor" else "/"
    request = SignedRequest("POST", target, headers, b"")
    try:
        return served.answer(request, body, "id")
    except ApiError as error:
        return failure(error, request, "id")


def form(operation: str, **fields: str) -> bytes:
    return urlencode({"Action": operation, "Version": "2010-08-01"} | fields).encode()


def code_of(answer: Answer) -> str:
    """The code of an error; empty for a success. Whatever it is, it must be whole and of its type."""
    match answer.content_type:
        case "application/cbor":
            assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
            told = cbor2.loads(answer.body) if answer.body else {}
        case "text/xml":
            root = ElementTree.fromstring(answer.body)
            assert root.find(".//{*}RequestId") is not None
            code = root.findtext("Error/Code")
            told = {} if code is None else {"__type": code, "message": root.findtext("Error/Message")}
        case _:
            assert answer.content_type == "application/x-amz-json-1.0"
            told = json.loads(answer.body or b"{}")
    code = told.get("__type", "")
    assert answer.status == (400 if code else 200)
    assert not code or told["message"]
    if code and answer.content_type != "text/xml":
        assert answer.headers["x-amzn-query-error"] == f"{code};Sender"
    return str(code)


def test_times_are_marked_as_each_protocol_wants(served: Services) -> None:
    result = {"Id": "a", "Values": [1.0], "StatusCode": "Complete"}
    told = json.loads(ask(served, "json", "GetMetricData", json.dumps(GET).encode()).body)["MetricDataResults"]
    assert told == [result | {"Timestamps": [NOW], "Label": "<&>\x00"}]
    request = GET | {name: cbor2.CBORTag(1, GET[name]) for name in ("StartTime", "EndTime")}
    body = ask(served, "cbor", "GetMetricData", cbor2.dumps(request)).body
    assert cbor2.dumps(cbor2.CBORTag(1, NOW)) in body
    assert cbor2.loads(body)["MetricDataResults"][0]["Timestamps"] == [datetime.fromtimestamp(NOW, UTC)]
    query = "MetricDataQueries.member.1."
    metric = f"{query}MetricStat.Metric."
    fields = {
        f"{query}Id": "a", f"{query}Label": "<&>\x00",
        f"{query}MetricStat.Period": "60", f"{query}MetricStat.Stat": "Sum",
        f"{metric}Namespace": "AWS/SageMaker", f"{metric}MetricName": "Invocations",
        f"{metric}Dimensions.member.1.Name": "EndpointName", f"{metric}Dimensions.member.1.Value": "iris",
        f"{metric}Dimensions.member.2.Name": "VariantName", f"{metric}Dimensions.member.2.Value": "stable",
        "StartTime": "2027-01-15T08:00:00Z", "EndTime": "2027-01-15T08:01:00",
    }  # fmt: skip
    xml = ask(served, "query", "", form("GetMetricData", **fields)).body.decode()
    assert "<Timestamps><member>2027-01-15T08:00:00Z</member></Timestamps><Values><member>1.0</member>" in xml
    assert "<Label>&lt;&amp;&gt;\N{REPLACEMENT CHARACTER}</Label>" in xml
    assert xml.startswith('<GetMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><GetMetric')


def test_nothing_is_answered_with_nothing(served: Services) -> None:
    put = {"Namespace": "Mine", "MetricData": [{"MetricName": "m", "Value": 1}]}
    assert ask(served, "json", "PutMetricData", json.dumps(put).encode()) == Answer(
        200, "application/x-amz-json-1.0", b""
    )
    assert ask(served, "cbor", "PutMetricData", cbor2.dumps(put)).body == b""
    fields = {"Namespace": "Mine", "MetricData.member.1.MetricName": "m", "MetricData.member.1.Value": "1e-3"}
    told = ask(served, "query", "", form("PutMetricData", **fields)).body.decode()
    assert told.endswith("<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></PutMetricDataResponse>")


@pytest.mark.parametrize("protocol", ["json", "cbor"])
def test_an_operation_that_is_not_there(served: Services, protocol: str) -> None:
    for name in ("DescribeAlarms", "", "x/y", "\x00"):
        assert code_of(ask(served, protocol, name, b"")) == "UnknownOperationException"


def test_an_action_that_is_not_there(served: Services) -> None:
    for body in (form("DescribeAlarms"), form(""), form("\x00<&>")):
        assert code_of(ask(served, "query", "", body)) == "UnknownOperationException"


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
LAUGHS: list[Any] = ["ha"]
for _ in range(40):
    LAUGHS = [LAUGHS, LAUGHS]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff", b"\x9b" + b"\xff" * 8, b"\x5b" + b"\x7f" + b"\xff" * 7, b"\x81" * 100_000, b"\xbf",
        cbor2.dumps([]), cbor2.dumps({1: 2}), cbor2.dumps({"Namespace": b"bytes"}), cbor2.dumps({"Namespace": 2**70}),
        cbor2.dumps({"Nothing": cbor2.undefined}), cbor2.dumps({"Namespace": date(2026, 1, 1)}, date_as_datetime=False),
        cbor2.dumps({"Namespace": datetime(2026, 1, 1, tzinfo=UTC)}), cbor2.dumps({"x": cbor2.CBORTag(35, "(a+)+b")}),
        cbor2.dumps({"x": CYCLE}, value_sharing=True), cbor2.dumps({"x": LAUGHS}, value_sharing=True),
        cbor2.dumps({"StartTime": cbor2.CBORTag(1, "now")}), cbor2.dumps({"x": cbor2.CBORTag(2, b"\xff" * 5000)}),
    ],
)  # fmt: skip
def test_cbor_that_is_no_request(served: Services, body: bytes) -> None:
    assert code_of(ask(served, "cbor", "ListMetrics", body)) == "SerializationException"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Namespace.x": "a", "Namespace": "b"}, "MalformedInput"),
        ({"Namespace": "b", "Namespace.x": "a"}, "MalformedInput"),
        ({".".join("a" * 100): "b"}, "MalformedInput"),
        ({"Namespace.x": "a"}, "SerializationException"),
        ({"Dimensions": "a"}, "SerializationException"),
        ({"Dimensions.1.Name": "a"}, "SerializationException"),
        ({"Dimensions.member.x.Name": "a"}, "SerializationException"),
        ({"IncludeLinkedAccounts": "True"}, "SerializationException"),
        ({"Surprise": "1"}, "InvalidParameterValue"),
        ({"": "1"}, "InvalidParameterValue"),
    ],
)
def test_forms_that_are_no_request(served: Services, fields: dict[str, str], code: str) -> None:
    assert code_of(ask(served, "query", "", form("ListMetrics", **fields))) == code


def test_values_of_a_form_are_read_as_their_type_or_refused(served: Services) -> None:
    for value in ("nan", "inf", "1_0", "0x1", " 1", "1" * 400, "", "1e99999"):
        fields = {"Namespace": "Mine", "MetricData.member.1.MetricName": "m", "MetricData.member.1.Value": value}
        code = code_of(ask(served, "query", "", form("PutMetricData", **fields)))
        assert code in ("SerializationException", "InvalidParameterValue")
    for value in ("now", "1800000000", "9999-99-99T00:00:00Z"):
        fields = {"StartTime": value, "EndTime": "2027-01-15T08:01:00Z"}
        assert code_of(ask(served, "query", "", form("GetMetricData", **fields))) == "SerializationException"


scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
    | st.sampled_from(["Sum", "p99", "Mine", "Headgate", "AWS/SageMaker", "UnitsSlow", "EndpointName", NOW, NOW + 60])
)  # fmt: skip
NAMES = (
    "Namespace", "MetricName", "MetricData", "MetricDataQueries", "Id", "MetricStat", "Metric", "Period",
    "Stat", "Unit", "Dimensions", "Name", "Value", "StartTime", "EndTime", "NextToken", "ScanBy",
    "MaxDatapoints", "Values", "Counts", "StatisticValues", "Sum", "SampleCount", "Minimum", "Maximum",
    "Timestamp", "Label", "ReturnData", "EntityMetricData", "Entity", "KeyAttributes",
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)
requests = documents | st.dictionaries(st.sampled_from(NAMES), documents)
changed = st.builds(lambda more: GET | more, st.dictionaries(st.sampled_from(NAMES), documents, max_size=2))


@given(operation=st.sampled_from(OPERATIONS), request=requests | changed)
@settings(max_examples=200)
def test_any_document_gets_a_typed_answer(served: Services, operation: str, request: object) -> None:
    in_json = code_of(ask(served, "json", operation, json.dumps(request).encode()))
    assert code_of(ask(served, "cbor", operation, cbor2.dumps(request))) == in_json


@given(operation=st.sampled_from(OPERATIONS), body=st.binary(max_size=200))
@settings(max_examples=150)
def test_any_bytes_get_a_typed_answer(served: Services, operation: str, body: bytes) -> None:
    for protocol in ("json", "cbor"):
        code_of(ask(served, protocol, operation, body))
    code_of(ask(served, "query", "", form(operation) + b"&" + body))


fields = st.dictionaries(
    st.lists(st.sampled_from([*NAMES, "member", "1", "2", "entry", "", "x"]), min_size=1, max_size=6).map(".".join),
    scalars.map(str).filter(lambda text: text.isprintable()),
    max_size=8,
)


@given(operation=st.sampled_from(OPERATIONS), fields=fields)
@settings(max_examples=150)
def test_any_form_gets_a_typed_answer(served: Services, operation: str, fields: dict[str, str]) -> None:
    code_of(ask(served, "query", "", form(operation, **fields)))
