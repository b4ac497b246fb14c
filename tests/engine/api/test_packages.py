from typing import Any

import pytest

from tests.engine.api.running import ARN, MODEL_DATA, Running, make_config, make_model, refusal, variant

pytestmark = pytest.mark.slow

FIRST = f"{ARN}model-package/iris/1"
SERVES: dict[str, Any] = {
    "Containers": [{"Image": "headgate", "ModelDataUrl": MODEL_DATA, "Environment": {"A": "1", "B": "1"}}],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
}
METRICS = {
    "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://headgate-local/iris/report.json"}}
}


@pytest.fixture
def grouped(client: Any) -> Any:
    client.create_model_package_group(ModelPackageGroupName="iris")
    return client


def register(client: Any, **more: Any) -> str:
    sent = {"ModelPackageGroupName": "iris", "InferenceSpecification": SERVES} | more
    return str(client.create_model_package(**sent)["ModelPackageArn"])


def decide(client: Any, status: str, arn: str = FIRST, **more: Any) -> None:
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, **more)


def test_a_version_is_kept_as_sent_and_found_by_every_name(grouped: Any) -> None:
    sent = {
        "CustomerMetadataProperties": {"data": "sha256:1", "größe": "Ü"},
        "ModelMetrics": METRICS,
        "ModelPackageDescription": "first",
        "MetadataProperties": {"CommitId": "abc"},
    }
    assert register(grouped, **sent) == FIRST
    for reference in ("iris/1", FIRST):
        described = grouped.describe_model_package(ModelPackageName=reference)
        assert {key: described[key] for key in sent} == sent
        assert described["InferenceSpecification"] == SERVES
        assert (described["ModelPackageGroupName"], described["ModelPackageVersion"]) == ("iris", 1)
        assert described["ModelApprovalStatus"] == "PendingManualApproval"
        assert described["ModelPackageStatus"] == "Completed"
        assert "ModelPackageName" not in described


def test_a_number_is_never_used_twice(grouped: Any) -> None:
    assert [register(grouped)[-2:], register(grouped)[-2:]] == ["/1", "/2"]
    grouped.delete_model_package(ModelPackageName="iris/2")
    assert register(grouped) == f"{ARN}model-package/iris/3"


def test_a_create_that_is_sent_again_makes_no_second_version(grouped: Any) -> None:
    assert register(grouped, ClientToken="once") == register(grouped, ClientToken="once")
    assert register(grouped, ClientToken="twice") == f"{ARN}model-package/iris/2"


def test_what_is_not_there_does_not_exist(grouped: Any) -> None:
    gone = f"ModelPackage {FIRST} does not exist."
    for reference in ("iris/1", FIRST):
        assert refusal(grouped.describe_model_package, ModelPackageName=reference) == ("ValidationException", gone)
        assert refusal(grouped.delete_model_package, ModelPackageName=reference)[1] == gone
    assert refusal(decide, client=grouped, status="Approved")[1] == gone
    assert refusal(register, client=grouped, ModelPackageGroupName="none")[1] == (
        f"ModelPackageGroup {ARN}model-package-group/none does not exist."
    )
    message = refusal(grouped.describe_model_package, ModelPackageName="iris")[1]
    assert message == f"ModelPackage {ARN}model-package/iris does not exist."


def test_approval_moves_between_decisions_and_never_back_to_pending(grouped: Any) -> None:
    register(grouped)
    for status in ("Rejected", "Approved", "Approved", "Rejected"):
        decide(grouped, status, ApprovalDescription=f"I say {status}")
        described = grouped.describe_model_package(ModelPackageName="iris/1")
        assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == (status, f"I say {status}")
    assert described["LastModifiedTime"] >= described["CreationTime"]
    code, message = refusal(decide, client=grouped, status="PendingManualApproval")
    assert code == "ValidationException"
    assert "is Rejected; it cannot become PendingManualApproval again" in message


def test_metadata_is_merged_removed_and_limited(grouped: Any) -> None:
    register(grouped, CustomerMetadataProperties={"a": "1", "b": "1"})
    grouped.update_model_package(
        ModelPackageArn=FIRST,
        CustomerMetadataProperties={"b": "2", "c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    found = grouped.describe_model_package(ModelPackageName=FIRST)["CustomerMetadataProperties"]
    assert found == {"b": "2", "c": "3"}
    many = {f"k{i}": "v" for i in range(49)}
    call = grouped.update_model_package
    message = refusal(call, ModelPackageArn=FIRST, CustomerMetadataProperties=many)[1]
    assert "at most 50 entries; there would be 51" in message
    grouped.update_model_package(ModelPackageArn=FIRST, CustomerMetadataPropertiesToRemove=["b", "c"])
    assert "CustomerMetadataProperties" not in grouped.describe_model_package(ModelPackageName=FIRST)


def test_what_a_version_serves_is_added_but_never_replaced(grouped: Any) -> None:
    grouped.create_model_package(ModelPackageGroupName="iris")
    grouped.update_model_package(ModelPackageArn=FIRST, InferenceSpecification=SERVES)
    assert grouped.describe_model_package(ModelPackageName=FIRST)["InferenceSpecification"] == SERVES
    call = grouped.update_model_package
    message = refusal(call, ModelPackageArn=FIRST, InferenceSpecification=SERVES)[1]
    assert "register a new version instead" in message
    extra = [{"Name": "other", "Containers": SERVES["Containers"]}]
    grouped.update_model_package(ModelPackageArn=FIRST, AdditionalInferenceSpecificationsToAdd=extra)
    assert grouped.describe_model_package(ModelPackageName=FIRST)["AdditionalInferenceSpecifications"] == extra


def test_versions_are_listed_filtered_and_without_metadata(grouped: Any) -> None:
    for _ in range(11):
        register(grouped, CustomerMetadataProperties={"a": "1"})
    decide(grouped, "Approved", f"{ARN}model-package/iris/10")
    query = {"ModelPackageGroupName": "iris", "MaxResults": 100}
    listed = grouped.list_model_packages(**query, SortBy="Name", SortOrder="Descending")["ModelPackageSummaryList"]
    assert [p["ModelPackageVersion"] for p in listed] == list(range(11, 0, -1))
    assert set(listed[0]) == {
        "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "CreationTime", "ModelPackageStatus",
        "ModelApprovalStatus",
    }  # fmt: skip
    oldest = grouped.list_model_packages(**query)["ModelPackageSummaryList"][0]
    assert oldest["ModelPackageVersion"] == 1
    approved = grouped.list_model_packages(**query, ModelApprovalStatus="Approved")["ModelPackageSummaryList"]
    assert [p["ModelPackageVersion"] for p in approved] == [10]
    pages = grouped.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=f"{ARN}model-package-group/iris", PaginationConfig={"PageSize": 4}
    )
    assert [p["ModelPackageVersion"] for page in pages for p in page["ModelPackageSummaryList"]] == list(range(1, 12))
    message = refusal(grouped.list_model_packages, ModelPackageGroupName="none")[1]
    assert message == f"ModelPackageGroup {ARN}model-package-group/none does not exist."


def test_packages_without_a_group(grouped: Any) -> None:
    register(grouped)
    arn = grouped.create_model_package(ModelPackageName="lone", InferenceSpecification=SERVES)["ModelPackageArn"]
    assert arn == f"{ARN}model-package/lone"
    described = grouped.describe_model_package(ModelPackageName="lone")
    assert described["ModelPackageName"] == "lone"
    assert "ModelApprovalStatus" not in described
    listed = grouped.list_model_packages()["ModelPackageSummaryList"]
    assert [p["ModelPackageName"] for p in listed] == ["lone"]
    for kind, count in (("Versioned", 1), ("Both", 2)):
        assert len(grouped.list_model_packages(ModelPackageType=kind)["ModelPackageSummaryList"]) == count
    again = refusal(grouped.create_model_package, ModelPackageName="lone")
    assert again == ("ValidationException", f"ModelPackage already exists: {arn}")
    assert "belongs to no model package group" in refusal(decide, client=grouped, status="Approved", arn=arn)[1]
    for both in ({}, {"ModelPackageName": "a", "ModelPackageGroupName": "iris"}):
        assert "either ModelPackageGroupName" in refusal(grouped.create_model_package, **both)[1]
    call = grouped.create_model_package
    message = refusal(call, ModelPackageName="b", ModelApprovalStatus="Approved")[1]
    assert "applies to versions of a model package group only" in message


def test_only_an_approved_version_becomes_a_model_and_the_model_keeps_it(engine: Running, grouped: Any) -> None:
    register(grouped)
    container = {"ModelPackageName": FIRST, "Environment": {"B": "2"}}
    call = grouped.create_model
    for status in ("PendingManualApproval", "Rejected"):
        decide(grouped, status)
        code, message = refusal(call, ModelName="m", PrimaryContainer=container)
        assert code == "ValidationException"
        assert f"its ModelApprovalStatus is {status}, not Approved" in message
    decide(grouped, "Approved")
    grouped.create_model(ModelName="m", Containers=[container])
    assert grouped.describe_model(ModelName="m")["Containers"] == [{**container, "Mode": "SingleModel"}]

    grouped.delete_model_package(ModelPackageName="iris/1")
    make_config(grouped, "c", variant(model="m"))
    grouped.create_endpoint(EndpointName="e", EndpointConfigName="c")
    row = engine.state.endpoint("e")
    assert row is not None
    assert row.target is not None
    served = row.target.variants[0]
    assert (served.image, served.model_data_url) == ("headgate", MODEL_DATA)
    assert served.environment == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"InferenceSpecification": {"Containers": SERVES["Containers"] * 2}}, "several containers is not supported"),
        ({"InferenceSpecification": {"Containers": [{"ModelDataUrl": MODEL_DATA}]}}, "names no Image"),
    ],
)
def test_a_version_that_cannot_run_becomes_no_model(grouped: Any, more: dict[str, Any], says: str) -> None:
    register(grouped, ModelApprovalStatus="Approved", **more)
    message = refusal(grouped.create_model, ModelName="m", PrimaryContainer={"ModelPackageName": "iris/1"})[1]
    assert says in message


def test_a_version_without_a_specification_becomes_no_model(grouped: Any) -> None:
    grouped.create_model_package(ModelPackageGroupName="iris", ModelApprovalStatus="Approved")
    message = refusal(grouped.create_model, ModelName="m", PrimaryContainer={"ModelPackageName": "iris/1"})[1]
    assert "has no InferenceSpecification" in message
    assert make_model(grouped) == f"{ARN}model/model-1"
