import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.rollout.eprocess import LARGEST_RATIO, RatioProcess, grid, log_canary, log_stable

shares = st.floats(0.001, 0.999)
tolerances = st.sampled_from([1.25, 1.5, 3.0])
marks = st.lists(st.tuples(shares, st.integers(0, 20), st.integers(0, 20)), max_size=8)


@pytest.mark.parametrize(("share", "canary", "stable", "e"), [(0.1, 3, 0, 173), (0.1, 7, 2, 3072), (0.5, 9, 0, 65)])
def test_known_values(share: float, canary: int, stable: int, e: float) -> None:
    assert round(RatioProcess(1.5).after(share, canary, stable).e) == e


@given(shares, tolerances, st.floats(0.0, 1.0))
def test_no_ratio_up_to_the_tolerance_can_expect_to_gain(share: float, tolerance: float, part: float) -> None:
    """The supermartingale property, for every ratio of the grid: one more marked unit multiplies by at most 1."""
    true = part * tolerance
    theta = true * share / (true * share + 1.0 - share)
    for ratio in grid(tolerance):
        canary = math.exp(log_canary(ratio, share, tolerance))
        stable = math.exp(log_stable(ratio, share, tolerance))
        assert theta * canary + (1.0 - theta) * stable <= 1.0 + 1e-9


@given(tolerances, marks)
def test_neither_order_nor_cuts_matter(tolerance: float, found: list[tuple[float, int, int]]) -> None:
    whole = RatioProcess(tolerance)
    for mark in found:
        whole = whole.after(*mark)
    pieces = RatioProcess(tolerance)
    for share, canary, stable in reversed(found):
        for _ in range(canary):
            pieces = pieces.after(share, 1, 0)
        pieces = pieces.after(share, 0, stable)
    assert pieces.logs == pytest.approx(whole.logs, abs=1e-6)
    assert (pieces.canary, pieces.stable) == (whole.canary, whole.stable) or not found


@given(tolerances, shares, st.integers(0, 100_000), st.integers(0, 100_000))
def test_it_is_a_number_whatever_happens(tolerance: float, share: float, canary: int, stable: int) -> None:
    e = RatioProcess(tolerance).after(share, canary, stable).e
    assert e >= 0.0
    assert not math.isnan(e)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_a_concurrent_baseline_nothing_is_learnt(share: float) -> None:
    assert RatioProcess(1.5).after(share, 5, 5) == RatioProcess(1.5)


def probability_of_ever_reaching(process: RatioProcess, shares: tuple[float, ...], true: float) -> float:
    """The line of 100, over all sequences of one marked unit at each of these shares, at a true ratio: exactly."""
    if process.e >= 100.0:
        return 1.0
    if not shares:
        return 0.0
    share, *rest = shares
    theta = true * share / (true * share + 1.0 - share)
    theirs, ours = (process.after(share, canary, 1 - canary) for canary in (0, 1))
    return theta * probability_of_ever_reaching(ours, tuple(rest), true) + (1.0 - theta) * (
        probability_of_ever_reaching(theirs, tuple(rest), true)
    )


@pytest.mark.parametrize("true", [0.0, 0.3, 1.0, 1.5])
@pytest.mark.parametrize("shares", [(0.01,) * 8, (0.05,) * 8, (0.1,) * 9, (0.05,) * 3 + (0.25,) * 3 + (0.5,) * 3])
def test_at_most_one_rollout_in_a_hundred_ever_reaches_the_line(shares: tuple[float, ...], true: float) -> None:
    """Ville's inequality, by enumeration: whoever looks after every unit, and whatever happens to the weight."""
    found = probability_of_ever_reaching(RatioProcess(1.5), shares, true)
    assert found <= 0.01
    assert (found > 0.0) == (true > 0.0), "the horizon is long enough to reach the line at all"


@settings(max_examples=15, deadline=None)
@given(st.lists(shares, min_size=1, max_size=6), tolerances, st.floats(0.0, 1.0))
def test_no_sequence_of_shares_breaks_the_bound(found: list[float], tolerance: float, part: float) -> None:
    assert probability_of_ever_reaching(RatioProcess(tolerance), tuple(found), part * tolerance) <= 0.01


@given(tolerances, marks, shares)
def test_one_more_failure_never_speaks_for_its_own_side(
    tolerance: float, found: list[tuple[float, int, int]], share: float
) -> None:
    process = RatioProcess(tolerance)
    for mark in found:
        process = process.after(*mark)
    assert process.after(share, 1, 0).e >= process.e * (1.0 - 1e-9)
    assert process.after(share, 0, 1).e <= process.e * (1.0 + 1e-9)


@given(tolerances, marks, marks)
def test_evidence_is_carried_on_when_the_share_changes(
    tolerance: float, before: list[tuple[float, int, int]], later: list[tuple[float, int, int]]
) -> None:
    """What two steps say together is, ratio by ratio, what each says alone."""
    both, one, other = RatioProcess(tolerance), RatioProcess(tolerance), RatioProcess(tolerance)
    for mark in before:
        both, one = both.after(*mark), one.after(*mark)
    for mark in later:
        both, other = both.after(*mark), other.after(*mark)
    assert both.logs == pytest.approx([a + b for a, b in zip(one.logs, other.logs, strict=True)], abs=1e-6)


def test_a_failing_unit_of_the_canary_speaks_against_it_and_one_of_the_stable_for_it() -> None:
    process = RatioProcess(1.5)
    assert process.after(0.1, 1, 0).e > process.e == 1.0 > process.after(0.1, 0, 1).e


def test_the_grid_is_log_spaced_above_the_tolerance() -> None:
    found = grid(1.5)
    assert len(found) == 64
    assert found[0] > 1.5
    assert found[-1] == pytest.approx(LARGEST_RATIO)
    steps = [b / a for a, b in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * 63)
