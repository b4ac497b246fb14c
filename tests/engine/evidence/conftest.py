from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headgate.engine.evidence.evidence import Evidence
from tests.engine.evidence.attempts import Clock, Gateway, read

Reopened = Callable[..., Evidence]


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    writing = Gateway(tmp_path / "attempts.jsonl")
    yield writing
    writing.close()


@pytest.fixture
def reopened(tmp_path: Path, gateway: Gateway, clock: Clock) -> Iterator[Reopened]:
    """Opens the evidence; once more, as a new engine would, with each call."""
    opened: list[Evidence] = []

    def reopen(**settings: int) -> Evidence:
        while opened:
            opened.pop().close()
        opened.append(Evidence(gateway.path, tmp_path / "evidence.db", read, gateway.reopen, now=clock, **settings))
        return opened[0]

    yield reopen
    for evidence in opened:
        evidence.close()


@pytest.fixture
def evidence(reopened: Reopened) -> Evidence:
    return reopened()
