"""`headgate logs`: which files, how many lines. Following is tested with the boundary, for it ends by Ctrl-C."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the logs of two variants, one of which has a name that begins as the other's."""
    folder = tmp_path / "home" / "logs" / "iris-production"
    folder.mkdir(parents=True)
    (folder / "stable-aa.log").write_text("one\ntwo\nthree")
    (folder / "stable-2-bb.log").write_text("other\n")
    (folder.parent / "gateway.log").write_text("gate\n")
    return folder


def test_all_variants_are_labelled(headgate: Run, home: Path) -> None:
    ran = headgate("logs", home.name)
    assert ran.stdout.splitlines() == ["stable-2-bb: other", "stable-aa: one", "stable-aa: two", "stable-aa: three"]


def test_one_variant_and_its_last_lines(headgate: Run, home: Path) -> None:
    ran = headgate("logs", home.name, "--variant", "stable", "--lines", "2")
    assert ran.stdout == "two\nthree\n"
    assert json.loads(headgate("logs", "--json", home.name, "--variant", "stable", "-n", "1").stdout) == {
        "stable-aa.log": ["three"]
    }


def test_a_part_of_the_engine(headgate: Run, home: Path) -> None:
    assert home.is_dir()
    assert headgate("logs", "--of", "gateway").stdout == "gate\n"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["logs", "unknown"], 3),
        (["logs", "iris-production", "--variant", "canary"], 3),
        (["logs", "--of", "supervisor"], 3),
        (["logs", "x", "--of", "engine"], 2),
        (["logs", "x", "--follow", "--json"], 2),
    ],
)
def test_what_there_is_no_log_of(headgate: Run, home: Path, args: list[str], code: int) -> None:
    assert home.is_dir()
    ran = headgate(*args)
    assert ran.returncode == code
    assert "error" in ran.stderr or "error" in ran.stdout
    assert "Traceback" not in ran.stderr
