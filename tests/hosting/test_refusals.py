"""What callers of the front door get for each thing that a runtime API can say, and what the log keeps of it."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import InvalidInput
from headgate.hosting.front_door import FrontDoor, FrontSettings, runtime_client
from tests.hosting.runtime_stand_in import RuntimeStandIn, Said
from tests.serving.aws_lambda.front_doors import http, rest

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

ROW = '{"x": "private"}'
LOG = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/sagemaker/Endpoints/e"
OURS = json.dumps({"error": {"type": "InvalidInput", "message": "The field 'z' is no feature.", "hint": "Drop it."}})


@dataclass(frozen=True)
class Context:
    aws_request_id: str = "8f5b2c1e-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def runtime() -> Iterator[RuntimeStandIn]:
    stand_in = RuntimeStandIn()
    yield stand_in
    stand_in.close()


@pytest.fixture(scope="module")
def client(runtime: RuntimeStandIn) -> "SageMakerRuntimeClient":
    """A client with a role's keys, as Lambda gives them."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.url,
        }.items():
            environment.setenv(name, value)
        return runtime_client(os.environ, 1)


@pytest.fixture
def door(runtime: RuntimeStandIn, client: "SageMakerRuntimeClient") -> FrontDoor:
    runtime.heard.clear()
    runtime.says = Said()
    return FrontDoor(FrontSettings("e", choose_variant=True), client)


def model_error(status: int, said: str) -> Said:
    """A container's answer, as SageMaker passes it on."""
    body = {"Message": "Received error", "OriginalStatusCode": status, "OriginalMessage": said, "LogStreamArn": LOG}
    return Said(424, "ModelError", body)


def refused(status: int, code: str, message: str = "no") -> Said:
    return Said(status, code, {"message": message})


MISSING = "Endpoint e of account 111122223333 not found."
FORBIDDEN = "User: arn:aws:sts::111122223333:assumed-role/r is not authorized to perform: sagemaker:InvokeEndpoint"
TIMED_OUT = "Your invocation timed out while waiting for a response from container primary."


FIELD = "The field 'z' is no feature."
MANY = "There are more requests than the endpoint takes."
LATE = "The model took too long to answer."
UNTAKEN = "The endpoint does not take this request."
UNREACHED = "The model cannot be reached."


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (model_error(400, OURS), (400, "InvalidInput", FIELD)),
        (model_error(415, OURS), (415, "InvalidInput", FIELD)),
        (model_error(418, "I am a teapot."), (400, "ModelError", "I am a teapot.")),
        (model_error(404, ""), (400, "ModelError", "The model refused the request.")),
        (model_error(429, "busy"), (429, "Throttled", "The model takes no more requests just now.")),
        (model_error(500, OURS), (502, "ModelFailure", "The model failed.")),
        (model_error(500, "Traceback: /opt/secrets.py"), (502, "ModelFailure", "The model failed.")),
        (model_error(422, '{"error": ["odd"]}'), (422, "ModelError", '{"error": ["odd"]}')),
        (model_error(503, "busy"), (503, "Overloaded", "The model takes no more requests just now.")),
        (model_error(504, "late"), (504, "TimedOut", LATE)),
        (model_error(0, TIMED_OUT), (504, "TimedOut", LATE)),
        (model_error(0, "The model server did not answer."), (502, "ModelFailure", "The model failed.")),
        (refused(400, "ThrottlingException"), (429, "Throttled", MANY)),
        (refused(429, "ModelNotReadyException"), (429, "Throttled", MANY)),
        (refused(429, "SomethingNew"), (429, "Throttled", MANY)),
        (refused(400, "ValidationError", MISSING), (503, "Unavailable", "The model is not deployed just now.")),
        (
            refused(400, "ValidationError", "Variant v not found"),
            (400, "InvalidInput", "The endpoint has no such variant."),
        ),
        (refused(400, "ValidationError", "1 error"), (400, "InvalidInput", UNTAKEN)),
        (refused(403, "AccessDeniedException", FORBIDDEN), (503, "Unavailable", UNREACHED)),
        (refused(403, "ExpiredTokenException"), (503, "Unavailable", UNREACHED)),
        (refused(404, "UnknownOperationException"), (503, "Unavailable", UNREACHED)),
        (refused(413, "ValidationError"), (413, "ValidationError", UNTAKEN)),
        (refused(500, "InternalFailure"), (502, "EndpointFailure", "The endpoint failed.")),
        (refused(530, "InternalDependencyException"), (502, "EndpointFailure", "The endpoint failed.")),
        (refused(503, "ServiceUnavailable"), (503, "Overloaded", "The endpoint is not available just now.")),
        (Said(502, "", b"<html>"), (502, "EndpointFailure", "The endpoint failed.")),
        (Said(0), (503, "Unavailable", UNREACHED)),
        (Said(-1), (504, "TimedOut", LATE)),
    ],
)
def test_what_callers_get(
    door: FrontDoor, runtime: RuntimeStandIn, caplog: pytest.LogCaptureFixture,
    said: Said, answer: tuple[int, str, str],
) -> None:  # fmt: skip
    runtime.says = said
    with caplog.at_level(logging.INFO):
        answered = door(http(path="/invocations", body=ROW), Context())
    told = json.loads(answered["body"])["error"]
    assert (answered["statusCode"], told["type"], told["message"]) == answer
    assert told["request_id"] == Context.aws_request_id
    assert len(runtime.heard) == 1, "an invocation is never sent again"
    assert ("retry-after" in answered["headers"]) is (answer[1] in ("Throttled", "Overloaded"))
    for secret in ("111122223333", "AKIATEST", "/opt/secrets.py"):
        assert secret not in answered["body"]
    logged = json.dumps([[record.getMessage(), getattr(record, "fields", {})] for record in caplog.records])
    for secret in ("private", "/opt/secrets.py", "secret"):
        assert secret not in logged


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (refused(400, "ValidationError", MISSING), ("the endpoint refused", {"endpoint": "e", "said": MISSING})),
        (refused(403, "AccessDeniedException", FORBIDDEN), ("the endpoint refused", {"said": FORBIDDEN})),
        (model_error(500, "secret"), ("the model failed", {"status": 500, "container_log": LOG})),
        (Said(0), ("the endpoint did not answer", {"type": "ConnectionClosedError"})),
    ],
)
def test_what_operators_find(
    door: FrontDoor, runtime: RuntimeStandIn, caplog: pytest.LogCaptureFixture,
    said: Said, line: tuple[str, dict[str, Any]],
) -> None:  # fmt: skip
    runtime.says = said
    door(http(path="/invocations"), Context())
    event, fields = line
    (found,) = [record for record in caplog.records if record.getMessage() == event]
    assert fields.items() <= found.fields.items()  # type: ignore[attr-defined]


def test_what_goes_on_and_what_comes_back(door: FrontDoor, runtime: RuntimeStandIn) -> None:
    runtime.says = Said(
        body=b"1.5\n",
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "x-Amzn-Invoked-Production-Variant": "canary",
            "X-Amzn-SageMaker-Custom-Attributes": "model=7",
            "X-Other": "stays",
        },
    )
    headers = {
        "Content-Type": "text/csv",
        "Accept": "text/csv",
        "X-Amzn-SageMaker-Inference-Id": "mine",
        "X-Amzn-SageMaker-Custom-Attributes": "client=7",
        "X-Amzn-SageMaker-Target-Variant": "canary",
        "X-Request-Id": "theirs",
        "Authorization": "Bearer private",
        "Cookie": "private",
    }
    answered = door(rest(body="MSwyCg==", isBase64Encoded=True, headers=headers), Context())
    assert (answered["statusCode"], answered["body"], answered["isBase64Encoded"]) == (200, "1.5\n", False)
    assert answered["headers"] == {
        "content-type": "text/csv; charset=utf-8",
        "x-request-id": "theirs",
        "x-amzn-sagemaker-inference-id": "mine",
        "x-amzn-sagemaker-custom-attributes": "model=7",
        "x-amzn-invoked-production-variant": "canary",
    }
    (heard,) = runtime.heard
    assert (heard.path, heard.body) == ("/endpoints/e/invocations", b"1,2\n")
    got = {name: heard.headers[name] for name in ("content-type", "accept")}
    got |= {name: value for name, value in heard.headers.items() if name.startswith("x-amzn-sagemaker-")}
    assert got == {
        "content-type": "text/csv",
        "accept": "text/csv",
        "x-amzn-sagemaker-inference-id": "mine",
        "x-amzn-sagemaker-custom-attributes": "client=7",
        "x-amzn-sagemaker-target-variant": "canary",
    }
    assert heard.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert heard.headers["x-amz-security-token"] == "token"
    assert "cookie" not in heard.headers


def test_a_request_without_an_inference_id_gets_one_and_is_told(door: FrontDoor, runtime: RuntimeStandIn) -> None:
    answered = door(http(path="/invocations", headers={}), Context())
    assert answered["headers"]["x-amzn-sagemaker-inference-id"] == Context.aws_request_id
    assert runtime.heard[0].headers["x-amzn-sagemaker-inference-id"] == Context.aws_request_id
    assert "accept" not in runtime.heard[0].headers


def test_a_serverless_endpoint_takes_less() -> None:
    given = {"HEADGATE_ENDPOINT": "e", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "4"}
    assert FrontSettings.from_environment(given).max_body == 4 * 1024 * 1024


def test_a_long_request_id_is_cut_to_what_an_inference_id_may_be(door: FrontDoor, runtime: RuntimeStandIn) -> None:
    answered = door(http(path="/invocations", headers={"x-request-id": "r" * 100}), Context())
    assert answered["statusCode"] == 200
    assert runtime.heard[0].headers["x-amzn-sagemaker-inference-id"] == "r" * 64


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"x-amzn-sagemaker-target-model": "m"}, 400, "x-amzn-sagemaker-target-model is not passed on"),
        ({"x-amzn-sagemaker-session-id": "NEW_SESSION"}, 400, "is not passed on"),
        ({"x-amzn-sagemaker-target-variant": "a b"}, 400, "should be the name of a variant, got 'a b'"),
        ({"x-amzn-sagemaker-inference-id": "x" * 65}, 400, "should be 1 to 64 printable ASCII characters"),
        ({"x-amzn-sagemaker-custom-attributes": "x" * 1_025}, 400, "at most 1024 printable ASCII characters"),
        ({"x-amzn-sagemaker-custom-attributes": "a\r\nx-evil: 1"}, 400, "at most 1024 printable ASCII characters"),
        ({"content-type": "tëxt/plain"}, 415, "content-type should be"),
        ({"accept": "\x00"}, 406, "accept should be"),
    ],
)
def test_headers_that_cannot_go_on_go_nowhere(
    door: FrontDoor, runtime: RuntimeStandIn, headers: dict[str, str], status: int, said: str
) -> None:
    answered = door(http(path="/invocations", headers=headers), Context())
    assert answered["statusCode"] == status
    assert said in json.loads(answered["body"])["error"]["message"]
    assert runtime.heard == []


def test_without_the_setting_nobody_chooses_the_variant(
    runtime: RuntimeStandIn, client: "SageMakerRuntimeClient"
) -> None:
    strict = FrontDoor(FrontSettings("e"), client)
    runtime.heard.clear()
    answered = strict(http(path="/invocations", headers={"x-amzn-sagemaker-target-variant": "canary"}), Context())
    assert answered["statusCode"] == 400
    assert "x-amzn-sagemaker-target-variant is not taken here" in answered["body"]
    assert runtime.heard == []


def test_it_is_no_way_round_api_gateway(door: FrontDoor, runtime: RuntimeStandIn) -> None:
    with pytest.raises(InvalidInput, match="not an HTTP request"):
        door({"x": 1}, Context())
    assert runtime.heard == []


NAMES = ["content-type", "accept", "origin", "x-request-id", "traceparent"]
NAMES += [
    f"x-amzn-sagemaker-{name}" for name in ("inference-id", "custom-attributes", "target-variant", "target-model")
]


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=80), max_size=4),
    st.text(max_size=20),
    st.booleans(),
)
def test_no_request_is_too_strange(
    runtime: RuntimeStandIn, client: "SageMakerRuntimeClient", headers: dict[str, str], body: str, coded: bool
) -> None:
    runtime.says = Said(body=b"{}")
    door = FrontDoor(FrontSettings("e", choose_variant=True), client)
    answered = door(http(path="/invocations", headers=headers, body=body, isBase64Encoded=coded), Context())
    assert answered["statusCode"] in (200, 400, 406, 415), answered
    assert json.dumps(answered)
