"""What the functions of delivery do when they are called, on a virtual clock: no AWS, no engine, a real log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core import names
from headgate.core.evidence import Rhythm
from headgate.data.store import Store
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.run import Run, phase
from headgate.pipeline.terms import Terms
from headgate.wiring.delivery import POLL_SECONDS, Delivery, outcome_of, resume
from tests.pipeline.simulated import BEGAN, SimulatedWorld, Traffic, terms

PATIENCE = 1800
"""How long a person may take here, in seconds; the template says a week."""


@dataclass
class Executions:
    """The state machine: which executions run, and which have ended."""

    running: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    answered: list[tuple[str, bool]] = field(default_factory=list)

    def start(self, execution: str, document: Mapping[str, Any]) -> bool:
        """As Step Functions: once more is no error while it runs."""
        assert document["number"] == 1
        if execution not in self.running and execution not in self.ended:
            self.running.append(execution)
        return execution not in self.ended

    def answer(self, token: str, *, go_on: bool) -> None:
        """Note it."""
        self.answered.append((token, go_on))

    def end(self, execution: str) -> None:
        """It has ended."""
        self.running.remove(execution)
        self.ended.add(execution)


class Functions(Delivery):
    """The functions, in a simulated world."""

    def __init__(self, folder: Path, world: SimulatedWorld) -> None:
        self.world = world
        nobody: Any = SimpleNamespace(environment="production")
        by_minute: Any = SimpleNamespace(rhythm=Rhythm(60, 180, 180))
        self.executions = Executions()
        super().__init__(
            "iris", "production", nobody, Store(folder), self.executions, by_minute, clock=lambda: self.world.now
        )

    def _world(self, rollout: Rollout) -> Any:
        del rollout
        return self.world

    @property
    def run(self) -> Run:
        """Where the rollout stands."""
        return self.rollouts.get(1).run()

    def ask(self, do: str = "tick", **more: Any) -> dict[str, Any]:
        """What the state machine asks."""
        event = {"do": do, "rollout": self.world.terms.id, "number": 1, "started": "2027-01-15T08:00:00Z", "ticks": 0}
        return self.tick({**event, "approval_seconds": PATIENCE, **more})

    def until(self, done: Callable[[dict[str, Any]], object], *, hours: float = 1.0) -> dict[str, Any]:
        """Tick as the machine does, until the answer is as wanted."""
        deadline = self.world.now + hours * 3600
        while not done(said := self.ask()):
            self.world.now += said["wait"]
            assert self.world.now < deadline, said
        return said


@pytest.fixture
def start(tmp_path: Path) -> Callable[[Terms], tuple[Functions, Rollout]]:
    """Start a rollout on these terms."""

    def made(terms: Terms) -> tuple[Functions, Rollout]:
        functions = Functions(tmp_path, SimulatedWorld(terms))
        rollout = Rollouts(functions.store, "production").start(terms, at=BEGAN, by="ada")
        functions.executions.start(terms.id, {"number": 1})
        return functions, rollout

    return made


Start = Callable[[Terms], tuple[Functions, Rollout]]


def registry_event(version: int, status: str) -> dict[str, Any]:
    """What EventBridge tells."""
    group = names.group("iris", "production")
    return {"detail": {"ModelPackageGroupName": group, "ModelPackageVersion": version, "ModelApprovalStatus": status}}


def test_a_word_about_the_version_that_a_rollback_returns_to_does_not_make_it_fail(start: Start) -> None:
    functions, rollout = start(replace(terms(), kind="rollback", steps=(), canary_config="", version=1, reason="bad"))
    assert functions.approval(registry_event(1, "Rejected"))["done"] == "nothing"
    for word in ("abort", "reject"):  # as an older command line may have written
        rollout.tell(word, {"reason": "enough"}, by="grace")
    assert functions.until(lambda said: said["phase"] == "ended")["outcome"] == "back"
    assert outcome_of(rollout.run()) == "back"


def test_approved_in_the_registry_it_is_not_timed_out_although_the_event_was_lost(start: Start) -> None:
    functions, rollout = start(terms(approve=True))
    functions.world.approval = "PendingManualApproval"
    assert functions.ask()["phase"] == "approval"
    functions.world.approval = "Approved"
    functions.world.now += PATIENCE + 1
    functions.ask()
    assert phase(rollout.run()) in ("production", "watch")


def test_nobody_approves_it_in_time(start: Start) -> None:
    functions, _ = start(terms(approve=True))
    functions.world.approval = "PendingManualApproval"
    assert functions.ask()["phase"] == "approval"
    functions.world.now += PATIENCE + 1
    said = functions.until(lambda said: said["phase"] == "ended")
    assert said["outcome"] == "timed out"
    assert "nobody approved it in time" in said["why"]


def asked(functions: Functions) -> None:
    """It runs out of traffic, and a person is asked."""
    functions.world.traffic = Traffic(rate=0.0)
    functions.until(lambda _: functions.run.asked, hours=2.0)


def test_while_a_person_is_asked_it_looks_once_a_minute(start: Start) -> None:
    functions, _ = start(terms())
    functions.until(lambda said: said["phase"] == "watch")
    assert functions.ask()["wait"] == 15
    asked(functions)
    assert functions.ask()["wait"] == 60


def test_evidence_that_turns_bad_while_a_person_is_asked_takes_it_back(start: Start) -> None:
    functions, _ = start(terms())
    asked(functions)
    functions.world.traffic = Traffic(canary_fails=0.5)
    began, waits = functions.world.now, list[int]()

    def ended(said: dict[str, Any]) -> bool:
        if said["phase"] == "rollback":
            waits.append(said["wait"])
        return bool(said["phase"] == "ended")

    assert functions.until(ended)["outcome"] == "rolled back"
    assert functions.world.now - began < 180
    assert max(waits) == POLL_SECONDS, "the way back is not looked at as seldom"


def test_a_question_that_nobody_answers_takes_it_back(start: Start) -> None:
    functions, _ = start(terms())
    functions.world.now += 3 * PATIENCE  # however long it took until then
    asked(functions)
    functions.world.now += PATIENCE - 300
    assert functions.ask()["phase"] == "watch"
    functions.world.now += 301
    said = functions.until(lambda said: said["phase"] == "ended")
    assert said["outcome"] == "timed out"
    assert "nobody answered in time" in said["why"]


def test_a_question_that_was_answered_is_not_timed_out(start: Start) -> None:
    functions, rollout = start(terms())
    asked(functions)
    rollout.tell("approve", {}, by="grace")
    functions.world.now += PATIENCE + 1
    functions.ask()
    assert functions.run.step == 3


FIRST = terms().id


def test_after_a_hand_over_everybody_finds_the_execution_that_runs(start: Start) -> None:
    functions, rollout = start(terms())
    functions.until(lambda said: said["phase"] == "watch")
    functions.most_ticks = 1
    assert functions.ask(ticks=1, execution=FIRST)["phase"] == "continue"
    functions.ask("hand over", execution=FIRST)
    functions.ask("hand over", execution=FIRST)  # the answer was lost
    functions.executions.end(FIRST)
    (second,) = functions.executions.running
    assert second == functions.run.execution
    for _ in range(2):  # two people say something
        rollout.tell("approve", {}, by="grace")
        resume(functions.executions, functions.rollouts.get(1))
    assert functions.executions.running == [second]
    functions.executions.end(second)  # it was stopped by an error
    resume(functions.executions, rollout)
    assert functions.executions.running == [functions.run.execution] != [second]


def test_an_execution_of_an_older_definition_hands_over_too(start: Start) -> None:
    """It does not say its name, and ends all the same."""
    functions, _ = start(terms())
    functions.ask("hand over")
    assert functions.executions.running == [FIRST, functions.run.execution]


def test_two_who_resume_at_once_start_one_execution(start: Start) -> None:
    functions, _ = start(terms())
    functions.executions.end(FIRST)
    here, there = functions.rollouts.get(1), functions.rollouts.get(1)
    begin = functions.executions.start

    def slowly(execution: str, document: Mapping[str, Any]) -> bool:
        """Another one is quicker, once."""
        functions.executions.start = begin  # type: ignore[method-assign]
        found = begin(execution, document)
        resume(functions.executions, there)
        return found

    functions.executions.start = slowly  # type: ignore[method-assign]
    resume(functions.executions, here)
    assert functions.executions.running == [functions.run.execution]


@pytest.mark.parametrize("do", ["look", "tick", "artifacts", "token", "give up"])
def test_an_execution_that_another_has_followed_ends_and_does_nothing(start: Start, do: str) -> None:
    functions, rollout = start(terms())
    functions.ask("hand over", execution=FIRST)
    entries, calls = len(rollout.run().entries), list(functions.world.calls)
    assert functions.ask(do, execution=FIRST, token="t")["phase"] == "superseded"
    assert (len(rollout.run().entries), functions.world.calls) == (entries, calls)
    assert functions.executions.answered == ([("t", True)] if do == "token" else [])
    assert functions.ask(execution=functions.run.execution)["phase"] != "superseded"


def test_an_execution_that_was_started_by_hand_takes_the_place_of_one_that_has_ended(start: Start) -> None:
    functions, _ = start(terms())
    functions.executions.end(FIRST)
    assert functions.ask(execution="by-hand")["phase"] != "superseded"
    assert functions.run.execution == "by-hand"
