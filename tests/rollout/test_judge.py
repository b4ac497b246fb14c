import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.evidence import Counts, Tail, Window
from headgate.rollout.judge import Case, Limits, fold, judge

LIMITS = Limits()


def window(stable: Counts, canary: Counts, start: float = 0.0) -> Window:
    return Window(start, 1.0, stable, canary)


def quiet(seen: int = 100) -> Window:
    return window(Counts(9 * seen, requests=9 * seen), Counts(seen, requests=seen))


counts = st.builds(
    Counts,
    seen=st.integers(0, 1000),
    failing=st.integers(0, 20),
    slow=st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 5)),
    requests=st.integers(0, 2000),
)
windows = st.lists(st.builds(window, counts, counts), max_size=12)


def test_a_good_canary_passes_when_the_bake_is_over_and_not_before() -> None:
    case = fold([quiet()] * 3)
    assert judge(case, LIMITS, bake_over=False).verdict == "inconclusive"
    found = judge(case, LIMITS, bake_over=True)
    assert found.verdict == "pass"
    assert "300 requests reached the canary" in found.why


def test_too_few_units_prove_nothing() -> None:
    found = judge(fold([quiet(299)]), LIMITS, bake_over=True)
    assert found.verdict == "inconclusive"
    assert "299 requests reached the canary; 300 are needed" in found.why


def test_three_failures_of_three_at_a_tenth_are_enough_whatever_else_is_missing() -> None:
    case = fold([window(Counts(90), Counts(10, failing=3))])
    found = judge(case, LIMITS, bake_over=False, failed_measurement="the engine is away")
    assert found.verdict == "fail"
    assert found.why == "3 of 3 failing units were the canary's, which saw 10 % of all units (e 173 >= 100)."


def test_a_failed_measurement_is_no_pass_and_no_failure() -> None:
    case = fold([quiet()] * 10)
    found = judge(case, LIMITS, bake_over=True, failed_measurement="GetMetricData did not answer.")
    assert (found.verdict, found.why) == ("error", "The evidence could not be had: GetMetricData did not answer.")


def test_a_shared_outage_is_not_the_canarys_fault() -> None:
    """Half of everything fails on both sides."""
    case = fold([window(Counts(900, failing=450), Counts(100, failing=50, requests=100))] * 30)
    assert judge(case, LIMITS, bake_over=True).verdict == "pass"


def test_a_slower_canary_fails_by_the_quantile_that_shows_it() -> None:
    slow = window(Counts(900, slow=(450, 90, 9)), Counts(100, slow=(60, 15, 20)))
    found = judge(fold([slow]), LIMITS, bake_over=False)
    assert found.verdict == "fail"
    assert "slower than the baseline's p99" in found.why


def test_the_floor_rule_wants_windows_running_that_are_large_enough() -> None:
    high, small = Tail(0, 10, 1000, 1600, 9000, 1000), Tail(0, 10, 1000, 1600, 9000, 499)
    assert judge(tails(high, high, small, high), LIMITS, bake_over=False).verdict == "inconclusive"
    found = judge(tails(small, high, high, high), LIMITS, bake_over=True)
    assert found.verdict == "fail"
    assert found.why == (
        "The canary's p99 was more than 1.5 times the stable one's in 3 windows running (3 are enough)."
    )


def tails(*found: Tail) -> Case:
    case = Case()
    for tail in found:
        case = case.after_tail(tail, LIMITS)
    return case


def test_a_marked_unit_is_weighed_by_the_share_of_all_units_seen_in_the_step() -> None:
    """Sticky clients are seen once; who fails in a window where nobody new comes is weighed all the same."""
    case = fold([window(Counts(900), Counts(100)), window(Counts(0), Counts(0, failing=3))])
    assert round(case.errors.e) == 173


def test_a_new_step_keeps_the_evidence_and_begins_to_count_anew() -> None:
    case = fold([window(Counts(900), Counts(100, failing=3, requests=400))]).at_new_step()
    assert round(case.errors.e) == 173
    assert (case.canary_seen, case.stable_seen, case.canary_requests) == (0, 0, 0)


@given(windows, st.integers(0, 12), st.booleans())
def test_looking_in_between_changes_nothing(found: list[Window], cut: int, over: bool) -> None:
    at_once = fold(found)
    in_two = fold(found[cut:], fold(found[:cut]))
    assert in_two == at_once
    assert judge(in_two, LIMITS, bake_over=over) == judge(at_once, LIMITS, bake_over=over)


@given(windows, st.booleans())
def test_a_pass_always_rests_on_enough(found: list[Window], over: bool) -> None:
    case = fold(found)
    verdict = judge(case, LIMITS, bake_over=over)
    if verdict.verdict == "pass":
        assert over
        assert case.canary_requests >= LIMITS.min_requests
        assert max(verdict.errors_e, verdict.latency_e) < LIMITS.line


@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_equal_and_tolerable_canaries_are_seldom_failed_however_often_one_looks(ratio: float) -> None:
    """100 rollouts, looked at after each of 100 windows: at most 1 in 100 may fail by Ville; 5 of 100 would be odd."""
    dice = random.Random(7)
    failed = sum(any_look_fails(dice, ratio) for _ in range(100))
    assert failed <= 4


def any_look_fails(dice: random.Random, ratio: float) -> bool:
    case = Case()
    for _ in range(100):
        stable = sum(dice.random() < 0.02 for _ in range(90))
        canary = sum(dice.random() < 0.02 * ratio for _ in range(10))
        case = case.after(window(Counts(90, failing=stable), Counts(10, failing=canary)))
        if judge(case, LIMITS, bake_over=False).verdict == "fail":
            return True
    return False
