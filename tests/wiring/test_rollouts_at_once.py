"""Several rollouts at once: each is taken on by itself, whatever happens to another."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate.engine.home import Home
from headgate.errors import InvalidInput, Unavailable
from headgate.hosting.session import Connection
from headgate.wiring.runner import Notice, Runner, announce, notices
from tests.system.engine import until

NOWHERE = Connection("http://127.0.0.1:1", "http://127.0.0.1:1", "us-east-1", "key", "secret")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.rollouts.mkdir()
    return found


class Scripted(Runner):
    """Its rollouts are functions, by number."""

    def __init__(self, home: Home, rollouts: dict[int, Callable[[], float | None]]) -> None:
        super().__init__(home, NOWHERE)
        self._rollouts = rollouts
        for number in rollouts:
            announce(home, home.path, "production", number)

    def open(self, notice: Notice) -> Callable[[], float | None]:
        """The function."""
        return self._rollouts[notice.number]


def numbers(home: Home) -> list[int]:
    return sorted(notice.number for notice in notices(home))


def test_one_that_waits_for_an_answer_keeps_no_other_waiting(home: Home) -> None:
    answer = threading.Event()
    ticks: list[int] = []

    def hangs() -> None:
        answer.wait(30)

    def goes_on() -> float | None:
        ticks.append(1)
        return 0.0 if len(ticks) < 5 else None

    runner = Scripted(home, {1: hangs, 2: goes_on})
    runner.turn()
    until(lambda: numbers(home) == [1], 5, "the second ends")
    assert len(ticks) == 5
    answer.set()
    until(lambda: numbers(home) == [], 5, "the first ends")


@pytest.mark.parametrize(
    ("error", "times"), [(InvalidInput("a damaged log"), 1), (KeyError("a bug"), 1), (Unavailable("no engine"), 3)]
)
def test_one_that_cannot_go_on_is_tried_again_and_never_hot(home: Home, error: Exception, times: int) -> None:
    tried: list[int] = []
    other: list[int] = []

    def fails() -> float | None:
        tried.append(1)
        raise error

    def goes_on() -> float | None:
        other.append(1)
        return 0.05

    runner = Scripted(home, {1: fails, 2: goes_on})
    runner.turn()
    until(lambda: len(other) >= 20, 10)
    assert 1 <= len(tried) <= times
    runner.turn()  # no second thread for the same rollout
    until(lambda: len(other) >= 25, 10)
    assert len(tried) <= times + 1
    runner.stop()
    assert numbers(home) == [1, 2]


def test_it_ends_although_a_tick_hangs(home: Home) -> None:
    answer = threading.Event()

    def hangs() -> None:
        answer.wait(30)

    runner = Scripted(home, {1: hangs})
    runner.turn()
    runner.stop()
    assert numbers(home) == [1]
    answer.set()


def test_a_notice_that_is_damaged_is_put_aside(home: Home) -> None:
    announce(home, home.path, "production", 1)
    (home.rollouts / "torn.json").write_text("{")
    assert numbers(home) == [1]
    assert (home.rollouts / "torn.damaged").exists()
