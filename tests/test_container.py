"""What images start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.models import write_package


def container(*arguments: str, base: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "headgate.container", *arguments],
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_serve_is_the_model_server_and_imports_nothing_of_delivery(tmp_path: Path) -> None:
    write_package(tmp_path / "model")
    server = container("serve", base=tmp_path)
    assert server.stderr is not None
    lines = []
    for line in server.stderr:
        lines.append(line)
        if '"event": "serving"' in line:
            break
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    assert server.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "headgate.serving.server" in imported
    assert imported & {"headgate.wiring", "headgate.spec", "pydantic", "boto3", "xgboost"} == set()


@pytest.mark.parametrize(("arguments", "said"), [(("sreve",), "got sreve"), ((), "got nothing")])
def test_anything_else_is_wrong_use(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = container(*arguments, base=tmp_path)
    _, complaint = done.communicate(timeout=30)
    assert done.returncode == 2
    assert said in complaint
    assert "usage: " in complaint
