"""docs/aws.md: what needs no account is typed as it stands; of the rest, every command of ours is one that there is."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from headgate.cli.app import app
from tests.images.package_index import environment, write_index
from tests.system.engine import ROOT

PAGE = (ROOT / "docs" / "aws.md").read_text()
BLOCK = re.compile(r"^```sh(?P<account> account)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*, account: bool) -> list[str]:
    """The shell blocks: those that need an account, or those that do not."""
    return [found["text"] for found in BLOCK.finditer(PAGE) if bool(found["account"]) is account]


@pytest.mark.slow
def test_what_needs_no_account_works_as_it_is_written(short_folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": path, "HOME": str(short_folder), "HEADGATE_HOME": str(short_folder / "home"), "LANG": "C.UTF-8"}
    own |= environment(write_index(short_folder / "index"))
    script = "set -eu\n" + "\n".join(blocks(account=False))
    done = subprocess.run(
        ["bash", "-c", script], cwd=short_folder, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '{"prediction":{"label":"virginica","probability":0.99' in done.stdout
    assert "headgate.wiring.front_door.handler" in done.stdout
    for name in ("serving", "delivery"):
        assert (short_folder / "flowers" / "build" / name / "Dockerfile").is_file()


def test_what_needs_an_account_says_so() -> None:
    for block in blocks(account=True):
        assert block.startswith("# needs an account"), block
    assert "aws " not in "\n".join(blocks(account=False))


def commands() -> list[list[str]]:
    """The words of every command of ours in the blocks that are not run."""
    lines = "\n".join(blocks(account=True)).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("headgate ")]


def test_a_command_that_is_not_run_is_one_that_there_is() -> None:
    for words in commands():
        command: click.Command = app
        context = click.Context(app, info_name="headgate", **app.context_settings)
        while isinstance(command, click.Group):
            name, found, words = command.resolve_command(context, words)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.parse_args(context, words)


def test_what_it_says_of_statuses_is_linked() -> None:
    containers = (ROOT / "docs" / "containers.md").read_text()
    headings = {re.sub(r"[^a-z ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", containers, re.M)}
    assert set(re.findall(r"containers\.md#([a-z-]+)", PAGE)) <= headings
