"""A full file system: what cannot be written is refused whole, endpoints go on, and space mends everything."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.engine import ROOT
from tests.system.full_disk import SCENARIOS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def disk(short_folder: Path) -> Path:
    """Where a file system of its own may be mounted."""
    folder = short_folder / "disk"
    folder.mkdir()
    words = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    try:
        tried = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare on this machine")
    if tried.returncode:
        pytest.skip(f"this user may not mount in a namespace of its own: {tried.stderr.strip()}")
    return folder


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_full_disk_breaks_nothing(disk: Path, scenario: str) -> None:
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "tests.system.full_disk", str(disk), scenario],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
