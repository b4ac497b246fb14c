from dataclasses import replace
from typing import Any

import pytest

from headgate.engine.state import Endpoint
from tests.engine.api.running import ARN, MODEL_DATA, Running, make_config, make_model, refusal, variant

pytestmark = pytest.mark.slow

IRIS = f"{ARN}endpoint/iris"
ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }
}


def row_of(engine: Running, name: str = "iris") -> Endpoint:
    row = engine.state.endpoint(name)
    assert row is not None
    return row


@pytest.fixture
def deployed(engine: Running, stocked: Any) -> Any:
    """The client, with endpoint `iris` in service: stable at weight 9, canary at 1; config-2 stands by."""
    make_model(stocked, "model-2")
    two = [variant(InitialVariantWeight=9), variant("canary", "model-2", InitialVariantWeight=1)]
    make_config(stocked, "two", *two)
    make_config(stocked, "config-2", variant(model="model-2", InitialVariantWeight=5, InitialInstanceCount=2))
    engine.deploy(stocked, "iris", "two")
    engine.woken.clear()
    return stocked


def test_a_new_endpoint_is_creating_with_the_fleet_it_wants(engine: Running, stocked: Any) -> None:
    make_config(stocked, "c", variant(ContainerStartupHealthCheckTimeoutInSeconds=60, InitialInstanceCount=2))
    assert stocked.create_endpoint(EndpointName="Iris", EndpointConfigName="c")["EndpointArn"] == IRIS
    assert engine.woken == ["Iris"]
    row = row_of(engine, "Iris")
    assert (row.status, row.active) == ("Creating", None)
    assert row.target is not None
    wanted = row.target.variants[0]
    assert (row.target.config_name, wanted.name, wanted.model_name, wanted.image) == (
        "c", "stable", "model-1", "headgate",
    )  # fmt: skip
    assert (wanted.model_data_url, wanted.environment) == (MODEL_DATA, {"A": "1"})
    assert (wanted.instance_type, wanted.instance_count, wanted.weight, wanted.startup_seconds) == (
        "ml.m5.large", 2, 1.0, 60,
    )  # fmt: skip

    described = stocked.describe_endpoint(EndpointName="Iris")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Creating", "c")
    assert described["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 0


def test_an_endpoint_in_service_shows_what_answers(deployed: Any) -> None:
    described = deployed.describe_endpoint(EndpointName="iris")
    assert described["EndpointArn"] == IRIS
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "two"
    stable, canary = described["ProductionVariants"]
    assert (stable["VariantName"], stable["CurrentWeight"], stable["DesiredWeight"]) == ("stable", 9.0, 9.0)
    assert (canary["CurrentInstanceCount"], canary["DesiredInstanceCount"]) == (1, 1)
    assert canary["DeployedImages"][0]["SpecifiedImage"] == "headgate"
    assert not {"VariantStatus"} & set(stable)
    assert not {"FailureReason", "PendingDeploymentSummary", "LastDeploymentConfig"} & set(described)


def test_a_new_config_is_pending_until_it_is_in_force(engine: Running, deployed: Any) -> None:
    answer = deployed.update_endpoint(EndpointName="iris", EndpointConfigName="config-2", DeploymentConfig=ALL_AT_ONCE)
    assert answer["EndpointArn"] == IRIS
    assert engine.woken == ["iris"]
    updating = deployed.describe_endpoint(EndpointName="iris")
    assert (updating["EndpointStatus"], updating["EndpointConfigName"]) == ("Updating", "two")
    assert [v["DesiredWeight"] for v in updating["ProductionVariants"]] == [9.0, 1.0]
    pending = updating["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "config-2"
    assert pending["ProductionVariants"][0]["DesiredInstanceCount"] == 2

    engine.reconcile("iris")
    done = deployed.describe_endpoint(EndpointName="iris")
    assert (done["EndpointStatus"], done["EndpointConfigName"]) == ("InService", "config-2")
    assert done["LastDeploymentConfig"] == ALL_AT_ONCE
    deployed.update_endpoint(EndpointName="iris", EndpointConfigName="two", RetainDeploymentConfig=True)
    assert deployed.describe_endpoint(EndpointName="iris")["LastDeploymentConfig"] == ALL_AT_ONCE


def test_weights_and_counts_move_alone(engine: Running, deployed: Any) -> None:
    changes = [
        {"VariantName": "canary", "DesiredWeight": 0},
        {"VariantName": "stable", "DesiredInstanceCount": 3},
    ]
    answer = deployed.update_endpoint_weights_and_capacities(EndpointName="iris", DesiredWeightsAndCapacities=changes)
    assert answer["EndpointArn"] == IRIS
    assert engine.woken == ["iris"]
    updating = deployed.describe_endpoint(EndpointName="iris")
    assert "PendingDeploymentSummary" not in updating
    stable, canary = updating["ProductionVariants"]
    assert (canary["CurrentWeight"], canary["DesiredWeight"]) == (1.0, 0.0)
    assert (stable["CurrentInstanceCount"], stable["DesiredInstanceCount"]) == (1, 3)
    assert stable["VariantStatus"][0]["Status"] == "Updating"
    engine.reconcile("iris")
    stable, canary = deployed.describe_endpoint(EndpointName="iris")["ProductionVariants"]
    assert (canary["CurrentWeight"], stable["CurrentInstanceCount"]) == (0.0, 3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([{"VariantName": "shadow", "DesiredWeight": 1}], "shadow do not exist; there are canary, stable"),
        ([{"VariantName": "canary"}], "neither DesiredWeight nor DesiredInstanceCount"),
        ([{"VariantName": "canary", "DesiredInstanceCount": 0}], "must be at least 1"),
        ([{"VariantName": n, "DesiredWeight": 0} for n in ("stable", "canary")], "weights of all variants are zero"),
        ([{"VariantName": "canary", "DesiredWeight": 1}] * 2, "only once"),
        (
            [{"VariantName": "canary", "ServerlessUpdateConfig": {"MaxConcurrency": 1}}],
            "ServerlessUpdateConfig (variant canary) is not supported",
        ),
    ],
)
def test_a_senseless_change_of_weights_is_refused(
    engine: Running, deployed: Any, changes: list[dict[str, Any]], says: str
) -> None:
    code, message = refusal(
        deployed.update_endpoint_weights_and_capacities, EndpointName="iris", DesiredWeightsAndCapacities=changes
    )
    assert code == "ValidationException"
    assert says in message
    assert row_of(engine).status == "InService"
    assert engine.woken == []


@pytest.mark.parametrize(
    ("options", "weight", "count"),
    [
        ({}, 5, 2),
        ({"RetainAllVariantProperties": True}, 9, 1),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
            },
            5,
            1,
        ),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            9,
            2,
        ),
    ],
)
def test_variant_properties_are_retained_as_asked(
    engine: Running, deployed: Any, options: dict[str, Any], weight: float, count: int
) -> None:
    deployed.update_endpoint(EndpointName="iris", EndpointConfigName="config-2", **options)
    target = row_of(engine).target
    assert target is not None
    assert (target.variants[0].weight, target.variants[0].instance_count) == (weight, count)


def test_retained_weights_must_leave_traffic_somewhere(engine: Running, deployed: Any) -> None:
    deployed.update_endpoint_weights_and_capacities(
        EndpointName="iris", DesiredWeightsAndCapacities=[{"VariantName": "stable", "DesiredWeight": 0}]
    )
    engine.reconcile("iris")
    call = deployed.update_endpoint
    message = refusal(call, EndpointName="iris", EndpointConfigName="config-2", RetainAllVariantProperties=True)[1]
    assert "weights of all variants are zero" in message


@pytest.mark.parametrize(
    ("deployment", "says"),
    [
        (
            {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 1}}},
            f"TrafficRoutingConfiguration of Type {kind} is not supported",
        )
        for kind in ("CANARY", "LINEAR")
    ]
    + [
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 1,
                }
            },
            "RollingUpdatePolicy is not supported",
        ),
        ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, "No alarms are watched here"),
    ],
)
def test_a_deployment_that_would_not_be_done_is_refused(
    engine: Running, deployed: Any, deployment: dict[str, Any], says: str
) -> None:
    names = {"EndpointName": "iris", "EndpointConfigName": "config-2"}
    code, message = refusal(deployed.update_endpoint, **names, DeploymentConfig=deployment)
    assert code == "ValidationException"
    assert says in message
    assert (
        says in refusal(deployed.create_endpoint, **(names | {"EndpointName": "new"}), DeploymentConfig=deployment)[1]
    )
    assert engine.woken == []


def test_contradictory_deployment_options_are_refused(deployed: Any) -> None:
    message = refusal(
        deployed.update_endpoint,
        EndpointName="iris",
        EndpointConfigName="config-2",
        DeploymentConfig=ALL_AT_ONCE,
        RetainDeploymentConfig=True,
    )[1]
    assert "not both" in message


def test_a_busy_endpoint_is_not_changed(engine: Running, deployed: Any) -> None:
    weights = [{"VariantName": "canary", "DesiredWeight": 2}]
    deployed.update_endpoint(EndpointName="iris", EndpointConfigName="config-2")
    before = row_of(engine)
    busy = ("ValidationException", f'Cannot update in-progress endpoint "{IRIS}".')
    for status in ("Creating", "Updating", "RollingBack"):
        engine.state.put_endpoint(replace(before, status=status))
        assert refusal(deployed.update_endpoint, EndpointName="iris", EndpointConfigName="two") == busy
        assert (
            refusal(
                deployed.update_endpoint_weights_and_capacities,
                EndpointName="iris",
                DesiredWeightsAndCapacities=weights,
            )
            == busy
        )
        assert refusal(deployed.delete_endpoint, EndpointName="iris") == busy
    assert engine.woken == ["iris"]


def test_an_endpoint_is_deleting_and_then_gone(engine: Running, deployed: Any) -> None:
    deployed.add_tags(ResourceArn=IRIS, Tags=[{"Key": "a", "Value": "1"}])
    deployed.delete_endpoint(EndpointName="iris")
    assert engine.woken == ["iris"]
    deleting = deployed.describe_endpoint(EndpointName="iris")
    assert deleting["EndpointStatus"] == "Deleting"
    assert deleting["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Deleting"
    deployed.delete_endpoint(EndpointName="iris")
    call = deployed.update_endpoint
    assert "Cannot update in-progress" in refusal(call, EndpointName="iris", EndpointConfigName="two")[1]

    engine.reconcile("iris")
    gone = ("ValidationException", f'Could not find endpoint "{IRIS}".')
    assert refusal(deployed.describe_endpoint, EndpointName="iris") == gone
    assert refusal(deployed.delete_endpoint, EndpointName="iris") == gone
    assert refusal(call, EndpointName="iris", EndpointConfigName="two") == gone
    assert engine.state.tags(IRIS) == {}


def test_a_failed_endpoint_says_why_and_can_be_mended_or_deleted(engine: Running, deployed: Any) -> None:
    failed = replace(row_of(engine), status="Failed", failure_reason="The model did not start.")
    engine.state.put_endpoint(failed)
    assert deployed.describe_endpoint(EndpointName="iris")["FailureReason"] == "The model did not start."
    deployed.update_endpoint(EndpointName="iris", EndpointConfigName="config-2")
    assert "FailureReason" not in deployed.describe_endpoint(EndpointName="iris")

    engine.state.put_endpoint(replace(failed, active=None, target=None))
    described = deployed.describe_endpoint(EndpointName="iris")
    assert not {"ProductionVariants", "EndpointConfigName"} & set(described)
    message = refusal(deployed.update_endpoint, EndpointName="iris", EndpointConfigName="two")[1]
    assert message == f'Endpoint "{IRIS}" never came into service; delete it and create it again.'
    deployed.delete_endpoint(EndpointName="iris")
    assert row_of(engine).status == "Deleting"


def test_what_an_endpoint_needs_must_exist(engine: Running, deployed: Any) -> None:
    assert refusal(deployed.create_endpoint, EndpointName="new", EndpointConfigName="none")[1] == (
        f'Could not find endpoint configuration "{ARN}endpoint-config/none".'
    )
    deployed.delete_model(ModelName="model-2")
    for call, name in ((deployed.create_endpoint, "new"), (deployed.update_endpoint, "iris")):
        message = refusal(call, EndpointName=name, EndpointConfigName="config-2")[1]
        assert message == f'Could not find model "{ARN}model/model-2".'
    assert refusal(deployed.create_endpoint, EndpointName="IRIS", EndpointConfigName="config-1") == (
        "ValidationException",
        f'Cannot create already existing endpoint "{IRIS}".',
    )
    assert engine.woken == []


def test_the_waiters_of_stock_clients_end(engine: Running, deployed: Any) -> None:
    deployed.get_waiter("endpoint_in_service").wait(EndpointName="iris")
    deployed.delete_endpoint(EndpointName="iris")
    engine.reconcile("iris")
    deployed.get_waiter("endpoint_deleted").wait(EndpointName="iris")


def test_endpoints_are_listed_by_status(engine: Running, deployed: Any) -> None:
    deployed.create_endpoint(EndpointName="new", EndpointConfigName="config-1")
    everything = deployed.list_endpoints(SortBy="Name", SortOrder="Ascending")["Endpoints"]
    assert [e["EndpointName"] for e in everything] == ["iris", "new"]
    assert set(everything[0]) == {
        "EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus",
    }  # fmt: skip
    creating = deployed.list_endpoints(StatusEquals="Creating")["Endpoints"]
    assert [e["EndpointName"] for e in creating] == ["new"]
    by_status = deployed.list_endpoints(SortBy="Status", SortOrder="Ascending")["Endpoints"]
    assert [e["EndpointStatus"] for e in by_status] == ["Creating", "InService"]
    late = engine.state.endpoint("new")
    assert late is not None
    engine.state.put_endpoint(replace(late, modified=late.modified + 3600))
    found = deployed.list_endpoints(LastModifiedTimeAfter=late.modified + 1800)["Endpoints"]
    assert [e["EndpointName"] for e in found] == ["new"]


def test_a_machine_is_not_asked_for_more_than_it_can_do(deployed: Any) -> None:
    def limit(call: Any, name: str = "iris", **request: Any) -> str:
        code, message = refusal(call, EndpointName=name, **request)
        assert code == "ResourceLimitExceeded"
        return message

    make_config(deployed, "many", variant(InitialInstanceCount=33))
    assert "ask for 33 instances together" in limit(deployed.create_endpoint, "other", EndpointConfigName="many")
    assert "at most 32" in limit(deployed.update_endpoint, EndpointConfigName="many")
    entries = [{"VariantName": "canary", "DesiredInstanceCount": 32}]
    assert "ask for 33" in limit(deployed.update_endpoint_weights_and_capacities, DesiredWeightsAndCapacities=entries)
    entries[0]["DesiredInstanceCount"] = 31
    deployed.update_endpoint_weights_and_capacities(EndpointName="iris", DesiredWeightsAndCapacities=entries)


def test_a_serverless_variant_shows_its_size_and_no_instances(engine: Running, stocked: Any) -> None:
    size = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    make_model(stocked, "model-2")
    for name, model in (("small", "model-1"), ("next", "model-2")):
        make_config(stocked, name, {"VariantName": "stable", "ModelName": model, "ServerlessConfig": size})
    engine.deploy(stocked, "iris", "small")
    (shown,) = stocked.describe_endpoint(EndpointName="iris")["ProductionVariants"]
    assert (shown["CurrentServerlessConfig"], shown["DesiredServerlessConfig"]) == (size, size)
    assert "CurrentInstanceCount" not in shown

    counted = {"VariantName": "stable", "DesiredInstanceCount": 2}
    code, message = refusal(
        stocked.update_endpoint_weights_and_capacities, EndpointName="iris", DesiredWeightsAndCapacities=[counted]
    )
    assert (code, message) == ("ValidationException", "Variant stable is serverless; it has no instances to count.")

    stocked.update_endpoint(EndpointName="iris", EndpointConfigName="next", RetainAllVariantProperties=True)
    pending = stocked.describe_endpoint(EndpointName="iris")["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert pending["DesiredServerlessConfig"] == size
    assert "DesiredInstanceCount" not in pending


def test_a_serverless_endpoint_moves_to_instances_of_its_own(engine: Running, stocked: Any) -> None:
    size = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    make_config(stocked, "small", {"VariantName": "stable", "ModelName": "model-1", "ServerlessConfig": size})
    make_config(stocked, "large", variant(InitialInstanceCount=3))
    engine.deploy(stocked, "iris", "small")
    stocked.update_endpoint(EndpointName="iris", EndpointConfigName="large", RetainAllVariantProperties=True)
    row = row_of(engine)
    assert row.target is not None
    assert row.target.variants[0].instance_count == 3
