"""The house is in order: what builds, checks and describes the project says the same everywhere."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable

import pytest
import yaml

import headgate
from tests.system.engine import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = dict(re.findall(r"^([a-z-]+):[^#\n]*(?:## (.+))?$", MAKEFILE, re.MULTILINE))
LIMIT = 600


def committed() -> list[str]:
    """The files under version control."""
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("this is not a git checkout")
    return found.stdout.splitlines()


def test_every_target_exists_and_helps() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert sorted(phony.split()) == sorted(TARGETS)
    assert [name for name, said in TARGETS.items() if not said] == []
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[0] for line in shown.splitlines()} == set(TARGETS)


def test_the_contributors_table_lists_targets_that_exist() -> None:
    named = re.findall(r"^\| `make ([a-z-]+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert set(named) <= set(TARGETS)
    assert set(TARGETS) - set(named) <= {"help", "clean"}


def test_ci_calls_make_and_nothing_else() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert made(step["run"] for step in steps if "run" in step) >= {"check", "test"}
    for step in steps:
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), "actions are pinned by commit"
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["exec make test"]


def test_hooks_call_make_and_nothing_else() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
    assert made(hook["entry"] for repository in hooks["repos"] for hook in repository["hooks"]) == {"fmt", "check"}


def made(commands: Iterable[str]) -> set[str]:
    """The targets of commands, each of which must be one call of make."""
    found = set()
    for command in commands:
        call = re.fullmatch(r"make ([a-z-]+)", command)
        assert call, f"not a make target: {command!r}"
        assert call[1] in TARGETS
        found.add(call[1])
    return found


@pytest.mark.parametrize("name", ["dev.txt", "awscli.txt"])
def test_every_requirement_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=", ""), re.MULTILINE), "no options, no index"
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 5
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[^\s;]+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_no_file_is_longer_than_anyone_reads() -> None:
    made_by_tools = (
        "requirements/",
        "docs/cli.md",
        "docs/headgate.schema.json",
        "docs/judging-",
        "benchmarks/results",
        "src/headgate/spec/templates/news-category/data/headlines.csv",
        "src/headgate/spec/templates/student-score/data/students.csv",
    )
    sizes = {name: (ROOT / name).read_bytes().count(b"\n") for name in committed() if (ROOT / name).is_file()}
    long = {name: size for name, size in sizes.items() if size > LIMIT and not name.startswith(made_by_tools)}
    assert long == {}


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/headgate/__init__.py"
    said = subprocess.run(
        [sys.executable, "-m", "hatchling", "version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == headgate.__version__


def test_decisions_give_ratios_and_no_times_of_some_machine() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text()
    assert re.findall(r"\b[\d.,]+ ?(?:ms|s|seconds)\b", text) == []
    for script in re.findall(r"`(benchmarks/\w+\.py)`", text):
        assert (ROOT / script).is_file()
