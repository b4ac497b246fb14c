"""What a deployed endpoint is asked and answers is found in the project's store."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.engine import RunningEngine, until
from tests.system.rollouts import Scene

pytestmark = pytest.mark.slow

ROW = {"x": 1.0, "y": 2.0}


@pytest.fixture(scope="module")
def scene(engine: RunningEngine) -> Iterator[Scene]:
    scene = Scene(engine, "captive")
    scene.say(capture={"redact": ["y"]})
    scene.deploy("linear")
    yield scene
    engine.delete(scene.endpoint)


def records(scene: Scene, variant: str = "stable") -> list[dict[str, Any]]:
    """What was captured of a variant, in the order of its files."""
    folder = scene.project.store / "capture" / scene.endpoint / variant
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]/[01][0-9]/[0-3][0-9]/[0-2][0-9]/*.jsonl"))
    return [
        json.loads(line) for file in files for line in file.read_text().splitlines(keepends=True) if line[-1] == "\n"
    ]


def invoke(scene: Scene, row: object, **more: str) -> Any:
    return scene.engine.runtime.invoke_endpoint(
        EndpointName=scene.endpoint, ContentType="application/json", Body=json.dumps(row), **more
    )


def test_an_exchange_is_kept_in_sagemakers_form(scene: Scene) -> None:
    answer = invoke(scene, ROW, InferenceId="mine", CustomAttributes="client=a, b")["Body"].read().decode()
    (record,) = until(lambda: [r for r in records(scene) if r["eventMetadata"].get("inferenceId") == "mine"])
    assert set(record) == {"captureData", "eventMetadata", "eventVersion"}
    assert record["eventMetadata"]["customAttributes"] == ["client=a, b"]
    request, reply = record["captureData"]["endpointInput"], record["captureData"]["endpointOutput"]
    assert (request["encoding"], json.loads(request["data"])) == ("JSON", {"x": 1.0, "y": "[redacted]"})
    assert (reply["observedContentType"], reply["data"]) == ("application/json", answer)


def test_what_was_refused_is_not_kept(scene: Scene) -> None:
    with pytest.raises(scene.engine.runtime.exceptions.ModelError):
        invoke(scene, {"z": 1}, InferenceId="refused")
    invoke(scene, ROW, InferenceId="after it")
    until(lambda: "after it" in str(records(scene)))
    assert "refused" not in str(records(scene))
