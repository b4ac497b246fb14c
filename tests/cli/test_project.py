"""Which project a command works on, and which environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

AWS = "{target: aws, account: '123456789012', region: eu-west-1}"


@pytest.fixture
def project(headgate: Run, tmp_path: Path) -> Path:
    """A fresh iris project."""
    folder = tmp_path / "iris"
    assert headgate("init", "iris", str(folder)).returncode == 0
    return folder


def test_init_writes_a_project_once(headgate: Run, project: Path) -> None:
    assert (project / "headgate.yaml").is_file()
    ran = headgate("init", "iris", str(project))
    assert ran.returncode == 5
    assert "not empty" in ran.stderr


def test_the_next_step_can_be_pasted_whatever_the_folder_is_called(headgate: Run, tmp_path: Path) -> None:
    ran = headgate("init", "iris", str(tmp_path / "it's a folder"))
    shown = ran.stdout.splitlines()[-1].removeprefix("Next: ").partition(" && ")[0]
    moved = subprocess.run(["sh", "-c", f"{shown} && pwd"], capture_output=True, text=True, check=True)
    assert moved.stdout == f"{tmp_path}/it's a folder\n"


def test_an_unknown_template_is_told_with_the_nearest(headgate: Run) -> None:
    ran = headgate("init", "irs", "x")
    assert ran.returncode == 3
    assert "did you mean iris?" in ran.stderr


def test_no_project_anywhere(headgate: Run) -> None:
    ran = headgate("package")
    assert ran.returncode == 3
    assert "There is no headgate.yaml in" in ran.stderr
    assert "any folder above it" in ran.stderr
    assert "hint: Go to the project's folder, pass -C DIR" in ran.stderr


def test_a_folder_that_was_deleted_is_told(tmp_path: Path) -> None:
    script = f'mkdir gone && cd gone && rmdir ../gone && exec "{sys.executable}" -m headgate check'
    ran = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert "was deleted" in ran.stderr


def test_the_project_is_found_from_a_folder_inside_it(headgate: Run, project: Path) -> None:
    inside = project / "a" / "b"
    inside.mkdir(parents=True)
    for ran in (headgate("check", cwd=inside), headgate("check", "-C", str(project))):
        assert ran.returncode == 3
        assert "no training run yet" in ran.stderr
        assert "headgate train" in ran.stderr


def test_everything_wrong_with_the_spec_is_told_at_once(headgate: Run, project: Path) -> None:
    spec = project / "headgate.yaml"
    spec.write_text(spec.read_text().replace("task: classification", "task: classificatio\nfoo: 1"))
    ran = headgate("train", cwd=project)
    assert ran.returncode == 2
    assert "task:" in ran.stderr
    assert "foo: unknown key" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("environments", "args", "said"),
    [
        ("{production: {}, staging: {}}", (), "several environments"),
        ("{production: {}}", ("--env", "prod"), "no environment 'prod'"),
        (f"{{production: {{}}, staging: {{}}, cloud: {AWS}}}", (), "--env: production, staging, cloud."),
    ],
)
def test_an_environment_must_be_one_of_the_spec(
    headgate: Run, project: Path, environments: str, args: tuple[str, ...], said: str
) -> None:
    spec = project / "headgate.yaml"
    text = spec.read_text()
    spec.write_text(text[: text.index("environments:")] + f"environments: {environments}\n")
    ran = headgate("deploy", *args, cwd=project)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Choose one with --env: production" in ran.stderr


@pytest.mark.parametrize("command", ["register", "predict", "package", "deploy", "approve", "logs"])
def test_nothing_to_work_on_yet_is_one_clear_error(headgate: Run, project: Path, command: str) -> None:
    extra = {"predict": ["{}"], "approve": ["1"]}.get(command, [])
    ran = headgate(command, *extra, cwd=project)
    assert ran.returncode in (3, 4)
    assert ran.stderr.startswith("error: ")
    assert "hint: " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not ran.stdout


def test_an_environment_on_aws_is_another_account_than_any_key_here(headgate: Run, project: Path) -> None:
    """Without credentials nothing is asked of AWS, and nothing of the engine here instead."""
    spec = project / "headgate.yaml"
    text = spec.read_text().partition("environments:")[0]
    spec.write_text(f"{text}environments: {{here: {{}}, cloud: {AWS}}}\n")
    no_keys = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CONFIG_FILE": "/dev/null",
    }
    for command in (["deploy"], ["invoke", "{}"], ["rollout", "start"], ["rollback"]):
        ran = headgate(*command, "--env", "cloud", cwd=project, env=no_keys)
        assert ran.returncode == 5, ran.stderr
        assert "credentials" in ran.stderr


def test_the_only_local_environment_is_meant_where_none_is_named(headgate: Run, project: Path) -> None:
    spec = project / "headgate.yaml"
    text = spec.read_text().partition("environments:")[0]
    spec.write_text(f"{text}environments: {{here: {{}}, cloud: {AWS}}}\n")
    ran = headgate("logs", cwd=project)
    assert ran.returncode == 3
    assert "iris-here" in ran.stderr


def test_init_tells_what_a_template_is(headgate: Run, tmp_path: Path) -> None:
    ran = headgate("init", "student-score", str(tmp_path / "school"))
    assert "The rows in data/students.csv are simulated: no real student is in them." in ran.stdout
    assert f"wrote {tmp_path}/school/data/students.csv" in ran.stdout
