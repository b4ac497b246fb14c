"""The command line's frame: what is imported, how help reads, how wrong use is answered."""

import json
import subprocess
import sys
import time

import click
import pytest

from headgate.cli import ci, infra, rollout
from headgate.cli.app import SECTIONS, app
from headgate.cli.command import Command
from tests.cli.conftest import Run

GROUPS = {"rollout": rollout, "ci": ci, "infra": infra}
NAMES = [name for commands in SECTIONS.values() for name in commands if name not in GROUPS]
ALL = {name: summary for commands in SECTIONS.values() for name, summary in commands.items() if name not in GROUPS}
ALL |= {f"{group} {name}": summary for group, found in GROUPS.items() for name, summary in found.COMMANDS.items()}
HEAVY = {"pydantic", "boto3", "botocore", "xgboost", "sklearn", "rich", "yaml", "numpy", "onnxruntime", "obstore"}


def test_help_imports_no_command_and_nothing_heavy() -> None:
    script = (
        "import sys\nfrom headgate.__main__ import run\nassert run(['--help']) == 0\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stderr.split())
    assert not HEAVY & loaded
    assert not {f"headgate.cli.{name}" for name in NAMES} & loaded
    assert "Engine:" in ran.stdout


def test_help_is_fast(headgate: Run) -> None:
    took = []
    for _ in range(5):
        started = time.perf_counter()
        assert headgate("--help").returncode == 0
        took.append(time.perf_counter() - started)
    assert min(took) < 0.5  # 0.08 s on an idle machine; a single heavy import would already cost more than this


@pytest.mark.parametrize("name", ALL)
def test_every_command_explains_itself(name: str) -> None:
    group, _, inner = name.rpartition(" ")
    command = (GROUPS[group].command if group else app).get_command(click.Context(app), inner)
    assert isinstance(command, Command)
    assert command.name is not None
    context = click.Context(command, info_name=f"headgate {name}", help_option_names=["-h", "--help"])
    text = command.get_help(context)
    assert ALL[name] in text
    assert f"headgate {name}" in command.example
    assert "--json" in text
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, f"{name} {param.opts} has no help"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["deployy"], "No such command 'deployy'. Did you mean 'deploy'?"),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["rollout", "wach"], "No such command 'wach'. Did you mean 'watch'?"),
        (["status", "--jsn"], "Did you mean '--json'?"),
        (["env", "--shell", "cmd"], "Invalid value for '--shell'"),
    ],
)
def test_wrong_use_is_answered_with_the_nearest_right_one(headgate: Run, args: list[str], said: str) -> None:
    ran = headgate(*args)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "--help" in ran.stderr
    assert not ran.stdout


def test_only_commands_that_work_on_a_project_take_its_folder(headgate: Run) -> None:
    takers = {name for name in NAMES if "--project" in headgate(name, "--help").stdout}
    assert takers == set(NAMES) - {"up", "status", "env", "init", "image"}


def test_version(headgate: Run) -> None:
    assert headgate("--version").stdout.startswith("headgate 0.")


def test_without_a_command_help_is_shown_as_wrong_use(headgate: Run) -> None:
    ran = headgate()
    assert ran.returncode == 2
    assert "Usage: headgate" in ran.stderr


def test_an_engine_that_was_never_started(headgate: Run) -> None:
    ran = headgate("env")
    assert ran.returncode == 4
    assert ran.stderr == "error: The engine is not running.\n  hint: Start it: `headgate up`.\n"


def test_errors_as_json(headgate: Run) -> None:
    ran = headgate("env", "--json")
    assert ran.returncode == 4
    assert not ran.stderr
    error = json.loads(ran.stdout)["error"]
    assert error == {"type": "Unavailable", "message": "The engine is not running.", "hint": "Start it: `headgate up`."}


def test_status_of_an_engine_that_does_not_run(headgate: Run) -> None:
    ran = headgate("status", "--json")
    assert ran.returncode == 4
    document = json.loads(ran.stdout)
    assert document["engine"]["running"] is False
    assert document["endpoints"] == []
    assert "headgate up" in ran.stderr
