"""`headgate ci github`: files are written once, kept where they were edited, and told before."""

import json
from pathlib import Path

import pytest

from tests.ci.projects import IRIS
from tests.cli.conftest import Run


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
