"""The front door and the model Lambda side by side under Lambda's own runtime client: iris behind an endpoint of a real
engine, and iris in the function. What callers send, right or wrong, gets the same answer from both.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headgate.core.archive import extract
from headgate.core.schema import Feature, InputSchema
from tests.hosting.runtime_stand_in import RuntimeStandIn, Said
from tests.serving.aws_lambda.front_doors import SCHEDULED, http, rest, url
from tests.serving.aws_lambda.runtime_api import Function, Outcome, running, started
from tests.serving.models import write_archive, write_code
from tests.system.engine import RunningEngine

pytestmark = pytest.mark.slow

HANDLER = "headgate.wiring.front_door.handler"
PATH = "/v1/predict-iris"
PAGE = "https://app.example.com"
ROW = json.dumps({"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5})
VIRGINICA = {"prediction": {"label": "virginica", "probability": pytest.approx(0.995, abs=0.005)}}

MOODY = """
import time

def model_fn(model_dir):
    return None

def predict_fn(data, model):
    mood = data[0]["mood"]
    if mood == "angry":
        raise RuntimeError("no such table: /opt/secrets")
    if mood == "slow":
        time.sleep(1.5)
    return {"label": mood}
"""
MOODS = InputSchema("classification", "answer", (Feature("mood", "string", categories=("calm", "angry", "slow")),))


@dataclass(frozen=True)
class Pair:
    """The same model twice."""

    door: Function
    model: Function

    def ask(self, event: object) -> tuple[Outcome, Outcome]:
        """What the front door answers, and what the model Lambda does."""
        return self.door.api.invoke(event), self.model.api.invoke(event)


@pytest.fixture(scope="module")
def pairs(engine: RunningEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pair]]:
    """Iris, and a model of moods."""
    folder = tmp_path_factory.mktemp("front")
    for arguments in (["init", "iris", "."], ["train"], ["package"]):
        subprocess.run([sys.executable, "-m", "headgate", *arguments], cwd=folder, check=True, capture_output=True)
    (iris,) = folder.rglob("model.tar.gz")
    moody = write_archive(folder / "moody.tar.gz", write_code(folder / "moody", MOODY, schema=MOODS, manifest=True))
    with ExitStack() as stack:
        made: dict[str, Pair] = {}
        for name, archive in (("iris", iris), ("moody", moody)):
            url = engine.put_archive(name, partial(shutil.copyfile, archive))
            engine.deploy_archive(f"front-{name}", url)
            extract(archive, folder / name / "model")
            shared = {"HEADGATE_LAMBDA_PATH": PATH, "HEADGATE_CORS_ORIGINS": PAGE}
            settings = engine.front_door(f"front-{name}") | shared | {"HEADGATE_FRONT_SECONDS": "1"}
            made[name] = Pair(
                stack.enter_context(started(HANDLER, folder / f"{name}-door.log", **settings)),
                stack.enter_context(running(folder / name / "model", folder / f"{name}-model.log", **shared)),
            )
        yield made
    for name in ("iris", "moody"):
        engine.delete(f"front-{name}")


@pytest.fixture(scope="module")
def throttled(engine: RunningEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """A front door before an endpoint that takes no more."""
    runtime = RuntimeStandIn()
    runtime.says = Said(400, "ThrottlingException", {"message": "Rate exceeded"})
    settings = engine.front_door("e") | {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.url}
    log = tmp_path_factory.mktemp("throttled") / "log"
    try:
        with started(HANDLER, log, HEADGATE_LAMBDA_PATH=PATH, **settings) as function:
            yield function
    finally:
        runtime.close()


@pytest.mark.parametrize(
    "event", [rest(path=PATH, body=ROW), http(path=f"/prod{PATH}", body=ROW), url(path=PATH, body=ROW)]
)
def test_the_projects_own_route_gets_the_prediction(pairs: dict[str, Pair], event: dict[str, Any]) -> None:
    for outcome in pairs["iris"].ask(event):
        assert (outcome.kind, outcome.document["statusCode"]) == ("response", 200)
        assert json.loads(outcome.document["body"]) == VIRGINICA
        assert outcome.document["headers"]["content-type"] == "application/json"
        assert outcome.document["headers"]["x-request-id"].startswith("request-")


def v1(method: str = "POST", path: str = PATH, **more: Any) -> dict[str, Any]:
    return rest(method, path, **{"body": ROW, **more})


def v2(method: str = "POST", path: str = PATH, **more: Any) -> dict[str, Any]:
    return http(method, f"/prod{path}", **{"body": ROW, **more})


WRONG = [
    ({"path": "/v2/predict-iris"}, 404, "NotFound"),
    ({"path": "/invocations"}, 404, "NotFound"),
    ({"path": "/"}, 404, "NotFound"),
    ({"method": "GET"}, 405, "MethodNotAllowed"),
    ({"method": "DELETE"}, 405, "MethodNotAllowed"),
    ({"path": "/ping"}, 405, "MethodNotAllowed"),
    ({"headers": {"content-type": "image/png"}}, 415, "UnsupportedMedia"),
    ({"headers": {"accept": "image/png"}}, 406, "NotAcceptable"),
    ({"body": "x" * 6_291_457}, 413, "PayloadTooLarge"),
    ({"body": "====", "isBase64Encoded": True}, 400, "InvalidInput"),
    ({"body": "{not json"}, 400, "InvalidInput"),
    ({"body": "\ud800"}, 400, "InvalidInput"),
    ({"body": None}, 400, "InvalidInput"),
    ({"body": '{"sepal_length": "long"}'}, 400, "InvalidInput"),
    ({"body": ROW.replace("petal_width", "petal_colour")}, 400, "InvalidInput"),
]


@pytest.mark.parametrize("version", [v1, v2])
@pytest.mark.parametrize(("change", "status", "kind"), WRONG)
def test_what_is_wrong_is_wrong_at_both(
    pairs: dict[str, Pair], version: Any, change: dict[str, Any], status: int, kind: str
) -> None:
    answers = []
    for outcome in pairs["iris"].ask(version(**change)):
        assert (outcome.kind, outcome.document["statusCode"]) == ("response", status)
        error = json.loads(outcome.document["body"])["error"]
        assert error.pop("request_id").startswith("request-")
        answers.append((error, outcome.document["headers"].get("allow")))
    assert answers[0] == answers[1]
    assert answers[0][0]["type"] == kind


@pytest.mark.parametrize("version", [v1, v2])
def test_an_unknown_category_is_named(pairs: dict[str, Pair], version: Any) -> None:
    for outcome in pairs["moody"].ask(version(body='{"mood": "blue"}')):
        assert outcome.document["statusCode"] == 400
        assert "blue" in json.loads(outcome.document["body"])["error"]["message"]
    for outcome in pairs["moody"].ask(version(body='{"mood": "calm"}')):
        assert json.loads(outcome.document["body"])["label"] == "calm"


@pytest.mark.parametrize("version", [v1, v2])
def test_ping_warm_ups_and_pages(pairs: dict[str, Pair], version: Any) -> None:
    for path in ("/ping", "/v1/ping"):
        assert [o.document["statusCode"] for o in pairs["iris"].ask(version("GET", path, body=None))] == [200, 200]
    for event in (SCHEDULED, {"warmup": True}):
        assert [outcome.document for outcome in pairs["iris"].ask(event)] == [{"warm": True}] * 2
    listed = pairs["iris"].ask(version("OPTIONS", headers={"Origin": PAGE}, body=None))
    assert [o.document["headers"]["access-control-allow-origin"] for o in listed] == [PAGE, PAGE]
    assert [o.document["statusCode"] for o in listed] == [204, 204]
    for outcome in pairs["iris"].ask(version("OPTIONS", headers={"Origin": "https://evil.example.com"}, body=None)):
        assert "access-control-allow-origin" not in outcome.document["headers"]


def test_the_endpoint_says_which_variant_and_the_door_which_inference(pairs: dict[str, Pair]) -> None:
    door = pairs["iris"].door
    made = door.api.invoke(v1()).document["headers"]
    assert made["x-amzn-invoked-production-variant"] == "stable"
    assert made["x-amzn-sagemaker-inference-id"] == made["x-request-id"]
    given = door.api.invoke(v2(headers={"x-amzn-sagemaker-inference-id": "mine", "x-request-id": "r-1"})).document[
        "headers"
    ]
    assert (given["x-amzn-sagemaker-inference-id"], given["x-request-id"]) == ("mine", "r-1")
    line = door.lines("request")[-1]
    assert (line["method"], line["path"], line["status"]) == ("POST", PATH, 200)
    assert (line["variant"], line["inference_id"], line["request_id"]) == ("stable", "mine", "r-1")
    assert "sepal_length" not in door.log.read_text()
    (ready,) = door.lines("ready")
    assert (ready["endpoint"], ready["path"]) == ("front-iris", PATH)


def test_a_model_that_fails_or_sleeps(pairs: dict[str, Pair]) -> None:
    door, model = pairs["moody"].ask(v2(body='{"mood": "angry"}'))
    assert (door.document["statusCode"], model.document["statusCode"]) == (502, 500)
    assert json.loads(door.document["body"])["error"]["message"] == "The model failed."
    (line,) = pairs["moody"].door.lines("the model failed")
    assert (line["status"], line["type"]) == (500, "RuntimeError")
    assert line["container_log"].endswith("/aws/sagemaker/Endpoints/front-moody")
    late = pairs["moody"].door.api.invoke(v1(body='{"mood": "slow"}'))
    assert late.document["statusCode"] == 504
    assert json.loads(late.document["body"])["error"]["type"] == "TimedOut"


def test_an_endpoint_that_is_not_there(engine: RunningEngine, tmp_path: Path) -> None:
    with started(HANDLER, tmp_path / "log", **engine.front_door("nobody")) as function:
        outcome = function.api.invoke(http())
        assert outcome.document["statusCode"] == 503
        assert "nobody" not in outcome.document["body"]
        (line,) = function.lines("the endpoint refused")
        assert line["said"] == "Endpoint nobody of account 000000000000 not found."
        assert line["aws_request_id"] == "request-1"


@pytest.mark.parametrize("version", [v1, v2])
def test_a_caller_of_too_many_is_told_when_to_come_back(throttled: Function, version: Any) -> None:
    outcome = throttled.api.invoke(version())
    assert (outcome.document["statusCode"], outcome.document["headers"]["retry-after"]) == (429, "1")
    assert json.loads(outcome.document["body"])["error"]["type"] == "Throttled"


def test_callers_choose_a_variant_where_the_setting_says_so(
    engine: RunningEngine, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    allowed = engine.front_door("front-iris") | {"HEADGATE_TARGET_VARIANT": "allow", "HEADGATE_LAMBDA_PATH": PATH}
    with started(HANDLER, tmp_path / "log", **allowed) as function:
        for variant, status in (("stable", 200), ("nobody", 400)):
            event = v1(headers={"X-Amzn-SageMaker-Target-Variant": variant})
            assert function.api.invoke(event).document["statusCode"] == status
            assert pairs["iris"].door.api.invoke(event).document["statusCode"] == 400


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HEADGATE_ENDPOINT": ""}, "HEADGATE_ENDPOINT should be the name of an endpoint, got ''"),
        ({"HEADGATE_CORS_ORIGINS": "*"}, "HEADGATE_CORS_ORIGINS should list origins"),
        ({"HEADGATE_TARGET_VARIANT": "yes"}, "HEADGATE_TARGET_VARIANT should be allow or refuse, got 'yes'"),
        ({"HEADGATE_FRONT_SECONDS": "90"}, "HEADGATE_FRONT_SECONDS should be a whole number from 1 to 60, got '90'"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "AWS_REGION should be the region of the endpoint"),
    ],
)
def test_what_cannot_start_is_an_init_error(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    settings = {"HEADGATE_ENDPOINT": "e", "AWS_REGION": "eu-central-1"} | environment
    with started(HANDLER, tmp_path / "log", **settings) as function:
        outcome = function.api.outcome()
        assert (outcome.kind, outcome.document["errorType"]) == ("init/error", "UsageError")
        assert said in outcome.document["errorMessage"]


def test_it_starts_light() -> None:
    """Whoever waits for a cold start waits for every import."""
    script = f"import sys, importlib; importlib.import_module({HANDLER.rpartition('.')[0]!r}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"HEADGATE_ENDPOINT": "e", "AWS_REGION": "eu-central-1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert not packages & {"pydantic", "numpy", "boto3", "yaml", "click", "rich", "obstore", "uvicorn", "onnxruntime"}
