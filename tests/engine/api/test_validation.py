import re
from contextlib import suppress
from typing import Any

import pytest
from botocore.model import StructureShape
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.api.errors import ApiError
from headgate.engine.api.service_model import Shapes
from headgate.engine.api.validation import check

SHAPES = Shapes("sagemaker")
VARIANT = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
DEEP: Any = {"VariantName": "v", "ServerlessConfig": {"MemorySizeInMB": 1, "MaxConcurrency": 201}}


def shape(operation: str) -> StructureShape:
    return SHAPES.request(operation)


def refused(operation: str, request: object) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        check(request, shape(operation))
    return caught.value.code, caught.value.message


def test_a_good_request_passes_without_its_nulls() -> None:
    request = {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, "ServerlessConfig": None}], "Tags": None}
    assert check(request, shape("CreateEndpointConfig")) == {"EndpointConfigName": "c", "ProductionVariants": [VARIANT]}


def test_a_wrong_name_is_told_in_the_words_of_aws() -> None:
    assert refused("DescribeEndpoint", {"EndpointName": "my_endpoint"}) == (
        "ValidationException",
        "1 validation error detected: Value 'my_endpoint' at 'endpointName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    )


def test_all_problems_are_told_at_once() -> None:
    code, message = refused(
        "CreateEndpointConfig",
        {"ProductionVariants": [{**VARIANT, "InitialInstanceCount": 0, "InstanceType": "ml.huge"}, DEEP]},
    )
    assert code == "ValidationException"
    assert message.startswith("5 validation errors detected: ")
    for part in (
        "Value null at 'endpointConfigName' failed to satisfy constraint: Member must not be null",
        "Value '0' at 'productionVariants.1.member.initialInstanceCount' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
        "Value 'ml.huge' at 'productionVariants.1.member.instanceType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ml.t2.medium, ",
        "Value '1' at 'productionVariants.2.member.serverlessConfig.memorySizeInMB'",
        "Member must have value less than or equal to 200",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("operation", "request_", "says"),
    [
        ("DescribeModel", {"ModelName": "a" * 64}, "Member must have length less than or equal to 63"),
        ("DescribeModel", {"ModelName": "a" * 5000}, "Member must have length less than or equal to 63"),
        ("DescribeModel", {"ModelName": "a\n"}, "regular expression"),
        ("ListModels", {"MaxResults": 101}, "Member must have value less than or equal to 100"),
        ("ListModels", {"MaxResults": 0}, "Member must have value greater than or equal to 1"),
        ("ListModels", {"SortOrder": "Up"}, "Member must satisfy enum value set: [Ascending, Descending]"),
        ("ListModels", {"Surprise": 1}, "Value '1' at 'surprise' failed to satisfy constraint: Member is not known"),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": []},
            "Value '[]' at 'productionVariants' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Image": "i", "Environment": {"1": "v" * 1025}}},
            "Map value must satisfy constraint: [Member must have length less than or equal to 1024]",
        ),
        (
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Image": "i", "Environment": {"1": ""}}},
            "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: ",
        ),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, "InitialVariantWeight": -0.5}]},
            "Value '-0.5' at 'productionVariants.1.member.initialVariantWeight'",
        ),
    ],
)
def test_each_constraint_of_the_model_is_checked(operation: str, request_: dict[str, Any], says: str) -> None:
    code, message = refused(operation, request_)
    assert code == "ValidationException"
    assert says in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ([], "START_ARRAY can not be converted to a structure"),
        ({"MaxResults": "5"}, "STRING_VALUE can not be converted to an Integer at 'maxResults'"),
        ({"MaxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"MaxResults": 1.5}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"CreationTimeAfter": "2026-01-01"}, "STRING_VALUE can not be converted to a Timestamp"),
        ({"CreationTimeAfter": float("inf")}, "NUMBER_VALUE can not be converted to a Timestamp"),
        ({"CreationTimeAfter": 10**400}, "NUMBER_VALUE can not be converted to a Timestamp"),
        ({"NameContains": 5, "SortBy": {}}, "NUMBER_VALUE can not be converted to a String at 'nameContains'; START_"),
        ({"NameContains": "\ud800"}, "STRING_VALUE can not be converted to a String"),
    ],
)
def test_a_wrong_type_is_no_validation_error(request_: object, says: str) -> None:
    code, message = refused("ListModels", request_)
    assert code == "SerializationException"
    assert says in message


def test_secrets_are_not_repeated() -> None:
    request = {"ModelPackageGroupName": "g", "ModelCard": {"ModelCardContent": "secret\n", "ModelCardStatus": "Draft"}}
    message = refused("CreateModelPackage", request)[1]
    assert "secret" not in message
    assert "Value '***' at 'modelCard.modelCardContent'" in message


def test_booleans_lists_and_maps_have_their_types() -> None:
    container = {"Image": "i", "Environment": []}
    request = {"ModelName": "m", "EnableNetworkIsolation": "no", "Tags": {}, "PrimaryContainer": container}
    code, message = refused("CreateModel", request)
    assert code == "SerializationException"
    for part in (
        "a Boolean at 'enableNetworkIsolation'",
        "a list at 'tags'",
        "a map at 'primaryContainer.environment'",
    ):
        assert part in message


@given(st.text(max_size=70) | st.from_regex(r"[a-z/.%-]{1,20}[\x00-\x7f]?"))
def test_a_name_that_gets_in_can_name_no_other_place(text: str) -> None:
    """Endpoint and variant names become folders, sockets, paths and Lua text."""
    requests = {
        "CreateEndpoint": {"EndpointName": text, "EndpointConfigName": "c"},
        "CreateEndpointConfig": {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, "VariantName": text}]},
    }
    for operation, request in requests.items():
        with suppress(ApiError):
            check(request, shape(operation))
            assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,62}", text, re.ASCII)
