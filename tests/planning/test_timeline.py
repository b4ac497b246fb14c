"""Times by hand, and the figures of the simulation."""

import math

import pytest

from headgate.planning.timeline import FOUND_3X, found_3x, timeline, within
from headgate.rollout.plan import AllAtOnce, Canary, compile_plan

CANARY = Canary((10.0, 50.0), bake=600.0, min_requests=300, wait=3600.0)


def test_a_step_takes_as_long_as_its_requests_do() -> None:
    """At 1 request/s a 10 % canary gets 0.1: 300 take 3,000 s, not 600; at 50 % they take 600."""
    found = timeline(compile_plan(CANARY, approve=True), 1.0)
    first, second = (stage for stage in found.stages if stage.step == "analyse")
    assert (first.least, first.expected, first.canary_requests) == (600.0, 3000.0, 300.0)
    assert (second.least, second.expected, second.canary_requests) == (600.0, 600.0, 300.0)
    assert (found.least, found.expected) == (1200.0, 3600.0)
    assert found.stages[0].least is None, "a person decides"
    assert found.advice[0].startswith("At 1 request/s a 10 % canary sees 60 requests in a 10 min bake; 300 are needed")


def test_on_aws_a_step_is_judged_when_its_evidence_is_known() -> None:
    """Twenty steps of a minute, each known three minutes later: 80 minutes, not 20."""
    steps = compile_plan(Canary(tuple(range(1, 21)), bake=60.0, min_requests=1, wait=0.0), approve=False)
    found = timeline(steps, 1_000.0, delay=180)
    assert (found.least, found.expected) == (4800.0, 4800.0)
    first = next(stage for stage in found.stages if stage.half)
    assert first.canary_requests == 600.0, "what it gets in a minute, not in four"
    assert first.half == pytest.approx(6066 / 10 + 180)
    slow, at_once = (timeline(compile_plan(CANARY, approve=False), 1.0, delay=delay) for delay in (180, 0))
    assert slow.expected == at_once.expected + 2 * 180
    assert "The rollout takes 1 h 6 min rather than 26 min" in slow.advice[1]
    assert slow.advice[2].startswith("In all its bakes the canary gets about 600 requests.")


def test_a_step_ends_when_a_person_is_asked() -> None:
    found = timeline(compile_plan(CANARY, approve=False), 0.01)
    assert [stage.expected for stage in found.stages if stage.step == "analyse"] == [4200.0, 4200.0]
    still = timeline(compile_plan(CANARY, approve=False), 0.0)
    assert still.expected == 8400.0
    assert all("they never come" in said for said in still.advice)
    assert len(still.advice) == 2


def test_when_three_times_the_errors_are_found() -> None:
    """10 requests/s, 10 %: a canary request a second, so as many seconds as the simulation took requests."""
    first = next(stage for stage in timeline(compile_plan(CANARY, approve=False), 10.0).stages if stage.half)
    assert (first.half, first.most) == (6462.0, 12957.0)
    assert [found_3x(weight) for weight in (1.0, 5.0, 7.5, 50.0)] == [FOUND_3X[w] for w in (5.0, 5.0, 10.0, 50.0)]


def test_a_rollout_that_would_not_see_them_says_so_and_one_that_would_does_not() -> None:
    """At 10 requests/s, 600 s at 10 % and 600 s at 50 % are 600/6462 + 600/2996 = 0.29 of what is needed for a half."""
    steps = compile_plan(CANARY, approve=False)
    (said,) = timeline(steps, 10.0).advice
    assert said.startswith("In all its bakes the canary gets about 3,600 requests.")
    assert timeline(steps, 34.0).advice != ()
    assert timeline(steps, 35.0).advice == ()
    (alone,) = timeline(compile_plan(AllAtOnce(), approve=False), 100.0).advice
    assert "Nothing is compared" in alone


def test_times_as_people_say_them() -> None:
    assert [within(seconds) for seconds in (None, math.inf, 0.0, 0.2, 45.2, 400.0, 6462.0, 100_000.0)] == [
        "", "never", "0 s", "1 s", "45 s", "7 min", "1 h 48 min", "1 d 4 h"
    ]  # fmt: skip


@pytest.mark.proof
def test_the_figures_are_those_of_the_simulation() -> None:
    from benchmarks.rollouts.cells import Cell, errors
    from benchmarks.rollouts.results import figures
    from benchmarks.rollouts.traffic import Plan

    lengths = {5.0: 24_000, 10.0: 24_000, 25.0: 36_000, 50.0: 60_000}  # canary requests; 100 requests a second
    for weight, requests in lengths.items():
        plan = Plan((weight / 100,), round(requests / weight), 6000)
        cell = Cell(f"weight_{weight:g}_3x", "weight", "", errors(0.002, 0.006, plan, usual=False), 2000)
        found = figures(cell, 2000)["rules"]["Headgate"]
        assert (found["requests_median"], found["requests_p90"]) == FOUND_3X[weight]
