from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.evidence import Counts, Tail, Window
from headgate.rollout.eprocess import RatioProcess
from headgate.rollout.judge import Case, Judgement, Limits, fold, judge

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


def test_the_share_that_is_told_is_that_of_the_time_when_the_units_failed() -> None:
    case = fold([window(Counts(90), Counts(10, failing=3))]).at_new_step()
    case = case.after(window(Counts(50), Counts(50, failing=3)))
    said = judge(case, LIMITS, bake_over=False).why
    assert said.startswith("6 of 6 failing units were the canary's, which saw 30 % of all units (e ")


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
    assert "slower than the baseline's p99 (and 2 ms)" in found.why


def test_the_floor_rule_wants_windows_running_that_are_large_enough() -> None:
    high, small = tail(canary_p99=1600), tail(canary_p99=1600, canary_requests=499)
    assert judge(tails(high, high, small, high), LIMITS, bake_over=False).verdict == "inconclusive"
    found = judge(tails(small, high, high, high), LIMITS, bake_over=True)
    assert found.verdict == "fail"
    assert found.why == (
        "The canary's p99 was more than 1.5 times the stable one's in 3 windows running (3 are enough)."
    )


def test_the_floor_rule_does_not_hold_where_clients_are_the_units() -> None:
    """One slow client of fifty is two in a hundred of the canary's requests, and its p99: there the median counts."""
    high = tail(canary_p99=9000, canary_p50=190)
    clients = fold([window(Counts(450, requests=9000), Counts(50, requests=1000))])
    assert not clients.by_request
    assert judge(tails(high, high, high, case=clients), LIMITS, bake_over=True).verdict == "pass"
    assert judge(tails(high, high, high, case=fold([quiet(1000)])), LIMITS, bake_over=True).verdict == "fail"


def test_where_clients_are_the_units_a_median_that_doubles_fails() -> None:
    """However late it comes: by then each client has been slower than the thresholds once, and says no more."""
    slow = tail(canary_p50=210)
    many = fold([window(Counts(450, requests=9000), Counts(50, requests=1000))])
    found = judge(tails(slow, slow, slow, case=many), LIMITS, bake_over=True)
    assert found.verdict == "fail"
    assert found.why == (
        "The canary's median latency was more than 2 times the stable one's in 3 windows running (3 are enough)."
    )
    few = fold([window(Counts(441, requests=9000), Counts(49, requests=1000))])
    assert judge(tails(slow, slow, slow, case=few), LIMITS, bake_over=True).verdict == "pass"


def tail(*, canary_p50: float = 100, canary_p99: float = 1000, canary_requests: int = 1000) -> Tail:
    return Tail(0, 10, 10_000, 100 * canary_p50, 100_000, 100 * canary_p99, 9000, canary_requests)


def test_what_nobody_minds_is_not_too_high() -> None:
    little = Tail(0, 10, 100, 1900, 500, 2400, 9000, 1000)
    for case in (fold([quiet(1000)]), fold([window(Counts(450, requests=9000), Counts(50, requests=1000))])):
        assert judge(tails(little, little, little, case=case), LIMITS, bake_over=True).verdict == "pass"


def tails(*found: Tail, case: Case | None = None) -> Case:
    case = case or Case()
    for one in found:
        case = case.after_tail(one, LIMITS)
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


@given(windows, windows)
def test_each_step_is_weighed_by_its_own_share(before: list[Window], later: list[Window]) -> None:
    """Carried on over a change of weight: the logarithms of both steps add up; units are counted anew."""
    whole = fold(later, fold(before).at_new_step())
    one, other = fold(before), fold(later)
    for carried, first, second in zip(processes(whole), processes(one), processes(other), strict=True):
        assert carried.logs == pytest.approx([a + b for a, b in zip(first.logs, second.logs, strict=True)], abs=1e-6)
    assert (whole.canary_seen, whole.stable_seen) == (other.canary_seen, other.stable_seen)


def processes(case: Case) -> tuple[RatioProcess, ...]:
    return (case.errors, *case.slow)


@given(windows, st.builds(window, counts, counts), st.integers(1, 3))
def test_one_more_failure_never_speaks_for_its_own_side(before: list[Window], last: Window, more: int) -> None:
    def with_failing(stable: int, canary: int) -> float:
        worse = replace(
            last,
            stable=replace(last.stable, failing=last.stable.failing + stable),
            canary=replace(last.canary, failing=last.canary.failing + canary),
        )
        return fold([*before, worse]).errors.e

    same = with_failing(0, 0)
    assert with_failing(0, more) >= same * (1.0 - 1e-9)
    assert with_failing(more, 0) <= same * (1.0 + 1e-9)


failures = st.sampled_from(["", "the engine is away"])


@given(windows, st.booleans(), failures, st.integers(0, 4))
def test_fail_comes_before_error_before_inconclusive_before_pass(
    found: list[Window], over: bool, failed: str, slow_tails: int
) -> None:
    case = replace(fold(found), slow_tails=slow_tails)
    guilty = max(case.errors.e, case.latency_e) >= LIMITS.line or slow_tails >= LIMITS.floor_windows
    few = case.canary_requests < LIMITS.min_requests
    reasons = {"fail": guilty, "error": bool(failed), "inconclusive": few or not over, "pass": True}
    said = judge(case, LIMITS, bake_over=over, failed_measurement=failed)
    assert said.verdict == next(verdict for verdict, holds in reasons.items() if holds)


@given(windows, st.booleans(), failures, st.integers(0, 4))
def test_every_why_says_the_numbers_it_rests_on(found: list[Window], over: bool, failed: str, slow_tails: int) -> None:
    case = replace(fold(found), slow_tails=slow_tails)
    said = judge(case, LIMITS, bake_over=over, failed_measurement=failed)
    for number in numbers(said, failed, slow_tails):
        assert number in said.why


def numbers(said: Judgement, failed: str, slow_tails: int) -> list[str]:
    if said.verdict == "error":
        return [failed]
    if said.verdict == "fail":
        e = said.errors_e if said.errors_e >= LIMITS.line else said.latency_e
        by_floor = f"{slow_tails} windows running"
        return [by_floor] if e < LIMITS.line else ["% of all units", f"(e {e:.3g} >= 100)"]
    return [f"{said.canary_requests:,} requests", f"{said.errors_e:.3g}", f"{said.latency_e:.3g}", "below 100"]


@given(windows, st.booleans())
def test_a_pass_always_rests_on_enough(found: list[Window], over: bool) -> None:
    case = fold(found)
    verdict = judge(case, LIMITS, bake_over=over)
    if verdict.verdict == "pass":
        assert over
        assert case.canary_requests >= LIMITS.min_requests
        assert max(verdict.errors_e, verdict.latency_e) < LIMITS.line
