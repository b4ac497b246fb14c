"""Rollouts on a virtual clock: what is decided, in which order, and what survives what."""

from dataclasses import replace
from pathlib import Path

import pytest

from headgate.core.endpoints import EndpointState
from headgate.errors import Refused
from headgate.pipeline.run import Run
from headgate.pipeline.story import why
from headgate.pipeline.tick import Tick
from headgate.rollout.plan import AllAtOnce, Canary
from tests.pipeline.simulated import CANARY, FINAL, STABLE, SimulatedWorld, Simulation, Traffic, kinds, terms


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path, SimulatedWorld(terms()))


def test_a_good_version_is_promoted_step_by_step(simulation: Simulation) -> None:
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("promoted", "pass")
    assert simulation.world.config == FINAL
    assert simulation.world.calls == ["start_canary", "warm_up", "shift 10", "shift 50", "promote", "probe 2", "close"]
    assert simulation.world.told["headgate:last-good"] == STABLE
    assert "headgate:rollout" not in simulation.world.told
    assert "requests reached the canary" in why(run)


def test_a_failing_version_goes_back_by_itself(simulation: Simulation) -> None:
    simulation.world.traffic = Traffic(canary_fails=0.3)
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "fail")
    assert "failing units were the canary's" in why(run)
    assert simulation.world.calls == ["start_canary", "warm_up", "shift 10", "shift 0", "go_back", "probe 1", "close"]
    assert simulation.world.config == STABLE
    assert simulation.world.told["headgate:last-good"] == "iris-production-v0-00000000"


def test_a_slow_version_goes_back_by_itself(simulation: Simulation) -> None:
    simulation.world.traffic = Traffic(canary_slow=0.9)
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.verdict == "fail"
    assert "slower than the baseline's p99 (and 2 ms)" in run.ended.why


def test_the_canary_has_no_traffic_within_a_second_of_enough_evidence(simulation: Simulation) -> None:
    simulation.world.traffic = Traffic(canary_fails=1.0)
    run = simulation.until()
    decided = next(entry.at for entry in run.entries if entry.kind == "decision")
    idle = next(entry.at for entry in run.entries if entry.kind == "returning")
    began = run.analysis.step_began if run.analysis else 0
    assert idle - decided < 0.6
    assert decided - began < 1.5  # 50 requests a second at 10 %: three failures come within the first second


@pytest.mark.slow
def test_a_bake_of_hours_ends_when_it_is_over(tmp_path: Path) -> None:
    long = Canary((5.0,), bake=6 * 3600.0, min_requests=300, wait=3600.0)
    simulation = Simulation(tmp_path, SimulatedWorld(terms(long), Traffic(rate=5.0)))
    run = simulation.until(step=5.0)
    assert run.ended is not None
    assert run.ended.outcome == "promoted"
    assert simulation.world.now - simulation.world.terms.number > 6 * 3600
    assert len(run.entries) < 900  # one checkpoint in half a minute, not one a look


def test_a_kill_between_any_two_looks_changes_nothing(tmp_path: Path) -> None:
    """Each tick is taken by somebody who knows only the log: the evidence comes out the same."""
    outcomes = []
    for name, remembers in (("a", True), ("b", False)):
        simulation = Simulation(tmp_path / name, SimulatedWorld(terms(), Traffic(canary_fails=0.02)))
        if remembers:
            run = simulation.until()
        else:
            while (run := simulation.run()).ended is None:
                simulation.world.now += max(simulation.tick() or 0.0, 0.01)
        outcomes.append((run.ended, [(e.kind, e.content) for e in run.entries], simulation.world.calls))
    assert outcomes[0] == outcomes[1]


class Died(BaseException):
    """The process was killed."""


@pytest.mark.slow
@pytest.mark.parametrize("fails", [0.001, 0.3])
def test_killed_at_every_call_and_entry_it_ends_the_same(tmp_path: Path, fails: float) -> None:
    """A kill before and after each change of the world and each entry of the log."""
    quick = terms(Canary((10.0, 50.0), bake=5.0, min_requests=30, wait=120.0))
    undisturbed = Simulation(tmp_path / "0", SimulatedWorld(quick, Traffic(canary_fails=fails))).until()
    wanted, number = True, 0
    while wanted:
        number += 1
        simulation = Simulation(tmp_path / str(number), SimulatedWorld(quick, Traffic(canary_fails=fails)))
        wanted = dies(simulation, number)
        run = simulation.until()
        assert run.ended is not None
        assert undisturbed.ended is not None
        assert (run.ended.outcome, run.ended.verdict) == (undisturbed.ended.outcome, undisturbed.ended.verdict), number
        taken = [int(entry.content["index"]) for entry in run.entries if entry.kind == "done"]
        assert taken == sorted(set(taken)), number
        assert simulation.world.config == (FINAL if run.ended.outcome == "promoted" else STABLE)
    assert number > 15


def dies(simulation: Simulation, number: int) -> bool:
    """Run until the `number`th write, and die there, before or after it; False where there is none so late."""
    world = simulation.world
    writes = 0

    class Mortal(SimulatedWorld):
        def _called(self, call: str) -> None:
            nonlocal writes
            writes += 1
            if writes == number:
                raise Died
            super()._called(call)
            writes += 1
            if writes == number:
                # the request went out; the answer never came
                self.after = True

        def _change(self, config: str, weights: dict[str, float]) -> None:
            super()._change(config, weights)
            if getattr(self, "after", False):
                self.after = False
                raise Died

    world.__class__ = Mortal
    entries = len(simulation.run().entries)
    try:
        while simulation.run().ended is None:
            pause = simulation.tick()
            grown = len(simulation.run().entries)
            for _ in range(grown - entries):
                writes += 1
                if writes == number:
                    raise Died
            entries = grown
            world.now += max(pause or 0.0, 0.01)
    except Died:
        return True
    finally:
        world.__class__ = SimulatedWorld
    return False


def test_of_two_runners_each_step_is_taken_once(simulation: Simulation) -> None:
    """They take turns at random, each with what it has read so far."""
    ticks = [Tick(simulation.world, simulation.anew(), lambda: simulation.world.now) for _ in range(2)]
    while simulation.run().ended is None:
        simulation.world.dice.choice(ticks)()
        simulation.world.now += 0.1
    run = simulation.run()
    for kind in ("step", "done"):
        steps = [entry.content["index"] for entry in run.entries if entry.kind == kind]
        assert steps == [*range(len(run.terms.steps))]
    assert kinds(run).count("ended") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": "somebody-elses"}, "it is on config somebody-elses; this rollout left it on " + CANARY),
        ({"weights": {"stable": 80.0, "canary": 20.0}}, "the canary has 20 %; this rollout left it at 10 %"),
        ({"told": {"headgate:generation": "7"}}, "its generation is 7, this rollout's is 1"),
        ({"told": {"headgate:rollout": "iris-9-other"}}, "Rollout iris-9-other, started from another folder, is under"),
        ({"deleted": True}, "Somebody else deleted endpoint"),
    ],
)
def test_a_foreign_change_stops_it_with_the_reason(
    simulation: Simulation, change: dict[str, object], said: str
) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.world.meddle(**change)
    calls = list(simulation.world.calls)
    simulation.world.now += 1
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("stopped", "error")
    assert said in why(run)
    assert simulation.world.calls == [*calls, "let_go"]


def test_a_person_approves_first_where_the_plan_asks_for_it(tmp_path: Path) -> None:
    world = SimulatedWorld(terms(approve=True), approval="PendingManualApproval")
    simulation = Simulation(tmp_path, world)
    for _ in range(5):
        assert simulation.tick() == 0.5
    assert world.calls == []
    assert "waits for approval" in why(simulation.run())
    simulation.rollout.tell("approve", {"reason": "looks right"}, by="grace")
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"
    assert world.calls[0] == "decide Approved"


def test_a_person_rejects_and_it_goes_back(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.rollout.tell("reject", {"reason": "wrong data"}, by="grace")
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rejected", "fail")
    assert why(run) == "Rejected: grace rejected version 2: wrong data."
    assert "decide Rejected" in simulation.world.calls
    assert simulation.world.config == STABLE


def test_a_registry_that_refuses_the_rejection_does_not_keep_the_canary(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.rollout.tell("reject", {"reason": "wrong data"}, by="grace")
    simulation.world.refused = {"decide": Refused("The API denies it")}
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rejected", "fail")
    assert why(run) == (
        "Rejected: grace rejected version 2: wrong data. The registry does not take that: The API denies it."
    )
    assert simulation.world.config == STABLE
    assert "headgate:rollout" not in simulation.world.told


def test_rejected_in_the_registry_meanwhile_it_goes_back(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.world.approval = "Rejected"
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "rolled back"
    assert "was rejected in the registry meanwhile" in why(run)


@pytest.mark.parametrize("entries", range(1, 17))
def test_aborted_at_each_entry_it_ends_where_it_began(tmp_path: Path, entries: int) -> None:
    simulation = Simulation(tmp_path, SimulatedWorld(terms()))
    simulation.until(lambda run: len(run.entries) >= entries)
    simulation.rollout.tell("abort", {"reason": "enough"}, by="grace")
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("aborted", "inconclusive")
    assert why(run) == "Aborted: grace aborted the rollout: enough."
    assert simulation.world.config == STABLE
    assert "headgate:rollout" not in simulation.world.told
    with pytest.raises(Refused, match="has ended"):
        simulation.rollout.tell("abort", {}, by="grace")


def test_aborted_and_deleted_it_is_aborted(simulation: Simulation) -> None:
    """What `headgate down` does: nobody else is to be blamed for it."""
    simulation.until(lambda run: run.analysis is not None)
    simulation.rollout.tell("abort", {"reason": "headgate down"}, by="grace")
    simulation.world.meddle(deleted=True)
    run = simulation.until()
    assert run.ended is not None
    assert why(run) == "Aborted: grace aborted the rollout: headgate down."


def test_without_traffic_a_person_is_asked_and_may_let_it_go_on(simulation: Simulation) -> None:
    simulation.world.traffic = Traffic(rate=0.0)
    run = simulation.until(lambda run: run.asked)
    assert simulation.world.now - (run.analysis.step_began if run.analysis else 0) >= 180
    assert why(run).startswith("A person was asked: 0 requests reached the canary; 300 are needed")
    simulation.rollout.tell("approve", {}, by="grace")
    run = simulation.until(lambda run: run.step == 3)
    assert "grace let it go on" in why(run)


def test_traffic_that_stops_proves_nothing_more(simulation: Simulation) -> None:
    run = simulation.until(lambda run: run.step == 4)
    simulation.world.traffic = Traffic(rate=0.0)
    run = simulation.until(lambda run: run.asked)
    assert "300 are needed" in why(run)
    simulation.world.traffic = Traffic()
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"


def test_an_engine_that_is_down_is_waited_for(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.world.broken = {"everything"}
    before = len(simulation.run().entries)
    simulation.until(lambda _: simulation.world.now > 1_800_000_000 + 1800)
    assert len(simulation.run().entries) == before
    simulation.world.broken = set()
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"


def test_a_baseline_that_cannot_be_had_now_is_measured_later(simulation: Simulation) -> None:
    simulation.world.broken = {"baseline"}
    run = simulation.until(lambda run: run.analysis is not None and "look" in kinds(run))
    assert run.thresholds is None
    simulation.world.broken = set()
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"
    assert kinds(run).count("baseline") == 1


def test_evidence_that_cannot_be_had_ends_it_without_blaming_the_model(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.world.broken = {"windows"}
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "error")
    assert "The evidence could not be had: windows does not answer." in why(run)
    assert simulation.world.config == STABLE


def test_evidence_that_comes_back_is_used(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.world.broken = {"windows"}
    simulation.until(lambda _: simulation.world.now > 1_800_000_000 + 30)
    simulation.world.broken = set()
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"


@pytest.mark.parametrize(("config", "said"), [(CANARY, "The canary did not start"), (FINAL, "as the stable one")])
def test_a_version_that_does_not_start_goes_back(simulation: Simulation, config: str, said: str) -> None:
    simulation.world.fails_to_start = {config}
    simulation.world.meddle(failure="an old story")  # of an earlier change: not to be taken for ours
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "fail")
    assert said in why(run)
    assert simulation.world.config == STABLE


@pytest.mark.parametrize("status", ["InService", "UpdateRollbackFailed"])
@pytest.mark.parametrize(("config", "said"), [(CANARY, "The canary did not start"), (FINAL, "as the stable one")])
def test_aws_gives_no_reason_where_it_went_back_by_itself(
    simulation: Simulation, config: str, said: str, status: str
) -> None:
    world = simulation.world
    world.fails_to_start, world.gives_reasons, world.broken_as = {config}, False, status
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "fail")
    assert said in why(run)
    assert f"no reason was given; the endpoint is {status} on config" in why(run)
    assert world.calls.count("start_canary" if config == CANARY else "promote") == 1
    assert world.config == STABLE


def test_a_way_back_that_aws_does_not_take_ends_with_that(simulation: Simulation) -> None:
    simulation.until(lambda run: run.analysis is not None)
    simulation.world.fails_to_start, simulation.world.gives_reasons = {STABLE}, False
    simulation.rollout.tell("abort", {}, by="grace")
    run = simulation.until(hours=0.1)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("stopped", "error")
    assert f"The way back failed: no reason was given; the endpoint is InService on config {CANARY}." in why(run)


def test_traffic_that_aws_does_not_shift_is_taken_back(simulation: Simulation) -> None:
    simulation.until(lambda run: run.step == 1)
    simulation.world.fails_to_start, simulation.world.gives_reasons = {CANARY}, False
    run = simulation.until(hours=0.1)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "error")
    assert f"The traffic was not shifted: no reason was given; the endpoint is InService on config {CANARY}" in why(run)


def test_what_the_api_refuses_ends_it_with_the_reason(simulation: Simulation) -> None:
    simulation.world.refused = {"start_canary": Refused("ResourceLimitExceeded: 64 instances.")}
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "error")
    assert "ResourceLimitExceeded" in why(run)


def test_what_the_api_refuses_while_somebody_else_writes_is_decided_anew(simulation: Simulation) -> None:
    looked = 0

    def endpoint() -> EndpointState | None:
        nonlocal looked
        looked += 1
        if looked == 4:  # when it has been refused, and is about to be written down
            simulation.rollout.tell("abort", {}, by="grace")
        return SimulatedWorld.endpoint(simulation.world)

    simulation.world.refused = {"start_canary": Refused("ResourceLimitExceeded: 64 instances.")}
    simulation.world.endpoint = endpoint  # type: ignore[method-assign]
    assert [simulation.tick(), simulation.tick()] == [0.0, 0.0]
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "aborted"


def test_all_at_once_compares_nothing_and_says_so(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SimulatedWorld(terms(AllAtOnce())))
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"
    assert "nothing was compared" in why(run)
    assert simulation.world.calls == ["promote", "probe 2", "close"]


def test_the_first_version_is_created(tmp_path: Path) -> None:
    first = replace(terms(AllAtOnce()), config_before="", version_before=0, pointer_before="", generation=1)
    simulation = Simulation(tmp_path, SimulatedWorld(first))
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"


def test_a_rollback_goes_where_the_pointer_leads_and_back_again(tmp_path: Path) -> None:
    back = replace(terms(), kind="rollback", steps=(), canary_config="", final_config="iris-production-v0-00000000",
                   version=0, reason="grace asked for it.")  # fmt: skip
    simulation = Simulation(tmp_path, SimulatedWorld(back))
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict, run.ended.why) == ("rolled back", "pass", "grace asked for it.")
    assert simulation.world.config == "iris-production-v0-00000000"
    assert simulation.world.told["headgate:last-good"] == STABLE  # a rollback of the rollback goes forward again


def test_a_rollback_that_answers_nobody_names_where_it_went(tmp_path: Path) -> None:
    back = replace(terms(), kind="rollback", steps=(), canary_config="", final_config="iris-production-v0-00000000",
                   version=1, reason="grace asked for it.")  # fmt: skip
    simulation = Simulation(tmp_path, SimulatedWorld(back))
    simulation.world.broken = {"probe"}
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rolled back", "error")
    assert "Back on iris-production-v0-00000000, endpoint iris-production does not answer" in why(run)


def test_only_one_rollout_is_open_at_a_time(simulation: Simulation) -> None:
    with pytest.raises(Refused, match="is under way"):
        simulation.rollouts.next_number()
    with pytest.raises(Refused, match="at the same moment"):
        simulation.rollouts.start(terms(), at=0.0, by="grace")
    simulation.until()
    assert simulation.rollouts.next_number() == 2


def test_evidence_is_carried_from_step_to_step(simulation: Simulation) -> None:
    simulation.world.traffic = Traffic(canary_fails=0.0, stable_fails=0.0)

    def spoil(run: Run) -> bool:
        return run.step == 4 and run.begun

    run = simulation.until(spoil)
    assert run.analysis is not None
    assert run.analysis.case is not None
    assert run.analysis.rollout_began < run.analysis.step_began


def test_a_kill_between_the_verdict_and_its_step_does_not_judge_again(simulation: Simulation) -> None:
    simulation.until(lambda run: kinds(run)[-1] == "decision")
    simulation.world.traffic = Traffic(canary_fails=1.0)
    simulation.world.now += 30
    simulation.tick()
    assert kinds(simulation.run())[-2:] == ["decision", "done"]
