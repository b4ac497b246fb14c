"""A model in a Lambda function, from a package to a rollout and back, by typing; the machine takes it on."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.cloud import Cloud
from tests.delivery.front import Front
from tests.delivery.test_commands import Typed, packaged
from tests.hosting.lambda_api import Clock, LambdaApi
from tests.hosting.test_functions import image
from tests.serving.models import write_code
from tests.system.engine import RunningEngine

pytestmark = pytest.mark.slow

FUNCTION = "words-production-model"
HOOKS = """
import json

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(row, model):
    return "the new one"
"""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaApi]:
    with closing(LambdaApi(tmp_path, Clock(60.0))) as made:
        for service in ("LAMBDA", "CLOUDWATCH"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{made.port}")
        made.create(FUNCTION, image(1), {"headgate:project": "words"})
        for number in (1, 2):
            made.images[image(number)] = write_code(tmp_path / str(number) / "model", HOOKS)
        yield made


@pytest.fixture
def words(alone: RunningEngine, front: Front, api: LambdaApi) -> Iterator[Cloud]:  # noqa: ARG001  # the variables lead there
    others = dict(front.functions)
    made = Cloud(alone, front, "words")
    made.say(hosting={"lambda": {}})
    yield made
    front.functions |= others


def test_a_function_is_rolled_out_and_back_by_typing(
    words: Cloud, api: LambdaApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_HOME", str(words.engine.home.path))
    types = Typed(words, capsys, monkeypatch)
    packaged(words, "words")
    types("register", "--image", image(2))
    types("approve", "1", "--env", "production")
    assert "there is no endpoint to deploy to" in types("deploy", code=2)
    planned = types("rollout", "start", "--dry-run")
    assert f"would roll version 1 out on {FUNCTION}:" in planned
    assert "give the new version all traffic" in planned
    assert "update_code" not in api.calls

    said = types("rollout", "start", "--all-at-once", "--watch")
    assert "promoted: Version 1 took all traffic at once" in said
    assert api.functions[FUNCTION].aliases["live"].version == "2"
    assert "the new one" in types("invoke", '{"x": 1}')
    assert "no --variant" in types("invoke", '{"x": 1}', "--variant", "canary", code=2)
    assert f"{FUNCTION} runs version 1 already" in types("rollout", "start", code=5)
    types("rollback", "--reason", "complaints")
    assert api.functions[FUNCTION].aliases["live"].version == "1"
    assert "complaints" in types("rollout", "why")
