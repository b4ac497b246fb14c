"""Many hands at once: endpoints created, changed and deleted from several threads, while services die."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from headgate.wiring import local
from tests.system.engine import RunningEngine, kill, until
from tests.system.test_hang import answers
from tests.system.test_update import two_versions, update

pytestmark = pytest.mark.slow


def live(engine: RunningEngine, name: str, seed: int) -> None:
    """The life of one endpoint: ten changes, some of which delete it and create it again at once."""
    client, dice = engine.client("sagemaker"), random.Random(seed)

    def create() -> None:
        until(lambda: name not in engine.endpoints(), 60)
        client.create_endpoint(EndpointName=name, EndpointConfigName="model-one")

    def delete() -> None:
        client.delete_endpoint(EndpointName=name)

    def update(config: str) -> None:
        client.update_endpoint(EndpointName=name, EndpointConfigName=config)

    def change(**values: float) -> None:
        entries = [{"VariantName": "stable", **values}]
        client.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=entries)

    create()
    for _ in range(10):
        found = engine.settled(name, 90)
        assert found["EndpointStatus"] == "InService", found
        match dice.randrange(4):
            case 0:
                config = dice.choice(["model-one", "model-two", "model-both"])
                update(config)
                assert engine.settled(name, 90)["EndpointConfigName"] == config
            case 1:
                change(DesiredWeight=dice.randrange(1, 9))
            case 2:
                change(DesiredInstanceCount=dice.randrange(1, 3))
            case _:
                delete()
                create()
    engine.settled(name, 90)
    delete()


@pytest.mark.proof
@pytest.mark.timeout(240)
def test_eight_endpoints_changed_from_eight_threads(own_engine: RunningEngine) -> None:
    engine = own_engine
    two_versions(engine, "calm")
    two_versions(engine, "model")  # whose configs the crowd shares
    with engine.load("calm", rate=100) as total, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: live(engine, f"crowd-{number}", number), range(8)))
        found = total()
    assert found.failed == 0, found.failures
    until(lambda: sorted(engine.endpoints()) == ["calm", "model"], 60)
    assert [len(engine.models(name)) for name in engine.endpoints()] == [1, 1]
    assert sum(engine.rows(f"crowd-{number}") for number in range(8)) == 0
    said = (engine.home.logs / "engine.log").read_text()
    assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:3000]


def test_two_variants_of_one_model_and_the_same_model_under_another_name(engine: RunningEngine) -> None:
    engine.deploy("twin")
    engine.create_config("twin-both", ("a", "twin-one", 1), ("b", "twin-one", 1))
    engine.create_config("twin-renamed", ("b", "twin-one", 1))
    with engine.load("twin") as total:
        update(engine, "twin", "twin-both")
        assert {engine.invoke("twin")[1] for _ in range(40)} == {"a", "b"}
        update(engine, "twin", "twin-renamed")
        assert {engine.invoke("twin")[1] for _ in range(10)} == {"b"}
        update(engine, "twin", "twin-one")
        found = total()
    assert found.failed == 0, found.failures
    until(lambda: len(engine.models("twin")) == 1)
    engine.delete("twin")


def test_an_update_while_an_instance_is_being_restarted(own_engine: RunningEngine) -> None:
    two_versions(own_engine, "hasty")
    with own_engine.load("hasty", rate=100) as total:
        for config in ("hasty-both", "hasty-two", "hasty-one", "hasty-both"):
            until(lambda: own_engine.rows("hasty") == len(own_engine.describe("hasty")["ProductionVariants"]))
            for model in own_engine.models("hasty"):
                kill(model)
            update(own_engine, "hasty", config)
        found = total()
    assert found.failed == 0, found.failures
    until(lambda: len(own_engine.models("hasty")) == 2)


def test_a_name_that_is_being_deleted_cannot_be_taken_yet(engine: RunningEngine) -> None:
    engine.deploy("taken")
    engine.sagemaker.delete_endpoint(EndpointName="taken")
    with pytest.raises(ClientError, match="Cannot create already existing"):
        engine.sagemaker.create_endpoint(EndpointName="taken", EndpointConfigName="taken-one")
    engine.sagemaker.delete_endpoint(EndpointName="taken")
    until(lambda: "taken" not in engine.endpoints())


@contextmanager
def deaths(engine: RunningEngine, *names: str, seed: int = 1) -> Iterator[list[float]]:
    """These services die, together, at random moments while the block runs; yields the times."""
    over, dice = threading.Event(), random.Random(seed)
    times: list[float] = []

    def strike() -> None:
        while not over.wait(dice.uniform(0.2, 1.5)):
            if all(local.status(engine.home)[name] for name in names):
                times.extend(engine.kill(name) for name in names)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()


@pytest.mark.proof
@pytest.mark.timeout(240)
@pytest.mark.parametrize("names", [("gateway",), ("gateway", "engine")])
def test_the_gateway_dies_again_and_again_during_updates(own_engine: RunningEngine, names: tuple[str, ...]) -> None:
    engine = own_engine
    two_versions(engine, "crossed")
    end = time.monotonic() + 14
    configs = ["crossed-one", "crossed-two", "crossed-both"]
    changes = 0
    with engine.load("crossed", rate=100) as total:
        with deaths(engine, *names) as times:
            while time.monotonic() < end:
                bring_in_force(engine, configs[changes % 3])
                changes += 1
        found = total()
    assert changes >= 3
    assert len(times) >= 4
    assert found.late(times, 1.0) == [], times
    until(lambda: answers(engine, "crossed"))
    until(lambda: len(engine.models("crossed")) == len(engine.describe("crossed")["ProductionVariants"]), 90)


def bring_in_force(engine: RunningEngine, config: str) -> None:
    until(lambda: is_accepted(engine, config), 30)
    until(lambda: is_in_force(engine, config), 60, f"{config} is in force")


def is_accepted(engine: RunningEngine, config: str) -> bool:
    try:
        engine.sagemaker.update_endpoint(EndpointName="crossed", EndpointConfigName=config)
    except ClientError as error:
        return "in-progress" not in str(error)
    except Exception:  # noqa: BLE001 - the engine is dead: it may have been accepted
        return True
    return True


def is_in_force(engine: RunningEngine, config: str) -> bool:
    try:
        found = engine.describe("crossed")
    except Exception:  # noqa: BLE001 - any failure of the client means "not yet"
        return False
    if found["EndpointStatus"] == "InService" and found["EndpointConfigName"] != config:
        is_accepted(engine, config)  # it never heard of it, or the change was undone
    return bool(found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == config)
