"""Stock boto3 with nothing but the environment that `headgate env` printed: no URL, no keys, no region in the code."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.engine import ROOT, RunningEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPT = """
import json
import boto3
from botocore.exceptions import ClientError, WaiterError

sagemaker, runtime = boto3.client("sagemaker"), boto3.Session().client("sagemaker-runtime")
told = {"identity": boto3.client("sts").get_caller_identity()["Arn"]}

pages = list(sagemaker.get_paginator("list_models").paginate(NameContains="env-", PaginationConfig={"PageSize": 2}))
told["pages"] = [[model["ModelName"] for model in page["Models"]] for page in pages]
everything = sagemaker.get_paginator("list_models").paginate(NameContains="env-", SortBy="Name")
told["names"] = list(everything.search("Models[].ModelName"))

sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="env", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
told["answer"] = runtime.invoke_endpoint(EndpointName="env", Body=b'{"x": 1, "y": 2}')["InvokedProductionVariant"]

def code(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
        code = error.response["Error"]["Code"]
        return [type(error).__name__, code, answer["HTTPStatusCode"], answer["RetryAttempts"]]

told["codes"] = {
    "gone": code(sagemaker.describe_endpoint, EndpointName="nowhere"),
    "gone at runtime": code(runtime.invoke_endpoint, EndpointName="nowhere", Body=b"{}"),
    "twice": code(sagemaker.create_endpoint, EndpointName="env", EndpointConfigName="env-0"),
    "refused by the model": code(runtime.invoke_endpoint, EndpointName="env", Body=b'{"z": 1}'),
    "not an operation": code(sagemaker.list_training_jobs),
}
try:
    runtime.invoke_endpoint(EndpointName="env", Body=b'{"z": 1}')
except runtime.exceptions.ModelError as error:
    told["model error"] = error.response["OriginalStatusCode"]
try:
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="nowhere")
except WaiterError as error:
    told["waiter"] = str(error)
print(json.dumps(told))
"""


def in_the_shell(engine: RunningEngine, home: Path, script: str) -> Any:
    """Run a Python script in a shell on an empty HOME that evaluated `headgate env`; returns the JSON it prints."""
    python = shlex.quote(sys.executable)
    done = subprocess.run(
        ["bash", "-c", f'set -e; eval "$({python} -m headgate env)"; exec {python} -c "$1"', "bash", script],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(home),
            "HEADGATE_HOME": str(engine.home.path),
        },
        cwd=home, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_boto3_needs_nothing_but_the_environment(engine: RunningEngine, tmp_path: Path) -> None:
    url = engine.put_linear("env")
    for number in range(5):
        engine.create_model(f"env-{number}", url)
    engine.create_config("env-0", ("stable", "env-0", 1.0))
    engine.sagemaker.create_endpoint(EndpointName="env", EndpointConfigName="env-0")
    told = in_the_shell(engine, tmp_path, SCRIPT)
    assert told["identity"].startswith("arn:aws:sts::000000000000:assumed-role/")
    assert [len(page) for page in told["pages"]] == [2, 2, 1]
    assert {name for page in told["pages"] for name in page} == {f"env-{number}" for number in range(5)}
    assert sorted(told["names"]) == [f"env-{number}" for number in range(5)]
    assert told["answer"] == "stable"
    assert told["codes"] == {
        "gone": ["ClientError", "ValidationException", 400, 0],
        "gone at runtime": ["ValidationError", "ValidationError", 400, 0],
        "twice": ["ClientError", "ValidationException", 400, 0],
        "refused by the model": ["ModelError", "ModelError", 424, 0],
        "not an operation": ["ClientError", "UnknownOperationException", 400, 0],
    }
    assert told["model error"] == 400
    assert "Waiter EndpointInService failed" in told["waiter"]
    engine.delete("env")
