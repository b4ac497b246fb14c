"""A canary at 50 % fails in each way there is: with the tag no caller notices, and the log says whose fault it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from headgate.engine.evidence.attempts import Attempt, read_attempt
from tests.system.engine import RunningEngine, kill, until
from tests.system.test_endpoint import write_code
from tests.system.test_hang import model_of, stopped
from tests.system.test_update import update, weights

pytestmark = pytest.mark.slow

SOURCE = """
import os, time

MODE = {mode!r}

def mode():
    try:
        return open(MODE).read()
    except FileNotFoundError:
        return ""

def model_fn(model_dir):
    if mode() == "dead":
        os._exit(1)

def predict_fn(data, model):
    if mode() == "500":
        raise RuntimeError("bad canary")
    if mode() == "hang":
        time.sleep(2)
    return {{"answer": 1}}
"""


class Endpoint:
    """An endpoint with a canary at 50 % that does what a file says."""

    def __init__(self, engine: RunningEngine, folder: Path, name: str) -> None:
        self.engine = engine
        self.name = name
        self.mode = folder / f"{name}-mode"
        url = engine.put_archive(f"{name}-bad", lambda path: write_code(path, SOURCE.format(mode=str(self.mode))))
        engine.deploy(name)
        engine.create_model(f"{name}-bad", url)
        engine.create_config(f"{name}-both", ("stable", f"{name}-one", 50), ("canary", f"{name}-bad", 50))
        update(engine, name, f"{name}-both")
        self.arn = engine.describe(name)["EndpointArn"]

    def tag(self, **more: str) -> None:
        tags = {"headgate:fallback": "stable"} | {f"headgate:{key}-seconds": value for key, value in more.items()}
        self.engine.sagemaker.add_tags(
            ResourceArn=self.arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )

    @contextmanager
    def doing(self, mode: str) -> Iterator[None]:
        """The canary does it during the block."""
        self.mode.write_text(mode)
        yield
        self.mode.unlink()

    def attempts(self) -> list[Attempt]:
        text = (self.engine.home.gateway / "attempts.jsonl").read_bytes()
        found = (read_attempt(line) for line in text.splitlines())
        return [attempt for attempt in found if attempt is not None and attempt.endpoint == self.name]

    def wait_for_failures(self, count: int = 30) -> None:
        """Until that many more requests of the canary's failed."""
        target = len(self.failing()) + count
        until(lambda: len(self.failing()) >= target, 60, "the canary fails")

    def failing(self) -> set[int]:
        failed = [attempt for attempt in self.attempts() if attempt.failed]
        assert {attempt.variant for attempt in failed} <= {"canary"}
        return {attempt.request for attempt in failed}


@pytest.fixture
def endpoint(engine: RunningEngine, short_folder: Path, request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    endpoint = Endpoint(engine, short_folder, request.node.name[5:25].replace("_", "-").strip("-"))
    yield endpoint
    engine.delete(endpoint.name)


def test_with_a_fallback_no_caller_sees_a_failure(engine: RunningEngine, endpoint: Endpoint) -> None:
    endpoint.tag(**{"try": "0.5"})
    until(lambda: falls_back(engine, endpoint))
    with engine.load(endpoint.name, rate=100) as total:
        for mode in ("500", "hang"):
            with endpoint.doing(mode):
                endpoint.wait_for_failures(20)
        for _ in range(3):
            kill(model_of(engine, endpoint.name, "canary"))
            endpoint.wait_for_failures(1)
            until(lambda: len(engine.models(endpoint.name)) == 2)
        with endpoint.doing("dead"):
            kill(model_of(engine, endpoint.name, "canary"))
            endpoint.wait_for_failures(100)
        weights(engine, endpoint.name, 100, 0)
        found = total()
    assert found.failed == 0, found.failures
    assert found.sent > 300
    answered = {attempt.answered_by for attempt in endpoint.attempts() if attempt.failed and attempt.status == 200}
    assert answered == {"stable"}


def falls_back(engine: RunningEngine, endpoint: Endpoint) -> bool:
    """Whether a canary that fails is seen by nobody."""
    with endpoint.doing("500"):
        return all(invoked(engine, endpoint.name) for _ in range(20))


def invoked(engine: RunningEngine, name: str) -> bool:
    try:
        return bool(engine.invoke(name)[0])
    except ClientError as error:
        answer = error.response
        assert answer["Error"]["Code"] == "ModelError"
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amzn-invoked-production-variant"] == "canary"
        return False


def test_without_a_fallback_only_the_canary_s_callers_see_failures(engine: RunningEngine, endpoint: Endpoint) -> None:
    with engine.load(endpoint.name, rate=100) as total:
        for _ in range(3):
            kill(model_of(engine, endpoint.name, "canary"))
            until(lambda: len(engine.models(endpoint.name)) == 2)
        found = total()
    assert found.failed == 0, found.failures
    with engine.load(endpoint.name, rate=100) as total, endpoint.doing("500"):
        endpoint.wait_for_failures()
        assert not all(invoked(engine, endpoint.name) for _ in range(20))
        weights(engine, endpoint.name, 100, 0)
        found = total()
    assert found.failed > 0
    assert all("Received server error (500) from primary" in failure["said"] for failure in found.failures)
    assert len(endpoint.failing()) >= found.failed


def test_the_tag_takes_effect_at_once_and_goes_as_it_came(engine: RunningEngine, endpoint: Endpoint) -> None:
    assert not falls_back(engine, endpoint)
    endpoint.tag()
    until(lambda: falls_back(engine, endpoint), 3)
    weights(engine, endpoint.name, 10, 90)
    assert falls_back(engine, endpoint)
    assert not named(engine, endpoint)
    engine.sagemaker.delete_tags(ResourceArn=endpoint.arn, TagKeys=["headgate:fallback"])
    until(lambda: not falls_back(engine, endpoint), 3)


def named(engine: RunningEngine, endpoint: Endpoint) -> bool:
    """Whether a failing canary that is asked for by its name is answered for."""
    with endpoint.doing("500"), pytest.raises(ClientError, match="bad canary"):
        engine.invoke(endpoint.name, TargetVariant="canary")
    return False


def test_another_stable_fleet_holds_a_failing_canary_too(engine: RunningEngine, endpoint: Endpoint) -> None:
    name = endpoint.name
    engine.create_model(f"{name}-two", engine.put_linear(f"{name}-two", bias=5.0))
    engine.create_config(f"{name}-next", ("stable", f"{name}-two", 50), ("canary", f"{name}-bad", 50))
    engine.create_config(f"{name}-promoted", ("stable", f"{name}-two", 1))
    endpoint.tag()
    until(lambda: falls_back(engine, endpoint))
    with endpoint.doing("500"), engine.load(name, rate=100) as total:
        endpoint.wait_for_failures()
        update(engine, name, f"{name}-next")
        endpoint.wait_for_failures()
        engine.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "stable", "DesiredInstanceCount": 2}]
        )
        engine.settled(name)
        endpoint.wait_for_failures()
        until(lambda: len(engine.models(name)) == 3, what="the old stable fleet is gone")
        endpoint.wait_for_failures()
        update(engine, name, f"{name}-promoted")
        until(lambda: len(engine.models(name)) == 1, what="the canary is gone")
        found = total()
    assert found.failed == 0, found.failures
    assert engine.invoke(name)[1] == "stable"


def test_a_canary_that_hangs_holds_up_no_change(engine: RunningEngine, endpoint: Endpoint) -> None:
    name = endpoint.name
    endpoint.tag(**{"try": "0.5"})
    until(lambda: falls_back(engine, endpoint))
    with stopped(model_of(engine, name, "canary")), engine.load(name, rate=50) as total:
        endpoint.wait_for_failures(5)
        endpoint.tag(**{"try": "0.4"})
        weights(engine, name, 90, 10)
        engine.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "stable", "DesiredInstanceCount": 2}]
        )
        assert engine.settled(name, 20)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        update(engine, name, f"{name}-one")
        found = total()
    assert found.failed == 0, found.failures
