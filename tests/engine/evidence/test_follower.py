"""The log is kept small, and whatever happens to it, every line counts once."""

from pathlib import Path

import pytest

from headgate.engine.evidence.evidence import Evidence
from headgate.engine.evidence.follower import Follower
from tests.engine.evidence.attempts import Clock, Gateway, an_attempt
from tests.engine.evidence.conftest import Reopened


def invocations(evidence: Evidence) -> int:
    return sum(evidence.series("Invocations", "iris", "stable", start=900, end=2000).values())


def drained(follower: Follower) -> list[bytes]:
    return [text for chunk in follower.read() for text in chunk.lines]


@pytest.fixture
def old(gateway: Gateway) -> Path:
    return gateway.path.with_name("attempts.jsonl.1")


def test_a_large_log_is_renamed_read_to_its_end_and_removed(gateway: Gateway, old: Path) -> None:
    clock = Clock(0.0)
    follower = Follower(gateway.path, gateway.reopen, rotate_at=10, quiet=5, clock=clock)
    gateway.write_raw(b"first line\nhalf")
    assert drained(follower) == [b"first line"]
    late = gateway.path.open("ab", buffering=0)
    follower.tend([])
    assert old.exists()
    assert gateway.asked == 1
    late.write(b" a line\n")
    gateway.write_raw(b"third line\n")
    assert drained(follower) == [b"half a line", b"third line"]
    clock.now = 4.0
    late.write(b"later\n")
    assert drained(follower) == [b"later"]
    clock.now = 8.0
    follower.tend([])
    assert old.exists(), "not quiet for long enough"
    clock.now = 10.0
    follower.tend([follower.files[0]])
    assert old.exists(), "needed"
    follower.tend([])
    assert not old.exists()
    assert len(follower.files) == 1
    late.close()
    follower.close()


def test_a_gateway_that_is_down_is_asked_again(gateway: Gateway, old: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    follower = Follower(gateway.path, gateway.reopen, rotate_at=10, quiet=5, clock=clock)
    gateway.up = False
    gateway.write_raw(b"first line\n")
    assert drained(follower) == [b"first line"]
    for clock.now in (0.0, 0.5, 1.0, 2.0, 30.0):
        follower.tend([])
        gateway.write_raw(b"more\n")
        assert drained(follower) == [b"more"]
    assert gateway.asked == 4
    assert caplog.text.count("will be again: The gateway does not answer.") == 1
    assert not gateway.path.exists()
    gateway.up = True
    clock.now = 31.0
    follower.tend([])
    gateway.write_raw(b"new\n")
    assert drained(follower) == [b"new"]
    clock.now = 40.0
    follower.tend([])
    assert not old.exists()
    follower.close()


def test_an_old_log_stays_until_the_gateway_has_let_go_of_it(gateway: Gateway, old: Path) -> None:
    clock = Clock(0.0)
    gateway.up = False
    gateway.write_raw(b"one\n")
    gateway.path.rename(old)
    gateway.path.touch()
    follower = Follower(gateway.path, gateway.reopen, rotate_at=1000, quiet=5, clock=clock)
    for clock.now in (0.0, 10.0, 20.0):
        drained(follower)
        follower.tend([])
        assert old.exists()
    gateway.write_raw(b"late\n")
    assert drained(follower) == [b"late"]
    gateway.up = True
    for clock.now in (30.0, 40.0):
        follower.tend([])
    assert not old.exists()
    gateway.write_raw(b"new\n")
    assert drained(follower) == [b"new"]
    follower.close()


def test_an_engine_that_dies_between_renaming_and_asking_asks_when_it_is_back(gateway: Gateway, old: Path) -> None:
    gateway.write_raw(b"one\n")
    gateway.path.rename(old)
    gateway.write_raw(b"two\n")
    follower = Follower(gateway.path, gateway.reopen, rotate_at=10)
    assert drained(follower) == [b"one", b"two"]
    follower.tend([])
    assert gateway.asked == 1
    gateway.write_raw(b"three\n")
    assert drained(follower) == [b"three"]
    follower.close()


def test_a_log_without_an_end_of_line_is_passed_over(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    follower = Follower(gateway.path, gateway.reopen, rotate_at=10)
    gateway.write_raw(b"x" * 3_000_000 + b"\nnext\n")
    assert drained(follower)[-1] == b"next"
    assert "without a line's end" in caplog.text
    follower.close()


def test_there_may_be_no_log_at_all(tmp_path: Path, gateway: Gateway) -> None:
    follower = Follower(tmp_path / "none", gateway.reopen, rotate_at=10)
    assert drained(follower) == []
    follower.tend([])
    assert gateway.asked == 0


def test_a_file_is_known_by_how_it_begins_too(gateway: Gateway) -> None:
    gateway.write_raw(b"one\ntwo\n")
    first = Follower(gateway.path, gateway.reopen, rotate_at=10)
    assert drained(first) == [b"one", b"two"]
    place = first.files[0].place
    first.close()
    gateway.write_raw(b"three\n")
    again = Follower(gateway.path, gateway.reopen, [place], rotate_at=10)
    assert drained(again) == [b"three"]
    again.close()
    gateway.path.write_bytes(b"another log\nof the same inode\n")
    other = Follower(gateway.path, gateway.reopen, [place], rotate_at=10)
    assert drained(other) == [b"another log", b"of the same inode"]
    other.close()


@pytest.mark.parametrize("refill", [1, 100])
def test_a_truncated_log_is_read_from_its_beginning(
    reopened: Reopened, gateway: Gateway, clock: Clock, caplog: pytest.LogCaptureFixture, refill: int
) -> None:
    evidence = reopened()
    gateway.write(an_attempt(1000.0, request=request) for request in range(10))
    assert invocations(evidence) == 10
    gateway.path.write_bytes(b"")
    gateway.write(an_attempt(1000.5, request=request) for request in range(refill))
    assert invocations(evidence) == 10 + refill
    assert "truncated" in caplog.text
    clock.now = 1010.0
    assert invocations(evidence) == 10 + refill
    assert invocations(reopened()) == 10 + refill


def test_a_replaced_log_is_read_on(reopened: Reopened, gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    evidence = reopened()
    gateway.write([an_attempt(1000.0, request=1)])
    assert invocations(evidence) == 1
    gateway.path.unlink()
    gateway.write([an_attempt(1000.0, request=2)])
    assert invocations(evidence) == 2
    assert gateway.asked == 1, "nobody else can find what is written to a file without a name"
    gateway.write([an_attempt(1000.0, request=3)])
    assert invocations(evidence) == 3
    assert "replaced" in caplog.text


def test_lines_that_cannot_be_read_are_left_out_and_said(
    evidence: Evidence, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.write_raw(b"{half of a li")
    gateway.write([an_attempt(1000.0, request=1), an_attempt(1000.0, request=2)])
    assert invocations(evidence) == 1
    assert "1 lines do not tell of an attempt" in caplog.text


def test_stretches_that_cannot_be_found_again_are_said(
    reopened: Reopened, gateway: Gateway, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    evidence = reopened()
    gateway.write([an_attempt(1000.0, request=1), an_attempt(1005.0, request=2)])
    clock.now = 1005.0
    assert invocations(evidence) == 2
    gateway.path.unlink()
    assert invocations(reopened()) == 1
    assert "a part of" in caplog.text


def test_an_old_log_stays_while_seconds_are_open_that_begin_in_it(
    reopened: Reopened, gateway: Gateway, old: Path, clock: Clock
) -> None:
    gateway.write(an_attempt(1000.0, request=request) for request in range(20))
    for _ in range(5):
        assert invocations(reopened(rotate_at=1000, quiet=0)) == 20
        assert old.exists()
    clock.now = 1003.0
    evidence = reopened(rotate_at=1000, quiet=0)
    for _ in range(3):
        evidence.read()
    assert not old.exists()
    assert invocations(reopened()) == 20
