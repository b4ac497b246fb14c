"""Counts, sums and extremes are exact; percentiles lie within a bucket's width."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.evidence.histogram import Histogram

values = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 300), max_size=60)


def of(numbers: list[int]) -> Histogram:
    made = Histogram()
    for number in numbers:
        made.add(number)
    return made


def told(histogram: Histogram) -> tuple[float, ...]:
    exact = histogram.count, histogram.sum, histogram.minimum, histogram.maximum
    return *exact, *(histogram.percentile(percent) for percent in (0, 10, 50, 90, 99, 99.9, 100))


@given(values, st.floats(0, 100))
def test_percentiles_lie_within_a_bucket(numbers: list[int], percent: float) -> None:
    found = of(numbers).percentile(percent)
    exact = sorted(numbers)[max(0, math.ceil(len(numbers) * percent / 100) - 1)] if numbers else 0
    assert found == pytest.approx(exact, rel=1 / 64)


@given(values, values)
def test_merging_is_adding_all(first: list[int], second: list[int]) -> None:
    merged = of(first)
    merged.merge(of(second))
    assert told(merged) == told(of(first + second))
    assert (merged.count, merged.sum) == (len(first + second), sum(first + second))
    assert (merged.minimum, merged.maximum) == (min(first + second, default=0), max(first + second, default=0))


@given(values)
def test_encoding_keeps_everything(numbers: list[int]) -> None:
    decoded = Histogram.decode(of(numbers).encode())
    assert told(decoded) == told(of(numbers))
    decoded.merge(of([5]))
    assert decoded.count == len(numbers) + 1


def test_a_percentile_is_a_percentage() -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        of([1]).percentile(101)


@given(values, st.integers(0, 2**32))
def test_how_many_are_above_is_right_but_for_the_bucket_that_is_cut(numbers: list[int], bound: int) -> None:
    within = sum(abs(number - bound) <= bound / 64 + 1 for number in numbers)
    assert abs(of(numbers).above(bound) - sum(number > bound for number in numbers)) <= within
