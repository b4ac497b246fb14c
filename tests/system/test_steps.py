"""kill -9 of the engine before and after every transaction of a deploy: the next engine completes it."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from headgate.engine.processes import Processes, wait_for_exit
from headgate.wiring import local
from tests.system.engine import RunningEngine, until
from tests.system.test_endpoint import write_code

pytestmark = pytest.mark.slow

MOST_STEPS = 30


@pytest.fixture
def dying_engine(own_engine: RunningEngine) -> Iterator[RunningEngine]:
    """An engine whose supervisor keeps up one that dies when it is told to."""
    own_engine.replace_supervisor("tests.system.dying_engine", "engine")
    until(lambda: answers(own_engine))
    yield own_engine
    (own_engine.home.path / "armed").unlink(missing_ok=True)


def answers(engine: RunningEngine) -> bool:
    try:
        engine.endpoints()
    except (BotoCoreError, ClientError):
        return False
    return True


def settled(engine: RunningEngine, endpoint: str) -> str:
    """The config in force once no change is under way, across deaths of the engine."""

    def look() -> str | None:
        try:
            found = engine.describe(endpoint)
        except (BotoCoreError, ClientError):
            return None
        return str(found["EndpointConfigName"]) if found["EndpointStatus"] == "InService" else None

    return str(until(look, 60, f"{endpoint} settles"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deploy_survives_the_death_of_the_engine_at_every_step(dying_engine: RunningEngine, when: str) -> None:
    engine, armed = dying_engine, dying_engine.home.path / "armed"
    engine.deploy("stepped")
    url = engine.put_linear("stepped-two", bias=5.0)
    engine.create_model("stepped-two", url)
    engine.create_config("stepped-two", ("stable", "stepped-two", 1))
    deaths = 0
    with engine.load("stepped", rate=100) as total:
        for step in range(1, MOST_STEPS):
            old = settled(engine, "stepped")
            new = {"stepped-one": "stepped-two", "stepped-two": "stepped-one"}[old]
            armed.write_text(f"{step} {when}")
            accepted = True
            try:
                engine.sagemaker.update_endpoint(EndpointName="stepped", EndpointConfigName=new)
            except (BotoCoreError, ClientError):
                accepted = False  # it died before it could answer: done or not, but whole
            found = settled(engine, "stepped")
            assert found == new or (not accepted and found == old)
            until(lambda: engine.rows("stepped") == len(engine.models("stepped")) == 1, 60, "one fleet is left")
            if armed.exists():
                break
            deaths += 1
        else:
            pytest.fail(f"a deploy has more than {MOST_STEPS} steps?")
        sent = total()
    assert deaths >= 4
    assert sent.failed == 0, sent.failures


def test_an_engine_killed_while_a_model_starts_goes_on(own_engine: RunningEngine, short_folder: Path) -> None:
    gate = short_folder / "gate"
    os.mkfifo(gate)
    source = (
        f"def model_fn(model_dir): return open({str(gate)!r}).read()\n"
        "def predict_fn(data, model): return {'model': model}\n"
    )
    own_engine.deploy("slow")
    url = own_engine.put_archive("slow-two", lambda path: write_code(path, source))
    own_engine.create_model("slow-two", url)
    own_engine.create_config("slow-two", ("stable", "slow-two", 1))
    own_engine.sagemaker.update_endpoint(EndpointName="slow", EndpointConfigName="slow-two")
    models = until(lambda: len(found := own_engine.models("slow")) == 2 and found)
    own_engine.kill("engine")
    until(lambda: answers(own_engine))
    assert own_engine.describe("slow")["EndpointStatus"] == "Updating"
    assert own_engine.models("slow") == models
    gate.write_text("opened")
    assert own_engine.settled("slow")["EndpointConfigName"] == "slow-two"
    assert own_engine.invoke("slow")[0] == {"model": "opened"}


def test_an_engine_that_is_told_to_end_during_a_deploy_is_replaced_and_goes_on(own_engine: RunningEngine) -> None:
    own_engine.deploy("told")
    url = own_engine.put_linear("told-two", bias=5.0)
    own_engine.create_model("told-two", url)
    own_engine.create_config("told-two", ("stable", "told-two", 1))
    with own_engine.load("told", rate=100) as total:
        for new in ("told-two", "told-one", "told-two"):
            own_engine.sagemaker.update_endpoint(EndpointName="told", EndpointConfigName=new)
            engine = own_engine.process("engine")
            os.kill(engine.pid, signal.SIGTERM)
            assert wait_for_exit(engine, 5)
            assert settled(own_engine, "told") == new
        sent = total()
    assert sent.failed == 0, sent.failures


def test_a_supervisor_killed_before_everything_runs_is_replaced_by_one_that_goes_on(own_engine: RunningEngine) -> None:
    for name in ("supervisor", "engine", "gateway"):
        own_engine.kill(name)
    for _ in range(5):  # each dies a little later than the one before
        local.start_supervisor(own_engine.home)
        own_engine.kill("supervisor")
    local.connect(own_engine.home)
    own_engine.deploy("late")


def test_a_second_supervisor_ends_at_once(own_engine: RunningEngine) -> None:
    before = {name: own_engine.process(name) for name in ("supervisor", "engine", "gateway")}
    processes = Processes(own_engine.home.processes)
    argv = [sys.executable, "-m", "headgate.wiring.supervise", str(own_engine.home.path)]
    processes.start("second", argv, env=dict(os.environ), log=own_engine.home.logs / "second.log")
    until(lambda: processes.find("second") is None, what="the second supervisor ends")
    assert {name: own_engine.process(name) for name in before} == before
