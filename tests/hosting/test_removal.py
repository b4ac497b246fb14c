"""Taking away what was made: stacks, a bucket, a repository (moto's), an endpoint with its releases (the engine's)."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from moto.server import ThreadedMotoServer

from headgate.core.endpoints import VariantTerms
from headgate.core.progress import silent
from headgate.engine.api.paging import DEFAULT_PAGE
from headgate.errors import Refused, Unavailable
from headgate.hosting import removal
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from headgate.hosting.removal import (
    empty_bucket,
    empty_group,
    empty_repository,
    endpoint_tags,
    of_endpoint,
    remove_endpoint,
    remove_stack,
    stop_executions,
)
from headgate.hosting.session import Connection
from headgate.hosting.stacks import find_stack
from tests.hosting.conftest import Control

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ContainerDefinitionTypeDef

pytestmark = pytest.mark.slow


class Moto:
    """Clients of a server of moto's."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self, service: str, *, attempts: int = 1) -> Any:  # noqa: ARG002
        """A client."""
        return Session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self._url,
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )


class Engine:
    """The engine's control API."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def client(self, service: str, *, attempts: int) -> Any:  # noqa: ARG002
        """The one client it has."""
        assert service == "sagemaker"
        return self._connection.control


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield Moto(f"http://{host}:{port}")
    server.stop()


def test_a_versioned_bucket_is_emptied_to_the_last_marker(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="full")
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for number in range(7):
        s3.put_object(Bucket="full", Key="rollouts/1.json", Body=str(number).encode())
    s3.put_object(Bucket="full", Key="packages/a b+c/modèle.tar.gz", Body=b"x")
    s3.delete_object(Bucket="full", Key="rollouts/1.json")
    s3.create_multipart_upload(Bucket="full", Key="packages/half")
    assert empty_bucket(moto, "full", silent) == 9
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="full"), "half an upload keeps a bucket from being deleted"
    assert empty_bucket(moto, "full", silent) == 0
    s3.delete_bucket(Bucket="full")
    assert empty_bucket(moto, "full", silent) == 0, "a bucket that is gone is empty"


def test_what_s3_does_not_delete_is_told(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="locked")
    s3.put_object(Bucket="locked", Key="packages/kept", Body=b"x")
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::locked/*"}
    s3.put_bucket_policy(Bucket="locked", Policy=json.dumps({"Version": "2012-10-17", "Statement": [denied]}))
    with pytest.raises(Unavailable, match=r"1 things could not be deleted from locked: .*packages/kept"):
        empty_bucket(moto, "locked", silent)


def test_more_than_is_deleted_at_once_is_deleted(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "DELETED_AT_ONCE", 2)
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="many")
    for number in range(5):
        s3.put_object(Bucket="many", Key=f"captures/{number}", Body=b"x")
    assert empty_bucket(moto, "many", silent) == 5
    s3.delete_bucket(Bucket="many")


def test_a_repository_is_emptied(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "IMAGES_AT_ONCE", 2)
    ecr = moto.client("ecr")
    ecr.create_repository(repositoryName="iris-production")
    manifest = '{{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "n": {0}}}'
    for number in range(3):
        ecr.put_image(
            repositoryName="iris-production",
            imageManifest=manifest.format(number),
            imageTag=f"t{number}",
            imageDigest="sha256:" + 64 * str(number),  # moto's own are drawn, from few
        )
    assert empty_repository(moto, "iris-production", silent) == 3
    assert ecr.list_images(repositoryName="iris-production")["imageIds"] == []
    assert empty_repository(moto, "nowhere", silent) == 0


def test_an_endpoint_goes_with_its_releases_and_no_others(control: Control) -> None:
    endpoints, sagemaker = Endpoints(control.connection), control.connection.control
    names = ["iris-production-v1-0a1b2c3d", "iris-production-v2-0a1b2c3d", "iris-production-two-v1-0a1b2c3d", "mine"]
    for name in names:
        container: ContainerDefinitionTypeDef = {"Image": "i", "ModelDataUrl": "s3://headgate-local/m.tar.gz"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=control.connection.role, PrimaryContainer=container)
        endpoints.create_config(name, [VariantTerms("stable", name, "ml.m5.large", 1, 1)], {})
    endpoints.create("iris-production", names[0], {"headgate:project": "iris"})
    account = Engine(control.connection)
    assert endpoint_tags(account, "iris-production") == {"headgate:project": "iris"}
    remove_endpoint(account, "iris-production", silent, pause=0.01)
    assert endpoints.find("iris-production") is None
    assert endpoint_tags(account, "iris-production") is None
    left = {row["EndpointConfigName"] for row in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    assert left == {row["ModelName"] for row in sagemaker.list_models()["Models"]} == {*names[2:]}
    remove_endpoint(account, "iris-production", silent)


def test_an_endpoint_that_changes_is_deleted_once_it_has_settled(control: Control) -> None:
    endpoints, account = Endpoints(control.connection), Engine(control.connection)
    deployed(control)
    control.settler.holds = True
    endpoints.update("iris-production", "iris-production-v1-0a1b2c3d")
    told: list[str] = []

    def progress(step: str, _fraction: float | None, /) -> None:
        told.append(step)
        if len(told) in (2, 4):
            control.settler.settle("iris-production")

    with pytest.raises(Unavailable, match=r"The endpoint iris-production is still Updating after 0 seconds\."):
        remove_endpoint(account, "iris-production", silent, seconds=0, pause=0.01)
    remove_endpoint(account, "iris-production", progress, pause=0.01)
    assert endpoints.find("iris-production") is None
    is_now = [step for step in told if step.startswith("endpoint ")]
    assert is_now == [f"endpoint iris-production is {status}" for status in ("Updating", "Updating", "Deleting")]
    assert told.index("deleting endpoint iris-production") == 2


def deployed(control: Control) -> None:
    """An endpoint with one release."""
    name, endpoints = "iris-production-v1-0a1b2c3d", Endpoints(control.connection)
    container: ContainerDefinitionTypeDef = {"Image": "i", "ModelDataUrl": "s3://headgate-local/m.tar.gz"}
    control.connection.control.create_model(
        ModelName=name, ExecutionRoleArn=control.connection.role, PrimaryContainer=container
    )
    endpoints.create_config(name, [VariantTerms("stable", name, "ml.m5.large", 1, 1)], {})
    endpoints.create("iris-production", name, {})


QUEUE = {"Parameters": {"DeliveryImage": {"Type": "String"}}, "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}


def test_a_stack_is_found_and_goes(moto: Moto) -> None:
    made = moto.client("cloudformation").create_stack(
        StackName="iris-production-delivery",
        TemplateBody=json.dumps(QUEUE),
        Parameters=[{"ParameterKey": "DeliveryImage", "ParameterValue": "sha256:a"}],
        Tags=[{"Key": "headgate:project", "Value": "iris"}],
    )
    state = find_stack(moto, "iris-production-delivery")
    assert state is not None
    assert (state.id, state.status, state.tags) == (made["StackId"], "CREATE_COMPLETE", {"headgate:project": "iris"})
    assert state.knows("DeliveryImage")
    assert not state.knows("ModelImage")
    remove_stack(moto, "iris-production-delivery", silent, pause=0.01)
    assert find_stack(moto, "iris-production-delivery") is None
    remove_stack(moto, "iris-production-delivery", silent)


def test_what_a_machine_carries_out_is_stopped(moto: Moto) -> None:
    states = moto.client("stepfunctions")
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    role = "arn:aws:iam::123456789012:role/any"
    machine = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, name="one")["executionArn"]
    assert stop_executions(moto, machine, silent) == 1
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
    assert stop_executions(moto, machine, silent) == 0
    assert stop_executions(moto, f"{machine}-gone", silent) == 0


class Slow:
    """A CloudFormation that goes on for some looks: one stack, its status at each look, and what is in it."""

    def __init__(self, *statuses: str, resources: tuple[dict[str, str], ...] = (), refuses: str = "") -> None:
        self.statuses, self.resources, self.refuses = [*statuses], resources, refuses
        self.deleted_at: list[str] = []

    def client(self, service: str, *, attempts: int) -> Any:  # noqa: ARG002
        """Itself."""
        assert service == "cloudformation"
        return self

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: ARG002
        """The present status; the next look sees the next one."""
        now = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.now = now
        return {"Stacks": [{"StackName": "iris-production-base", "StackId": "arn", "StackStatus": now}]}

    def delete_stack(self, *, StackName: str) -> None:
        """Notes when it was asked to."""
        assert StackName == "arn"
        if self.refuses:
            error = {"Error": {"Code": "ValidationError", "Message": self.refuses}}
            raise ClientError({**error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "DeleteStack")  # type: ignore[typeddict-item]
        self.deleted_at.append(self.now)

    def get_paginator(self, operation: str) -> Any:
        """Pages of resources."""
        assert operation == "list_stack_resources"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        """One page."""
        return [{"StackResourceSummaries": self.resources}]


def test_a_stack_that_is_being_changed_is_deleted_after_that() -> None:
    changing = Slow("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE",
                    "DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE")  # fmt: skip
    told: list[str] = []
    remove_stack(changing, "iris-production-base", lambda step, _: told.append(step), pause=0)
    assert changing.deleted_at == ["UPDATE_ROLLBACK_COMPLETE"]
    assert told[-1] == "stack iris-production-base is DELETE_IN_PROGRESS"


def test_a_stack_that_does_not_go_says_what_holds_it() -> None:
    bucket = {"LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "iris-b",
              "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "The bucket is not empty"}  # fmt: skip
    gone = {**bucket, "LogicalResourceId": "Group", "ResourceStatus": "DELETE_COMPLETE"}
    stuck = Slow("DELETE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED", resources=(gone, bucket))
    with pytest.raises(Refused, match="The stack iris-production-base cannot be deleted") as told:
        remove_stack(stuck, "iris-production-base", silent, pause=0)
    assert told.value.message.splitlines()[1:] == ["  Bucket (AWS::S3::Bucket, iris-b): The bucket is not empty"]
    assert "give the same command again" in told.value.hint
    assert stuck.deleted_at == ["DELETE_FAILED"], "a second attempt is made"


def test_a_stack_that_takes_too_long_or_is_protected_is_told() -> None:
    with pytest.raises(Unavailable, match=r"The stack iris-production-base is still DELETE_IN_PROGRESS after 0\.05 s"):
        remove_stack(
            Slow("CREATE_COMPLETE", "DELETE_IN_PROGRESS"), "iris-production-base", silent, seconds=0.05, pause=0
        )
    protected = Slow("CREATE_COMPLETE", refuses="Stack [x] cannot be deleted while TerminationProtection is enabled")
    with pytest.raises(Refused, match="TerminationProtection"):
        remove_stack(protected, "iris-production-base", silent)


def test_more_releases_than_a_page_holds_go_too(control: Control) -> None:
    endpoints, sagemaker = Endpoints(control.connection), control.connection.control
    for number in range(1, DEFAULT_PAGE + 2):
        name = f"iris-production-v{number}-0a1b2c3d"
        container: ContainerDefinitionTypeDef = {"Image": "i", "ModelDataUrl": "s3://headgate-local/m.tar.gz"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=control.connection.role, PrimaryContainer=container)
        endpoints.create_config(name, [VariantTerms("stable", name, "ml.m5.large", 1, 1)], {})
    remove_endpoint(Engine(control.connection), "iris-production", silent)
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []


def test_a_group_is_emptied(control: Control) -> None:
    registry = Registry(control.connection)
    registry.ensure_project("iris")
    for number in range(3):
        registry.register(
            "iris", digest=64 * str(number), image="i", model_data_url="s3://b/m.tar.gz", environment={}, metadata={}
        )
    group = control.connection.control.list_model_package_groups()["ModelPackageGroupSummaryList"][0]
    assert empty_group(Engine(control.connection), group["ModelPackageGroupName"], silent) == 3
    assert empty_group(Engine(control.connection), group["ModelPackageGroupName"], silent) == 0


def test_a_release_is_known_by_its_name() -> None:
    assert of_endpoint("iris-production-v12-0a1b2c3d", "iris-production")
    assert not of_endpoint("iris-production-two-v1-0a1b2c3d", "iris-production")
    assert not of_endpoint("iris-production-v1-0a1b2c3d", "iris")
    long = "a" * 40 + "-" + "b" * 20
    assert of_endpoint(long[: 63 - len("-v1-0a1b2c3d")] + "-v1-0a1b2c3d", long)
