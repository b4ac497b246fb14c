"""`headgate ci github`: files are written once, kept where they were edited, and told before."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from headgate.core.digest import sha256_file
from tests.ci.projects import IRIS
from tests.cli.conftest import Run
from tests.images.package_index import environment, write_index


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a project in a folder."""
    folder = tmp_path / "repository" / "iris"
    folder.mkdir(parents=True)
    (folder.parent / ".git").mkdir()
    (folder / "headgate.yaml").write_text(IRIS)
    return folder


def test_files_are_written_once_and_kept_where_they_were_edited(headgate: Run, project: Path) -> None:
    where = project.parent / ".github" / "workflows"
    planned = headgate("ci", "github", "--dry-run", "--json", cwd=project)
    assert {file["change"] for file in json.loads(planned.stdout)["files"]} == {"create"}
    assert not where.exists()

    ran = headgate("ci", "github", cwd=project)
    assert ran.returncode == 0, ran.stderr
    assert "docs/ci.md" in ran.stdout
    assert "base-image.txt is not there yet" in ran.stdout
    assert "`headgate ci requirements` writes it" in ran.stdout
    names = sorted(path.name for path in where.iterdir())
    assert names == [f"iris-{name}.yml" for name in ("deliver", "pinned", "pull-request", "rollback", "run", "train")]

    edited = where / "iris-train.yml"
    edited.write_text(edited.read_text().replace("30 2", "31 2"))
    (project / "headgate.yaml").write_text(IRIS.replace("branch: main", "branch: trunk"))
    before = {path.name: path.read_bytes() for path in where.iterdir()}
    refused = headgate("ci", "github", cwd=project)
    assert refused.returncode == 5
    assert "iris-train.yml" in refused.stderr
    assert "--force" in refused.stderr
    assert {path.name: path.read_bytes() for path in where.iterdir()} == before

    told = json.loads(headgate("ci", "github", "--dry-run", "--json", cwd=project).stdout)["files"]
    changes = {Path(file["path"]).name: file["change"] for file in told}
    branch = dict.fromkeys(("iris-deliver.yml", "iris-pinned.yml", "iris-pull-request.yml"), "update")
    assert changes == {**dict.fromkeys(names, "unchanged"), **branch, "iris-train.yml": "edited"}
    assert headgate("ci", "github", "--force", cwd=project).returncode == 0
    again = json.loads(headgate("ci", "github", "--dry-run", "--json", cwd=project).stdout)["files"]
    assert {file["change"] for file in again} == {"unchanged"}


def test_what_is_missing_is_told(headgate: Run, project: Path) -> None:
    (project / "headgate.yaml").write_text(IRIS.replace("github:", "serving: {} #"))
    ran = headgate("ci", "github", cwd=project)
    assert ran.returncode == 2
    assert "github: {repository: owner/name, branch: main}" in ran.stderr
    (project / "headgate.yaml").write_text(IRIS)
    (project / "taken").write_text("")
    ran = headgate("ci", "github", "--output", "taken", cwd=project)
    assert ran.returncode == 2
    assert "is a file" in ran.stderr


@pytest.mark.slow
def test_what_workflows_install_is_pinned_by_its_hash(headgate: Run, project: Path, tmp_path: Path) -> None:
    index = write_index(tmp_path / "index")
    file = project / "headgate-requirements.txt"
    assert headgate("ci", "requirements", "--dry-run", cwd=project).returncode == 0
    assert not file.exists()
    ran = headgate("ci", "requirements", "--json", cwd=project, env=environment(index))
    assert ran.returncode == 0, ran.stderr
    wheel = project / json.loads(ran.stdout)["wheel"]
    lines = file.read_text().splitlines()
    assert f"./{wheel.name} --hash=sha256:{sha256_file(wheel)}" in lines
    assert any(line.startswith(f"scikit-learn=={version('scikit-learn')} --hash=sha256:") for line in lines)
    assert all(re.fullmatch(r"\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    assert "pytest" not in file.read_text()

    # As a job does: pip takes the committed wheel, and images made from there have the same one in them.
    installed, made = tmp_path / "installed", tmp_path / "made"
    made.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--no-index", "--target"]
    (project / "own.txt").write_text("".join(f"{line}\n" for line in lines if line.startswith("./")))
    subprocess.run([*pip, str(installed), "-r", "own.txt"], cwd=project, check=True)
    keep = "import pathlib, headgate.images.pins as pins; print(pins.keep_wheel(pathlib.Path()))"
    run = [sys.executable, "-c", keep]
    kept = subprocess.run(run, cwd=made, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=True)
    assert kept.stdout.strip() == wheel.name
    assert sha256_file(made / wheel.name) == sha256_file(wheel)
    shutil.copy(file, wheel)
    gone = subprocess.run(
        run, cwd=made, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False
    )
    assert "which is gone or another now" in gone.stderr
