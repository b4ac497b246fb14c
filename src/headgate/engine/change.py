"""A change of fleet: start, wait, swap, verify, save (`endpoint_worker` has the whole story).

Instances of the fleet in force are never asked for their health again: a canary that hangs, or a server that is being
started anew, must not hold up the change that takes its traffic away. Every wait ends: packages by pip's time-out, new
servers by `startup_seconds`, the gateway by GATEWAY_SECONDS; then the change is undone. Until then the endpoint is busy
and refuses other changes and DeleteEndpoint, as on AWS; who wants to be sooner rid of a model that hangs in its start
gives its variant a shorter ContainerStartupHealthCheckTimeoutInSeconds (60 at least; 240 is the default).
"""

import logging
import math
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from headgate.engine.fleet import Fleet, Variant
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.gateway.values import EndpointRoutes
from headgate.engine.model_servers import ModelFailed, ModelServers
from headgate.engine.preparation import Preparation
from headgate.engine.roster import Roster
from headgate.engine.state import Endpoint, Instance, State
from headgate.errors import HeadgateError, Unavailable

log = logging.getLogger("headgate.engine")

STARTS_BEFORE_FAILED = 3
GATEWAY_SECONDS = 60.0
"""How long a change waits for a gateway that does not answer (it is being restarted) before it is undone."""
LAST_CHANCE_SECONDS = 2.0
"""How long a change waits for a dead server that it takes away."""
LONGEST_WAIT = 0.3
"""How long a look waits for the gateway at most: dead processes are replaced between looks."""


@dataclass
class Attempt:
    """What was seen of the change under way; losing it costs time, never correctness (monotonic seconds)."""

    since: float = field(default_factory=time.monotonic)
    starts: Counter[str] = field(default_factory=Counter)
    asked_since: dict[str, float] = field(default_factory=dict)
    """When each new server was first asked for its health: building an environment is not its start-up."""
    ready_since: float | None = None
    gateway_away_since: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How a change ended."""

    status: Literal["InService", "Failed"]
    active: Fleet | None
    reason: str = ""


class Change:
    """Brings one endpoint to its target."""

    def __init__(
        self, roster: Roster, state: State, gateway: Gateway, servers: ModelServers, preparation: Preparation
    ) -> None:
        self._roster = roster
        self._state = state
        self._gateway = gateway
        self._servers = servers
        self._preparation = preparation
        self._attempt: Attempt | None = None

    def advance(self, endpoint: Endpoint, target: Fleet) -> float:
        """Take the change as far as it goes now. Seconds until it wants another look; infinite when it is over."""
        attempt = self._attempt = self._attempt or Attempt()
        proven = self._roster.serving(endpoint.active)
        try:
            if not self._all_up(target, {instance.id for instance in proven}):
                return self._pause(attempt)
            if not self._leavers_are_back(attempt, proven, target):
                return 0.02
            self._swap(endpoint, target, {instance.address for instance in proven})
        except Unavailable as error:
            if not self._away_too_long(attempt):
                return self._pause(attempt)
            self._undo(endpoint, error)
        except HeadgateError as error:
            self._undo(endpoint, error)
        self._attempt = None
        self._preparation.forget()
        return math.inf

    def _pause(self, attempt: Attempt) -> float:
        """A model that takes long to start is asked less often."""
        return min(max(0.02, (time.monotonic() - attempt.since) / 20), 0.5)

    # ---- start, wait

    def _all_up(self, target: Fleet, proven: set[str]) -> bool:
        """Bring up the instances of the new fleet, all at once; True when all of them are healthy."""
        complete = [self._recorded(variant) for variant in target.variants]
        new = [(i, v) for v in target.variants for i in self._roster.of(v) if i.id not in proven]
        alive = [self._started(instance, variant) for instance, variant in new]
        if not (all(complete) and all(alive)):
            return False
        return all(self._healthy(instance, variant) for instance, variant in new)

    def _recorded(self, variant: Variant) -> bool:
        """Whether a variant has all its instances on record; puts them there once its package is prepared."""
        have = self._roster.of(variant)
        missing = variant.instance_count - len(have)
        if missing <= 0:
            return True
        base = Path(have[0].base) if have else self._preparation.base_of(variant)
        if base is None:
            return False
        with self._state.transaction():
            for _ in range(missing):
                self._state.put_instance(self._servers.new_instance(self._roster.endpoint, variant, base))
        return True

    def _started(self, instance: Instance, variant: Variant) -> bool:
        """Whether a new instance has a process; starts it as needed. Raises ModelFailed when it exits too often."""
        if self._servers.process(instance) is not None:
            return True
        starts = self._attempt.starts if self._attempt else Counter()
        if starts[instance.id] >= STARTS_BEFORE_FAILED:
            raise ModelFailed(
                f"The model server of variant {variant.name} did not start: it exited "
                f"{STARTS_BEFORE_FAILED} times.{self._servers.last_words(instance)}"
            )
        starts[instance.id] += 1
        try:
            self._servers.start(instance, variant)
        except (OSError, ValueError) as error:  # an environment that no process can be given
            raise ModelFailed(f"The model server of variant {variant.name} cannot be started: {error}.") from None
        return False

    def _healthy(self, instance: Instance, variant: Variant) -> bool:
        """Whether a new instance answers. Raises ModelFailed when it has not done so for too long."""
        if self._servers.healthy(instance):
            return True
        now = time.monotonic()
        asked = self._attempt.asked_since if self._attempt else {}
        if now - asked.setdefault(instance.id, now) > variant.startup_seconds:
            raise ModelFailed(
                f"The model server of variant {variant.name} did not answer /ping with 200 within "
                f"{variant.startup_seconds} s.{self._servers.last_words(instance)}"
            )
        return False

    def _leavers_are_back(self, attempt: Attempt, proven: list[Instance], target: Fleet) -> bool:
        """Whether servers that leave with this change can answer what still waits for them.

        One that was killed a moment ago is being replaced, and requests are sent to it again until it is back; once it
        is not wanted any more it would not come back. One that stays away does not hold up the change.
        """
        now = time.monotonic()
        attempt.ready_since = attempt.ready_since or now
        staying = {instance.id for instance in self._roster.serving(target)}
        return now - attempt.ready_since > LAST_CHANCE_SECONDS or all(
            self._servers.accepts(instance) for instance in proven if instance.id not in staying
        )

    # ---- swap, verify, save

    def _swap(self, endpoint: Endpoint, target: Fleet, proven: set[str]) -> None:
        clusters, routes = self._roster.plan(target)
        self._gateway.add_clusters(clusters, LONGEST_WAIT, proven=proven)
        self._gateway.set_routes(routes)
        self._verify(routes)
        wanted = {instance.id for instance in self._roster.serving(target)}
        if self._settle(endpoint, Outcome("InService", active=target), wanted):
            log.info("endpoint %s: %s is in force", endpoint.name, target.config_name)

    def _verify(self, routes: EndpointRoutes) -> None:
        """What the gateway really does must be what it was told."""
        total = sum(route.weight for route in routes.variants)
        wanted = {route.variant: route.weight / total for route in routes.variants}
        found = self._gateway.routes_in_force(routes.endpoint)
        shares = {name: weight / sum(found.values()) for name, weight in found.items()}
        if shares.keys() != wanted.keys() or any(abs(shares[name] - share) > 1e-4 for name, share in wanted.items()):
            raise Unavailable(f"The gateway splits traffic {shares}, not {wanted}.")

    def _settle(self, endpoint: Endpoint, outcome: Outcome, wanted: set[str]) -> bool:
        """Save how the change ended and drain what is not wanted; nothing where the endpoint was changed meanwhile."""
        with self._state.transaction():
            now = self._state.endpoint(endpoint.name)
            if now is None or now.status == "Deleting" or now.target != endpoint.target:
                return False
            self._state.put_endpoint(
                replace(
                    now,
                    status=outcome.status,
                    active=outcome.active,
                    target=now.target if outcome.status == "Failed" else None,
                    failure_reason=outcome.reason,
                    modified=time.time(),
                )
            )
            self._roster.drain_all_but(wanted)
        return True

    # ---- when it goes wrong

    def _away_too_long(self, attempt: Attempt) -> bool:
        now = time.monotonic()
        attempt.gateway_away_since = attempt.gateway_away_since or now
        return now - attempt.gateway_away_since > GATEWAY_SECONDS

    def _undo(self, endpoint: Endpoint, error: HeadgateError) -> None:
        """Give the change up: back to the fleet in force, or Failed where there is none."""
        reason = f"{error.message} {error.hint}".strip()[:1024]
        log.warning("endpoint %s: the change is undone: %s", endpoint.name, reason)
        if endpoint.active is None:
            self._settle(endpoint, Outcome("Failed", None, reason), set())
            return
        with suppress(Unavailable):
            self._gateway.set_routes(self._roster.plan(endpoint.active)[1])
        wanted = {instance.id for instance in self._roster.serving(endpoint.active)}
        self._settle(endpoint, Outcome("InService", endpoint.active, reason), wanted)
