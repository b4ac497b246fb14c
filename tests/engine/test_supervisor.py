"""Logs are kept in bounds under whoever writes to them."""

import os
import stat
import sys
import tracemalloc
from pathlib import Path

import pytest

from headgate.engine.processes import Processes
from headgate.engine.supervisor import rotate
from tests.engine.gateway.calls import call
from tests.engine.gateway.conftest import Rig, until
from tests.engine.gateway.conftest import make_rig as make_rig
from tests.engine.gateway.conftest import rig as rig


def test_a_log_of_100_mb_is_cut_without_being_read_into_memory(tmp_path: Path) -> None:
    log = tmp_path / "model.log"
    with log.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"the end")
    tracemalloc.start()
    rotate(log)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert log.stat().st_size == 0
    before = tmp_path / "model.log.1"
    assert before.stat().st_size == 20_000_000
    assert before.read_bytes().endswith(b"the end")


def test_a_process_goes_on_at_the_start_of_its_emptied_log(tmp_path: Path) -> None:
    processes, log = Processes(tmp_path), tmp_path / "one.log"
    code = "import sys\nfor line in open(sys.argv[1]): print('x' * 1000 + line, end='', flush=True)"
    os.mkfifo(tmp_path / "said")
    processes.start("one", [sys.executable, "-c", code, str(tmp_path / "said")], env={}, log=log)
    with (tmp_path / "said").open("w") as say:
        print("first", file=say, flush=True)
        until(lambda: log.exists() and "first" in log.read_text())
        rotate(log, 10)
        print("second", file=say, flush=True)
        until(lambda: "second" in log.read_text())
    assert log.read_text() == "x" * 1000 + "second\n"
    assert (tmp_path / "one.log.1").read_text() == "xxxxfirst\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    processes.stop("one")


@pytest.mark.slow
def test_the_gateway_goes_on_at_the_start_of_its_emptied_log(rig: Rig) -> None:
    log = rig.folder / "access.log"
    call(rig.port, "/first")
    until(lambda: "/first" in log.read_text())
    rotate(log)
    call(rig.port, "/second")
    until(lambda: "/second" in log.read_text())
    assert log.read_bytes().startswith(b"{")
    assert log.read_text().count("\n") == 1
