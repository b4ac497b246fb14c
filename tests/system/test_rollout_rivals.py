"""Two of what there should be one of, and what people do to logs: two runners, two starts, two clones of a project."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headgate.engine.processes import Process, Processes, wait_for_exit
from headgate.errors import HeadgateError, Refused
from headgate.hosting.registry import Registry
from headgate.pipeline.rollouts import Rollout
from headgate.pipeline.start import rollout_terms
from headgate.pipeline.terms import Terms
from headgate.wiring.runner import launch
from tests.system.engine import RunningEngine, kill, until
from tests.system.rollouts import ENVIRONMENT, Scene, at_step, entries, outcome, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ANALYSIS = 2
SECOND = "second-runner"


def terms(scene: Scene, number: int) -> Terms:
    """What a start would begin with now."""
    version = Registry(scene.connection).version(scene.name, number)
    return rollout_terms(scene.project, ENVIRONMENT, version, scene.connection, scene.rollouts)


def runner(engine: RunningEngine) -> Process:
    found = until(lambda: Processes(engine.home.processes).find("runner"), what="a runner")
    assert isinstance(found, Process)
    return found


def cpu_seconds(process: Process) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clone(scene: Scene) -> Scene:
    """The same project in another folder, with a store of its own."""
    found = Scene.__new__(Scene)
    found.__dict__.update(scene.__dict__, folder=scene.folder.with_name(f"{scene.name}-clone"))
    shutil.copytree(scene.folder, found.folder, ignore=shutil.ignore_patterns(".headgate"))
    return found


@pytest.fixture
def second(own_engine: RunningEngine) -> Iterator[Process]:
    """A second runner on the home."""
    home = own_engine.home
    processes = Processes(home.processes)
    argv = [sys.executable, "-m", "headgate.wiring.runner", str(home.path)]
    yield processes.start(SECOND, argv, env=dict(os.environ), log=home.logs / f"{SECOND}.log")
    processes.stop(SECOND)


def test_a_second_runner_waits_for_the_first(own_engine: RunningEngine, second: Process) -> None:
    scene = Scene(own_engine, "pair")
    scene.deploy()
    with scene.load() as total:
        scene.warm()
        rollout = scene.start(scene.version())
        scene.until(rollout, at_step(ANALYSIS))
        assert Processes(own_engine.home.processes).find(SECOND) == second
        assert "started" not in (own_engine.home.logs / f"{SECOND}.log").read_text()
        kill(runner(own_engine))  # whoever has the lock now, the second or a third, goes on
        run = scene.ended(rollout)
        sent = total()
    assert outcome(run) == ("promoted", "pass"), told(run)
    assert [entry.content["index"] for entry in entries(run, "step")] == [*range(len(run.terms.steps))]
    assert sent.failed == 0
    waiting = next(p for p in (second, runner(own_engine)) if not started(own_engine, p))
    os.kill(waiting.pid, 15)
    assert wait_for_exit(waiting, 5)  # also while it waits for the lock


def started(engine: RunningEngine, process: Process) -> bool:
    logs = (engine.home.logs / name for name in ("runner.log", f"{SECOND}.log"))
    return any(f"runner {process.pid}: started" in log.read_text() for log in logs)


def test_of_two_starts_at_once_one_is_refused(own_engine: RunningEngine) -> None:
    scene = Scene(own_engine, "twice", steps=["50%"])
    scene.deploy()
    number = scene.version()
    both = [terms(scene, number) for _ in range(2)]

    def start(wanted: Terms) -> Rollout | HeadgateError:
        try:
            return launch(own_engine.home, scene.project.store, wanted, by="tester")
        except Refused as error:
            return error

    with scene.load() as total, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(start, both))
        (error,) = [each for each in found if isinstance(each, HeadgateError)]
        (rollout,) = [each for each in found if isinstance(each, Rollout)]
        assert "at the same moment" in error.message
        run = scene.ended(rollout)
        sent = total()
    assert outcome(run) == ("promoted", "pass"), told(run)
    assert sent.failed == 0


def test_of_two_clones_of_a_project_one_rolls_out(own_engine: RunningEngine) -> None:
    scene = Scene(own_engine, "cloned", steps=["50%"], bake="3s")
    other = clone(scene)
    scene.deploy()
    number = scene.version()
    with scene.load() as total:
        early = terms(other, number)
        rollout = scene.start(number)
        until(lambda: "headgate:rollout" in scene.tags(), what="the first has claimed the endpoint")
        with pytest.raises(Refused, match="is under way on cloned-production, started from another folder"):
            terms(other, number)
        late = launch(own_engine.home, other.project.store, early, by="tester")  # it looked before the first claimed
        stopped = scene.ended(late)
        run = scene.ended(rollout)
        sent = total()
    assert outcome(stopped) == ("stopped", "error")
    assert stopped.ended is not None
    found_out = (f"Rollout {run.terms.id}, started from another folder, is under way", "Somebody else changed")
    assert stopped.ended.why.startswith(found_out)
    assert outcome(run) == ("promoted", "pass"), told(run)
    assert scene.config() == run.terms.final_config
    assert sent.failed == 0


def test_a_log_edited_by_hand_stops_its_own_rollout_and_no_other(own_engine: RunningEngine) -> None:
    edited, sound = Scene(own_engine, "edited", bake="60s"), Scene(own_engine, "sound", steps=["50%"])
    edited.deploy()
    sound.deploy()
    rollout = edited.start(edited.version())
    edited.until(rollout, at_step(ANALYSIS))
    entry = edited.project.store / "rollouts" / ENVIRONMENT / "1" / "000002.json"
    good = entry.read_bytes()
    entry.write_text(json.dumps({**json.loads(good), "by": "mallory"}))
    kill(runner(own_engine))
    log = own_engine.home.logs / "runner.log"
    until(lambda: "does not follow the entry before it" in log.read_text(), what="the runner says so")
    with sound.load():
        run = sound.ended(sound.start(sound.version()))
    assert outcome(run) == ("promoted", "pass"), told(run)
    idle = runner(own_engine)
    before, said = cpu_seconds(idle), log.read_text().count("does not follow")
    shown = [edited.cli("rollout", "status"), edited.cli("rollout", "abort")]  # takes a while, in which nothing is done
    assert cpu_seconds(idle) - before < 0.5
    assert log.read_text().count("does not follow") <= said + 2
    for each in shown:
        assert each.returncode != 0
        assert "the log was changed by hand" in each.stderr
        assert "Restore the folder from a backup" in each.stderr
    entry.write_bytes(good)
    rollout.tell("abort", {}, by="tester")
    assert outcome(edited.ended(rollout))[0] == "aborted"


def test_a_store_that_was_deleted_is_said_to_be_gone_and_does_not_come_back(own_engine: RunningEngine) -> None:
    scene = Scene(own_engine, "lost", bake="60s")
    scene.deploy()
    rollout = scene.start(scene.version())
    scene.until(rollout, at_step(ANALYSIS))
    config, log = scene.config(), own_engine.home.logs / "runner.log"
    shutil.rmtree(scene.project.store)
    until(lambda: "the log was deleted by hand" in log.read_text(), what="the runner says so")
    kill(runner(own_engine))
    until(lambda: "is gone. Put it back, or delete" in log.read_text(), what="the next runner says so too")
    assert not scene.project.store.exists()
    assert scene.config() == config
    shown = scene.cli("rollout", "start")
    assert shown.returncode != 0
    assert "started from another folder" in shown.stderr
