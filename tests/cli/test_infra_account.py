"""`headgate infra` against an account, which is moto's: what is looked at first, what is refused, what is removed."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from headgate.infra.node import find
from headgate.infra.toolkit import Toolkit
from tests.cli.conftest import Run
from tests.cli.test_infra import UNPACKED
from tests.infra.projects import IRIS, NEWS

pytestmark = pytest.mark.slow

DIGEST = "sha256:" + 64 * "a"
BUCKET = "iris-production-123456789012-eu-central-1"
BARE = IRIS.replace("    front: {version: v2}\n", "").replace("github: {repository: acme/iris, branch: main}\n", "")
OURS = {"headgate:project": "iris", "headgate:environment": "production"}
CDK = """
const path = process.argv[process.argv.indexOf("--outputs-file") + 1];
require("fs").writeFileSync(path, JSON.stringify({"iris-production-base": {"Made": process.argv[2]}}));
process.exit(Number(process.env.CODE));
"""


class Aws:
    """An account, and the variables that lead there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.env = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(UNPACKED),
        }

    def client(self, service: str) -> Any:
        """A stock client."""
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        return Session().create_client(service, region_name="eu-central-1", endpoint_url=self.url, **keys)  # type: ignore[arg-type]

    def make(self, *ids: str, prefix: str = "iris-production", tags: dict[str, str] = OURS) -> None:
        """Stacks with next to nothing in them, as far as removal is concerned like ours."""
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}}
        for key in ids:
            thing = bucket if key == "base" else {"Type": "AWS::SQS::Queue"}
            self.client("cloudformation").create_stack(
                StackName=f"{prefix}-{key}",
                TemplateBody=json.dumps({"Resources": {"Thing": thing}}),
                Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
            )

    @property
    def stacks(self) -> set[str]:
        """The names of those that there are."""
        return {stack["StackName"] for stack in self.client("cloudformation").describe_stacks()["Stacks"]}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def aws(server: str) -> Aws:
    httpx.post(f"{server}/moto-api/reset").raise_for_status()
    return Aws(server)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def endpoint(aws: Aws, tags: dict[str, str]) -> None:
    """An endpoint with one release."""
    sagemaker, name = aws.client("sagemaker"), "iris-production-v1-0a1b2c3d"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn="arn:aws:iam::123456789012:role/any-role-of-ours")
    variant = {"VariantName": "stable", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(
        EndpointName="iris-production",
        EndpointConfigName=name,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def test_one_command_removes_what_headgate_yaml_once_asked_for(headgate: Run, work: Path, aws: Aws) -> None:
    (work / "headgate.yaml").write_text(BARE.replace("instances:", "hosting: {lambda: {}}\n    instances:"))
    aws.make("base", "watch", "delivery", "machine", "function", "front", "github")
    aws.make("watch", prefix="iris-production-two", tags={**OURS, "headgate:environment": "production-two"})
    endpoint(aws, OURS)
    ran = headgate("infra", "destroy", "--dry-run", "--json", env=aws.env)
    assert json.loads(ran.stdout)["asked"], ran.stdout
    assert len(aws.stacks) == 8
    ran = headgate("infra", "destroy", stdin="iris\n", env=aws.env)
    assert ran.returncode == 0, ran.stderr
    deleted = re.findall(r"infra: deleting (.+)", ran.stderr)
    releases = [f"{kind} iris-production-v1-0a1b2c3d" for kind in ("config", "model")]
    before = ["stack iris-production-machine", "stack iris-production-delivery", "endpoint iris-production"]
    after = [f"stack iris-production-{key}" for key in ("github", "front", "function", "watch")]
    assert deleted == [*before, *releases, *after]
    assert aws.stacks == {"iris-production-base", "iris-production-two-watch"}
    assert aws.client("sagemaker").list_endpoints()["Endpoints"] == []
    aws.client("s3").put_object(Bucket=BUCKET, Key="rollouts/production/1/000001.json", Body=b"{}")
    ran = headgate("infra", "destroy", "--delete-data", "--yes", "--json", env=aws.env)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["steps"][-1] == "delete the stack iris-production-base"
    assert aws.stacks == {"iris-production-two-watch"}
    ran = headgate("infra", "destroy", "--delete-data", "--yes", "--json", env=aws.env)
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)["steps"]) == 1, "nothing is there; the endpoint is tried"


def test_only_what_is_not_asked_for_is_removed_where_that_is_said(headgate: Run, work: Path, aws: Aws) -> None:
    (work / "headgate.yaml").write_text(BARE)
    aws.make("base", "watch", "delivery", "machine", "front", "github")
    endpoint(aws, OURS)
    ran = headgate("infra", "destroy", "--unwanted", "--yes", "--json", env=aws.env)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["steps"] == ["delete the stacks iris-production-github, iris-production-front"]
    assert not [line for line in said["stays"] if "base" in line]
    assert aws.stacks == {f"iris-production-{key}" for key in ("base", "watch", "delivery", "machine")}
    assert len(aws.client("sagemaker").list_endpoints()["Endpoints"]) == 1
    ran = headgate("infra", "destroy", "--unwanted", env=aws.env)
    assert ran.stdout == "nothing of iris-production is there that headgate.yaml does not ask for\n"


def test_another_projects_stacks_are_neither_changed_nor_removed(headgate: Run, work: Path, aws: Aws) -> None:
    (work / "headgate.yaml").write_text(NEWS)
    theirs = {"headgate:project": "news", "headgate:environment": "category-cloud"}
    aws.make("watch", prefix="news-category-cloud", tags=theirs)
    given = ("--yes", "--delivery-image", DIGEST, "--model-image", DIGEST)
    for command in (["deploy", *given], ["destroy", "--yes"], ["destroy", "--dry-run"]):
        ran = headgate("infra", *command, env=aws.env)
        assert ran.returncode == 5, ran.stderr
        assert "news-category-cloud-watch in account 123456789012 is of project news, environment categ" in ran.stderr
    assert aws.stacks == {"news-category-cloud-watch"}


def test_somebody_elses_endpoint_stays(headgate: Run, work: Path, aws: Aws) -> None:
    (work / "headgate.yaml").write_text(IRIS)
    aws.make("base")
    endpoint(aws, {"owner": "them"})
    ran = headgate("infra", "destroy", "--yes", env=aws.env)
    assert ran.returncode == 0, ran.stderr
    assert "note: endpoint iris-production stays: its tags do not say that it is of this project" in ran.stdout
    assert len(aws.client("sagemaker").list_endpoints()["Endpoints"]) == 1


def test_nobody_or_another_name_removes_nothing(headgate: Run, work: Path, aws: Aws) -> None:
    (work / "headgate.yaml").write_text(IRIS)
    aws.make("base", "front")
    for typed, said in (
        ("payroll\n", "'payroll' is not the project's name; nothing was removed."),
        ("", "Nobody typed the project's name."),
    ):
        ran = headgate("infra", "destroy", stdin=typed, env=aws.env)
        assert (ran.returncode, said in ran.stderr) == (5, True), ran.stderr
        assert "will delete the stack iris-production-front" in ran.stderr
    assert len(aws.stacks) == 2


def test_a_first_deployment_without_its_images_makes_nothing(headgate: Run, work: Path, aws: Aws) -> None:
    (work / "headgate.yaml").write_text(NEWS)
    ran = headgate("infra", "deploy", "--yes", "--model-image", DIGEST, env=aws.env)
    assert ran.returncode == 2
    assert "news-category-cloud-delivery is new: --delivery-image has to be given." in ran.stderr
    assert "`headgate infra deploy --env cloud --only base` comes first" in ran.stderr
    assert not (work / "cdk.out").exists()
    ran = headgate("infra", "deploy", "--yes", "--only", "function", "--only", "watch", env=aws.env)
    assert ran.returncode == 2
    assert "news-category-cloud-function is new: --model-image has to be given." in ran.stderr
    assert aws.stacks == set()


def test_a_deployment_that_fails_says_so_and_one_that_does_not_names_what_is_too_much(
    headgate: Run, work: Path, aws: Aws, tmp_path: Path
) -> None:
    (work / "headgate.yaml").write_text(BARE)
    program = Toolkit.of(find({}), {"XDG_CACHE_HOME": str(tmp_path)}).program
    program.parent.mkdir(parents=True)
    program.write_text(CDK)
    aws.make("base", "front", "github")
    env = {**aws.env, "XDG_CACHE_HOME": str(tmp_path), "CODE": "1"}
    ran = headgate("infra", "deploy", "--yes", "--only", "base", env=env)
    assert ran.returncode == 4
    assert "cdk deploy ended with exit code 1" in ran.stderr
    assert "deployed" not in ran.stdout
    ran = headgate("infra", "deploy", "--yes", "--only", "base", env={**env, "CODE": "0"})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1].split() == ["iris-production-base", "Made", "deploy"]
    assert ran.stdout.splitlines()[-3:] == [
        "deployed: iris-production-base",
        "still there, though headgate.yaml does not ask for it: stack iris-production-front, stack "
        "iris-production-github",
        "`headgate infra destroy --env production --unwanted` removes it",
    ]
