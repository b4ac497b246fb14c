"""The scripts that decide something, run by bash as GitHub does; programs that need GitHub or AWS are stood in for."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.projects import IRIS, written

GH = """
echo "$*" >> "$CALLS"
case "$*" in *--paginate*) printf "$COMMENTS" ;; esac
"""
SKOPEO = """
echo "$*" >> "$CALLS"
case "$1" in login) cat > /dev/null ;; esac
"""
AWS = """
case "$*" in *get-login-password*) echo secret ;; esac
"""


class Job:
    """A job's folder, and its steps by name."""

    def __init__(self, folder: Path, workflow: str, job: str, text: str = IRIS) -> None:
        self.folder, self.output, self.calls = folder, folder / ".output", folder / ".calls"
        (file,) = (content for name, content in written(text).items() if name.endswith(f"-{workflow}.yml"))
        document = yaml.safe_load(file)
        self.steps: dict[str, Any] = {step["name"]: step for step in document["jobs"][job]["steps"] if "name" in step}
        programs = folder / ".bin"
        programs.mkdir(exist_ok=True)
        for name, script in (("gh", GH), ("skopeo", SKOPEO), ("aws", AWS)):
            (programs / name).write_text(f"#!/usr/bin/env bash\nset -eu\n{script}")
            (programs / name).chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "CALLS": str(self.calls),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(folder / ".summary"),
            "GITHUB_REPOSITORY": "acme/iris",
            "GITHUB_RUN_ID": "99",
            "GITHUB_RUN_ATTEMPT": "1",
        }

    def run(self, step: str, **variables: str) -> str:
        """Run a step with its environment, expressions filled in by `variables`; what it set as outputs."""
        self.output.write_text("")
        plain = {key: value for key, value in self.steps[step].get("env", {}).items() if "${{" not in value}
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", self.steps[step]["run"]],
            cwd=self.folder, env=self.environment | plain | variables, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return self.output.read_text()


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    ran = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture
def commit(tmp_path: Path) -> Callable[[str], str]:
    """A repository; a commit that changes a file, and its id."""
    git(tmp_path, "init", "-q")

    def change(name: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.read_text() if path.exists() else ''}x\n")
        git(tmp_path, "add", name)
        git(tmp_path, "commit", "-qm", name)
        return git(tmp_path, "rev-parse", "HEAD")

    change("README.md")
    return change


def test_a_pull_request_trains_where_data_code_or_the_spec_changed(
    tmp_path: Path, commit: Callable[[str], str]
) -> None:
    job = Job(tmp_path, "pull-request", "checks")
    for name, candidate in (
        ("headgate.yaml", "true"), ("docs/page.md", "false"), ("code/inference.py", "true"), ("codes.txt", "false"),
        ("base-image.txt", "true"), ("headgate-requirements.txt", "true"), ("notes/headgate.yaml", "false"),
    ):  # fmt: skip
        commit(name)
        assert job.run("See whether data, code or headgate.yaml changed") == f"candidate={candidate}\n", name


def test_a_push_rolls_out_where_a_pin_changed(tmp_path: Path, commit: Callable[[str], str]) -> None:
    job = Job(tmp_path, "pinned", "changes")
    step = "See which pins this push changed"
    before = commit("deploy/staging.yaml")
    assert job.run(step, BEFORE="0" * 40) == "staging=true\nproduction=false\n", "a new branch has nothing before"
    commit("other.txt")
    commit("deploy/production.yaml")
    assert job.run(step, BEFORE=before) == "staging=false\nproduction=true\n", "a push may have several commits"
    before = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "rm", "-q", "deploy/staging.yaml")
    git(tmp_path, "commit", "-qm", "no pin any more")
    assert job.run(step, BEFORE=before) == "staging=false\nproduction=false\n", "there is no version to roll out"


def test_the_comment_is_written_once_and_then_again(tmp_path: Path) -> None:
    job = Job(tmp_path, "pull-request", "comment")
    step = "Write the comment, or the one that is there again"
    for comments, said in (("", "--method POST repos/acme/iris/issues/7/comments"),
                           ("41\\n42\\n", "--method PATCH repos/acme/iris/issues/comments/41")):  # fmt: skip
        (tmp_path / "report.md").write_text("<!-- headgate: iris -->\n")
        job.calls.unlink(missing_ok=True)
        job.run(step, PULL_REQUEST="7", IMAGE="repository@sha256:0", COMMENTS=comments, GH_TOKEN="none")
        asked, told = job.calls.read_text().splitlines()
        assert '(.body | startswith("<!-- headgate: iris -->"))' in asked
        assert told == f"api --silent {said} -F body=@report.md"
    assert "The image, as it was tested: `repository@sha256:0`" in (tmp_path / "report.md").read_text()


def test_the_report_has_what_there_is(tmp_path: Path) -> None:
    job = Job(tmp_path, "pull-request", "candidate")
    (tmp_path / "train.txt").write_text("run 1\n")
    (tmp_path / "check.txt").write_text("x" * 40_000)
    job.run("Write the report")
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("<!-- headgate: iris -->\n### iris: ")
    assert "**headgate train**\n\n~~~~~~text\nrun 1\n" in report
    assert "headgate doctor" not in report
    assert len(report) < 20_000, "GitHub takes comments of 65,536 characters"
    assert (tmp_path / ".summary").read_text() == report


def test_an_image_is_named_by_the_digest_of_its_manifest(tmp_path: Path) -> None:
    job = Job(tmp_path, "deliver", "to-production")
    (tmp_path / "image-sagemaker").mkdir()
    (tmp_path / "image-sagemaker" / "manifest.json").write_text("{}")
    repository = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/iris-production"
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # sha256 of {}
    assert job.run("Push the image as it was tested") == f"image={repository}@sha256:{digest}\n"
    login, copy = job.calls.read_text().splitlines()
    assert login == f"login --username AWS --password-stdin {repository.partition('/')[0]}"
    assert copy == f"copy --preserve-digests dir:image-sagemaker docker://{repository}:merged-99-1"


def test_without_requirements_a_job_says_what_to_commit(tmp_path: Path) -> None:
    job = Job(tmp_path, "deliver", "to-production")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        job.run("Install Headgate, each file by its hash")
    assert "::error::Commit headgate-requirements.txt" in failed.value.stdout


def test_without_a_base_image_the_build_says_what_to_commit(tmp_path: Path) -> None:
    job = Job(tmp_path, "deliver", "build")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        job.run("Build the image for sagemaker, once")
    assert "::error::Commit base-image.txt" in failed.value.stdout
