from typing import Any

import pytest

from tests.engine.api.running import ARN, Running, make_config, make_model, refusal, variant

pytestmark = pytest.mark.slow


def test_a_config_is_described_as_it_was_sent_and_with_the_default_weight(client: Any) -> None:
    make_model(client)
    sent = [variant(RoutingConfig={"RoutingStrategy": "RANDOM"}), variant("canary", InitialVariantWeight=0)]
    assert make_config(client, "c", *sent) == f"{ARN}endpoint-config/c"
    described = client.describe_endpoint_config(EndpointConfigName="c")
    assert described["ProductionVariants"] == [{**sent[0], "InitialVariantWeight": 1.0}, sent[1]]
    assert "VpcConfig" not in described


def test_capture_that_is_off_is_kept_verbatim(stocked: Any) -> None:
    capture = {
        "EnableCapture": False,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/capture",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    }
    make_config(stocked, "c", DataCaptureConfig=capture)
    assert stocked.describe_endpoint_config(EndpointConfigName="c")["DataCaptureConfig"] == capture
    del capture["EnableCapture"]
    message = refusal(make_config, client=stocked, name="d", DataCaptureConfig=capture)[1]
    assert message.startswith("DataCaptureConfig with EnableCapture is not supported by the Headgate engine.")


def test_a_config_in_use_may_be_deleted(engine: Running, stocked: Any) -> None:
    engine.deploy(stocked)
    stocked.delete_endpoint_config(EndpointConfigName="config-1")
    gone = ("ValidationException", f'Could not find endpoint configuration "{ARN}endpoint-config/config-1".')
    assert refusal(stocked.describe_endpoint_config, EndpointConfigName="config-1") == gone
    assert refusal(stocked.delete_endpoint_config, EndpointConfigName="config-1") == gone
    assert stocked.describe_endpoint(EndpointName="iris")["EndpointConfigName"] == "config-1"


def test_a_second_config_of_a_name_is_refused(stocked: Any) -> None:
    code, message = refusal(make_config, client=stocked, name="CONFIG-1")
    assert code == "ValidationException"
    assert message == f'Cannot create already existing endpoint configuration "{ARN}endpoint-config/config-1".'


def test_configs_are_listed(stocked: Any) -> None:
    found = stocked.list_endpoint_configs(NameContains="config")["EndpointConfigs"]
    assert [(c["EndpointConfigName"], c["EndpointConfigArn"]) for c in found] == [
        ("config-1", f"{ARN}endpoint-config/config-1")
    ]


def serverless(memory: int = 1024, *, provisioned: int = 1, **more: Any) -> dict[str, Any]:
    size = {"MemorySizeInMB": memory, "MaxConcurrency": 2, "ProvisionedConcurrency": provisioned}
    return {"VariantName": "v", "ModelName": "model-1", "ServerlessConfig": size, **more}


@pytest.mark.parametrize(
    ("variants", "more", "says"),
    [
        ([variant(), variant()], {}, "Variant names must be unique"),
        ([variant(model="other")], {}, f'Could not find model "{ARN}model/other".'),
        ([variant(InitialVariantWeight=0.0)], {}, "weights of all variants are zero"),
        ([{"VariantName": "v", "ModelName": "model-1"}], {}, "needs InstanceType, InitialInstanceCount"),
        ([serverless(InstanceType="ml.m5.large")], {}, "takes no InstanceType"),
        ([serverless(), variant()], {}, "A serverless endpoint has one variant"),
        ([serverless(2000)], {}, "must be 1024, 2048, 3072, 4096, 5120 or 6144"),
        ([serverless(provisioned=3)], {}, "ProvisionedConcurrency of variant v must be at most its MaxConcurrency"),
        ([variant()], {"ShadowProductionVariants": [variant("shadow")]}, "ShadowProductionVariants is not supported"),
        (
            [variant()],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://a/b"}}},
            "AsyncInferenceConfig is not supported",
        ),
    ],
)
def test_what_would_not_be_honoured_is_refused(
    stocked: Any, variants: list[dict[str, Any]], more: dict[str, Any], says: str
) -> None:
    code, message = refusal(stocked.create_endpoint_config, EndpointConfigName="c", ProductionVariants=variants, **more)
    assert code == "ValidationException"
    assert says in message
