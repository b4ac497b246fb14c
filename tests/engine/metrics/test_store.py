import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headgate.engine.metrics.metric import Aggregate, Metric, Span, Statistic
from headgate.engine.metrics.store import KEPT_SECONDS, MetricStore, Point
from headgate.errors import Refused, Unavailable

NOW = 1_800_000_000
LOSS = Metric.of("Mine", "Loss", model="a")
DAY = Span(NOW - KEPT_SECONDS, NOW + 1, 2 * KEPT_SECONDS)

Opened = Callable[..., MetricStore]


class Clock:
    """Says what it was set to."""

    def __init__(self) -> None:
        self.time = float(NOW)

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Opened]:
    """Opens the store of this test, and closes it."""
    stores = []

    def open_one(**bounds: int) -> MetricStore:
        stores.append(MetricStore(tmp_path / "metrics.db", clock=clock, **bounds))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def point(*values: float, metric: Metric = LOSS, unit: str = "None", second: int = NOW) -> Point:
    sums = Aggregate(len(values), sum(values), min(values), max(values))
    return Point(metric, unit, second, sums, [(value, float(values.count(value))) for value in sorted(set(values))])


def told(store: MetricStore, stat: str, span: Span = DAY, *, metric: Metric = LOSS, unit: str | None = None) -> float:
    statistic = Statistic.parse(stat)
    assert statistic is not None
    (value,) = store.values(metric, statistic, span, unit).values()
    return value


def test_points_of_one_second_add_up(opened: Opened) -> None:
    store = opened()
    store.put([point(3.0, 1.0, 1.0), point(2.0)])
    store.put([point(9.0)])
    wanted = {"Sum": 16.0, "SampleCount": 5.0, "Average": 3.2, "Minimum": 1.0, "Maximum": 9.0, "p40": 1.0, "p60": 2.0}
    assert {stat: told(store, stat) for stat in wanted} == wanted


def test_periods_have_what_lies_in_them(opened: Opened) -> None:
    store = opened()
    store.put([point(float(second), second=NOW - 10 + second) for second in range(10)])
    span = Span(NOW - 9, NOW - 1, 3)
    maximum = Statistic("Maximum")
    assert store.values(LOSS, maximum, span) == {NOW - 9: 3.0, NOW - 6: 6.0, NOW - 3: 8.0}
    assert store.values(LOSS, Statistic("Percentile", 50), span) == {NOW - 9: 2.0, NOW - 6: 5.0, NOW - 3: 7.0}


def test_units_are_apart_unless_nobody_asks(opened: Opened) -> None:
    store = opened()
    store.put([point(1.0, unit="Count"), point(2.0, unit="Percent")])
    assert told(store, "Sum") == 3.0
    assert told(store, "Sum", unit="Percent") == told(store, "p50", unit="Percent") == 2.0
    assert store.values(LOSS, Statistic("Sum"), DAY, "Seconds") == {}


def test_where_samples_are_not_known_there_are_no_percentiles(opened: Opened) -> None:
    store = opened()
    store.put([point(1.0, second=NOW - 1), point(1.0), Point(LOSS, "None", NOW, Aggregate(10, 50.0, 1.0, 9.0))])
    assert store.values(LOSS, Statistic("Percentile", 50), Span(NOW - 1, NOW + 1)) == {NOW - 1: 1.0}
    assert told(store, "Sum") == 52.0


def test_it_is_all_there_after_a_restart(opened: Opened, tmp_path: Path) -> None:
    first = opened()
    first.put([point(1.0)])
    first.close()
    again = opened()
    assert again.metrics() == [LOSS]
    assert told(again, "Sum") == 1.0
    assert stat.S_IMODE((tmp_path / "metrics.db").stat().st_mode) == 0o600


def test_what_is_a_day_old_is_gone(opened: Opened, clock: Clock) -> None:
    store = opened()
    store.put([point(1.0), point(1.0, metric=Metric.of("Mine", "Other"), second=NOW + 3600)])
    clock.time += KEPT_SECONDS + 1
    assert store.values(LOSS, Statistic("Sum"), Span(NOW - 10, NOW + 10)) == {}
    store.put([point(1.0, metric=Metric.of("Mine", "Other"), second=int(clock.time))])
    assert store.metrics() == [Metric.of("Mine", "Other")]


def test_a_metric_too_many_is_refused_and_nothing_is_put(opened: Opened, clock: Clock) -> None:
    store = opened(most_metrics=2)
    store.put([point(1.0, metric=Metric.of("Mine", "a"))])
    with pytest.raises(Refused, match="at most 2 metrics"):
        store.put([point(1.0, metric=Metric.of("Mine", name)) for name in ("a", "b", "c")])
    assert [metric.name for metric in store.metrics()] == ["a"]
    store.put([point(1.0, metric=Metric.of("Mine", "b"))])
    clock.time += KEPT_SECONDS + 1
    store.put([point(1.0, metric=Metric.of("Mine", name), second=int(clock.time)) for name in ("c", "d")])


def test_bytes_too_many_are_refused_until_old_ones_are_gone(opened: Opened, clock: Clock, tmp_path: Path) -> None:
    store = opened(most_bytes=400_000)

    def fill(start: int) -> int:
        for block in range(100):
            try:
                store.put([point(*map(float, range(100)), second=start - block * 10 - n) for n in range(10)])
            except Refused:
                return block
        return 100

    put = fill(NOW)
    assert 1 < put < 20
    assert told(store, "SampleCount") == put * 1000
    clock.time += KEPT_SECONDS + 2000
    assert fill(int(clock.time)) == put
    assert (tmp_path / "metrics.db").stat().st_size < 600_000


def test_a_damaged_database_is_put_aside(opened: Opened, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics.db").write_bytes(b"not a database" * 1000)
    store = opened()
    store.put([point(1.0)])
    assert told(store, "Sum") == 1.0
    assert (tmp_path / "metrics.db.damaged").exists()
    assert "metrics begin anew" in caplog.text


def test_a_database_that_cannot_be_opened_is_left_where_it_is(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "metrics.db").mkdir()
    with pytest.raises(Unavailable, match=r"cannot use .*metrics\.db"):
        opened()
    assert (tmp_path / "metrics.db").is_dir()
