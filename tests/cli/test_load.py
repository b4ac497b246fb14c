"""`headgate load` where no engine runs: what is refused before anything is sent, and what exit codes say."""

import json
from pathlib import Path

import pytest

from tests.ci.projects import STUDENT_SCORE
from tests.cli.conftest import Run

CLOSED = "http://127.0.0.1:1/predict"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--for", "10h"], 2, "A load of 10 h is not possible"),
        (["--for", "soon"], 2, "A duration is written like"),
        (["--ramp", "2m"], 2, "cannot come in over 2 min"),
        (["--env", "production"], 2, "either --url or --env"),
        (["--output", "load.pdf"], 2, "is not a kind of report"),
        (["--output", "absent/load.svg"], 3, "there is no folder absent"),
        (["--api-key-env", "NO_SUCH_KEY"], 2, "NO_SUCH_KEY holds no key"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(
    headgate: Run, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    (tmp_path / "rows.json").write_text("[1]")
    ran = headgate("load", "--url", CLOSED, "--rows", str(tmp_path / "rows.json"), *words)
    assert ran.returncode == code, ran.stderr
    assert says in ran.stderr
    assert "hint: " in ran.stderr


def test_without_an_engine_or_a_project_it_says_what_is_missing(headgate: Run) -> None:
    assert "There is no headgate.yaml" in headgate("load").stderr
    headgate("init", "iris", ".")
    assert "The engine is not running" in headgate("load").stderr
    assert "has no training run yet" in headgate("load", "--url", CLOSED).stderr


def test_the_front_door_on_aws_is_loaded_only_where_it_is_said(headgate: Run, tmp_path: Path) -> None:
    (tmp_path / "work" / "headgate.yaml").write_text(STUDENT_SCORE)
    (tmp_path / "rows.json").write_text("[1]")
    door = "https://abc123.execute-api.eu-central-1.amazonaws.com/live/v1/predict-student-score"
    words = ("load", "--url", door, "--rows", str(tmp_path / "rows.json"), "--dry-run")
    ran = headgate(*words)
    assert ran.returncode == 5
    assert "every request there costs money" in ran.stderr
    assert headgate(*words, "--yes").returncode == 0


@pytest.mark.slow
def test_how_many_may_fail_decides_on_the_exit_code(headgate: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[1]")
    few = (
        "load",
        "--url",
        CLOSED,
        "--rows",
        str(tmp_path / "rows.json"),
        "--users",
        "1",
        "--ramp",
        "0s",
        "--for",
        "1s",
    )
    ran = headgate(*few)
    assert ran.returncode == 1
    assert "failed. None was answered." in ran.stdout
    assert "connection refused" in ran.stdout
    assert "load: one user on http://127.0.0.1:1/predict for 1 s" in ran.stderr
    ran = headgate(*few, "--max-failures", "1000", "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["failed"] > 0


def test_a_key_is_in_no_output(headgate: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[1]")
    words = ("--url", CLOSED, "--rows", str(tmp_path / "rows.json"), "--api-key-env", "KEY", "--dry-run", "--json")
    ran = headgate("load", *words, env={"KEY": "s3cret"})
    assert ran.returncode == 0, ran.stderr
    assert "s3cret" not in ran.stdout + ran.stderr
