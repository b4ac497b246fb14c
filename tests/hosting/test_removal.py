"""Emptying what was filled: a versioned bucket and a repository (moto's), an endpoint's releases (the engine's)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from headgate.core.endpoints import VariantTerms
from headgate.core.progress import silent
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from headgate.hosting.removal import empty_bucket, empty_group, empty_repository, of_endpoint, remove_endpoint
from headgate.hosting.session import Connection
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
    assert empty_bucket(moto, "full", silent) == 0
    s3.delete_bucket(Bucket="full")
    assert empty_bucket(moto, "full", silent) == 0, "a bucket that is gone is empty"


def test_a_repository_is_emptied(moto: Moto) -> None:
    ecr = moto.client("ecr")
    ecr.create_repository(repositoryName="iris-production")
    manifest = '{{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "n": {0}}}'
    for number in range(3):
        ecr.put_image(repositoryName="iris-production", imageManifest=manifest.format(number), imageTag=f"t{number}")
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
    endpoints.create("iris-production", names[0], {})
    remove_endpoint(Engine(control.connection), "iris-production", silent)
    assert endpoints.find("iris-production") is None
    left = {row["EndpointConfigName"] for row in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    assert left == {row["ModelName"] for row in sagemaker.list_models()["Models"]} == {*names[2:]}
    remove_endpoint(Engine(control.connection), "iris-production", silent)


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
