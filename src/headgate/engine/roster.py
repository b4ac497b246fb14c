"""Who serves what: which instances belong to which variant of an endpoint, and what the gateway is told of them.

An instance belongs to every variant of its kind, be it of the fleet in force or of the new one: a change that keeps a
variant keeps its processes. Where there are more than a fleet wants, the oldest serve it.

Three tags of the endpoint say more. `headgate:route` is a path of its own at the gateway, which no other endpoint has
(`api.tags` sees to it). The other two say what becomes of requests that a variant fails to answer. `headgate:fallback`
is the name of a variant: it is asked instead of any other one that fails, by a cluster that has the servers of both.
Without the tag, or where no variant has that name, callers see the failure. `headgate:try-seconds` says how long the
failing one is waited for.
"""

import math
from dataclasses import replace

from headgate.core.digest import digest_json
from headgate.engine.fleet import Fleet, Variant
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from headgate.engine.state import Instance, State

ROUTE = "headgate:route"
FALLBACK = "headgate:fallback"
TRY_SECONDS = "headgate:try-seconds"
DEFAULT_TRY_SECONDS = 10.0


class Roster:
    """The instances of one endpoint, as the database has them."""

    def __init__(self, endpoint: str, state: State) -> None:
        self.endpoint = endpoint
        self._state = state

    def of(self, variant: Variant) -> list[Instance]:
        """The instances that serve a variant, oldest first; fewer than it wants while some are missing."""
        mine = [i for i in self._state.instances(self.endpoint) if i.kind == variant.kind and i.state == "wanted"]
        return mine[: variant.instance_count]

    def serving(self, fleet: Fleet | None) -> list[Instance]:
        """The instances of all variants of a fleet."""
        return [] if fleet is None else [instance for variant in fleet.variants for instance in self.of(variant)]

    @property
    def route(self) -> str:
        """Its own path at the gateway, or empty."""
        return self._state.endpoint_tags(self.endpoint).get(ROUTE, "")

    def plan(self, fleet: Fleet) -> tuple[list[Cluster], EndpointRoutes]:
        """The clusters and routes of a fleet. Another set of instances is a cluster of another name."""
        tags = self._state.endpoint_tags(self.endpoint)
        own = {variant.name: self._cluster(variant) for variant in fleet.variants}
        fallback = own.get(tags.get(FALLBACK, ""))
        clusters, routes = list(own.values()), []
        for variant in fleet.variants:
            cluster = own[variant.name]
            route = VariantRoute(variant.name, cluster.name, variant.weight)
            if fallback is not None and fallback is not cluster:
                both = self._with_fallback(cluster, fallback)
                clusters.append(both)
                route = replace(
                    route,
                    cluster=both.name,
                    named_cluster=cluster.name,
                    try_seconds=_seconds(tags.get(TRY_SECONDS, "")),
                )
            routes.append(route)
        return clusters, EndpointRoutes(self.endpoint, tuple(routes), tags.get(ROUTE, ""))

    def _cluster(self, variant: Variant) -> Cluster:
        addresses = tuple(instance.address for instance in self.of(variant))
        return Cluster(f"{self.endpoint}/{variant.name}/{digest_json(sorted(addresses))[:8]}", addresses)

    def _with_fallback(self, cluster: Cluster, fallback: Cluster) -> Cluster:
        digest = digest_json([cluster.name, fallback.name])[:8]
        name = f"{self.endpoint}/{cluster.variant}/{digest}"
        return Cluster(name, cluster.addresses, fallback.addresses, fallback.variant)

    def draining(self) -> list[Instance]:
        """The instances that nobody wants any more."""
        return [i for i in self._state.instances(self.endpoint) if i.state == "draining"]

    def drain_all_but(self, wanted: set[str]) -> None:
        """Let all instances but these (ids) drain."""
        for instance in self._state.instances(self.endpoint):
            if instance.id not in wanted and instance.state != "draining":
                self._state.put_instance(replace(instance, state="draining"))


def _seconds(text: str) -> float:
    """A tag's seconds; the default where it has none that can be waited for."""
    try:
        seconds = float(text)
    except ValueError:
        return DEFAULT_TRY_SECONDS
    return seconds if math.isfinite(seconds) and seconds > 0 else DEFAULT_TRY_SECONDS
