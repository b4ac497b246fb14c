"""Who serves what: which instances belong to which variant of an endpoint, and what the gateway is told of them.

An instance belongs to every variant of its kind, be it of the fleet in force or of the new one: a change that keeps a
variant keeps its processes. Where there are more than a fleet wants, the oldest serve it.
"""

from dataclasses import replace

from headgate.core.digest import digest_json
from headgate.engine.fleet import Fleet, Variant
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from headgate.engine.state import Instance, State


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

    def plan(self, fleet: Fleet) -> tuple[list[Cluster], EndpointRoutes]:
        """The clusters and routes of a fleet. Another set of instances is a cluster of another name."""
        clusters, routes = [], []
        for variant in fleet.variants:
            addresses = tuple(instance.address for instance in self.of(variant))
            cluster = Cluster(f"{self.endpoint}/{variant.name}/{digest_json(sorted(addresses))[:8]}", addresses)
            clusters.append(cluster)
            routes.append(VariantRoute(variant.name, cluster.name, variant.weight))
        return clusters, EndpointRoutes(self.endpoint, tuple(routes))

    def draining(self) -> list[Instance]:
        """The instances that nobody wants any more."""
        return [i for i in self._state.instances(self.endpoint) if i.state == "draining"]

    def drain_all_but(self, wanted: set[str]) -> None:
        """Let all instances but these (ids) drain."""
        for instance in self._state.instances(self.endpoint):
            if instance.id not in wanted and instance.state != "draining":
                self._state.put_instance(replace(instance, state="draining"))
