"""kill -9 of everything, under load: endpoints go on answering, nothing is redeployed, state is what it was."""

import pytest

from headgate.engine.processes import wait_for_exit
from headgate.engine.state import State
from headgate.wiring import local
from tests.system.engine import RunningEngine, kill, until

pytestmark = pytest.mark.slow

GRACE_SECONDS = 0.5
"""A request may fail when it was under way on a killed gateway or was sent this soon after its death."""


def state_of(engine: RunningEngine) -> object:
    state = State(engine.home.database)
    try:
        return state.endpoints(), state.instances(), state.resources("model")
    finally:
        state.close()


def test_a_killed_model_server_costs_no_request(own_engine: RunningEngine) -> None:
    own_engine.deploy("victim")
    before = state_of(own_engine)
    with own_engine.load("victim") as total:
        for _ in range(3):
            (old,) = own_engine.models("victim")
            kill(old)
            (new,) = until(lambda: own_engine.models("victim"))
            assert new.pid != old.pid
            until(lambda: own_engine.invoke("victim")[1] == "stable")
        found = total()
    assert found.failed == 0, found.failures
    assert state_of(own_engine) == before


def test_a_killed_engine_costs_no_request(own_engine: RunningEngine) -> None:
    own_engine.deploy("survivor")
    before = state_of(own_engine)
    models = own_engine.models("survivor")
    with own_engine.load("survivor") as total:
        for _ in range(2):
            own_engine.kill("engine")
            until(lambda: answers(own_engine))
        found = total()
    assert found.failed == 0, found.failures
    assert own_engine.models("survivor") == models
    assert state_of(own_engine) == before


def answers(engine: RunningEngine) -> bool:
    try:
        return bool(engine.describe("survivor")["EndpointStatus"] == "InService")
    except Exception:  # noqa: BLE001 - any failure of the client means "not yet"
        return False


def test_a_killed_gateway_is_back_within_half_a_second(own_engine: RunningEngine) -> None:
    own_engine.deploy("crossing")
    models = own_engine.models("crossing")
    deaths = []
    with own_engine.load("crossing") as total:
        for _ in range(3):
            deaths.append(own_engine.kill("gateway"))
            until(lambda: invoked(own_engine, "crossing"))
        found = total()
    assert found.late(deaths, GRACE_SECONDS) == [], deaths
    assert own_engine.models("crossing") == models


def invoked(engine: RunningEngine, endpoint: str) -> bool:
    try:
        return engine.invoke(endpoint)[1] == "stable"
    except Exception:  # noqa: BLE001 - any failure of the client means "not yet"
        return False


def test_a_killed_supervisor_takes_nothing_with_it_and_is_brought_back(own_engine: RunningEngine) -> None:
    own_engine.deploy("headless")
    pids = {name: own_engine.process(name) for name in ("engine", "gateway")}
    with own_engine.load("headless") as total:
        own_engine.kill("supervisor")
        assert own_engine.invoke("headless")[1] == "stable"
        local.connect(own_engine.home)  # what every command does first
        assert {name: own_engine.process(name) for name in pids} == pids
        own_engine.kill("engine")
        until(lambda: local.status(own_engine.home)["engine"])
        found = total()
    assert found.failed == 0, found.failures


def test_everything_killed_comes_back_as_it_was(own_engine: RunningEngine) -> None:
    own_engine.deploy("phoenix")
    before = state_of(own_engine)
    answer = own_engine.invoke("phoenix")
    for process in [own_engine.process(n) for n in ("supervisor", "engine", "gateway")] + own_engine.models("phoenix"):
        kill(process)
    local.connect(own_engine.home)
    until(lambda: invoked(own_engine, "phoenix"))
    assert own_engine.invoke("phoenix") == answer
    assert state_of(own_engine) == before


def test_down_and_up_again(own_engine: RunningEngine) -> None:
    own_engine.deploy("sleeper")
    before = state_of(own_engine)
    models = own_engine.models("sleeper")
    own_engine.stop()
    assert all(wait_for_exit(model, 0) for model in models)
    own_engine.start()
    until(lambda: invoked(own_engine, "sleeper"))
    assert state_of(own_engine) == before
