"""The aws command line in a shell that did `eval "$(headgate env)"`, from the first endpoint to the last."""

import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system.engine import ROOT, RunningEngine, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
ROLE = "arn:aws:iam::000000000000:role/headgate"
STATS = ("Sum", "Average", "SampleCount", "p99")
ERRORS = (254, 255)
"""The aws CLI's exit codes where the service answers with an error: version 2 and version 1."""


def find_aws() -> Path | None:
    """The aws CLI that `make setup` installs: the one named by $HEADGATE_AWS, else beside the project's environment."""
    given = os.environ.get("HEADGATE_AWS")
    places = [Path(given)] if given else [ROOT / ".venv" / "awscli" / "bin" / "aws"]
    return next((place for place in places if place.is_file()), None)


class Shell:
    """A shell on an empty HOME that evaluated `headgate env`; `variables` are set after that."""

    def __init__(self, engine: RunningEngine, home: Path, aws: Path, **variables: str) -> None:
        self._home = home
        self._environment = {
            "PATH": os.pathsep.join([str(aws.parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(home),
            "HEADGATE_HOME": str(engine.home.path),
            "LANG": "C.UTF-8",
            "AWS_PROFILE": "somebody-else",  # what a laptop's shell may hold, and `headgate env` has to clear away
            "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_CLOUDWATCH": "http://127.0.0.1:1",
        }
        self._exports = "".join(f"export {name}={value}\n" for name, value in variables.items())

    def call(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `aws WORDS`."""
        evaluated = f'eval "$({shlex.quote(sys.executable)} -m headgate env)"\n'
        script = f'set -e\n{evaluated}{self._exports}unset PYTHONPATH\nexec aws --output json "$@"'
        return subprocess.run(
            ["bash", "-c", script, "bash", *words],
            env=self._environment, cwd=self._home, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def aws(self, *words: str) -> Any:
        """Run `aws WORDS`, which must succeed; returns its JSON."""
        done = self.call(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout or "null")

    def sagemaker(self, *words: str) -> Any:
        """Run `aws sagemaker WORDS`, which must succeed."""
        return self.aws("sagemaker", *words)

    def fails(self, *words: str) -> str:
        """Run `aws WORDS`, which the service must answer with an error; returns what it said."""
        done = self.call(*words)
        assert done.returncode in ERRORS, f"{words}: {done.returncode}: {done.stdout}\n{done.stderr}"
        return done.stderr.strip()


@pytest.fixture
def aws() -> Path:
    """The aws CLI."""
    found = find_aws()
    if found is None:
        pytest.skip("the aws CLI is not there; `make setup` installs it, or set HEADGATE_AWS")
    return found


@pytest.fixture
def shell(engine: RunningEngine, tmp_path: Path, aws: Path) -> Shell:
    """A shell that reaches the engine."""
    return Shell(engine, tmp_path, aws)


def variant(name: str, model: str, weight: float) -> dict[str, object]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": weight,
    }


def create(shell: Shell, engine: RunningEngine) -> None:
    """Two models, two configs and an endpoint on the first, which has both models as variants."""
    for name, bias in (("cli-one", 0.0), ("cli-two", 5.0)):
        container = f"Image=headgate-serving,ModelDataUrl={engine.put_linear(name, bias=bias)}"
        words = ["--model-name", name, "--primary-container", container, "--execution-role-arn", ROLE]
        assert shell.sagemaker("create-model", *words) == {"ModelArn": f"{ARN}:model/{name}"}
    both = [variant("stable", "cli-one", 3), variant("canary", "cli-two", 1)]
    for name, variants in (("cli-both", both), ("cli-new", [variant("stable", "cli-two", 1)])):
        words = ["--endpoint-config-name", name, "--production-variants", json.dumps(variants)]
        assert shell.sagemaker("create-endpoint-config", *words) == {
            "EndpointConfigArn": f"{ARN}:endpoint-config/{name}"
        }
    words = ["--endpoint-name", "cli", "--endpoint-config-name", "cli-both", "--tags", "Key=team,Value=flowers"]
    assert shell.sagemaker("create-endpoint", *words) == {"EndpointArn": f"{ARN}:endpoint/cli"}
    assert engine.settled("cli")["EndpointStatus"] == "InService"  # the CLI's waiter would look again in 30 s only
    assert shell.sagemaker("wait", "endpoint-in-service", "--endpoint-name", "cli") is None


def test_an_endpoint_by_the_aws_cli_alone(shell: Shell, engine: RunningEngine, tmp_path: Path) -> None:
    create(shell, engine)
    endpoint = ["--endpoint-name", "cli"]
    described = shell.sagemaker("describe-endpoint", *endpoint)
    assert described["EndpointStatus"] == "InService"
    weights = {v["VariantName"]: v["CurrentWeight"] for v in described["ProductionVariants"]}
    assert weights == {"stable": 3.0, "canary": 1.0}

    # Ask it: by weight, and one variant by name.
    ask = ["sagemaker-runtime", "invoke-endpoint", *endpoint, "--content-type", "application/json"]
    ask += ["--body", '{"x": -1, "y": -2}']
    shell.aws(*ask, "answer.json")
    for name, label in (("stable", "low"), ("canary", "high")):
        told = shell.aws(*ask, "--target-variant", name, "answer.json")
        assert told["InvokedProductionVariant"] == name
        assert json.loads((tmp_path / "answer.json").read_text())["prediction"]["label"] == label

    # Move the weights, then to the other config.
    desired = ["VariantName=stable,DesiredWeight=0", "VariantName=canary,DesiredWeight=1,DesiredInstanceCount=2"]
    told = shell.sagemaker(
        "update-endpoint-weights-and-capacities", *endpoint, "--desired-weights-and-capacities", *desired
    )
    assert told == {"EndpointArn": f"{ARN}:endpoint/cli"}
    found = {v["VariantName"]: v for v in engine.settled("cli")["ProductionVariants"]}
    assert (found["stable"]["CurrentWeight"], found["canary"]["CurrentWeight"]) == (0, 1)
    assert found["canary"]["CurrentInstanceCount"] == 2
    shell.sagemaker("update-endpoint", *endpoint, "--endpoint-config-name", "cli-new")
    assert engine.settled("cli")["EndpointConfigName"] == "cli-new"
    shell.sagemaker("wait", "endpoint-in-service", *endpoint)
    lists(shell)
    tags(shell)

    # And away with it.
    assert shell.sagemaker("delete-endpoint", *endpoint) is None
    waited(shell, engine)
    for name in ("cli-both", "cli-new"):
        shell.sagemaker("delete-endpoint-config", "--endpoint-config-name", name)
    for name in ("cli-one", "cli-two"):
        shell.sagemaker("delete-model", "--model-name", name)
    assert shell.sagemaker("list-endpoints", "--name-contains", "cli")["Endpoints"] == []


def lists(shell: Shell) -> None:
    """What there is, by name and by page (`--max-items` and `--page-size` are the CLI's own)."""
    contains = ["--name-contains", "cli"]
    models = shell.sagemaker("list-models", *contains, "--sort-by", "Name", "--sort-order", "Ascending")["Models"]
    assert [m["ModelName"] for m in models] == ["cli-one", "cli-two"]
    configs = shell.sagemaker("list-endpoint-configs", *contains, "--page-size", "1")["EndpointConfigs"]
    assert {c["EndpointConfigName"] for c in configs} == {"cli-both", "cli-new"}
    (first,) = (page := shell.sagemaker("list-models", *contains, "--max-items", "1"))["Models"]
    (second,) = shell.sagemaker("list-models", *contains, "--starting-token", page["NextToken"])["Models"]
    assert {first["ModelName"], second["ModelName"]} == {"cli-one", "cli-two"}
    (endpoint,) = shell.sagemaker("list-endpoints", *contains, "--status-equals", "InService")["Endpoints"]
    assert endpoint["EndpointName"] == "cli"


def tags(shell: Shell) -> None:
    """Tags are those of the creation, then what was added and deleted."""
    arn = ["--resource-arn", f"{ARN}:endpoint/cli"]

    def told() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in shell.sagemaker("list-tags", *arn)["Tags"]}

    assert told() == {"team": "flowers"}
    shell.sagemaker("add-tags", *arn, "--tags", "Key=team,Value=trees", "Key=cost,Value=low")
    assert told() == {"team": "trees", "cost": "low"}
    shell.sagemaker("delete-tags", *arn, "--tag-keys", "team")
    assert told() == {"cost": "low"}


def waited(shell: Shell, engine: RunningEngine) -> None:
    """`wait endpoint-deleted` ends when the endpoint is gone (it looks every 30 s, so it is waited for here first)."""
    until(lambda: "cli" not in engine.endpoints(), what="the endpoint is gone")
    shell.sagemaker("wait", "endpoint-deleted", "--endpoint-name", "cli")


def test_the_registry_by_the_aws_cli(shell: Shell, engine: RunningEngine) -> None:
    group = ["--model-package-group-name", "cli-models"]
    shell.sagemaker("create-model-package-group", *group, "--model-package-group-description", "by hand")
    containers = [{"Image": "headgate-serving", "ModelDataUrl": engine.put_linear("cli-package")}]
    specification = {
        "Containers": containers,
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    words = [*group, "--inference-specification", json.dumps(specification)]
    arn = shell.sagemaker("create-model-package", *words, "--model-approval-status", "PendingManualApproval")
    package = ["--model-package-arn", arn["ModelPackageArn"]]
    assert arn["ModelPackageArn"] == f"{ARN}:model-package/cli-models/1"
    shell.sagemaker("update-model-package", *package, "--model-approval-status", "Approved")
    (listed,) = shell.sagemaker("list-model-packages", *group, "--model-approval-status", "Approved")[
        "ModelPackageSummaryList"
    ]
    assert listed["ModelPackageVersion"] == 1
    described = shell.sagemaker("describe-model-package", "--model-package-name", arn["ModelPackageArn"])
    assert described["ModelApprovalStatus"] == "Approved"
    in_use = shell.fails("sagemaker", "delete-model-package-group", *group)
    assert "(ValidationException)" in in_use or "(ConflictException)" in in_use
    shell.sagemaker("delete-model-package", "--model-package-name", arn["ModelPackageArn"])
    shell.sagemaker("delete-model-package-group", *group)


def test_who_one_is(shell: Shell) -> None:
    told = shell.aws("sts", "get-caller-identity")
    assert told["Account"] == "000000000000"
    assert told["Arn"].startswith("arn:aws:sts::000000000000:assumed-role/")


def test_metrics_by_the_aws_cli(shell: Shell) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start, end = ((now + timedelta(minutes=minutes)).isoformat() for minutes in (-5, 5))
    for value in ("1.5", "2.5"):
        words = ["--namespace", "Cli", "--metric-name", "Loss", "--dimensions", "model=a", "--unit", "None"]
        assert shell.aws("cloudwatch", "put-metric-data", *words, "--value", value) is None
    listed = shell.aws("cloudwatch", "list-metrics", "--namespace", "Cli")["Metrics"]
    metric = {"Namespace": "Cli", "MetricName": "Loss", "Dimensions": [{"Name": "model", "Value": "a"}]}
    assert listed == [metric]
    ask = ["cloudwatch", "get-metric-data", "--start-time", start, "--end-time", end, "--metric-data-queries"]
    stats = [{"Id": f"q{n}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": s}} for n, s in enumerate(STATS)]
    told = shell.aws(*ask, json.dumps(stats))
    assert [sum(result["Values"]) for result in told["MetricDataResults"]] == [4.0, 2.0, 2.0, 2.5]
    assert told["MetricDataResults"][0]["StatusCode"] == "Complete"
    wrong = shell.fails(*ask, json.dumps([{"Id": "e", "Expression": "1 + 1"}]))
    assert "(InvalidParameterValue) when calling the GetMetricData operation" in wrong
    wrong = shell.fails("cloudwatch", "describe-alarms")
    assert "(UnknownOperationException) when calling the DescribeAlarms operation" in wrong


def test_a_wrong_name_reads_as_on_aws(shell: Shell) -> None:
    wrong = shell.fails("sagemaker", "describe-endpoint", "--endpoint-name", "nowhere")
    assert "(ValidationException) when calling the DescribeEndpoint operation" in wrong
    assert f'Could not find endpoint "{ARN}:endpoint/nowhere".' in wrong
    ask = ["sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "nowhere", "--body", "{}", "answer.json"]
    wrong = shell.fails(*ask)
    assert "(ValidationError) when calling the InvokeEndpoint operation" in wrong
    assert "Endpoint nowhere of account 000000000000 not found." in wrong
    wrong = shell.fails("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "nowhere")
    assert "Waiter EndpointInService failed" in wrong
    wrong = shell.fails("sagemaker", "create-model", "--model-name", "a_b", "--execution-role-arn", ROLE)
    assert "Member must satisfy regular expression pattern" in wrong
    wrong = shell.fails("sagemaker", "list-training-jobs")
    assert "(UnknownOperationException)" in wrong


def test_a_wrong_key_reads_as_on_aws(engine: RunningEngine, tmp_path: Path, aws: Path) -> None:
    listing = ("sagemaker", "list-endpoints")
    wrong = Shell(engine, tmp_path, aws, AWS_ACCESS_KEY_ID="AKIASOMEBODYELSE0000").fails(*listing)
    assert "(UnrecognizedClientException)" in wrong
    assert "The security token included in the request is invalid" in wrong
    wrong = Shell(engine, tmp_path, aws, AWS_SECRET_ACCESS_KEY="guessed").fails(*listing)
    assert "(InvalidSignatureException)" in wrong
    assert "The request signature we calculated does not match the signature you provided" in wrong
