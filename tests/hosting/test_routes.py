"""The project's own path: claimed once, kept, given up, changed, and planned as it is carried out."""

from dataclasses import replace

import pytest

from headgate.core.endpoints import EndpointState
from headgate.core.progress import silent
from headgate.hosting.deployment import Deployment, Place, carry_out, plan
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from headgate.hosting.routes import claim_route, route_owner
from tests.hosting.conftest import Control
from tests.hosting.test_deployment import approved

pytestmark = pytest.mark.slow

PRODUCTION = Place("iris", "production", "ml.m5.large", 1, route="/predict-iris")
STAGING = replace(PRODUCTION, environment="staging")


def deploy(control: Control, place: Place) -> tuple[Deployment, EndpointState]:
    endpoints = Endpoints(control.connection)
    version = Registry(control.connection).newest_approved("iris") or approved(control, "aa")
    planned = plan(endpoints, version, place)
    return planned, carry_out(endpoints, planned, silent)


def route(control: Control, place: Place) -> str | None:
    endpoints = Endpoints(control.connection)
    return endpoints.tags(endpoints.describe(place.endpoint).arn).get("headgate:route")


def test_the_first_to_claim_a_path_keeps_it(control: Control) -> None:
    first, _ = deploy(control, STAGING)
    assert first.steps[-1] == "serve POST /predict-iris by iris-staging as well"
    second, _ = deploy(control, PRODUCTION)
    assert second.route_owner == "iris-staging"
    assert "wait until iris-production is InService" in second.steps[-1]
    assert (route(control, STAGING), route(control, PRODUCTION)) == ("/predict-iris", None)
    assert deploy(control, STAGING)[0].steps == ()
    assert route_owner(Endpoints(control.connection), "/predict-iris") == "iris-staging"


def test_a_path_is_free_once_it_was_given_up(control: Control) -> None:
    deploy(control, STAGING)
    deploy(control, PRODUCTION)
    endpoints = Endpoints(control.connection)
    endpoints.untag(endpoints.describe("iris-staging").arn, ["headgate:route"])
    planned, state = deploy(control, PRODUCTION)
    assert (planned.change, planned.steps) == ("none", ("serve POST /predict-iris by iris-production as well",))
    assert route(control, PRODUCTION) == "/predict-iris"
    assert claim_route(endpoints, state, "/predict-iris") == "iris-production"


def test_a_path_changes_and_goes_with_headgate_yaml(control: Control) -> None:
    deploy(control, PRODUCTION)
    planned, _ = deploy(control, replace(PRODUCTION, route="/score"))
    assert planned.steps == ("serve POST /score by iris-production as well, no longer /predict-iris",)
    assert route(control, PRODUCTION) == "/score"
    planned, _ = deploy(control, replace(PRODUCTION, route=""))
    assert planned.steps == ("take POST /score off iris-production",)
    assert route(control, PRODUCTION) is None


def test_who_wants_another_s_path_loses_its_own(control: Control) -> None:
    """It is not what headgate.yaml says any more."""
    deploy(control, replace(PRODUCTION, route="/score"))
    deploy(control, STAGING)
    planned, _ = deploy(control, PRODUCTION)
    assert planned.steps == ("take POST /score off iris-production",)
    assert (route(control, STAGING), route(control, PRODUCTION)) == ("/predict-iris", None)
