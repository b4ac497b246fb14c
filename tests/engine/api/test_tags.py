from typing import Any

import pytest

from tests.engine.api.running import ARN, Running, refusal

pytestmark = pytest.mark.slow

KINDS = {
    "model/model-1": "Could not find model",
    "endpoint-config/config-1": "Could not find endpoint configuration",
    "endpoint/iris": "Could not find endpoint",
    "model-package-group/group": "does not exist",
    "model-package/group/1": "does not exist",
}
PROJECT = {"Key": "headgate:project", "Value": "iris é"}


@pytest.fixture
def everything(engine: Running, stocked: Any) -> Any:
    engine.deploy(stocked, "Iris")
    stocked.create_model_package_group(ModelPackageGroupName="group")
    stocked.create_model_package(ModelPackageGroupName="group")
    return stocked


def tags_of(client: Any, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn, MaxResults=50)["Tags"]}


@pytest.mark.parametrize("resource", KINDS)
def test_every_kind_has_tags(everything: Any, resource: str) -> None:
    arn = ARN + resource
    assert tags_of(everything, arn) == {}
    answer = everything.add_tags(ResourceArn=arn, Tags=[PROJECT, {"Key": "run", "Value": ""}])
    assert len(answer["Tags"]) == 2
    assert everything.add_tags(ResourceArn=arn, Tags=[{"Key": "run", "Value": "7"}])["Tags"] == [
        PROJECT, {"Key": "run", "Value": "7"},
    ]  # fmt: skip
    everything.delete_tags(ResourceArn=arn, TagKeys=["run", "absent"])
    assert tags_of(everything, arn) == {PROJECT["Key"]: PROJECT["Value"]}


@pytest.mark.parametrize(("resource", "says"), KINDS.items())
def test_what_is_not_there_has_no_tags(client: Any, resource: str, says: str) -> None:
    for call, more in (
        (client.list_tags, {}),
        (client.add_tags, {"Tags": [PROJECT]}),
        (client.delete_tags, {"TagKeys": ["a"]}),
    ):
        code, message = refusal(call, ResourceArn=ARN + resource, **more)
        assert code == "ValidationException"
        assert says in message


def test_arns_of_kinds_that_are_not_hosted_are_answered(client: Any) -> None:
    schedule = f"{ARN}monitoring-schedule/hourly"
    assert tags_of(client, schedule) == {}
    client.add_tags(ResourceArn=schedule, Tags=[PROJECT])
    assert tags_of(client, schedule) == {PROJECT["Key"]: PROJECT["Value"]}


def test_another_account_s_resources_are_not_here(everything: Any) -> None:
    foreign = f"{ARN}model/model-1".replace("000000000000", "111111111111")
    assert refusal(everything.list_tags, ResourceArn=foreign)[1] == f'Could not find model "{foreign}".'


def test_tags_given_at_creation_are_stored(stocked: Any) -> None:
    stocked.create_endpoint(EndpointName="iris", EndpointConfigName="config-1", Tags=[PROJECT])
    stocked.create_model_package_group(ModelPackageGroupName="group", Tags=[PROJECT])
    stocked.create_model_package(ModelPackageGroupName="group", Tags=[])
    for resource in ("endpoint/iris", "model-package-group/group"):
        assert tags_of(stocked, ARN + resource) == {PROJECT["Key"]: PROJECT["Value"]}


def test_a_resource_has_fifty_tags_at_most(stocked: Any) -> None:
    arn = f"{ARN}model/model-1"
    stocked.add_tags(ResourceArn=arn, Tags=[{"Key": f"k{i}", "Value": "v"} for i in range(50)])
    assert len(tags_of(stocked, arn)) == 50
    stocked.add_tags(ResourceArn=arn, Tags=[{"Key": "k0", "Value": "w"}])
    code, message = refusal(stocked.add_tags, ResourceArn=arn, Tags=[PROJECT])
    assert (code, message) == ("ValidationException", f"A resource has at most 50 tags; {arn} would have 51.")
    assert len(tags_of(stocked, arn)) == 50


def test_doubtful_tags_are_refused_and_nothing_is_created(client: Any) -> None:
    container = {"Image": "headgate"}
    for tags, says in (
        ([PROJECT, PROJECT], "Duplicate tag keys"),
        ([{"Key": "aws:x", "Value": "1"}], "reserved"),
        ([{"Key": "a{}", "Value": "1"}], "regular expression pattern"),
    ):
        assert says in refusal(client.create_model, ModelName="m", PrimaryContainer=container, Tags=tags)[1]
    assert client.list_models()["Models"] == []


def test_there_is_no_second_page_of_tags(stocked: Any) -> None:
    message = refusal(stocked.list_tags, ResourceArn=f"{ARN}model/model-1", NextToken="x")[1]
    assert "Invalid NextToken" in message
    assert (
        "greater than or equal to 50" in refusal(stocked.list_tags, ResourceArn=f"{ARN}model/model-1", MaxResults=10)[1]
    )


def test_whoever_looks_after_an_endpoint_is_woken_when_its_tags_change(engine: Running, everything: Any) -> None:
    engine.woken.clear()
    everything.add_tags(ResourceArn=f"{ARN}endpoint/iris", Tags=[PROJECT])
    everything.delete_tags(ResourceArn=f"{ARN}endpoint/iris", TagKeys=[PROJECT["Key"]])
    everything.add_tags(ResourceArn=f"{ARN}model/model-1", Tags=[PROJECT])
    everything.add_tags(ResourceArn=f"{ARN}endpoint/iris", Tags=[{"Key": "theirs", "Value": "1"}])
    everything.list_tags(ResourceArn=f"{ARN}endpoint/iris")
    assert engine.woken == ["Iris", "Iris"]


ROUTE = {"Key": "headgate:route", "Value": "/predict-iris"}


def test_a_route_belongs_to_one_endpoint_until_it_is_given_up(engine: Running, everything: Any) -> None:
    iris, tulips = f"{ARN}endpoint/iris", f"{ARN}endpoint/tulips"
    everything.add_tags(ResourceArn=iris, Tags=[ROUTE])
    everything.add_tags(ResourceArn=iris, Tags=[ROUTE])
    taken = ("ValidationException", 'Route "/predict-iris" belongs to endpoint "Iris". Take the tag headgate:route off')
    refused = refusal(
        everything.create_endpoint, EndpointName="tulips", EndpointConfigName="config-1", Tags=[PROJECT, ROUTE]
    )
    assert (refused[0], refused[1][: len(taken[1])]) == taken
    assert [e["EndpointName"] for e in everything.list_endpoints()["Endpoints"]] == ["Iris"]
    engine.deploy(everything, "tulips")
    assert refusal(everything.add_tags, ResourceArn=tulips, Tags=[PROJECT, ROUTE])[1] == refused[1]
    assert tags_of(everything, tulips) == {}
    everything.delete_tags(ResourceArn=iris, TagKeys=[ROUTE["Key"]])
    everything.add_tags(ResourceArn=tulips, Tags=[ROUTE])
    everything.delete_endpoint(EndpointName="tulips")
    assert "tulips" in refusal(everything.add_tags, ResourceArn=iris, Tags=[ROUTE])[1]  # until it is gone
    engine.reconcile("tulips")
    everything.add_tags(ResourceArn=iris, Tags=[ROUTE])


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ("/ping", "is reserved: /ping has a meaning of its own at the gateway."),
        ("/invocations", "is reserved"),
        ("/endpoints/iris/invocations", "is reserved"),
        ("predict-iris", "should begin with /"),
        ("/Predict", "small letters"),
        ("/a/b/c/d/e", "one to four parts"),
        ("/a//b", "should begin"),
        ("/a b", "should begin"),
        ("/" + "a" * 100, "at most 100 characters"),
        ("", "should begin with /"),
    ],
)
def test_what_cannot_be_a_route_is_refused(everything: Any, route: str, says: str) -> None:
    code, message = refusal(
        everything.add_tags, ResourceArn=f"{ARN}endpoint/iris", Tags=[{"Key": "headgate:route", "Value": route}]
    )
    assert code == "ValidationException"
    assert message.startswith(f'Route "{route}" of the tag headgate:route ')
    assert says in message


def test_a_route_means_something_at_endpoints_alone(everything: Any) -> None:
    for resource in ("model/model-1", "monitoring-schedule/hourly"):
        everything.add_tags(ResourceArn=ARN + resource, Tags=[ROUTE])
    everything.add_tags(ResourceArn=f"{ARN}endpoint/iris", Tags=[ROUTE])
