"""One version behind one endpoint: planned, carried out, undone by the engine, cut short and taken up again."""

import threading
from dataclasses import replace

import pytest

from headgate.core.endpoints import EndpointState
from headgate.core.progress import silent
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound, Refused, Unavailable
from headgate.hosting.deployment import Deployment, Place, carry_out, of, owned_by, plan
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from tests.hosting.conftest import Control

pytestmark = pytest.mark.slow

PLACE = Place("iris", "production", "ml.m5.large", 2)


def approved(control: Control, digest: str) -> ModelVersion:
    registry = Registry(control.connection)
    registry.ensure_project("iris")
    version = registry.register(
        "iris",
        digest=digest,
        image="headgate-serving:1",
        model_data_url=f"s3://headgate-local/iris/{digest}/model.tar.gz",
        environment={"A": "b"},
        metadata={},
    )
    return registry.set_status(version, "Approved", "")


def deploy(control: Control, version: ModelVersion) -> tuple[Deployment, EndpointState]:
    endpoints = Endpoints(control.connection)
    planned = plan(endpoints, version, PLACE)
    return planned, carry_out(endpoints, planned, silent)


def test_the_first_deployment_creates_the_endpoint(control: Control) -> None:
    planned, state = deploy(control, approved(control, "aa"))
    assert planned.change == "create"
    assert (state.name, state.status, state.config_name) == ("iris-production", "InService", planned.config)
    [variant] = state.variants
    assert (variant.name, variant.weight, variant.desired_instances) == ("stable", 1.0, 2)
    row = control.state.endpoint("iris-production")
    assert row is not None
    assert row.active is not None
    assert row.active.variants[0].environment == {
        "A": "b", "HEADGATE_ENDPOINT": "iris-production", "HEADGATE_VARIANT": "stable",
    }  # fmt: skip
    tags = Endpoints(control.connection).tags(state.arn)
    assert tags == {"headgate:project": "iris", "headgate:environment": "production", "headgate:version": "1"}


def test_a_place_tells_its_model_servers_more(control: Control) -> None:
    version = approved(control, "aa")
    place = replace(PLACE, variables={"HEADGATE_CAPTURE": "/somewhere", "HEADGATE_VARIANT": "stable too"})
    plain, more = of(version, PLACE, "canary"), of(version, place, "canary")
    assert more.container_environment == {**plain.container_environment, "HEADGATE_CAPTURE": "/somewhere"}
    assert more.container_environment["HEADGATE_VARIANT"] == "canary"
    assert more.config != plain.config


def test_everything_that_a_release_makes_has_the_environments_tags(control: Control) -> None:
    version, place = approved(control, "aa"), replace(PLACE, tags={"owner": "ml-team", "cost-center": "17"})
    assert of(version, place).config == of(version, PLACE).config, "a tag changes nothing that answers"
    endpoints, marks = Endpoints(control.connection), {"headgate:project": "iris", "headgate:environment": "production"}
    planned, state = deploy(control, version)
    assert tags_of(control, planned) == [marks, marks]
    again = carry_out(endpoints, plan(endpoints, version, place), silent)
    assert again.config_name == state.config_name
    assert endpoints.tags(state.arn) == {**place.tags, **marks, "headgate:version": "1"}, "an endpoint that is there"
    newer = plan(endpoints, approved(control, "bb"), place)
    carry_out(endpoints, newer, silent)
    assert tags_of(control, newer) == [{**place.tags, **marks}, {**place.tags, **marks}]


def tags_of(control: Control, planned: Deployment) -> list[dict[str, str]]:
    """The tags of its model and config."""
    sagemaker, endpoints = control.connection.control, Endpoints(control.connection)
    model = sagemaker.describe_model(ModelName=planned.model)["ModelArn"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=planned.config)["EndpointConfigArn"]
    return [endpoints.tags(model), endpoints.tags(config)]


def test_the_next_one_moves_it_and_records_the_config_before(control: Control) -> None:
    first, _ = deploy(control, approved(control, "aa"))
    second, state = deploy(control, approved(control, "bb"))
    assert second.change == "update"
    assert state.config_name == second.config != first.config
    tags = Endpoints(control.connection).tags(state.arn)
    assert tags["headgate:last-good"] == first.config
    assert tags["headgate:version"] == "2"


def test_what_runs_already_is_left_alone(control: Control) -> None:
    version = approved(control, "aa")
    deploy(control, version)
    before = control.state.endpoint("iris-production")
    again, _ = deploy(control, version)
    assert again.change == "none"
    assert again.steps == ()
    assert control.state.endpoint("iris-production") == before


def test_planning_changes_nothing(control: Control) -> None:
    planned = plan(Endpoints(control.connection), approved(control, "aa"), PLACE)
    assert len(planned.steps) == 4
    assert control.state.endpoints() == []
    assert control.state.resources("model") == []


def test_a_version_that_nobody_approved_is_refused(control: Control) -> None:
    version = approved(control, "aa")
    rejected = Registry(control.connection).set_status(version, "Rejected", "no")
    with pytest.raises(Refused, match="Version 1 of iris is Rejected"):
        plan(Endpoints(control.connection), rejected, PLACE)


def test_in_service_on_the_old_config_is_not_success(control: Control) -> None:
    first, _ = deploy(control, approved(control, "aa"))
    control.settler.fails_because = "The model server ended with exit code 1."
    with pytest.raises(Refused, match="went back to") as caught:
        deploy(control, approved(control, "bb"))
    assert "exit code 1" in caught.value.message
    endpoints = Endpoints(control.connection)
    state = endpoints.describe("iris-production")
    assert (state.status, state.config_name) == ("InService", first.config)
    assert endpoints.tags(state.arn)["headgate:version"] == "1"


def test_an_endpoint_that_failed_to_start_is_made_anew(control: Control) -> None:
    control.settler.fails_because = "No such image."
    with pytest.raises(Unavailable, match=r"iris-production is Failed: No such image\."):
        deploy(control, approved(control, "aa"))
    control.settler.fails_because = ""
    planned, state = deploy(control, approved(control, "bb"))
    assert planned.change == "replace"
    assert state.status == "InService"


def test_a_deployment_cut_short_is_taken_up_again(control: Control) -> None:
    version = approved(control, "aa")
    endpoints = Endpoints(control.connection)
    planned = plan(endpoints, version, PLACE)
    endpoints.create_model(planned.model, version, planned.container_environment, {})
    again, state = deploy(control, version)
    assert again == planned
    assert state.status == "InService"


def test_waiting_goes_on_until_the_change_is_over(control: Control) -> None:
    control.settler.holds = True
    steps: list[str] = []
    waiting = threading.Event()

    def progress(step: str, _fraction: float | None, /) -> None:
        steps.append(step)
        if step == "Creating":
            waiting.set()

    endpoints = Endpoints(control.connection)
    planned = plan(endpoints, approved(control, "aa"), PLACE)

    def release_when_waiting() -> None:
        waiting.wait(20)
        control.settler.settle("iris-production")

    release = threading.Thread(target=release_when_waiting)
    release.start()
    state = carry_out(endpoints, planned, progress)
    release.join()
    assert state.status == "InService"
    assert "Creating" in steps


def test_waiting_ends_when_the_time_is_up(control: Control) -> None:
    control.settler.holds = True
    endpoints = Endpoints(control.connection)
    planned = plan(endpoints, approved(control, "aa"), PLACE)
    with pytest.raises(Unavailable, match="did not settle within"):
        carry_out(endpoints, planned, silent, seconds=0.3)


def test_a_busy_endpoint_is_refused(control: Control) -> None:
    deploy(control, approved(control, "aa"))
    control.settler.holds = True
    version = approved(control, "bb")
    endpoints = Endpoints(control.connection)
    planned = plan(endpoints, version, PLACE)
    with pytest.raises(Unavailable):
        carry_out(endpoints, planned, silent, seconds=0)
    with pytest.raises(Refused, match="is Updating"):
        plan(endpoints, version, PLACE)
    with pytest.raises(Refused):
        endpoints.delete("iris-production")


def test_an_endpoint_of_somebody_else_is_left_alone(control: Control) -> None:
    planned, _ = deploy(control, approved(control, "aa"))
    endpoints = Endpoints(control.connection)
    endpoints.create("wine-production", planned.config, {"headgate:project": "wine"})
    endpoints.create("iris-staging", planned.config, {})
    with pytest.raises(Refused, match="somebody else"):
        plan(endpoints, approved(control, "bb"), Place("iris", "staging", "ml.m5.large", 1))
    assert [state.name for state in owned_by(endpoints, "iris")] == ["iris-production"]
    assert [state.name for state in endpoints.list()] == ["iris-production", "iris-staging", "wine-production"]


def test_long_names_stay_within_the_limit(control: Control) -> None:
    place = Place("a" * 32, "b" * 20, "ml.m5.large", 1)
    planned = plan(Endpoints(control.connection), approved(control, "aa"), place)
    assert len(planned.config) <= 63
    assert carry_out(Endpoints(control.connection), planned, silent).status == "InService"


def test_deleting_waits_until_it_is_gone(control: Control) -> None:
    deploy(control, approved(control, "aa"))
    endpoints = Endpoints(control.connection)
    endpoints.delete("iris-production")
    endpoints.wait_gone("iris-production", silent)
    assert endpoints.find("iris-production") is None
    with pytest.raises(NotFound):
        endpoints.describe("iris-production")
