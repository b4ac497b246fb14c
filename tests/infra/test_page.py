"""docs/aws-infra.md: what needs no account is typed as it stands; its tables are those of the code."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from headgate.cli.app import app
from headgate.infra.alarms import FEWEST, REVERTING, alarms
from headgate.infra.outline import outline
from headgate.infra.policies import roles
from headgate.infra.site import Site
from headgate.infra.workflow_policies import ISSUER
from tests.infra.projects import site_of, spec_of
from tests.system.engine import ROOT

PAGE = (ROOT / "docs" / "aws-infra.md").read_text()
BLOCK = re.compile(r"^```sh(?P<account> account)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*, account: bool) -> list[str]:
    return [found["text"] for found in BLOCK.finditer(PAGE) if bool(found["account"]) is account]


def site() -> Site:
    """The environment of the page."""
    (text,) = re.findall(r"<<'YAML'\n(.*?)^YAML$", PAGE, re.MULTILINE | re.DOTALL)
    return Site.of(spec_of(text), "production")


@pytest.mark.slow
def test_what_needs_no_account_works_as_it_is_written(tmp_path: Path) -> None:
    # The CDK's unpacked packages are where every other test has them: an empty home costs many seconds.
    unpacked = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
    own = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path / "home"),
        "LANG": "C.UTF-8",
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(unpacked),
    }
    work = tmp_path / "work"
    work.mkdir()
    script = "set -eu\n" + "\n".join(blocks(account=False))
    done = subprocess.run(["bash", "-c", script], cwd=work, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "6 templates for account 123456789012 in eu-central-1" in done.stdout
    assert " deploy --app " in done.stdout
    assert "would delete every version of every object" in done.stdout
    assert (work / "cdk.out" / "production" / "front.template.json").is_file()


def test_what_needs_an_account_says_so_and_is_there() -> None:
    for block in blocks(account=True):
        assert block.startswith("# needs an account"), block
        for line in block.splitlines():
            if line.startswith("headgate "):
                parse(shlex.split(line)[1:])
    assert "aws " not in "\n".join(blocks(account=False))


def parse(words: list[str]) -> None:
    """Read a command line as the command would."""
    command: click.Command = app
    context = click.Context(app, info_name="headgate", **app.context_settings)  # the help option is made once
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    command.parse_args(context, words)


def rows(heading: str) -> list[list[str]]:
    """The lines of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_lists_the_roles() -> None:
    said = {row[0].strip("`"): row[1:] for row in rows("Who may do what")}
    expected = {
        role.name: [role.purpose, role.trust.service or str(role.trust.conditions["StringEquals"][f"{ISSUER}:sub"])]
        for role in roles(site()).values()
    }
    assert said == expected


def test_the_page_lists_the_alarms_and_the_stacks() -> None:
    listed = {row[0].strip("`"): row[2] == "the version goes back" for row in rows("Alarms")}
    assert listed == {alarm.about: alarm.about in REVERTING for alarm in alarms(site())}
    every = {stack.id for place in (site(), site_of("news")) for stack in outline(place)}
    assert {row[0].strip("`") for row in rows("The stacks")} == every


def test_the_page_says_how_many_requests_the_percentile_needs() -> None:
    assert f"`latency` looks at minutes with {FEWEST} requests or more" in PAGE
