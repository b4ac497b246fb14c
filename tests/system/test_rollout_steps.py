"""kill -9 of the runner before and after every write of a rollout: the next one ends it as the undisturbed one ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.engine.processes import Processes
from headgate.pipeline.run import Run
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import Scene, outcome, told

pytestmark = pytest.mark.slow

KINDS = [("good", ("promoted", "pass")), ("broken", ("rolled back", "fail"))]
MOST_WRITES = 60
LEAST_CALLS = 8
"""Models, configs, tags, endpoint, weights: a rollout changes at least so much, each once."""


@pytest.fixture
def dying(own_engine: RunningEngine) -> Iterator[RunningEngine]:
    """An engine whose supervisor keeps up a runner that dies when it is told to."""
    own_engine.replace_supervisor("tests.system.dying_runner", "runner")
    until(lambda: Processes(own_engine.home.processes).find("runner"))
    yield own_engine
    armed(own_engine).unlink(missing_ok=True)


def armed(engine: RunningEngine) -> Path:
    return engine.home.path / "armed"


def taken(run: Run) -> list[tuple[str, Any]]:
    """The steps that were taken and how it ended: what has to be the same, however often the runner died."""
    steps = [(entry.kind, entry.content["index"]) for entry in run.entries if entry.kind in ("step", "done")]
    ways = [(entry.kind, entry.content.get("do")) for entry in run.entries if entry.kind in ("decision", "returning")]
    return [*steps, *ways, ("ended", outcome(run))]


class Repeated:
    """The same rollout again and again on one endpoint: version 1 serves, the candidate comes, all is put back."""

    def __init__(self, engine: RunningEngine, kind: str) -> None:
        self.scene = Scene(engine, kind, steps=["50%"])
        self.first = self.scene.deploy()
        self.kind = kind

    def play(self) -> tuple[Run, dict[str, Any]]:
        """One rollout of a new version of the kind: its run, and what is left on the endpoint."""
        before, number = self.scene.config(), self.scene.version(self.kind)
        rollout = self.scene.start(number)
        run = self.scene.ended(rollout, 120)
        config, tags = self.scene.config(), self.scene.tags()
        assert config == (run.terms.final_config if run.ended and run.ended.outcome == "promoted" else before)
        assert "headgate:rollout" not in tags
        assert "headgate:fallback" not in tags
        roles = {run.terms.pointer_before: "as it was", run.terms.config_before: "the config from before"}
        pointer = roles.get(tags.get("headgate:last-good", ""), "another")
        return run, {"last-good": pointer, "is it": tags["headgate:version"] == str(number), "tags": sorted(tags)}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("kind", "expected"), KINDS)
def test_a_runner_that_dies_at_each_write_of_a_rollout_takes_each_step_once(
    dying: RunningEngine, kind: str, expected: tuple[str, str]
) -> None:
    repeated = Repeated(dying, kind)
    with repeated.scene.load(rate=100) as total:
        repeated.scene.warm()
        undisturbed = repeated.play()
        armed(dying).write_text("all")
        run, left = repeated.play()
        sent = total()
    assert outcome(run) == expected, told(run)
    assert taken(run) == taken(undisturbed[0]), told(run)
    assert left == undisturbed[1]
    assert sent.failed == 0, sent.failures
    died = (dying.home.path / "died").read_text().splitlines()
    assert len(died) >= 2 * (len(run.entries) - 1) + 2 * LEAST_CALLS, died


@pytest.mark.proof
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("kind", "expected"), KINDS)
def test_a_runner_that_dies_once_at_any_write_of_a_rollout_takes_each_step_once(
    dying: RunningEngine, kind: str, expected: tuple[str, str], when: str
) -> None:
    repeated = Repeated(dying, kind)
    with repeated.scene.load(rate=100) as total:
        repeated.scene.warm()
        undisturbed = repeated.play()
        for number in range(1, MOST_WRITES):
            armed(dying).write_text(f"{number} {when}")
            run, left = repeated.play()
            assert outcome(run) == expected, told(run)
            assert taken(run) == taken(undisturbed[0]), (number, told(run))
            assert left == undisturbed[1], number
            if armed(dying).exists():
                break
        else:
            pytest.fail(f"a rollout has more than {MOST_WRITES} writes?")
        sent = total()
    assert number > len(undisturbed[0].entries) + LEAST_CALLS
    assert sent.failed == 0, sent.failures
