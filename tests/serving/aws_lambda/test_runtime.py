"""The function under Lambda's own runtime client, in a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.aws_lambda.front_doors import SCHEDULED, http, rest, url
from tests.serving.aws_lambda.runtime_api import TRACE, Function, running
from tests.serving.models import write_code, write_package

pytestmark = pytest.mark.slow

HIGH = {"prediction": {"label": "high", "probability": pytest.approx(0.9526, abs=1e-4)}}


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("lambda")
    with running(
        write_package(folder / "model"), folder / "log", HEADGATE_CORS_ORIGINS="https://app.example.com"
    ) as function:
        yield function


@pytest.mark.parametrize("event", [rest(), http(), url()])
def test_every_front_door_gets_the_prediction(function: Function, event: dict[str, object]) -> None:
    outcome = function.api.invoke(event)
    assert outcome.kind == "response"
    assert outcome.document["statusCode"] == 200
    assert outcome.document["isBase64Encoded"] is False
    assert outcome.document["headers"]["content-type"] == "application/json"
    assert json.loads(outcome.document["body"]) == HIGH


@pytest.mark.parametrize(
    ("event", "status", "kind"),
    [
        (http(body='{"x": 1}'), 400, "InvalidInput"),
        (rest(path="/elsewhere"), 404, "NotFound"),
        (url("PUT"), 405, "MethodNotAllowed"),
        (http(headers={"content-type": "image/png"}), 415, "UnsupportedMedia"),
        (http(body="x" * 6_291_457), 413, "PayloadTooLarge"),
    ],
)
def test_a_wrong_request_is_told_in_the_one_error_shape(
    function: Function, event: dict[str, object], status: int, kind: str
) -> None:
    outcome = function.api.invoke(event)
    assert (outcome.kind, outcome.document["statusCode"]) == ("response", status)
    error = json.loads(outcome.document["body"])["error"]
    assert error["type"] == kind
    assert error["message"]
    assert error["request_id"].startswith("request-")


def test_a_page_of_a_listed_origin_may_ask(function: Function) -> None:
    outcome = function.api.invoke(url("OPTIONS", body="", headers={"origin": "https://app.example.com"}))
    assert outcome.document["statusCode"] == 204
    assert outcome.document["headers"]["access-control-allow-origin"] == "https://app.example.com"
    other = function.api.invoke(url("OPTIONS", body="", headers={"origin": "https://evil.example.com"}))
    assert "access-control-allow-origin" not in other.document["headers"]


@pytest.mark.parametrize("event", [SCHEDULED, {"warmup": True}])
def test_a_warm_up_is_answered_without_a_prediction(function: Function, event: dict[str, object]) -> None:
    told = len(function.lines("request"))
    assert function.api.invoke(event).document == {"warm": True}
    assert len(function.lines("request")) == told


def test_a_direct_invocation_gets_the_answer_or_the_error_itself(function: Function) -> None:
    assert function.api.invoke({"x": 1, "y": 2}).document == HIGH
    many = function.api.invoke({"instances": [[1, 2], {"x": -3, "y": 0}]})
    assert [p["label"] for p in many.document["predictions"]] == ["high", "low"]
    wrong = function.api.invoke({"x": 1, "z": 2})
    assert (wrong.kind, wrong.document["errorType"]) == ("error", "InvalidInput")
    assert "'z'" in wrong.document["errorMessage"]


def test_the_log_joins_lines_to_requests(function: Function) -> None:
    (loaded,) = function.lines("loaded")
    assert loaded["cold_start_ms"] > 0
    function.api.invoke(http("GET", "/prod/ping", None, headers={"traceparent": "00-ab-cd-01"}))
    line = function.lines("request")[-1]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/ping", 200)
    assert line["aws_request_id"].startswith("request-")
    assert (line["xray_trace"], line["traceparent"]) == (TRACE, "00-ab-cd-01")


FAILING = """
import logging

def model_fn(model_dir):
    return None

def predict_fn(data, model):
    logging.warning("about to fail")
    raise RuntimeError("no such table: secrets")
"""


def test_a_failing_model_is_a_500_with_the_request_and_a_traceback_in_the_log(tmp_path: Path) -> None:
    with running(write_code(tmp_path / "model", FAILING), tmp_path / "log") as function:
        outcome = function.api.invoke(http(body="[1]"))
        assert outcome.document["statusCode"] == 500
        error = json.loads(outcome.document["body"])["error"]
        assert (error["type"], error["request_id"]) == ("RuntimeError", "request-1")
        (line,) = function.lines("request failed")
        assert "predict_fn" in line["traceback"]
        assert function.lines("about to fail")[0]["aws_request_id"] == "request-1"
        direct = function.api.invoke({"x": 1})
        assert (direct.kind, direct.document["errorType"]) == ("error", "ModelFailure")


@pytest.mark.parametrize(
    ("environment", "kind", "said"),
    [
        ({"SAGEMAKER_BASE_DIR": "/nowhere"}, "NotFound", "There is no model folder /nowhere/model"),
        ({"HEADGATE_CORS_ORIGINS": "*"}, "UsageError", "HEADGATE_CORS_ORIGINS should list origins"),
    ],
)
def test_what_cannot_start_is_an_init_error(tmp_path: Path, environment: dict[str, str], kind: str, said: str) -> None:
    with running(write_package(tmp_path / "model"), tmp_path / "log", **environment) as function:
        outcome = function.api.outcome()
        assert (outcome.kind, outcome.document["errorType"]) == ("init/error", kind)
        assert said in outcome.document["errorMessage"]
        assert function.process.wait(30) == 1
        assert "headgate: " in function.log.read_text()
