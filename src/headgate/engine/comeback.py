"""An endpoint that comes back after everything was stopped: `down --all` and `up`, or a machine that was off.

Its variants do not come back at the same moment. Until another one is back, the first of those with the most weight
takes its traffic: a canary that loads a second longer than the stable variant has not failed, and whoever judges it
must not see failures. One that is not back after PATIENCE_SECONDS gets its traffic all the same: what becomes of that
is its own doing. (A server that dies while the others live on is another matter: `upkeep` replaces it, and until then
its requests fail.)
"""

import time
from collections.abc import Iterable
from dataclasses import replace

from headgate.engine.fleet import Fleet
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from headgate.engine.model_servers import ModelServers
from headgate.engine.roster import Roster

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1


class Comeback:
    """Splits the traffic of one endpoint while it comes back."""

    def __init__(self, roster: Roster, gateway: Gateway, servers: ModelServers) -> None:
        self._roster = roster
        self._gateway = gateway
        self._servers = servers
        self._until: float | None = None
        """Up to when it is waited for those that are missing (monotonic seconds); None before the first look."""

    def begin(self, fleet: Fleet) -> None:
        """Before anything is started: see whether everything is down."""
        if self._until is None:
            alive = any(self._servers.process(instance) for instance in self._roster.serving(fleet))
            self._until = 0.0 if alive else time.monotonic() + PATIENCE_SECONDS

    @property
    def under_way(self) -> bool:
        """Whether some variant is not back yet, and is waited for."""
        return self._until is not None and time.monotonic() < self._until

    def split(self, routes: EndpointRoutes, clusters: Iterable[Cluster]) -> EndpointRoutes:
        """The routes for now: those without the variants that are not back yet."""
        if not self.under_way:
            return routes
        known = {cluster.name: cluster for cluster in clusters}
        first = max(routes.variants, key=lambda route: route.weight)

        def now(route: VariantRoute) -> VariantRoute:
            back = route is first or route.weight == 0 or self._gateway.finds_healthy(known[route.cluster])
            return route if back else replace(route, weight=0.0)

        found = replace(routes, variants=tuple(now(route) for route in routes.variants))
        if found == routes:
            self._until = 0.0
        return found
