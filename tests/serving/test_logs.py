"""Where a model server's words go when nobody can keep them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.serving.logs import lossy


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    with Path("/dev/full").open("w") as full:
        stream = lossy(full)
        for _ in range(3):
            assert stream.write("x" * 10_000) == 10_000
            stream.flush()


def test_what_can_be_kept_is_kept_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        lossy(file).write("grüße \ud800\n")
        assert (tmp_path / "log").read_text() == "grüße \\ud800\n"


def test_a_reader_that_has_gone_changes_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "headgate.serving", "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
