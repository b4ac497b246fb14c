"""What the gateway is told of a fleet: clusters, splits and fallbacks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.engine.fleet import Fleet, Variant
from headgate.engine.gateway.values import Cluster, VariantRoute
from headgate.engine.roster import Roster
from headgate.engine.state import Endpoint, Instance, State

FLEET = Fleet("both", (Variant("stable", "one", "i", weight=90), Variant("canary", "two", "i", weight=10)))
ARN = "arn:of:iris"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "engine.db")
    state.put_endpoint(Endpoint("iris", ARN, 1, 1, "InService", active=FLEET))
    for variant in FLEET.variants:
        state.put_instance(Instance(variant.name, "iris", variant.name, variant.kind, "/b", f"unix:/{variant.name}"))
    yield state
    state.close()


def plan(state: State, fleet: Fleet = FLEET) -> tuple[dict[str, Cluster], dict[str, VariantRoute]]:
    clusters, routes = Roster("iris", state).plan(fleet)
    named = {cluster.name: cluster for cluster in clusters}
    assert len(named) == len(clusters)
    assert routes.clusters <= named.keys()
    assert {cluster.variant for cluster in clusters} == {variant.name for variant in fleet.variants}
    return named, {route.variant: route for route in routes.variants}


def test_without_the_tag_nobody_falls_back(state: State) -> None:
    clusters, routes = plan(state)
    assert [cluster.addresses for cluster in clusters.values()] == [("unix:/stable",), ("unix:/canary",)]
    assert not any(cluster.fallback for cluster in clusters.values())
    assert {route.try_seconds for route in routes.values()} == {None}


def test_all_but_the_stable_variant_fall_back_to_it(state: State) -> None:
    before = plan(state)[1]
    state.put_tags(ARN, {"headgate:fallback": "stable", "headgate:try-seconds": "0.5"})
    clusters, routes = plan(state)
    assert routes["stable"] == before["stable"]
    canary = routes["canary"]
    assert (canary.weight, canary.try_seconds, canary.named_cluster) == (10, 0.5, before["canary"].cluster)
    both = clusters[canary.cluster]
    assert (both.addresses, both.fallback, both.fallback_variant) == (("unix:/canary",), ("unix:/stable",), "stable")
    assert not clusters[canary.named_cluster].fallback


def test_another_stable_fleet_is_another_cluster(state: State) -> None:
    state.put_tags(ARN, {"headgate:fallback": "stable"})
    before = plan(state)[1]["canary"]
    state.put_instance(Instance("more", "iris", "stable", FLEET.variants[0].kind, "/b", "unix:/more"))
    clusters, routes = plan(state, FLEET.with_weights({}, {"stable": 2}))
    canary = routes["canary"]
    assert clusters[canary.cluster].fallback == ("unix:/stable", "unix:/more")
    assert canary.cluster != before.cluster
    assert canary.named_cluster == before.named_cluster


@pytest.mark.parametrize("name", ["", "nobody", "Stable"])
def test_a_fallback_that_is_no_variant_is_none(state: State, name: str) -> None:
    state.put_tags(ARN, {"headgate:fallback": name})
    assert plan(state)[1]["canary"].try_seconds is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 10), ("3", 3), ("x", 10), ("0", 10), ("-1", 10), ("nan", 10), ("inf", 10), ("1e-9", 1e-9)],
)
def test_seconds_that_cannot_be_waited_are_the_default(state: State, text: str, seconds: float) -> None:
    state.put_tags(ARN, {"headgate:fallback": "stable", "headgate:try-seconds": text})
    assert plan(state)[1]["canary"].try_seconds == seconds


def test_its_own_path_is_what_the_tag_says(state: State) -> None:
    roster = Roster("iris", state)
    assert (roster.route, roster.plan(FLEET)[1].route) == ("", "")
    state.put_tags(ARN, {"headgate:route": "/predict-iris"})
    assert (roster.route, roster.plan(FLEET)[1].route) == ("/predict-iris", "/predict-iris")
