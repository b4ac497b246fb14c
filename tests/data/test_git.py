import subprocess
from pathlib import Path

from headgate.data.git import commit_of


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_commit_and_whether_the_folder_differs_from_it(tmp_path: Path) -> None:
    project = tmp_path / "repository" / "project"
    project.mkdir(parents=True)
    git(project.parent, "init")
    assert commit_of(project) is None
    (project / "a").write_text("1")
    git(project, "add", ".")
    git(project, "commit", "-m", "first")
    clean = commit_of(project)
    assert clean is not None
    assert not clean.dirty
    (project.parent / "elsewhere").write_text("not the project's")
    assert commit_of(project) == clean
    (project / "new").write_text("2")
    changed = commit_of(project)
    assert changed is not None
    assert (changed.sha, changed.dirty) == (clean.sha, True)


def test_no_repository_and_no_folder(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "none") is None
