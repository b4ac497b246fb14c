"""Drain and dispose: clusters that no route leads to leave the gateway once nothing is in flight in them, then the
processes behind them are stopped. Nothing here waits: a server that does not stop must not hold up its endpoint.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from headgate.engine.fleet import Fleet
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.model_servers import STOP_SECONDS, ModelServers
from headgate.engine.roster import Roster
from headgate.engine.state import Instance, State
from headgate.errors import Unavailable

SETTLE_SECONDS = 2.0
"""A request that waits for a retry is in no cluster's count: a cluster must have been idle this long."""
DRAIN_SECONDS = 70.0
"""A request may take 60 s; what is in flight after this long is cut."""
QUIET_LOOKS = 3
"""How many looks in a row must find no request whose body still arrives: one could be deceived, as Envoy's counters are
not read at one instant."""


@dataclass
class Idle:
    """Since when a cluster is out of the routes, and since when it has been idle (monotonic seconds).

    A request whose body still arrives is in no cluster's count, and which cluster it goes to was settled by its
    headers. `quiet` counts the looks in a row that found no such request at the whole gateway; once there were
    QUIET_LOOKS of them, none is left that could come here.
    """

    out_since: float
    idle_since: float | None = None
    quiet: int = 0


class Sweep:
    """Takes away what an endpoint does not want any more. `tidy` is called when an instance is gone."""

    def __init__(
        self, roster: Roster, state: State, gateway: Gateway, servers: ModelServers, tidy: Callable[[], object]
    ) -> None:
        self._roster = roster
        self._state = state
        self._gateway = gateway
        self._servers = servers
        self._tidy = tidy
        self._idle: dict[str, Idle] = {}
        self._stopping: dict[str, float] = {}

    def sweep(self, *fleets: Fleet | None) -> bool:
        """Take away what serves none of these fleets, as far as it goes now. True when nothing is left to do."""
        wanted = {cluster.name for fleet in fleets if fleet for cluster in self._roster.plan(fleet)[0]}
        if routes := self._gateway.routes(self._roster.endpoint):
            wanted |= routes.clusters  # a tag changed since they were set
        mine = [c.name for c in self._gateway.clusters() if c.name.startswith(f"{self._roster.endpoint}/")]
        stale = [name for name in mine if name not in wanted]
        self._idle = {name: idle for name, idle in self._idle.items() if name in stale}
        done = [name for name in stale if self._drained(name)]
        if done:
            self._gateway.remove_clusters(done)
        held = {address for cluster in self._gateway.clusters() for address in cluster.addresses}
        gone = [i.address not in held and self._disposed(i) for i in self._roster.draining()]
        if any(gone):
            self._tidy()
        return len(stale) == len(done) and all(gone)

    def _drained(self, cluster: str) -> bool:
        now = time.monotonic()
        idle = self._idle.setdefault(cluster, Idle(now))
        if now - idle.out_since > DRAIN_SECONDS:
            return True
        try:
            drained, receiving = self._gateway.drained(cluster), self._gateway.receiving()
        except Unavailable:  # a gateway that comes back knows of nothing in flight
            drained, receiving = False, 0
        if idle.quiet < QUIET_LOOKS:
            idle.quiet = 0 if receiving > 0 else idle.quiet + 1
        if not drained:
            idle.idle_since = None
            return False
        idle.idle_since = idle.idle_since or now
        return idle.quiet >= QUIET_LOOKS and now - idle.idle_since >= SETTLE_SECONDS

    def _disposed(self, instance: Instance) -> bool:
        """Whether the process is gone; asks it to go, and after STOP_SECONDS does not ask."""
        asked = self._stopping.get(instance.id)
        if self._servers.process(instance) is not None:
            if asked is None:
                self._servers.ask_to_stop(instance)
                self._stopping[instance.id] = time.monotonic()
            elif time.monotonic() - asked > STOP_SECONDS:
                self._servers.kill(instance)
            return False
        if asked is not None:
            self._servers.kill(instance)  # what it left behind
            del self._stopping[instance.id]
        self._servers.forget(instance)
        self._state.delete_instance(instance.id)
        return True
