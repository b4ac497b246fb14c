"""Evidence as AWS has it, asked of the engine, which has the same metrics; compared with its own, by the second."""

import random

import pytest

from headgate.core.evidence import Baseline, Counts, Rhythm, Window
from headgate.hosting.evidence import Evidence, weighed
from headgate.hosting.evidence_by_minute import EvidenceByMinute, evidence_of
from headgate.hosting.session import Connection
from tests.engine.metrics.memory import Request
from tests.hosting.conftest import Control

pytestmark = pytest.mark.slow

MINUTE = 1_800_000_000
"""The beginning of one."""
THRESHOLDS = (900.5, 1500.0, 4000.0)


def by_minute(
    control: Control, *, start: int = MINUTE, end: int = MINUTE + 600, now: float = MINUTE + 1e6, **more: int
) -> list[Window]:
    return EvidenceByMinute(control.connection, lambda: now).windows(
        "iris", step_began=MINUTE, rollout_began=MINUTE, thresholds=THRESHOLDS, start=start, end=end, **more
    )


def test_both_ways_count_the_same_where_a_unit_is_a_request(control: Control) -> None:
    dice = random.Random(7)
    control.evidence.add(
        *(
            Request(
                MINUTE + dice.randrange(600),
                "canary" if dice.random() < 0.2 else "stable",
                f"request {number}",
                dice.choices([200, 500, 400, 0], [80, 10, 5, 5])[0],
                dice.choice([500, 1000, 2000, 5000]),
            )
            for number in range(3000)
        )
    )
    control.evidence.requests.sort(key=lambda request: request.second)
    minutes = by_minute(control)
    seconds = Evidence(control.connection).windows(
        "iris", step_began=MINUTE, rollout_began=MINUTE, thresholds=None, start=MINUTE, end=MINUTE + 600
    )
    assert [window.start for window in minutes] == [MINUTE + 60 * number for number in range(10)]
    for window in minutes:
        inside = [s for s in seconds if window.start <= s.start < window.start + 60]
        for variant in ("stable", "canary"):
            of_minute, of_seconds = getattr(window, variant), [getattr(s, variant) for s in inside]
            assert of_minute.seen == of_minute.requests == sum(counts.seen for counts in of_seconds)
            assert of_minute.failing == sum(counts.failing for counts in of_seconds)
            answered = [
                request.microseconds
                for request in control.evidence.requests
                if request.variant == variant and request.status == 200
                and window.start <= request.second < window.start + 60
            ]  # fmt: skip
            assert of_minute.slow == tuple(sum(value > int(line) for value in answered) for line in THRESHOLDS)


def test_a_model_that_hangs_fails_and_a_caller_who_errs_does_not(control: Control) -> None:
    """Of a time-out AWS counts no 5xx, for no status came."""
    answers = [0] * 7 + [500] * 2 + [400] * 5 + [200] * 6
    control.evidence.add(*(Request(MINUTE, "canary", str(n), status) for n, status in enumerate(answers)))
    (window,) = by_minute(control)
    assert window.canary == Counts(20, 9, (6, 0, 0), 20)


def test_a_minute_is_told_once_and_only_if_it_is_whole(control: Control) -> None:
    control.evidence.add(*(Request(MINUTE + second, "stable", str(second)) for second in range(0, 300, 10)))
    whole = by_minute(control)
    parts = [w for start in range(MINUTE, MINUTE + 600, 120) for w in by_minute(control, start=start, end=start + 120)]
    assert parts == whole
    assert [window.start for window in by_minute(control, start=MINUTE + 30)] == [w.start for w in whole[1:]]
    young = [window.start for window in by_minute(control, now=MINUTE + 60 + 180 + 59.0)]
    assert young == [MINUTE], "of the next minute not everything is known yet"
    assert by_minute(control, now=MINUTE + 60.0) == []
    late = by_minute(control, slow_began=MINUTE + 90)
    assert [window.stable for window in late[:3]] == [Counts(6, 0, (0, 0, 0), 6)] * 2 + [Counts(6, 0, (6, 0, 0), 6)]


def test_what_was_before_the_step_is_not_its_evidence(control: Control) -> None:
    control.evidence.add(Request(MINUTE - 30, "canary", "before", 500), Request(MINUTE + 30, "canary", "after"))
    assert [window.start for window in by_minute(control, start=MINUTE - 60)] == [MINUTE]


def test_both_variants_are_slow_from_the_same_minute_on(control: Control) -> None:
    both = [Request(MINUTE + at, name, "a", microseconds=5000) for at in (10, 70) for name in ("stable", "canary")]
    control.evidence.add(*both)
    for window in by_minute(control, slow_began=MINUTE + 60):
        slow = (1, 1, 1) if window.start > MINUTE else (0, 0, 0)
        assert window.stable.slow == window.canary.slow == slow


def test_pieces_of_a_span_count_by_their_requests() -> None:
    """AWS cuts a span where its own periods begin: 90 requests of 10 ms and 10 of 110 ms are 20 ms, not 60."""
    counts, values = {0: 90.0, 60: 10.0}, {0: 10.0, 60: 110.0}
    assert weighed({"count": counts, "p50": values}, ["count", "p50"]) == [100.0, 20.0]


def test_percentiles_are_of_whole_minutes(control: Control) -> None:
    for number in range(100):
        control.evidence.add(Request(MINUTE + number, "stable", str(number), microseconds=number + 1))
    evidence = EvidenceByMinute(control.connection)
    assert evidence.baseline("iris", start=MINUTE, end=MINUTE + 120) == Baseline(100, (50.0, 90.0, 99.0))
    assert evidence.baseline("iris", start=MINUTE + 1, end=MINUTE + 119) is None
    assert evidence.baseline("iris", start=MINUTE - 30, end=MINUTE + 75) == Baseline(60, (30.0, 54.0, 60.0))
    assert evidence.tail("iris", start=MINUTE, end=MINUTE + 120) is None


def test_the_target_decides() -> None:
    local = Connection("http://127.0.0.1:9", "http://127.0.0.1:9", "us-east-1", "key", "secret")
    aws = Connection("http://127.0.0.1:9", "http://127.0.0.1:9", "us-east-1", "key", "secret", environment="production")
    assert [type(evidence_of(connection)) for connection in (local, aws)] == [Evidence, EvidenceByMinute]


def test_the_rhythm_of_minutes() -> None:
    rhythm = Rhythm(period=60, lag=180)
    assert [rhythm.next(second) for second in (0, 1, 59, 60)] == [0, 60, 60, 60]
    assert [rhythm.settled(now) for now in (180.0, 239.9, 240.0, 300.5)] == [0, 0, 60, 120]
    assert Rhythm().settled(10.7) == 7
