import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.engine.processes import Process, Processes, alive, wait_for_exit
from headgate.errors import Unavailable

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    registry = Processes(tmp_path)
    yield registry
    for name in registry.names():
        registry.stop(name, grace=0.1)


def start(processes: Processes, tmp_path: Path, argv: list[str]) -> Process:
    return processes.start("one", argv, env=dict(os.environ), log=tmp_path / "one.log")


def test_a_started_process_is_on_record_and_found_by_the_next_registry(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, SLEEP)
    assert Processes(tmp_path).find("one") == process
    assert alive(process)


def test_a_killed_process_is_not_found(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, SLEEP)
    os.kill(process.pid, signal.SIGKILL)
    assert wait_for_exit(process, 5)
    assert processes.find("one") is None


def test_a_stranger_with_the_same_pid_is_not_taken_for_it(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "one.pid").write_text(f"{os.getpid()} 1\n")
    assert processes.find("one") is None
    processes.stop("one")  # must not touch this very process
    assert processes.names() == []


def test_stop_ends_even_a_process_that_ignores_sigterm(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, STUBBORN)
    while "up" not in (tmp_path / "one.log").read_text():
        assert alive(process)
    processes.stop("one", grace=0.1)
    assert not alive(process)
    assert processes.names() == []


def test_a_program_that_does_not_exist_is_seen_as_dead(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, ["/no/such/program"])
    assert wait_for_exit(process, 5)


def test_no_room_for_the_record_is_an_error(tmp_path: Path) -> None:
    missing = Processes(tmp_path / "missing")
    with pytest.raises(Unavailable, match="one could not be started"):
        missing.start("one", SLEEP, env={}, log=tmp_path / "log")


def test_what_a_process_started_ends_with_it(processes: Processes, tmp_path: Path) -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    start(processes, tmp_path, [sys.executable, "-c", code])
    log = tmp_path / "one.log"
    while not log.read_text().endswith("\n"):
        pass
    child = Path(f"/proc/{log.read_text().strip()}/stat")
    assert child.exists()
    processes.stop("one")
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] not in "ZX":
        pass


def test_several_that_ignore_sigterm_share_the_time(processes: Processes, tmp_path: Path) -> None:
    names = [f"stubborn-{number}" for number in range(3)]
    for name in names:
        processes.start(name, STUBBORN, env=dict(os.environ), log=tmp_path / f"{name}.log")
        while "up" not in (tmp_path / f"{name}.log").read_text():
            pass
    began = time.monotonic()
    processes.stop_all(names, grace=1.0)
    assert time.monotonic() - began < 2.5
    assert processes.names() == []


def test_the_record_needs_no_program_of_the_path(processes: Processes, tmp_path: Path) -> None:
    process = processes.start("one", SLEEP, env={"PATH": "/nowhere"}, log=tmp_path / "one.log")
    assert processes.find("one") == process
