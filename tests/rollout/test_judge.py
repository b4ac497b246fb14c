import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.evidence import Counts, Window
from headgate.rollout.judge import Case, Limits, fold, judge

LIMITS = Limits()


def window(stable: Counts, canary: Counts, start: float = 0.0) -> Window:
    return Window(start, 1.0, stable, canary)


def quiet(seen: int = 100) -> Window:
    return window(Counts(9 * seen), Counts(seen))


counts = st.builds(
    Counts,
    seen=st.integers(0, 1000),
    failing=st.integers(0, 20),
    slow=st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 5)),
    p99_us=st.none() | st.floats(1, 1e7),
)
windows = st.lists(st.builds(window, counts, counts), max_size=12)


def test_a_good_canary_passes_when_the_bake_is_over_and_not_before() -> None:
    case = fold([quiet()] * 3, LIMITS)
    assert judge(case, LIMITS, bake_over=False).verdict == "inconclusive"
    found = judge(case, LIMITS, bake_over=True)
    assert found.verdict == "pass"
    assert "the canary saw 300 units" in found.why


def test_too_few_units_prove_nothing() -> None:
    found = judge(fold([quiet(299)], LIMITS), LIMITS, bake_over=True)
    assert found.verdict == "inconclusive"
    assert "saw 299 units; 300 are needed" in found.why


def test_three_failures_of_three_at_a_tenth_are_enough_whatever_else_is_missing() -> None:
    case = fold([window(Counts(90), Counts(10, failing=3))], LIMITS)
    found = judge(case, LIMITS, bake_over=False, failed_measurement="the engine is away")
    assert found.verdict == "fail"
    assert found.why == "3 of 3 failing units were the canary's, which saw 10 % of all units (e 173 >= 100)."


def test_a_failed_measurement_is_no_pass_and_no_failure() -> None:
    case = fold([quiet()] * 10, LIMITS)
    found = judge(case, LIMITS, bake_over=True, failed_measurement="GetMetricData did not answer.")
    assert (found.verdict, found.why) == ("error", "The evidence could not be had: GetMetricData did not answer.")


def test_a_shared_outage_is_not_the_canarys_fault() -> None:
    """Half of everything fails on both sides."""
    case = fold([window(Counts(900, failing=450), Counts(100, failing=50))] * 30, LIMITS)
    assert judge(case, LIMITS, bake_over=True).verdict == "pass"


def test_a_slower_canary_fails_by_the_quantile_that_shows_it() -> None:
    slow = window(Counts(900, slow=(450, 90, 9)), Counts(100, slow=(60, 15, 20)))
    found = judge(fold([slow], LIMITS), LIMITS, bake_over=False)
    assert found.verdict == "fail"
    assert "slower than the baseline's p99" in found.why


def test_the_floor_rule_wants_windows_running_that_are_large_enough() -> None:
    high = window(Counts(9000, p99_us=1000), Counts(1000, p99_us=1600))
    small = window(Counts(9000, p99_us=1000), Counts(499, p99_us=1600))
    assert judge(fold([high, high, small, high], LIMITS), LIMITS, bake_over=True).verdict == "pass"
    found = judge(fold([small, high, high, high], LIMITS), LIMITS, bake_over=True)
    assert found.verdict == "fail"
    assert found.why == (
        "The canary's p99 was more than 1.5 times the stable one's in 3 windows running (3 are enough)."
    )


@given(windows, st.integers(0, 12), st.booleans())
def test_looking_in_between_changes_nothing(found: list[Window], cut: int, over: bool) -> None:
    at_once = fold(found, LIMITS)
    in_two = fold(found[cut:], LIMITS, fold(found[:cut], LIMITS))
    assert in_two == at_once
    assert judge(in_two, LIMITS, bake_over=over) == judge(at_once, LIMITS, bake_over=over)


@given(windows, st.booleans())
def test_a_pass_always_rests_on_enough(found: list[Window], over: bool) -> None:
    case = fold(found, LIMITS)
    verdict = judge(case, LIMITS, bake_over=over)
    if verdict.verdict == "pass":
        assert over
        assert case.canary_seen >= LIMITS.min_units
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
        case = case.after(window(Counts(90, failing=stable), Counts(10, failing=canary)), LIMITS)
        if judge(case, LIMITS, bake_over=False).verdict == "fail":
            return True
    return False
