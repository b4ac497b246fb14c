"""The aws command line, from an environment of its own beside the project's."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.api.running import ACCESS_KEY, ARN, MODEL_DATA, REGION, SECRET_KEY, Running

AWS = Path(__file__).parents[3] / ".venv" / "awscli" / "bin" / "aws"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AWS.is_file(), reason=f"no aws CLI at {AWS}; `make setup` installs it"),
]


def aws(engine: Running, *arguments: str) -> Any:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ENDPOINT_URL": engine.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    command = [str(AWS), "sagemaker", *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        return done.stderr
    return json.loads(done.stdout or "null")


def test_a_model_is_created_described_and_listed(engine: Running) -> None:
    container = f"Image=headgate,ModelDataUrl={MODEL_DATA},Environment={{A=1}}"
    made = aws(engine, "create-model", "--model-name", "m", "--primary-container", container)
    assert made == {"ModelArn": f"{ARN}model/m"}
    described = aws(engine, "describe-model", "--model-name", "m")
    assert described["PrimaryContainer"]["Environment"] == {"A": "1"}
    assert [m["ModelName"] for m in aws(engine, "list-models")["Models"]] == ["m"]
    again = aws(engine, "create-model", "--model-name", "m", "--primary-container", container)
    assert "(ValidationException) when calling the CreateModel operation" in again
    assert f'Cannot create already existing model "{ARN}model/m".' in again
