"""Every answer, checked member by member against the service model: types, required members, patterns, enums."""

from typing import Any

import pytest
from botocore.model import StructureShape

from headgate.engine.api.validation import check
from tests.engine.api.running import ARN, MODEL_DATA, Running, boto_session, variant

pytestmark = pytest.mark.slow

CONTAINER = {"Image": "headgate", "ModelDataUrl": MODEL_DATA}
TAGS = [{"Key": "a", "Value": "1"}]
CHANGE = {"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "stable", "DesiredWeight": 3}]}
POLICY = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}}

BEFORE: list[tuple[str, dict[str, Any]]] = [
    ("CreateModel", {"ModelName": "m", "PrimaryContainer": CONTAINER, "Tags": TAGS}),
    ("DescribeModel", {"ModelName": "m"}),
    ("ListModels", {}),
    ("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant(model="m")]}),
    ("CreateEndpointConfig", {"EndpointConfigName": "d", "ProductionVariants": [variant(model="m")]}),
    ("DescribeEndpointConfig", {"EndpointConfigName": "c"}),
    ("ListEndpointConfigs", {"MaxResults": 1}),
    ("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": POLICY}),
    ("DescribeEndpoint", {"EndpointName": "e"}),
    ("ListEndpoints", {}),
    ("AddTags", {"ResourceArn": f"{ARN}endpoint/e", "Tags": TAGS}),
    ("ListTags", {"ResourceArn": f"{ARN}endpoint/e"}),
    ("CreateModelPackageGroup", {"ModelPackageGroupName": "g"}),
    ("DescribeModelPackageGroup", {"ModelPackageGroupName": "g"}),
    ("ListModelPackageGroups", {}),
    (
        "CreateModelPackage",
        {"ModelPackageGroupName": "g", "InferenceSpecification": {"Containers": [CONTAINER]}, "ClientToken": "once"},
    ),
    ("UpdateModelPackage", {"ModelPackageArn": f"{ARN}model-package/g/1", "ModelApprovalStatus": "Approved"}),
    ("ListModelPackages", {"ModelPackageGroupName": "g"}),
    ("CreateModelPackage", {"ModelPackageName": "lone"}),
    ("DescribeModelPackage", {"ModelPackageName": "lone"}),
]
AFTER: list[tuple[str, dict[str, Any]]] = [
    ("DescribeEndpoint", {"EndpointName": "e"}),
    ("UpdateEndpointWeightsAndCapacities", CHANGE),
    ("DescribeEndpoint", {"EndpointName": "e"}),
]
LAST: list[tuple[str, dict[str, Any]]] = [
    ("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "d"}),
    ("DescribeEndpoint", {"EndpointName": "e"}),
]
VOID: list[tuple[str, dict[str, Any]]] = [
    ("DeleteEndpoint", {"EndpointName": "e"}),
    ("DeleteEndpointConfig", {"EndpointConfigName": "c"}),
    ("DeleteModel", {"ModelName": "m"}),
    ("DeleteModelPackage", {"ModelPackageName": "g/1"}),
    ("DeleteModelPackageGroup", {"ModelPackageGroupName": "g"}),
]


def output(operation: str) -> StructureShape:
    model = boto_session().client("sagemaker", region_name="us-east-1").meta.service_model
    shape = model.operation_model(operation).output_shape
    assert isinstance(shape, StructureShape)
    return shape


def test_every_answer_fits_its_shape(engine: Running) -> None:
    for calls in (BEFORE, AFTER, LAST):
        for operation, request in calls:
            status, answer = engine.call(operation, request)
            assert status == 200, answer
            assert check(answer, output(operation)) == answer
        engine.reconcile("e")
    assert engine.call("DescribeModelPackage", {"ModelPackageName": "g/1"})[1]["ModelPackageVersion"] == 1
    for operation, request in VOID:
        assert engine.call(operation, request) == (200, {})
