"""kill -9 of everything during a canary: the rollout ends as the undisturbed one does, and callers notice nothing."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from headgate.engine.processes import Process, Processes, wait_for_exit
from headgate.engine.state import State
from headgate.wiring import local
from tests.system.engine import RunningEngine, kill, until
from tests.system.rollouts import Scene, at_step, entries, outcome, told
from tests.system.test_kill import GRACE_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ANALYSIS = 2
"""The step in which the canary gets its first traffic and is judged."""


@pytest.fixture(scope="module")
def engine() -> Iterator[RunningEngine]:
    """One engine for all deaths: each of them is survived."""
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    engine = RunningEngine(folder / "home")
    engine.start()
    yield engine
    engine.stop()
    shutil.rmtree(folder, ignore_errors=True)


def service(name: str) -> Callable[[Scene], Process]:
    def find(scene: Scene) -> Process:
        if name == "supervisor":
            return scene.engine.process(name)
        found = until(lambda: Processes(scene.engine.home.processes).find(name), what=name)
        assert isinstance(found, Process)
        return found

    return find


def model_server(variant: str) -> Callable[[Scene], Process]:
    def find(scene: Scene) -> Process:
        state = State(scene.engine.home.database)
        try:
            found = next((i for i in state.instances(scene.endpoint) if i.variant == variant), None)
        finally:
            state.close()
        assert found is not None, f"{scene.endpoint} has no {variant}"
        process = until(lambda: Processes(scene.engine.home.processes).find(f"model-{found.id}"), 5, "a server")
        assert isinstance(process, Process)
        return process

    return find


DEATHS = {
    "engine": service("engine"),
    "gateway": service("gateway"),
    "supervisor": service("supervisor"),
    "runner": service("runner"),
    "stable": model_server("stable"),
}


def played(scene: Scene, kind: str, die: Callable[[Scene], list[float]]) -> tuple[tuple[str, str], list[str]]:
    """One rollout with a death as soon as the canary is judged: how it ended and what it told, or an error."""
    first = scene.deploy()
    before = scene.config()
    with scene.load() as total:
        scene.warm()
        rollout = scene.start(scene.version(kind))
        scene.until(rollout, at_step(ANALYSIS))
        deaths = die(scene)
        run = scene.ended(rollout, 60)
        sent = total()
    assert sent.late(deaths, GRACE_SECONDS) == [], (deaths, told(run))
    assert len(entries(run, "ended")) == 1
    for recorded in ("step", "done"):
        indices = [entry.content["index"] for entry in entries(run, recorded)]
        assert indices == [*range(len(indices))], told(run)
    local.connect(scene.engine.home)  # what every command does first: brings the supervisor back
    assert scene.config() == (run.terms.final_config if outcome(run)[0] == "promoted" else before)
    assert scene.tags()["headgate:version"] == str(run.terms.version if outcome(run)[0] == "promoted" else first)
    assert not {"headgate:rollout", "headgate:fallback"} & scene.tags().keys()
    return outcome(run), told(run)


@pytest.mark.parametrize("name", DEATHS)
def test_a_good_version_is_promoted_whatever_is_killed(engine: RunningEngine, name: str) -> None:
    scene = Scene(engine, f"good-{name}", bake="3s", steps=["50%"])
    ended, said = played(scene, "good", lambda scene: killed(name, scene))
    assert ended == ("promoted", "pass"), said


@pytest.mark.parametrize(
    "name",
    ["gateway", "runner", *(pytest.param(n, marks=pytest.mark.proof) for n in ("engine", "supervisor", "stable"))],
)
def test_a_failing_version_goes_back_whatever_is_killed(engine: RunningEngine, name: str) -> None:
    scene = Scene(engine, f"bad-{name}", bake="60s")
    ended, said = played(scene, "failing", lambda scene: killed(name, scene))
    assert ended == ("rolled back", "fail"), said


def killed(name: str, scene: Scene) -> list[float]:
    """kill -9; returns the death where it may cost callers something, which is the gateway's alone."""
    died = kill(DEATHS[name](scene))
    return [died] if name == "gateway" else []


@pytest.mark.parametrize(("kind", "expected"), [("good", ("promoted", "pass")), ("failing", ("rolled back", "fail"))])
def test_a_runner_that_is_told_to_end_is_replaced_and_the_rollout_goes_on(
    engine: RunningEngine, kind: str, expected: tuple[str, str]
) -> None:
    def end(scene: Scene) -> list[float]:
        runner = DEATHS["runner"](scene)
        os.kill(runner.pid, signal.SIGTERM)
        assert wait_for_exit(runner, 5)
        return []

    ended, said = played(Scene(engine, f"told-{kind}", bake="3s", steps=["50%"]), kind, end)
    assert ended == expected, said


def test_a_canary_whose_server_dies_under_load_goes_back(engine: RunningEngine) -> None:
    """From outside, kill -9 looks as running out of memory does: requests were lost at the new version alone. Callers
    had their answers from the stable one, so going back costs a rollout, and going on might cost an outage."""

    def die(scene: Scene) -> list[float]:
        began = time.time()
        until(lambda: time.time() > began + 1.0)  # what is counted begins with the next whole second
        old = model_server("canary")(scene)
        kill(old)
        with suppress(AssertionError):  # it may be gone for good before it is back: all the better
            until(lambda: model_server("canary")(scene) != old, 3, "the canary is back")
            kill(model_server("canary")(scene))
        return []

    ended, said = played(Scene(engine, "crash", bake="6s", steps=["50%"]), "good", die)
    assert ended == ("rolled back", "fail"), said
    assert any("failing units were the canary's" in each for each in said), said


def test_a_canary_whose_server_dies_before_anybody_noticed_is_promoted(engine: RunningEngine) -> None:
    """No unit failed, so there is no evidence against it: it came back."""
    scene = Scene(engine, "relapse", steps=["50%"])
    scene.deploy()
    rollout = scene.start(scene.version())
    scene.until(rollout, at_step(ANALYSIS))
    old = model_server("canary")(scene)
    kill(old)
    until(lambda: len(scene.engine.models(scene.endpoint)) == 2, what="the canary is back")
    until(lambda: scene.engine.invoke(scene.endpoint, TargetVariant="canary")[1] == "canary", what="it answers")
    with scene.load() as total:
        run = scene.ended(rollout)
        sent = total()
    assert outcome(run) == ("promoted", "pass"), told(run)
    assert sent.failed == 0
