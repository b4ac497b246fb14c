"""Every command of the README works, typed one after the other by a newcomer."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.engine import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"^```sh(?P<setup> setup)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*, setup: bool) -> list[str]:
    """The shell blocks of the README: those that set up, or all others."""
    return [m["text"] for m in BLOCK.finditer(README.read_text()) if bool(m["setup"]) is setup]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tour_works_as_it_is_written(short_folder: Path) -> None:
    (short_folder / "demo").symlink_to(ROOT / "demo")  # the tour is made in the checkout
    script = "set -eu\n" + "\n".join(blocks(setup=False))
    commands = ROOT / ".venv" / "awscli" / "bin"
    if not (commands / "aws").exists():
        pytest.skip("the aws CLI is not there; `make setup` installs it")
    path = [str(Path(sys.executable).parent), str(commands), os.environ["PATH"]]
    environment = {
        "PATH": os.pathsep.join(path),
        "HOME": str(short_folder),
        "HEADGATE_HOME": str(short_folder / "home"),
        "LANG": "C.UTF-8",
    }
    try:
        done = subprocess.run(
            ["bash", "-c", script], cwd=short_folder, env=environment, capture_output=True, text=True, check=False
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
    finally:
        subprocess.run([sys.executable, "-m", "headgate", "down", "--all"], env=environment, check=False)
    assert '"label":"setosa"' in done.stdout, said
    assert '"label":"virginica"' in (short_folder / "flowers" / "answer.json").read_text()
    assert "Promoted: The bake is over" in done.stdout, said
    assert re.search(r"^Rolled back: \d+ of \d+ (failing units|units slower)", done.stdout, re.MULTILINE), said
    assert "exit code 1\n" in done.stdout, said
    load = json.loads((short_folder / "flowers" / "load.log").read_text().splitlines()[-1])
    assert load["failed"] == 0, load
    assert load["variants"]["canary"] > 300
    assert "Traceback" not in said


def test_the_set_up_lines_are_make_targets() -> None:
    lines = [line.split("#")[0].split() for block in blocks(setup=True) for line in block.splitlines()]
    assert [line[0] for line in lines] == ["make"] * len(lines)
    makefile = (ROOT / "Makefile").read_text()
    for line in lines:
        assert re.search(rf"^{line[1]}:", makefile, re.MULTILINE)


def test_every_link_leads_somewhere() -> None:
    for page in (README, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
