"""The judge's evidence out of a real control API, over what the gateway would have seen."""

import subprocess
import sys
from dataclasses import replace

import pytest

from headgate.core.evidence import Baseline, Counts, Tail, Window
from headgate.errors import InvalidInput, Refused, Unavailable
from headgate.hosting.evidence import Evidence
from headgate.hosting.session import Connection
from tests.engine.metrics.memory import Request
from tests.hosting.conftest import Control

pytestmark = pytest.mark.slow

BEGAN = 1_800_000_000
STEP = BEGAN + 100
NOW = BEGAN + 130


def window(second: int, stable: Counts, canary: Counts) -> Window:
    return Window(float(second), 1.0, stable, canary)


def ask(
    control: Control, thresholds: tuple[float, float, float] | None = None, *, start: int = STEP, end: int = NOW
) -> list[Window]:
    return Evidence(control.connection).windows(
        "iris", step_began=STEP, rollout_began=BEGAN, thresholds=thresholds, start=start, end=end
    )


def test_a_window_for_each_second_with_anything_in_it(control: Control) -> None:
    control.evidence.add(
        Request(BEGAN + 5, "canary", "early", 500, 9000),
        Request(STEP, "stable", "a", microseconds=2000),
        Request(STEP, "stable", "a", microseconds=3000),
        Request(STEP + 2, "canary", "b", 500),
        Request(STEP + 2, "canary", "early", 500, 9000),
        Request(STEP + 3, "canary", "b", 500, 4000),
        Request(STEP + 3, "stable", "elsewhere", endpoint="other"),
        Request(NOW, "stable", "late"),
    )
    nothing = Counts(0)
    assert ask(control, (1999.5, 2000.0, 3999.0)) == [
        window(STEP, Counts(1, 0, (1, 1, 0), requests=2), nothing),
        window(STEP + 2, nothing, Counts(2, 1, requests=2)),
        window(STEP + 3, nothing, Counts(0, 0, (1, 1, 1), requests=1)),
    ]
    assert [found.canary.slow for found in ask(control)] == [(0, 0, 0)] * 3
    assert ask(control, start=STEP + 4) == []


def test_what_was_counted_before_is_not_counted_again(control: Control) -> None:
    control.evidence.add(*(Request(STEP + second, "stable", f"c{second % 10}") for second in range(30)))
    whole = ask(control)
    assert sum(found.stable.seen for found in whole) == 10
    parts = [found for start in range(STEP, NOW, 7) for found in ask(control, start=start, end=min(start + 7, NOW))]
    assert parts == whole


def test_many_seconds_come_in_pages(control: Control) -> None:
    control.evidence.add(*(Request(STEP + second, "stable", f"c{second}", 500, 5000) for second in range(21_000)))
    found = ask(control, (1000.0, 2000.0, 3000.0), end=STEP + 21_000)
    assert len(found) == 21_000
    assert {w.stable for w in found} == {Counts(1, 1, (1, 1, 1), 1)}


@pytest.mark.parametrize("seconds", [1, 7, 30, 60, 61, 120, 125])
def test_percentiles_are_of_the_whole_span_and_nothing_else(control: Control, seconds: int) -> None:
    start = BEGAN + 7
    for number in range(100):
        second = start + number * seconds // 100
        control.evidence.add(Request(second, "stable", str(number), microseconds=number + 1))
        control.evidence.add(Request(second, "canary", str(number), microseconds=10 * (number + 1)))
    for outside in (start - 1, start + seconds):
        control.evidence.add(Request(outside, "stable", "x", microseconds=10**6))
        control.evidence.add(Request(outside, "canary", "x", microseconds=10**6))
    evidence = Evidence(control.connection)
    span = {"start": start, "end": start + seconds}
    assert evidence.baseline("iris", **span) == Baseline(100, (50.0, 90.0, 99.0))
    assert evidence.tail("iris", **span) == Tail(float(start), float(seconds), 50.0, 500.0, 99.0, 990.0, 100, 100)


def test_without_answers_there_is_nothing_to_compare(control: Control) -> None:
    evidence = Evidence(control.connection)
    control.evidence.add(Request(STEP, "stable", "a"), Request(STEP, "canary", "b", 500))
    assert evidence.baseline("nowhere", start=STEP, end=NOW) is None
    assert evidence.baseline("iris", start=STEP + 1, end=NOW) is None
    assert evidence.tail("iris", start=STEP, end=NOW) is None
    assert evidence.baseline("iris", start=STEP, end=NOW) == Baseline(1, (1000.0, 1000.0, 1000.0))


def test_errors_are_of_the_domain(control: Control) -> None:
    with pytest.raises(InvalidInput, match="StartTime must be less"):
        ask(control, start=NOW, end=NOW)
    wrong = replace(control.connection, secret_key="wrong")
    with pytest.raises(Refused, match="refused our keys"):
        Evidence(wrong).baseline("iris", start=STEP, end=NOW)
    nowhere = Connection("http://127.0.0.1:9", "http://127.0.0.1:9", "us-east-1", "key", "secret")
    with pytest.raises(Unavailable, match="does not answer"):
        Evidence(nowhere).tail("iris", start=STEP, end=NOW)


def test_to_import_it_is_cheap() -> None:
    script = "import sys, headgate.hosting.evidence; print([m for m in sys.modules if m.startswith('botocore')])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
