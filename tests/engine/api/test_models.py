from datetime import datetime
from typing import Any

import pytest

from tests.engine.api.running import ARN, MODEL_DATA, Running, make_model, refusal

pytestmark = pytest.mark.slow

IMAGE = {"Image": "headgate"}
GZIP = {"S3Uri": MODEL_DATA, "S3DataType": "S3Object", "CompressionType": "Gzip"}


def test_a_model_is_described_as_it_was_sent_and_with_its_mode(client: Any) -> None:
    sent = {"Image": "headgate", "ModelDataUrl": MODEL_DATA, "Environment": {"A": "1"}}
    role = "arn:aws:iam::000000000000:role/headgate"
    made = client.create_model(ModelName="Model-1", PrimaryContainer=sent, ExecutionRoleArn=role)
    assert made["ModelArn"] == f"{ARN}model/Model-1"

    described = client.describe_model(ModelName="Model-1")
    assert described["PrimaryContainer"] == {**sent, "Mode": "SingleModel"}
    assert described["ExecutionRoleArn"] == role
    assert isinstance(described["CreationTime"], datetime)
    assert set(described) - {"ResponseMetadata"} == {
        "ModelName", "ModelArn", "PrimaryContainer", "ExecutionRoleArn", "CreationTime", "EnableNetworkIsolation",
    }  # fmt: skip


def test_one_container_in_a_list_stays_a_list(client: Any) -> None:
    client.create_model(ModelName="m", Containers=[IMAGE])
    described = client.describe_model(ModelName="m")
    assert described["Containers"] == [{**IMAGE, "Mode": "SingleModel"}]
    assert "PrimaryContainer" not in described


def test_names_are_taken_whatever_their_case_and_read_exactly(client: Any) -> None:
    make_model(client, "Iris")
    code, message = refusal(client.create_model, ModelName="iRIS", PrimaryContainer=IMAGE)
    assert (code, message) == ("ValidationException", f'Cannot create already existing model "{ARN}model/Iris".')
    assert refusal(client.describe_model, ModelName="iris")[1] == f'Could not find model "{ARN}model/iris".'


def test_a_deleted_model_is_gone_with_its_tags(client: Any) -> None:
    make_model(client, Tags=[{"Key": "a", "Value": "1"}])
    client.delete_model(ModelName="model-1")
    gone = ("ValidationException", f'Could not find model "{ARN}model/model-1".')
    assert refusal(client.describe_model, ModelName="model-1") == gone
    assert refusal(client.delete_model, ModelName="model-1") == gone
    arn = make_model(client)
    assert client.list_tags(ResourceArn=arn)["Tags"] == []


def test_models_are_listed_newest_first(client: Any) -> None:
    for name in ("a", "b"):
        make_model(client, name)
    first = client.list_models()["Models"][0]
    assert {k: v for k, v in first.items() if k != "CreationTime"} == {"ModelName": "b", "ModelArn": f"{ARN}model/b"}


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "either PrimaryContainer or Containers"),
        ({"PrimaryContainer": IMAGE, "Containers": [IMAGE]}, "either PrimaryContainer or Containers"),
        ({"Containers": [IMAGE, IMAGE]}, "several containers is not supported"),
        ({"PrimaryContainer": {}}, "Image or ModelPackageName"),
        ({"PrimaryContainer": {**IMAGE, "Mode": "MultiModel"}}, "Mode MultiModel is not supported"),
        ({"PrimaryContainer": IMAGE, "EnableNetworkIsolation": True}, "EnableNetworkIsolation is not supported"),
        ({"PrimaryContainer": {**IMAGE, "ModelPackageName": "g/1"}}, "ModelPackageName or Image, not both"),
        (
            {
                "PrimaryContainer": {
                    **IMAGE, "ModelDataUrl": MODEL_DATA, "ModelDataSource": {"S3DataSource": GZIP},
                }
            },
            "ModelDataUrl or ModelDataSource",
        ),
        (
            {"PrimaryContainer": {**IMAGE, "ModelDataSource": {"S3DataSource": {**GZIP, "S3DataType": "S3Prefix"}}}},
            "S3Object and CompressionType Gzip is not supported",
        ),
    ],
)  # fmt: skip
def test_what_would_not_run_is_refused(client: Any, request_: dict[str, Any], says: str) -> None:
    code, message = refusal(client.create_model, ModelName="m", **request_)
    assert code == "ValidationException"
    assert says in message
    assert client.list_models()["Models"] == []


def test_a_single_gzip_object_is_a_model_data_url(engine: Running, client: Any) -> None:
    client.create_model(ModelName="model-1", PrimaryContainer={**IMAGE, "ModelDataSource": {"S3DataSource": GZIP}})
    client.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {"VariantName": "v", "ModelName": "model-1", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
        ],
    )
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    row = engine.state.endpoint("e")
    assert row is not None
    assert row.target is not None
    assert row.target.variants[0].model_data_url == MODEL_DATA
