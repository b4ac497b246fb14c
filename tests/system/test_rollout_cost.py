"""What the runner costs: next to nothing without a rollout, little of a core while one is judged."""

import os
import time
from pathlib import Path

import pytest

from headgate.engine.processes import Process, Processes
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import Scene, at_step, outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ANALYSIS = 2


def service(engine: RunningEngine, name: str) -> Process:
    found = until(lambda: Processes(engine.home.processes).find(name), what=name)
    assert isinstance(found, Process)
    return found


def cpu_seconds(process: Process) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(process: Process) -> float:
    """Resident megabytes."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def spent(processes: dict[str, Process], seconds: float) -> dict[str, float]:
    """The share of a core that each of them takes, over so many seconds."""
    began, before = time.monotonic(), {name: cpu_seconds(process) for name, process in processes.items()}
    until(lambda: time.monotonic() - began > seconds, seconds + 5)
    elapsed = time.monotonic() - began
    return {name: (cpu_seconds(process) - before[name]) / elapsed for name, process in processes.items()}


def test_a_runner_without_a_rollout_takes_nothing(own_engine: RunningEngine) -> None:
    runner = service(own_engine, "runner")
    until(lambda: "started" in (own_engine.home.logs / "runner.log").read_text())
    took = spent({"runner": runner}, 4.0)
    maps = Path(f"/proc/{runner.pid}/maps").read_text()
    assert took["runner"] < 0.02
    assert rss(runner) < 40
    assert "obstore" not in maps
    assert "numpy" not in maps


def test_a_canary_is_judged_for_little_of_a_core(own_engine: RunningEngine) -> None:
    scene = Scene(own_engine, "cost", bake="20s")
    scene.deploy()
    processes = {name: service(own_engine, name) for name in ("runner", "engine")}
    with scene.load(rate=200) as total:
        scene.warm()
        rollout = scene.start(scene.version())
        scene.until(rollout, at_step(ANALYSIS))
        took = spent(processes, 12.0)
        run = scene.ended(rollout, 90)
        assert total().failed == 0
    assert outcome(run) == ("promoted", "pass")
    assert took["runner"] < 0.25
    assert took["engine"] < 0.25
