"""What the questions answer."""

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from headgate.engine.evidence.evidence import Evidence
from headgate.errors import InvalidInput, Unavailable
from tests.engine.evidence.attempts import Clock, Gateway, an_attempt
from tests.engine.evidence.conftest import Reopened


def series(evidence: Evidence, metric: str, variant: str = "stable", **asked: float) -> dict[int, int]:
    """From 990 to 1100, unless asked otherwise."""
    window = {"start": 990, "end": 1100} | asked
    return evidence.series(metric, "iris", variant, **window)  # type: ignore[arg-type]


def test_a_client_is_seen_once_since_then_and_again_since_later(evidence: Evidence, gateway: Gateway) -> None:
    gateway.write(an_attempt(1000.5 + second, client=7, request=second) for second in range(4))
    assert series(evidence, "UnitsSeen") == {1000: 1}
    assert series(evidence, "UnitsSeen", since=1002) == {1002: 1}
    assert series(evidence, "UnitsSeen", start=1002) == {1002: 1}
    assert series(evidence, "UnitsSeen", start=1002, since=1000) == {}
    assert series(evidence, "Invocations") == {1000: 1, 1001: 1, 1002: 1, 1003: 1}


def test_a_client_fails_once_over_both_variants_and_is_seen_in_each(evidence: Evidence, gateway: Gateway) -> None:
    gateway.write([an_attempt(1000, client=7, status=500), an_attempt(1001, "canary", client=7, status=500)])
    assert series(evidence, "UnitsFailing") == {1000: 1}
    assert series(evidence, "UnitsFailing", "canary") == {}
    assert series(evidence, "UnitsFailing", "canary", since=1001) == {1001: 1}
    assert series(evidence, "UnitsSeen", "canary") == {1001: 1}


def test_thresholds_compare_exactly_and_strictly(evidence: Evidence, gateway: Gateway, clock: Clock) -> None:
    gateway.write([an_attempt(1000, client=7, microseconds=30_001), an_attempt(1000, request=8, microseconds=30_001)])
    for clock.now in (1000.0, 1010.0):
        assert series(evidence, "UnitsSlow", microseconds=30_000.5) == {1000: 2}
        assert series(evidence, "UnitsSlow", microseconds=30_001) == {}


def test_a_request_without_client_is_a_unit_and_one_however_often_it_is_tried(
    evidence: Evidence, gateway: Gateway, clock: Clock
) -> None:
    gateway.write(an_attempt(1000, request=request) for request in range(5))
    gateway.write([an_attempt(1000, "canary", request=9, status=500), an_attempt(1001, "canary", request=9, number=2)])
    for clock.now in (1001.0, 1010.0):
        assert series(evidence, "UnitsSeen") == {1000: 5}
        assert series(evidence, "UnitsSeen", "canary") == {1000: 1}
        assert series(evidence, "UnitsFailing", "canary") == {1000: 1}
        assert series(evidence, "Invocations", "canary") == {1000: 1}


def test_requests_are_told_apart_by_their_last_status(evidence: Evidence, gateway: Gateway, clock: Clock) -> None:
    gateway.write(
        [
            an_attempt(1000, request=1),
            an_attempt(1000, request=2, status=404),
            an_attempt(1000, request=3, status=500),
            an_attempt(1000, request=4, status=500),
            an_attempt(1001, request=4, number=2),
            an_attempt(1000, request=5, status=0, microseconds=None),
            replace(an_attempt(1000, request=6, status=0, microseconds=None), failed=False),
        ]
    )
    for clock.now in (1001.0, 1010.0):
        assert series(evidence, "Invocations") == {1000: 6}
        assert series(evidence, "Invocation4XXErrors") == {1000: 1}
        assert series(evidence, "Invocation5XXErrors") == {1000: 1}
        assert series(evidence, "InvocationModelErrors") == {1000: 4}


def test_what_the_caller_sent_to_a_variant_is_no_evidence(evidence: Evidence, gateway: Gateway) -> None:
    gateway.write([an_attempt(1000, client=7, status=500, randomised=False)])
    assert series(evidence, "Invocations") == {1000: 1}
    for metric in ("UnitsSeen", "UnitsFailing", "Invocation5XXErrors", "InvocationModelErrors"):
        assert series(evidence, metric) == {}
    assert evidence.latencies("iris", "stable", start=1000, end=1001).count == 1


def test_latencies_of_open_and_closed_seconds_merge(evidence: Evidence, gateway: Gateway, clock: Clock) -> None:
    gateway.write(an_attempt(1000, request=value, microseconds=value) for value in range(1, 501))
    clock.now = 1010.0
    evidence.read()
    gateway.write(an_attempt(1010, request=value, microseconds=value) for value in range(501, 1001))
    gateway.write([an_attempt(1010, request=2000, status=0, microseconds=None)])
    found = evidence.latencies("iris", "stable", start=1000, end=1011)
    assert (found.count, found.sum, found.minimum, found.maximum) == (1000, 500_500, 1, 1000)
    assert found.percentile(99) == pytest.approx(990, rel=0.02)
    assert evidence.latencies("iris", "stable", start=1001, end=1010).count == 0


def test_variants_are_listed_as_soon_as_they_are_seen_and_after_a_restart(reopened: Reopened, gateway: Gateway) -> None:
    gateway.write([an_attempt(1000), an_attempt(1000, "canary"), an_attempt(1000, endpoint="other")])
    for _ in range(2):
        evidence = reopened()
        assert evidence.variants() == [("iris", "canary"), ("iris", "stable"), ("other", "stable")]
        assert evidence.variants("other") == [("other", "stable")]
        assert evidence.variants("none") == []


def test_closed_figures_never_change(reopened: Reopened, gateway: Gateway, clock: Clock) -> None:
    evidence = reopened()
    clock.now = 1004.9
    gateway.write([an_attempt(1000, client=1)])
    assert series(evidence, "UnitsSeen") == {1000: 1}
    gateway.write([an_attempt(1000, client=2), an_attempt(1002, client=3), an_attempt(1001, client=4)])
    assert series(evidence, "UnitsSeen") == {1000: 1, 1002: 3}
    assert series(reopened(), "UnitsSeen") == {1000: 1, 1002: 3}


def test_an_empty_second_is_closed_once_it_was_told(reopened: Reopened, gateway: Gateway, clock: Clock) -> None:
    assert series(reopened(), "UnitsSeen") == {}
    gateway.write([an_attempt(990, client=1)])
    assert series(reopened(), "UnitsSeen") == {998: 1}
    clock.now = 1050.0
    assert series(reopened(), "UnitsSeen") == {998: 1}


def test_seconds_while_the_engine_was_away_are_their_own(reopened: Reopened, gateway: Gateway, clock: Clock) -> None:
    reopened().read()
    gateway.write(an_attempt(1000 + second, client=second) for second in range(50))
    clock.now = 2000.0
    assert series(reopened(), "UnitsSeen") == {1000 + second: 1 for second in range(50)}


def test_more_clients_in_a_second_than_are_told_apart(
    reopened: Reopened, gateway: Gateway, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    evidence = reopened(units_a_second=3)
    gateway.write(an_attempt(1000, client=client, status=500) for client in range(10))
    clock.now = 1010.0
    assert series(evidence, "UnitsFailing") == {1000: 3}
    assert series(evidence, "Invocations") == {1000: 10}
    assert "7 attempts of second 1000 are no evidence" in caplog.text


def test_evidence_is_kept_for_a_time_and_within_a_size(
    reopened: Reopened, gateway: Gateway, clock: Clock, tmp_path: Path
) -> None:
    evidence = reopened(keep_seconds=100, max_bytes=400_000)
    for clock.now in range(1000, 1400, 10):
        gateway.write(an_attempt(clock.now + n / 100, client=clock.now * 1000 + n) for n in range(1000))
        evidence.read()
    kept = evidence.series("Invocations", "iris", "stable", start=0, end=2000)
    assert 1200 < min(kept) <= 1300
    evidence = reopened(max_bytes=50_000)
    for clock.now in range(1400, 1600, 10):
        gateway.write(an_attempt(clock.now + n / 100, client=clock.now * 1000 + n) for n in range(1000))
        evidence.read()
    kept = evidence.series("Invocations", "iris", "stable", start=0, end=2000)
    assert 1450 < min(kept) < 1550
    assert (tmp_path / "evidence.db").stat().st_size < 450_000


def test_the_database_belongs_to_its_owner_alone(evidence: Evidence, gateway: Gateway, tmp_path: Path) -> None:
    gateway.write([an_attempt(1000)])
    evidence.variants()
    files = sorted(tmp_path.glob("evidence.db*"))
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("keep", [0, 16, 4096])
def test_a_damaged_database_is_put_aside(reopened: Reopened, gateway: Gateway, tmp_path: Path, keep: int) -> None:
    gateway.write([an_attempt(1000, client=1)])
    evidence = reopened()
    assert series(evidence, "UnitsSeen") == {1000: 1}
    evidence.close()
    content = (tmp_path / "evidence.db").read_bytes()
    (tmp_path / "evidence.db").write_bytes(content[:keep] + b"\xff" * (len(content) - keep))
    assert series(reopened(), "UnitsSeen") == {1000: 1}, "the log still has it"
    assert (tmp_path / "evidence.db.damaged").stat().st_size == len(content)


def test_a_database_of_another_format_is_put_aside(reopened: Reopened, gateway: Gateway, tmp_path: Path) -> None:
    gateway.write([an_attempt(1000, client=1)])
    reopened().close()
    with closing(sqlite3.connect(tmp_path / "evidence.db")) as other:
        other.execute("PRAGMA user_version=99")
    assert series(reopened(), "UnitsSeen") == {1000: 1}, "the log still has it"
    assert (tmp_path / "evidence.db.damaged").exists()


def test_a_database_in_use_is_not_taken_for_a_damaged_one(reopened: Reopened, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "evidence.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked"):
            reopened()
    assert not (tmp_path / "evidence.db.damaged").exists()


def test_figures_wait_in_memory_while_they_cannot_be_written(
    evidence: Evidence, gateway: Gateway, clock: Clock, tmp_path: Path
) -> None:
    gateway.write([an_attempt(1000, client=1)])
    evidence.read()
    clock.now = 1010.0
    with closing(sqlite3.connect(tmp_path / "evidence.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="cannot write its evidence"):
            evidence.read()
        other.execute("ROLLBACK")
    assert series(evidence, "UnitsSeen") == {1000: 1}


def test_what_is_asked_must_make_sense(evidence: Evidence) -> None:
    with pytest.raises(InvalidInput, match="no metric 'Units'"):
        series(evidence, "Units")
    for threshold in (None, -1.0, float("nan")):
        with pytest.raises(InvalidInput, match="threshold"):
            evidence.series("UnitsSlow", "iris", "stable", start=0, end=1, microseconds=threshold)


def test_the_thread_reads_unasked(evidence: Evidence, gateway: Gateway, clock: Clock, tmp_path: Path) -> None:
    evidence.start()
    gateway.write([an_attempt(1000)])
    clock.now = 1010.0
    evidence.close()
    assert not list(tmp_path.glob("evidence.db-wal"))
