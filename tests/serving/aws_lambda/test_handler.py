"""What the function answers, front door by front door, over a real predictor in this process."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.schema import InputSchema
from headgate.errors import HeadgateError, InvalidInput, UsageError
from headgate.serving.aws_lambda.cors import Cors
from headgate.serving.aws_lambda.handler import Handler
from headgate.serving.aws_lambda.metrics import Metrics
from headgate.serving.codecs import Answer
from headgate.serving.failure import ModelFailure
from headgate.serving.load import load
from headgate.serving.logs import JsonFormatter
from headgate.serving.predictor import NO_HEADERS, Call, Headers, Mode
from headgate.serving.settings import Settings
from tests.serving.aws_lambda.front_doors import ROW, http, rest, url
from tests.serving.models import write_code, write_package


@dataclass(frozen=True)
class Context:
    aws_request_id: str = "abc"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111122223333:function:iris-production-model:live"


class Echo:
    """A predictor whose answer is its request, made in a coroutine on the one loop."""

    project = ""
    backend = "code"
    mode: Mode = "async"
    max_batch = 1
    schema: InputSchema | None = None

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self.loops: set[asyncio.AbstractEventLoop] = set()

    def predict(
        self, body: bytes, content_type: str | None, accept: str | None, headers: Headers = NO_HEADERS
    ) -> Answer:
        raise NotImplementedError

    def predict_many(self, calls: Sequence[Call]) -> list[Answer | HeadgateError]:
        raise NotImplementedError

    async def predict_async(
        self, body: bytes, content_type: str | None, accept: str | None, headers: Headers = NO_HEADERS
    ) -> Answer:
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        assert (content_type, accept) == (headers[b"content-type"].decode(), "application/json")
        return Answer(body, self.content_type)


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Handler:
    folder = write_package(tmp_path_factory.mktemp("package") / "model")
    settings = Settings.from_environment({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "1", "HEADGATE_VARIANT": "canary"})
    return Handler(load(folder), settings)


def call(handler: Handler, event: Any) -> tuple[int, Any]:
    """The status, and the document in the body."""
    answered = handler(event, Context())
    return answered["statusCode"], json.loads(answered["body"]) if answered["body"] else None


@pytest.mark.parametrize(
    ("path", "event", "status"),
    [
        ("/invocations", rest("GET", "/ping", None), 200),
        ("/invocations", http("GET", "/prod/ping", None), 200),
        ("/invocations", url("GET", "/ping/", ""), 200),
        ("/invocations", http("POST", "/invocations"), 200),
        ("/invocations", http("POST", "/production/invocations"), 404),
        ("/invocations", http("HEAD", "/prod/ping", None), 405),
        ("/iris/v1", rest("POST", "/iris/v1"), 200),
        ("/prod/v1", rest("POST", "/prod/v1"), 200),  # the stage is called as the path begins
        ("/iris/v1", rest("POST", "/base/iris/v1", resource="/iris/v1"), 200),  # behind a custom domain
        (
            "/iris/v1",
            rest("POST", "/base/prod/iris/v1/", resource="/iris/{which}", pathParameters={"which": "v1"}),
            200,
        ),
        ("/iris/v1", rest("POST", "/base/iris/v1", pathParameters={"proxy": "iris/v1"}), 200),
        ("/iris/v1", rest("POST", "/base/iris/v1", pathParameters={"proxy": "iris/v2"}), 404),
        ("/iris/v1", rest("GET", "/iris/ping", None), 200),
        ("/iris/v1", rest("POST", "/invocations"), 404),
        ("/", url("POST", "/"), 200),
        ("/", rest("POST", "/base", resource="/"), 200),
        ("/", url("GET", "/ping", ""), 200),
        ("*", rest("POST", "/any/where"), 200),
        ("*", rest("GET", "/any/where", None), 405),
        ("*", rest("GET", "/ping", None), 200),
        ("*", rest("OPTIONS", "/any/where", None), 204),
    ],
)
def test_where_it_answers(handler: Handler, path: str, event: Any, status: int) -> None:
    elsewhere = Handler(handler._predictor, Settings(), path=path)
    assert call(elsewhere, event)[0] == status


def test_what_is_not_allowed_says_what_is(handler: Handler) -> None:
    answered = handler(rest("DELETE"), Context())
    assert answered["statusCode"] == 405
    assert answered["headers"]["allow"] == "POST, OPTIONS"


def test_names_of_headers_are_read_in_any_case_and_ids_come_back(handler: Handler) -> None:
    headers = {"CONTENT-TYPE": "text/csv", "aCCept": "text/csv", "X-Amzn-SageMaker-Inference-Id": "i-1"}
    answered = handler(rest(body="1,2\n-3,1\n", headers=headers), Context())
    assert answered["statusCode"] == 200
    assert [line.split(",")[0] for line in answered["body"].splitlines()] == ["high", "low"]
    assert answered["headers"]["x-amzn-sagemaker-inference-id"] == "i-1"
    assert answered["headers"]["x-amzn-invoked-production-variant"] == "canary"
    assert int(answered["headers"]["x-headgate-model-us"]) > 0


def test_headers_come_as_lists_alone_too(handler: Handler) -> None:
    event = rest(body="1,2", headers={"Content-Type": "text/csv"}) | {"headers": None}
    assert call(handler, event)[0] == 200


@pytest.mark.parametrize(
    ("event", "status", "said"),
    [
        (http(body="====", isBase64Encoded=True), 400, "base64"),
        (http(body="\ud800"), 400, "not JSON"),
        (http(body=None), 400, "not JSON"),
        (http() | {"body": 1}, 400, "not one of API Gateway"),
        (http(body=base64.b64encode(b" " * 1_048_577).decode(), isBase64Encoded=True), 413, "1,048,576 bytes"),
    ],
)
def test_a_wrong_event_is_refused(handler: Handler, event: Any, status: int, said: str) -> None:
    got, document = call(handler, event)
    assert got == status
    assert said in document["error"]["message"]
    assert document["error"]["request_id"] == "abc"


KEYS = ["version", "rawPath", "requestContext", "http", "method", "stage", "httpMethod", "path", "x", "y", "instances"]
KEYS += [
    "resource",
    "pathParameters",
    "proxy",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
    "warmup",
    "source",
    "detail-type",
]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from([ROW, "2.0"])
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner), max_leaves=10
)
CHANGED = st.builds(
    lambda event, changes: event | changes,
    st.sampled_from([rest(), http(), url()]),
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1, max_size=3),
)


@settings(max_examples=50)
@given(ANYTHING | CHANGED)
def test_no_event_is_too_strange(handler: Handler, event: Any) -> None:
    with suppress(InvalidInput):
        answered = handler(event, Context())
        assert json.dumps(answered)
        assert answered.get("statusCode", 200) < 500


def test_the_id_that_the_caller_sent_is_the_one_in_the_error(handler: Handler) -> None:
    event = http(body="", headers={"x-request-id": "mine"})
    assert call(handler, event)[1]["error"]["request_id"] == "mine"


def test_coroutines_share_one_loop_and_binary_answers_travel_as_base64() -> None:
    predictor = Echo("application/x-npy")
    handler = Handler(predictor, Settings())
    for _ in range(2):
        answered = handler(url(body="\x93NUMPY"), Context())
        assert answered["isBase64Encoded"] is True
        assert base64.b64decode(answered["body"]).decode() == "\x93NUMPY"
    assert len(predictor.loops) == 1
    for loop in predictor.loops:
        loop.close()


def test_an_answer_beyond_what_lambda_returns_is_refused(tmp_path: Path) -> None:
    source = "def model_fn(d): ...\ndef transform_fn(m, body, kind, accept): return 'é\"' * 2_000_000, 'text/plain'\n"
    handler = Handler(load(write_code(tmp_path / "model", source)), Settings())
    status, document = call(handler, http())
    assert status == 413
    assert "6 MB" in document["error"]["message"]


def test_pages_are_told_by_name() -> None:
    cors = Cors.from_environment({"HEADGATE_CORS_ORIGINS": "https://a.example, http://localhost:3000 ,"})
    assert cors.headers("http://localhost:3000")["access-control-allow-origin"] == "http://localhost:3000"
    assert cors.headers("https://b.example") == {"vary": "origin"}
    assert "access-control-allow-methods" in cors.headers("https://a.example", preflight=True)
    assert Cors().headers("https://a.example") == {}


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "null", "a.example", "https://a.example/"])
def test_an_origin_is_one_origin(origin: str) -> None:
    with pytest.raises(UsageError, match="HEADGATE_CORS_ORIGINS should list origins"):
        Cors.from_environment({"HEADGATE_CORS_ORIGINS": f"https://b.example,{origin}"})


class Breaking(Echo):
    """A predictor that raises what it is told to, or answers."""

    mode: Mode = "inline"

    def __init__(self, error: Exception | None) -> None:
        super().__init__("application/json")
        self.error = error
        self.asked = 0

    def predict(self, body: bytes, *_: object, **__: object) -> Answer:
        self.asked = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == self.asked:
            pass  # it is another millisecond when the answer is there
        if self.error:
            raise self.error
        return Answer(body, self.content_type)


BROKEN = ModelFailure("It failed.", kind="RuntimeError")
LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "iris-production-model", "AWS_LAMBDA_FUNCTION_VERSION": "12"}
DEFECT = ZeroDivisionError("a defect")


@pytest.mark.parametrize(
    ("event", "error", "counted"),
    [
        (http(path="/invocations"), None, [1, 0, 0]),
        (http(path="/invocations"), InvalidInput("No."), [1, 0, 0]),
        (rest(), BROKEN, [1, 1, 0]),
        (rest(), DEFECT, [1, 1, 0]),
        ({"x": 1}, None, [1, 0, 0]),
        ({"x": 1}, InvalidInput("No."), [1, 0, 1]),
        ({"x": 1}, BROKEN, [1, 1, 1]),
        ({"x": 1}, DEFECT, [1, 1, 1]),
        (rest("GET", "/ping", None), None, None),
        (rest("OPTIONS"), None, None),
        (rest(path="/elsewhere"), None, None),
        ({"warmup": True}, None, None),
    ],
)
def test_a_prediction_is_counted_on_its_line_of_the_log(
    event: Any, error: Exception | None, counted: list[int] | None, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics.from_environment(LAMBDA)
    predictor = Breaking(error)
    counting = Handler(predictor, Settings(), metrics=metrics)
    with caplog.at_level(logging.INFO), suppress(HeadgateError, ZeroDivisionError):
        counting(event, Context())
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    embedded = [line for line in lines if "_aws" in line]
    if counted is None:
        assert embedded == []
        return
    (line,) = embedded
    (about,) = line["_aws"]["CloudWatchMetrics"]
    assert about["Namespace"] == "Headgate"
    assert [line[metric["Name"]] for metric in about["Metrics"]] == counted
    alias = {"FunctionName": "iris-production-model", "Resource": "iris-production-model:live"}
    assert [{name: line[name] for name in names} for names in about["Dimensions"]] == [
        {**alias, "ExecutedVersion": "12"},
        alias,
    ]
    assert predictor.asked - 60_000 < line["_aws"]["Timestamp"] <= predictor.asked


def test_outside_of_lambda_nothing_is_counted() -> None:
    assert Metrics.from_environment({"AWS_LAMBDA_FUNCTION_NAME": "f"}) is None
