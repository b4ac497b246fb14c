from typing import Any

import pytest

from tests.engine.api.running import ARN, refusal

pytestmark = pytest.mark.slow

GROUP = f"{ARN}model-package-group/Iris"


def make_group(client: Any, name: str = "Iris", **more: Any) -> str:
    made = client.create_model_package_group(ModelPackageGroupName=name, **more)
    return str(made["ModelPackageGroupArn"])


def test_a_group_is_completed_at_once_and_found_by_name_and_arn(client: Any) -> None:
    assert make_group(client, ModelPackageGroupDescription="Blüten, ja!") == GROUP
    for reference in ("Iris", GROUP):
        described = client.describe_model_package_group(ModelPackageGroupName=reference)
        assert {k: v for k, v in described.items() if k not in ("CreationTime", "ResponseMetadata")} == {
            "ModelPackageGroupName": "Iris",
            "ModelPackageGroupArn": GROUP,
            "ModelPackageGroupDescription": "Blüten, ja!",
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }


def test_a_group_is_made_once(client: Any) -> None:
    make_group(client)
    assert refusal(make_group, client=client, name="iris") == (
        "ValidationException",
        f"ModelPackageGroup already exists: {GROUP}",
    )


def test_a_missing_group_does_not_exist(client: Any) -> None:
    gone = ("ValidationException", f"ModelPackageGroup {GROUP} does not exist.")
    for reference in ("Iris", GROUP):
        assert refusal(client.describe_model_package_group, ModelPackageGroupName=reference) == gone
        assert refusal(client.delete_model_package_group, ModelPackageGroupName=reference) == gone
    elsewhere = GROUP.replace("us-east-1", "eu-west-1")
    message = refusal(client.describe_model_package_group, ModelPackageGroupName=elsewhere)[1]
    assert message == f"ModelPackageGroup {elsewhere} does not exist."


def test_only_an_empty_group_is_deleted(client: Any) -> None:
    make_group(client)
    client.create_model_package(ModelPackageGroupName="Iris")
    code, message = refusal(client.delete_model_package_group, ModelPackageGroupName="Iris")
    assert code == "ConflictException"
    assert "contains model packages; delete them first" in message
    client.delete_model_package(ModelPackageName="Iris/1")
    client.delete_model_package_group(ModelPackageGroupName="Iris")
    assert "does not exist" in refusal(client.describe_model_package_group, ModelPackageGroupName="Iris")[1]


def test_groups_are_listed_oldest_first(client: Any) -> None:
    for name in ("b", "a", "other-c"):
        make_group(client, name)
    found = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [g["ModelPackageGroupName"] for g in found] == ["b", "a", "other-c"]
    assert set(found[0]) == {
        "ModelPackageGroupName", "ModelPackageGroupArn", "CreationTime", "ModelPackageGroupStatus",
    }  # fmt: skip
    found = client.list_model_package_groups(SortBy="Name", NameContains="other")["ModelPackageGroupSummaryList"]
    assert [g["ModelPackageGroupName"] for g in found] == ["other-c"]
    shared = client.list_model_package_groups(CrossAccountFilterOption="CrossAccount")
    assert shared["ModelPackageGroupSummaryList"] == []
