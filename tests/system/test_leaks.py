"""Nothing grows without bound: files, threads and memory of the services, over many updates and weight changes."""

import os
from pathlib import Path

import pytest

from headgate.engine.leftovers import KEPT_LOGS, KEPT_PACKAGES
from tests.system.engine import RunningEngine, until
from tests.system.test_update import two_versions, update, weights

pytestmark = pytest.mark.proof

SERVICES = ("supervisor", "engine", "gateway")


def measured(engine: RunningEngine) -> dict[str, float]:
    """Open files, threads and memory (MB) of the services, and how many files lie in the folders of the home."""
    found: dict[str, float] = {}
    for name in SERVICES:
        process = Path(f"/proc/{engine.process(name).pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        found[f"{name} files"] = len(list((process / "fd").iterdir()))
        found[f"{name} threads"] = int(status["Threads"])
        found[f"{name} MB"] = int(status["VmRSS"].split()[0]) / 1024
    for folder in (engine.home.sockets, engine.home.processes, engine.home.gateway, engine.home.models):
        found[f"{folder.name[:8]}/"] = len(list(folder.iterdir()))
    found["logs/"] = len([path for path in engine.home.logs.rglob("*") if path.is_file()])
    return found


def exercise(engine: RunningEngine, endpoint: str, updates: int, changes: int) -> None:
    """That many updates and weight changes, each of them awaited."""
    for turn in range(updates):
        update(engine, endpoint, f"{endpoint}-{('one', 'two')[turn % 2]}")
    update(engine, endpoint, f"{endpoint}-both")
    for turn in range(changes):
        weights(engine, endpoint, 100 - turn % 100, turn % 100)
    update(engine, endpoint, f"{endpoint}-one")
    until(lambda: engine.rows(endpoint) == 1, what="one instance is left")


@pytest.mark.timeout(300)
def test_updates_and_weights_leave_nothing_behind(own_engine: RunningEngine) -> None:
    two_versions(own_engine, "worn")
    exercise(own_engine, "worn", 6, 50)
    before = measured(own_engine)
    exercise(own_engine, "worn", 20, 250)
    after = measured(own_engine)
    grown = {name: (before[name], now) for name, now in after.items() if now > before[name] * 1.15 + 3}
    grown.pop("logs/", None)
    assert grown == {}
    assert after["logs/"] < KEPT_LOGS + 10


def test_old_packages_and_logs_are_cleared_away(own_engine: RunningEngine) -> None:
    engine = own_engine
    engine.deploy("many")
    for number in range(KEPT_PACKAGES + 5):
        folder = engine.home.models / f"old-{number:02}"
        folder.mkdir()
        os.utime(folder, (number, number))
    for number in range(KEPT_LOGS + 5):
        log = engine.home.logs / "gone" / f"stable-{number:010x}.log"
        log.parent.mkdir(exist_ok=True)
        log.touch()
        os.utime(log, (number, number))
    engine.create_model("many-two", engine.put_linear("many-two", bias=5.0))
    engine.create_config("many-two", ("stable", "many-two", 1))
    update(engine, "many", "many-two")
    until(lambda: not (engine.home.models / "old-00").exists())
    until(lambda: len(list(engine.home.logs.glob("*/*.log"))) <= KEPT_LOGS + 2)
    assert len(list(engine.home.models.iterdir())) == KEPT_PACKAGES + 1
    assert engine.invoke("many")[1] == "stable"
    update(engine, "many", "many-one")
