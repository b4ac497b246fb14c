"""The tool that builds and runs the images, where it can and where it cannot."""

import os
import subprocess
import sys

import pytest

from tests.system.engine import ROOT


def test_without_the_tools_it_says_so_and_is_no_failure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.images"],
        cwd=ROOT, env=os.environ | {"PATH": "/nowhere"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "skipped: buildah is not installed\n")


@pytest.mark.proof
@pytest.mark.timeout(1_800)
def test_the_images_are_built_and_answer() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.images"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    last = done.stdout.splitlines()[-1]
    if last.startswith("skipped: "):
        pytest.skip(last)
    assert last == "all of them work"
