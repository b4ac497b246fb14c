import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.metrics.metric import Aggregate, Metric, Span, Statistic, of_samples, percentile


@pytest.mark.parametrize(
    ("text", "percent"), [("p99", 99.0), ("p99.9", 99.9), ("p0", 0.0), ("p100", 100.0), ("p100.0", 100.0)]
)
def test_percentiles_by_name(text: str, percent: float) -> None:
    assert Statistic.parse(text) == Statistic("Percentile", percent)


@pytest.mark.parametrize("text", ["", "sum", "p", "p101", "p100.1", "p-1", "p99.", "P99", "tm90", "IQM", "Percentile"])
def test_what_is_no_statistic(text: str) -> None:
    assert Statistic.parse(text) is None


def test_sums() -> None:
    sums = Aggregate(4, 10.0, 1.0, 5.0)
    wanted = {"SampleCount": 4, "Sum": 10.0, "Average": 2.5, "Minimum": 1.0, "Maximum": 5.0}
    for name, value in wanted.items():
        statistic = Statistic.parse(name)
        assert statistic is not None
        assert sums.of(statistic) == value


@given(st.lists(st.integers(-5, 5), min_size=1), st.sampled_from([0.0, 0.1, 25.0, 50.0, 99.0, 99.9, 100.0]))
def test_a_percentile_is_a_sample_that_so_many_do_not_exceed(values: list[int], percent: float) -> None:
    found = percentile([(float(value), 1.0) for value in values], percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-6
    assert sum(value < found for value in values) <= len(values) * percent / 100


def test_a_percentile_of_many() -> None:
    thousand = [(float(number), 1.0) for number in range(1, 1001)]
    assert percentile(thousand, 99.9) == 999
    assert percentile([(1.0, 0.1), (2.0, 0.2)], 100) == 2


@given(st.integers(0, 100), st.integers(1, 100), st.integers(0, 1000))
def test_every_second_is_in_the_period_that_begins_last(start: int, period: int, second: int) -> None:
    began = Span(start, start + 1000, period).period_of(start + second)
    assert (began - start) % period == 0
    assert began <= start + second < began + period


def test_the_order_of_dimensions_is_no_difference() -> None:
    assert Metric.of("N", "m", b="2", a="1") == Metric("N", "m", (("a", "1"), ("b", "2")))


def test_a_trimmed_count_with_a_lower_bound() -> None:
    asked = Statistic.parse("TC(1.5:)")
    assert asked is not None
    assert of_samples([(1.0, 3.0), (1.5, 4.0), (2.0, 5.0)], asked) == 5.0
    assert [Statistic.parse(text) for text in ("TC(1:2)", "TC(10%:)", "TC(:)", "TM(1:)")] == [None] * 4
