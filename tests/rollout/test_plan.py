import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import InvalidInput
from headgate.rollout.plan import (
    AllAtOnce,
    Analyse,
    Approve,
    Canary,
    Promote,
    Shift,
    Start,
    Step,
    Strategy,
    advice,
    compile_plan,
    expected_seconds,
    from_json,
    to_json,
)

CANARY = Canary((10.0, 50.0), bake=600.0, min_requests=300, wait=3600.0)
weights = st.lists(st.floats(0.01, 50), min_size=1, max_size=20, unique=True).map(sorted).map(tuple)
canaries = st.builds(
    Canary,
    weights,
    st.floats(0.01, 30 * 86_400),
    st.integers(1, 1_000_000),
    st.floats(0, 30 * 86_400),
    st.booleans(),
)
strategies = canaries | st.just(AllAtOnce())


def test_a_canary_goes_up_step_by_step() -> None:
    assert compile_plan(CANARY, approve=True) == (
        Approve(),
        Start(),
        Shift(10.0),
        Analyse(10.0, 600.0, 300, 3600.0),
        Shift(50.0),
        Analyse(50.0, 600.0, 300, 3600.0),
        Promote(),
    )
    assert compile_plan(CANARY, approve=False)[0] == Start()


def test_all_at_once_is_one_move() -> None:
    assert compile_plan(AllAtOnce(), approve=False) == (Promote(),)
    assert compile_plan(AllAtOnce(), approve=True) == (Approve(), Promote())


@given(strategies, st.booleans())
def test_every_plan_rises_to_its_end(strategy: Strategy, approve: bool) -> None:
    steps = compile_plan(strategy, approve=approve)
    assert [step for step in steps if isinstance(step, Promote)] == [steps[-1]]
    assert [n for n, step in enumerate(steps) if isinstance(step, Approve)] == ([0] if approve else [])
    shifts = [step.weight for step in steps if isinstance(step, Shift)]
    assert all(0.01 <= weight <= 50 for weight in shifts)
    assert all(low < high for low, high in pairwise(shifts))
    for step, following in pairwise(steps):
        assert isinstance(following, Analyse) == isinstance(step, Shift)
        if isinstance(step, Shift) and isinstance(following, Analyse):
            assert step.weight == following.weight
    assert all(step.words for step in steps)


@given(strategies, st.booleans())
def test_a_plan_is_read_back_as_it_was_written(strategy: Strategy, approve: bool) -> None:
    steps = compile_plan(strategy, approve=approve)
    written = to_json(steps)
    assert from_json(json.loads(json.dumps(written))) == steps
    assert to_json(from_json(written)) == written


def test_a_step_is_written_plainly() -> None:
    assert to_json([Shift(10.0), Analyse(10.0, 600.0, 300, 0.0), Promote()]) == [
        {"step": "shift", "weight": 10.0},
        {"step": "analyse", "weight": 10.0, "bake": 600.0, "min_requests": 300, "wait": 0.0},
        {"step": "promote"},
    ]


def changed(number: int, **values: Any) -> list[dict[str, Any]]:
    steps = to_json(compile_plan(CANARY, approve=True))
    return [*steps[:number], {**steps[number], **values}, *steps[number + 1 :]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"step": "promote"}, "list of at most 100 steps"),
        ([{"step": "promote"}] * 101, "list of at most 100 steps"),
        ([], "should end in promote"),
        (["promote"], "Step 1 of the plan cannot be read: it should be a mapping"),
        ([{"step": ["promote"]}], "should be a mapping with the key `step`"),
        ([{"step": "mirror", "percent": 100}], "Step 1 .*: there is no step 'mirror' .known: approve, start, shift"),
        ([{"step": "promote", "to": 3}], "promote should have no other keys, got to"),
        ([{"step": "start"}, {"step": "shift"}], "Step 2 .*: shift should have weight, got none"),
        (changed(2, weight="10"), "weight should be a number from 0.01 to 50, got '10'"),
        (changed(2, weight=True), "weight should be a number"),
        (changed(2, weight=math.nan), "weight should be a number"),
        (changed(2, weight=50.1), "to 50, got 50.1"),
        (changed(3, bake=0), "bake should be a number from 0.01"),
        (changed(3, bake=math.inf), "bake should be a number from 0.01 to 2,592,000, got inf"),
        (changed(3, wait=-1.0), "wait should be a number"),
        (changed(3, wait=False), "wait should be a number"),
        (changed(3, min_requests=1.5), "min_requests should be a whole number"),
        (changed(3, min_requests=10**7), "from 1 to 1,000,000, got 10000000"),
        (changed(2, weight=20.0), "followed by the analysis of its weight"),
        (changed(4, weight=10.0)[:4] + changed(2)[2:], "weights of a plan should rise; 10 % follows 10 %"),
        ([*changed(0)[:2], {"step": "promote"}], "start, then shift and analyse in turn"),
        (changed(0)[2:], "start, then shift and analyse in turn"),
        ([*changed(0)[:3], {"step": "promote"}], "start, then shift and analyse in turn"),
        (changed(0)[:-1], "should end in promote"),
        ([{"step": "approve"}, *changed(0)], "start, then shift and analyse in turn"),
        ([*changed(0), {"step": "promote"}], "followed by the analysis|in turn"),
    ],
)
def test_what_is_no_plan_is_refused(values: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        from_json(values)


def test_a_step_of_a_later_headgate_says_what_to_do() -> None:
    with pytest.raises(InvalidInput) as caught:
        from_json([{"step": "mirror"}])
    assert "newer Headgate" in caught.value.hint


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["approve", "shift", "promote"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["step", "weight", "bake"]), inner, max_size=3)
    ),
)


@given(st.lists(json_values, max_size=4) | json_values)
def test_any_json_is_a_plan_or_refused(values: object) -> None:
    try:
        steps = from_json(values)
    except InvalidInput:
        return
    assert to_json(steps) == values


@pytest.mark.parametrize("steps", [(), (0.0,), (50.5,), (10.0, 10.0), (50.0, 10.0), (math.nan,), tuple(range(1, 51))])
def test_weights_that_make_no_plan_are_refused(steps: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput):
        compile_plan(Canary(steps, 600.0, 300, 0.0), approve=False)


def test_steps_in_words() -> None:
    assert [step.words for step in compile_plan(CANARY, approve=True)[:4]] == [
        "wait until somebody approves the version",
        "start the canary beside the stable variant, without traffic",
        "give the canary 10 % of the traffic",
        "watch it for 10 min, at least 300 requests; wait up to 1 h longer for them",
    ]
    assert Analyse(12.5, 30.0, 1, 0.0).words == "watch it for 30 s, at least 1 request"
    assert Promote().words == "give the new version all traffic and stop the old one"


def plan(*weights: float, wait: float = 3600.0) -> tuple[Step, ...]:
    return compile_plan(Canary(weights, bake=600.0, min_requests=300, wait=wait), approve=False)


def test_too_little_traffic_is_told_beforehand() -> None:
    assert advice(plan(10.0), 0.1) == [
        "At 0.1 requests/s a 10 % canary sees 6 requests in a 10 min bake; 300 are needed: it would take 8 h 20 min, "
        "and a person is asked after 1 h 10 min.",
        "The rollout takes 8 h 20 min rather than 10 min; more traffic or larger steps make it shorter.",
    ]
    assert advice(plan(10.0, 50.0), 1.0) == [
        "At 1 request/s a 10 % canary sees 60 requests in a 10 min bake; 300 are needed: it would take 50 min.",
        "The rollout takes 1 h rather than 20 min; more traffic or larger steps make it shorter.",
    ]


def test_no_traffic_means_asking_a_person() -> None:
    assert advice(plan(10.0, wait=0.0), 0.0) == [
        "At 0 requests/s a 10 % canary sees 0 requests in a 10 min bake; 300 are needed: they never come, "
        "and a person is asked after 10 min."
    ]


def test_enough_traffic_needs_no_advice() -> None:
    assert advice(plan(10.0, 50.0), 5.0) == []
    assert advice(compile_plan(AllAtOnce(), approve=True), 0.0) == []


@pytest.mark.parametrize("traffic", [-1.0, math.nan, math.inf])
def test_traffic_is_a_number(traffic: float) -> None:
    with pytest.raises(InvalidInput, match="requests per second"):
        advice(plan(10.0), traffic)


def test_how_long_it_takes() -> None:
    assert expected_seconds(plan(10.0, 50.0)) == 1200
    assert expected_seconds(plan(10.0, 50.0), 1.0) == 3000 + 600
    assert expected_seconds(plan(10.0, 50.0), 1.0, delay=180) == 3000 + 600 + 2 * 180
    assert expected_seconds(plan(10.0), 0.0) == math.inf
    assert expected_seconds(compile_plan(AllAtOnce(), approve=False), 0.0) == 0


@given(st.floats(0, 1e6), weights)
def test_there_is_advice_exactly_where_the_bakes_are_too_short(traffic: float, steps: tuple[float, ...]) -> None:
    wanted = plan(*steps)
    assert bool(advice(wanted, traffic)) == (expected_seconds(wanted, traffic) > expected_seconds(wanted))
