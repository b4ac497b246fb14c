"""The command line as users call it: a process of its own, in a folder and an engine home of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")


@pytest.fixture
def headgate(tmp_path: Path) -> Run:
    """Run `headgate ARGS` in an empty folder with an empty home. Keywords: `cwd`, `stdin`, and variables in `env`."""
    work = tmp_path / "work"
    work.mkdir()
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {"HOME": str(tmp_path), "HEADGATE_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "error"}

    def run(
        *args: str, cwd: Path = work, stdin: str | None = None, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "headgate", *args],
            cwd=cwd, env=environment | (env or {}), input=stdin,
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip

    return run
