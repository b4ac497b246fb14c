"""Chaos: random deaths while versions and weights change, under load. Bounded; run by `make proof`."""

import random
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from headgate.engine.processes import Processes
from headgate.wiring import local
from tests.system.engine import RunningEngine, until

pytestmark = pytest.mark.proof

SECONDS = 30.0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_deaths_at_random_cost_no_request(own_engine: RunningEngine, seed: int) -> None:
    """Model servers, engine and supervisor die at random moments; the gateway lives."""
    engine, dice = own_engine, random.Random(seed)
    engine.deploy("chaos")
    engine.create_model("chaos-two", engine.put_linear("chaos-two", bias=5.0))
    engine.create_config("chaos-two", ("stable", "chaos-two", 1))
    engine.create_config("chaos-both", ("stable", "chaos-one", 9), ("canary", "chaos-two", 1))
    configs = ["chaos-one", "chaos-two", "chaos-both"]
    deaths = changes = 0
    with engine.load("chaos") as total:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            changes += ask(engine, dice.choice(configs))
            deaths += strike(engine, dice)
            until(lambda: settled(engine), 60, "the endpoint settles")
        found = total()
    assert found.failed == 0, found.failures
    assert deaths > 20
    assert changes > 20
    until(lambda: len(engine.models("chaos")) == len(engine.describe("chaos")["ProductionVariants"]), 90)


def ask(engine: RunningEngine, config: str) -> bool:
    try:
        engine.sagemaker.update_endpoint(EndpointName="chaos", EndpointConfigName=config)
    except (BotoCoreError, ClientError):
        return False
    return True


def strike(engine: RunningEngine, dice: random.Random) -> bool:
    until(lambda: True if dice.random() < 0.02 else None, 10)  # a random moment of the change
    models = [name for name in Processes(engine.home.processes).names() if name.startswith("model-")]
    name = dice.choice(["engine", "supervisor", *models])
    if name in models and Processes(engine.home.processes).find(name) is None:
        return False
    engine.kill(name)
    local.connect(engine.home)  # what every command does first
    return True


def settled(engine: RunningEngine) -> bool:
    try:
        return bool(engine.describe("chaos")["EndpointStatus"] == "InService")
    except (BotoCoreError, ClientError):
        return False
