"""With a real gateway: not a line is lost while its log is renamed and removed under load."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headgate.engine.evidence.attempts import read_attempt
from headgate.engine.evidence.evidence import Evidence
from tests.engine.gateway.calls import Load
from tests.engine.gateway.conftest import Rig, rigs, split, until

pytestmark = pytest.mark.slow


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rigs() as make:
        made = make()
        made.start()
        made.cluster("iris/stable/00000001", "stable")
        made.gateway.set_routes(split(("stable", 1), cluster="iris/{}/00000001"))
        yield made


def test_every_request_is_counted_while_logs_come_and_go(rig: Rig, short_folder: Path) -> None:
    reopened = 0

    def reopen_logs() -> None:
        nonlocal reopened
        rig.admin.reopen_logs()
        reopened += 1

    def counted() -> int:
        return sum(evidence.series("Invocations", "iris", "stable", start=0, end=2**33).values())

    old = rig.gateway.attempts.with_name(rig.gateway.attempts.name + ".1")
    with closing(
        Evidence(
            rig.gateway.attempts, short_folder / "e.db", read_attempt, reopen_logs, rotate_at=100_000, quiet=0.3
        )
    ) as evidence:  # fmt: skip
        evidence.start()
        load = Load(rig.port)
        with load.running():
            until(lambda: reopened >= 3, 60)
        until(lambda: counted() >= load.answers)
        assert load.failures == []
        until(lambda: not old.exists())
        assert counted() == load.answers
        assert evidence.latencies("iris", "stable", start=0, end=2**33).count == load.answers
