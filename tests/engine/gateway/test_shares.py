"""Weights as whole parts of a constant total, and what is written read back. Pure."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.gateway.clusters import read_clusters, render_clusters
from headgate.engine.gateway.routes import TOTAL, read_routes, read_weights, render_routes, shares
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from headgate.errors import InvalidInput
from tests.engine.gateway.conftest import place

WEIGHTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=10).filter(lambda weights: sum(weights) > 1e-6)


@given(WEIGHTS)
def test_shares_make_up_the_total_and_are_never_off_by_one(weights: list[float]) -> None:
    parts = shares(weights)
    assert sum(parts) == TOTAL
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - weight / sum(weights) * TOTAL) < 1
        assert part == 0 or weight > 0


@pytest.mark.parametrize("weights", [[0.0], [0.0, 0.0], [2.0, -1.0]])
def test_weights_that_leave_no_variant_are_refused(weights: list[float]) -> None:
    with pytest.raises(InvalidInput, match="leave no variant"):
        shares(weights)


@given(WEIGHTS)
def test_routes_are_read_back_as_they_were_given(weights: list[float]) -> None:
    fallbacks: list[tuple[float | None, str]] = [(None, ""), (0.5, "own"), (10.0, "other")]
    variants = tuple(VariantRoute(f"v{i}", f"c{i}", w, *fallbacks[i % 3]) for i, w in enumerate(weights))
    routes = EndpointRoutes("iris", variants)
    resources = json.loads(json.dumps(render_routes([routes], place())))
    assert read_routes(resources) == {"iris": routes}
    assert sum(read_weights(resources[0], "iris").values()) == TOTAL
    assert read_weights(resources[0], "other") == {}


def test_the_canary_stands_first_so_that_it_keeps_its_callers() -> None:
    variants = (VariantRoute("stable", "a", 90), VariantRoute("canary", "b", 10))
    (config,) = render_routes([EndpointRoutes("iris", variants)], place())
    assert list(read_weights(config, "iris").items()) == [("canary", 100_000), ("stable", 900_000)]


def test_clusters_are_read_back_as_they_were_given() -> None:
    clusters = [Cluster("a", ("unix:/tmp/a", "127.0.0.1:8080")), Cluster("b", ("127.0.0.1:1",))]
    clusters.append(Cluster("c", ("unix:/c", "unix:/d"), ("unix:/e", "127.0.0.1:2"), "stable"))
    assert read_clusters(json.loads(json.dumps(render_clusters(reversed(clusters))))) == clusters


def test_only_a_cluster_of_several_is_checked_by_envoy() -> None:
    one, two, fallback = render_clusters(
        [
            Cluster("a", ("unix:/a",)),
            Cluster("b", ("unix:/b", "unix:/c")),
            Cluster("c", ("unix:/d",), ("unix:/e",), "s"),
        ]
    )
    assert not one["health_checks"]
    assert two["health_checks"]
    assert fallback["health_checks"]


@pytest.mark.parametrize("address", ["/tmp/a", "localhost", "127.0.0.1:x", ":80"])
def test_an_address_in_another_spelling_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="is no address"):
        render_clusters([Cluster("a", (address,))])
