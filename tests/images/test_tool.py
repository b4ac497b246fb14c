"""The tool that builds and runs the images, where it cannot."""

import os
import subprocess
import sys

from tests.system.engine import ROOT


def test_without_the_tools_it_says_so_and_is_no_failure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.images"],
        cwd=ROOT, env=os.environ | {"PATH": "/nowhere"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "skipped: buildah is not installed\n")
