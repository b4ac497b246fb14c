"""One endpoint, brought from what is to what is wanted, a look at a time.

Every look reads the endpoint's row and the processes that live, and does what is missing. Nothing is remembered between
looks that a new worker, in a new engine, could not find out again. A change of fleet goes one way:

    start      prepare the package, write the instance's row, start its process
    wait       until /ping of every instance of the new fleet answers 200
    swap       clusters into the gateway, wait until they are healthy there, then the routes
    verify     the routes are read back from the gateway
    save       one transaction: the new fleet is in force, the old one's instances are to be drained
    drain      the old clusters leave the gateway once nothing is in flight in them
    dispose    the old processes are stopped, their rows deleted

Killed before `save`, the next worker does it again or finds it done; killed after it, the sweep goes on. A fleet that
does not start is undone: the endpoint keeps what it ran (`InService`, with the reason), or is `Failed` where it ran
nothing.
"""

import logging
import os
import select
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from headgate.core.digest import digest_json
from headgate.engine.fleet import Fleet, Variant
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from headgate.engine.model_servers import ModelFailed, ModelServers
from headgate.engine.state import Endpoint, Instance, State
from headgate.errors import HeadgateError, Unavailable

log = logging.getLogger("headgate.engine")

STARTS_BEFORE_FAILED = 3
GATEWAY_SECONDS = 60.0
"""How long a change waits for a gateway that does not answer (it is being restarted) before it is undone."""
SETTLE_SECONDS = 2.0
"""A request whose body still arrives, or that waits for a retry, is in no cluster's count: a cluster must have been
idle this long after it left the routes."""
DRAIN_SECONDS = 70.0
"""A request may take 60 s; what is in flight after this long is cut."""
SETTLED_SECONDS = 2.0
"""A process that lived this long did not fail to start: it is replaced at once."""
LONGEST_WAIT = 0.3
"""How long a look waits for the gateway at most: dead processes are replaced between looks."""
LOOK_SECONDS = 5.0
BUSY_LOOK_SECONDS = 0.02


@dataclass
class Change:
    """The change under way: when this worker first saw it, and how often it started each new instance."""

    since: float = field(default_factory=time.monotonic)
    starts: Counter[str] = field(default_factory=Counter)
    gateway_away_since: float | None = None


@dataclass
class Restarts:
    """How often a process of the fleet in force was replaced of late, and when it may be again (monotonic seconds)."""

    count: int = 0
    last: float = 0.0
    not_before: float = 0.0


@dataclass
class Idle:
    """Since when a cluster is out of the routes, and since when it has been idle (monotonic seconds)."""

    out_since: float
    idle_since: float | None = None


@dataclass
class Notes:
    """What this worker saw; losing it costs time, never correctness."""

    change: Change = field(default_factory=Change)
    restarts: dict[str, Restarts] = field(default_factory=dict)
    preparing: dict[str, Future[Path]] = field(default_factory=dict)
    idle: dict[str, Idle] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a change ended."""

    status: Literal["InService", "Failed"]
    active: Fleet | None
    reason: str = ""


class EndpointWorker(threading.Thread):
    """The thread of one endpoint. `wake` makes it look now; `halt` ends it and leaves all processes alone.

    When the endpoint is gone it asks `retire` whether it may end (it may not where one of its name was created since).
    """

    def __init__(
        self,
        name: str,
        *,
        state: State,
        gateway: Gateway,
        servers: ModelServers,
        executor: Executor,
        retire: Callable[[str], bool],
    ) -> None:
        super().__init__(name=f"endpoint-{name}", daemon=True)
        self.endpoint = name
        self._state = state
        self._gateway = gateway
        self._servers = servers
        self._executor = executor
        self._retire = retire
        self._notes = Notes()
        self._halted = False
        self._alarm, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(self) -> None:
        """Look now."""
        with suppress(BlockingIOError, OSError):
            os.write(self._bell, b"!")

    def halt(self) -> None:
        """End after the present look."""
        self._halted = True
        self.wake()

    def run(self) -> None:
        """Look, sleep, look again, until the endpoint is gone."""
        failures = 0
        while not self._halted:
            try:
                pause = self.look()
                failures = 0
            except Exception:
                log.exception("endpoint %s: a look failed; it is repeated", self.endpoint)
                failures += 1
                pause = min(0.1 * 2**failures, 30.0)
            if pause is None:
                if self._retire(self.endpoint):
                    break
                continue
            self._sleep(pause)
        os.close(self._alarm)
        os.close(self._bell)

    # ---- one look

    def look(self) -> float | None:
        """Do what is missing. Returns the seconds until the next look, or None when the endpoint is gone."""
        endpoint = self._state.endpoint(self.endpoint)
        if endpoint is None:
            return None
        if endpoint.status == "Deleting":
            return self._delete(endpoint)
        busy = False
        if endpoint.target is not None and endpoint.status != "Failed":
            busy = not self._advance(endpoint, endpoint.target)
            endpoint = self._state.endpoint(self.endpoint) or endpoint
        if endpoint.active is not None:
            busy |= not self._keep_alive(endpoint.active)
            if endpoint.target is None:
                self._assert_routes(endpoint.active)
        swept = self._sweep(endpoint)
        return BUSY_LOOK_SECONDS if busy else LOOK_SECONDS if swept else 0.1

    def _advance(self, endpoint: Endpoint, target: Fleet) -> bool:
        """Take the change to `target` as far as it goes now. True when it is over, well or badly."""
        try:
            ready = [self._ready(variant, endpoint.active) for variant in target.variants]  # all start at once
            if not all(ready):
                return False
            self._swap(endpoint, target)
        except Unavailable as error:
            if not self._away_too_long():
                return False
            self._undo(endpoint, error)
        except HeadgateError as error:
            self._undo(endpoint, error)
        self._notes.change = Change()
        return True

    def _ready(self, variant: Variant, active: Fleet | None) -> bool:
        """Bring up the instances of one variant of the new fleet; True when all of them are healthy.

        Those that are in force already are not asked: a canary that hangs must not hold up the change that removes it.
        """
        have = self._instances(variant)
        if active is not None and any(
            v.kind == variant.kind and v.instance_count >= variant.instance_count for v in active.variants
        ):
            return True
        if len(have) < variant.instance_count:
            base = self._prepared(variant, have)
            if base is None:
                return False
            with self._state.transaction():
                for _ in range(variant.instance_count - len(have)):
                    self._state.put_instance(self._servers.new_instance(self.endpoint, variant, base))
            have = self._instances(variant)
        up = [self._up(instance, variant) for instance in have]
        return all(up)

    def _instances(self, variant: Variant) -> list[Instance]:
        mine = [
            i for i in self._state.instances(self.endpoint) if i.kind == variant.kind and i.state == "wanted"
        ]  # fmt: skip
        return mine[: variant.instance_count]

    def _prepared(self, variant: Variant, have: list[Instance]) -> Path | None:
        """The base folder for new instances: that of their siblings, or a new one; None while it is being made."""
        if have:
            return Path(have[0].base)
        future = self._notes.preparing.get(variant.kind)
        if future is None:
            future = self._executor.submit(self._servers.prepare, self.endpoint, variant)
            future.add_done_callback(lambda _: self.wake())
            self._notes.preparing[variant.kind] = future
        if not future.done():
            return None
        del self._notes.preparing[variant.kind]
        try:
            return future.result()
        except (Unavailable, OSError) as error:
            raise ModelFailed(str(error), hint=getattr(error, "hint", "")) from None

    def _up(self, instance: Instance, variant: Variant) -> bool:
        """Whether a new instance is healthy; starts it as needed. Raises ModelFailed when it will not be."""
        change = self._notes.change
        if self._servers.process(instance) is not None:
            if self._servers.healthy(instance):
                return True
            if time.monotonic() - change.since > variant.startup_seconds:
                raise ModelFailed(
                    f"The model server of variant {variant.name} did not answer /ping with 200 within "
                    f"{variant.startup_seconds} s.{self._last_words(instance)}"
                )
        elif change.starts[instance.id] >= STARTS_BEFORE_FAILED:
            raise ModelFailed(
                f"The model server of variant {variant.name} did not start: it exited "
                f"{STARTS_BEFORE_FAILED} times.{self._last_words(instance)}"
            )
        else:
            change.starts[instance.id] += 1
            self._servers.start(instance, variant)
        return False

    def _last_words(self, instance: Instance) -> str:
        words = self._servers.last_words(instance)
        return f" It said: {words}" if words else ""

    def _swap(self, endpoint: Endpoint, target: Fleet) -> None:
        clusters, routes = self._plan(target)
        self._gateway.add_clusters(clusters, LONGEST_WAIT)
        self._gateway.set_routes(routes)
        self._verify(routes)
        wanted = {i.id for variant in target.variants for i in self._instances(variant)}
        if self._settle(endpoint, Outcome("InService", active=target), wanted):
            log.info("endpoint %s: %s is in force", self.endpoint, target.config_name)

    def _verify(self, routes: EndpointRoutes) -> None:
        """What the gateway really does must be what it was told."""
        total = sum(route.weight for route in routes.variants)
        wanted = {route.variant: route.weight / total for route in routes.variants}
        found = self._gateway.routes_in_force(self.endpoint)
        shares = {name: weight / sum(found.values()) for name, weight in found.items()}
        if shares.keys() != wanted.keys() or any(abs(shares[name] - share) > 1e-4 for name, share in wanted.items()):
            raise Unavailable(f"The gateway splits traffic {shares}, not {wanted}.")

    def _settle(self, endpoint: Endpoint, outcome: Outcome, wanted: set[str]) -> bool:
        """Save how the change ended and drain what is not wanted; nothing where the endpoint was changed meanwhile."""
        with self._state.transaction():
            now = self._state.endpoint(self.endpoint)
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
            self._drain_all_but(wanted)
        return True

    def _plan(self, fleet: Fleet) -> tuple[list[Cluster], EndpointRoutes]:
        clusters, routes = [], []
        for variant in fleet.variants:
            addresses = tuple(instance.address for instance in self._instances(variant))
            cluster = Cluster(f"{self.endpoint}/{variant.name}/{digest_json(sorted(addresses))[:8]}", addresses)
            clusters.append(cluster)
            routes.append(VariantRoute(variant.name, cluster.name, variant.weight))
        return clusters, EndpointRoutes(self.endpoint, tuple(routes))

    def _drain_all_but(self, wanted: set[str]) -> None:
        for instance in self._state.instances(self.endpoint):
            if instance.id not in wanted:
                self._state.put_instance(replace(instance, state="draining"))

    def _assert_routes(self, fleet: Fleet) -> None:
        """The database is the truth: where the gateway's files say otherwise (or are gone), they are written again."""
        clusters, routes = self._plan(fleet)
        if self._gateway.routes(self.endpoint) != routes:
            self._gateway.add_clusters(clusters, LONGEST_WAIT)
            self._gateway.set_routes(routes)

    # ---- when it goes wrong

    def _away_too_long(self) -> bool:
        now = time.monotonic()
        since = self._notes.change.gateway_away_since = self._notes.change.gateway_away_since or now
        return now - since > GATEWAY_SECONDS

    def _undo(self, endpoint: Endpoint, error: HeadgateError) -> None:
        """Give the change up: back to the fleet in force, or Failed where there is none."""
        reason = f"{error.message} {error.hint}".strip()[:1024]
        log.warning("endpoint %s: the change is undone: %s", self.endpoint, reason)
        if endpoint.active is None:
            self._settle(endpoint, Outcome("Failed", None, reason), set())
            return
        with suppress(Unavailable):
            self._gateway.set_routes(self._plan(endpoint.active)[1])
        wanted = {i.id for variant in endpoint.active.variants for i in self._instances(variant)}
        self._settle(endpoint, Outcome("InService", endpoint.active, reason), wanted)

    # ---- what is in force stays alive

    def _keep_alive(self, fleet: Fleet) -> bool:
        """Replace dead processes of the fleet in force: at once, then ever more slowly. True when none is missing."""
        complete = True
        now = time.monotonic()
        for variant in fleet.variants:
            for instance in self._instances(variant):
                restarts = self._notes.restarts.setdefault(instance.id, Restarts())
                if self._servers.process(instance) is not None:
                    if now - restarts.last > SETTLED_SECONDS:
                        restarts.count = 0
                    continue
                complete = False
                if now >= restarts.not_before:
                    restarts.count += 1
                    restarts.last = now
                    restarts.not_before = now + min(0.05 * 2**restarts.count, 30.0)
                    log.warning(
                        "endpoint %s: starting %s again%s", self.endpoint, instance.id, self._last_words(instance)
                    )
                    self._servers.start(instance, variant)
        return complete

    # ---- drain and dispose

    def _sweep(self, endpoint: Endpoint) -> bool:
        """Take drained clusters out of the gateway and stop processes that no cluster holds. True when all is swept."""
        wanted = set()
        for fleet in (endpoint.active, endpoint.target if endpoint.status != "Failed" else None):
            if fleet is not None:
                wanted |= {cluster.name for cluster in self._plan(fleet)[0]}
        stale = [c for c in self._gateway.clusters() if c.name.startswith(f"{self.endpoint}/") and c.name not in wanted]
        self._notes.idle = {name: idle for name, idle in self._notes.idle.items() if name in {c.name for c in stale}}
        done = [cluster.name for cluster in stale if self._drained(cluster.name)]
        if done:
            self._gateway.remove_clusters(done)
        held = {address for cluster in self._gateway.clusters() for address in cluster.addresses}
        draining = [i for i in self._state.instances(self.endpoint) if i.state == "draining"]
        for instance in draining:
            if instance.address not in held:
                self._servers.stop(instance)
                self._state.delete_instance(instance.id)
                self._notes.restarts.pop(instance.id, None)
        return len(stale) == len(done) and all(instance.address not in held for instance in draining)

    def _drained(self, cluster: str) -> bool:
        now = time.monotonic()
        idle = self._notes.idle.setdefault(cluster, Idle(now))
        if now - idle.out_since > DRAIN_SECONDS:
            return True
        try:
            drained = self._gateway.drained(cluster)
        except Unavailable:  # a gateway that comes back knows of nothing in flight
            drained = False
        if not drained:
            idle.idle_since = None
            return False
        idle.idle_since = idle.idle_since or now
        return now - idle.idle_since >= SETTLE_SECONDS

    def _delete(self, endpoint: Endpoint) -> float | None:
        self._gateway.remove_routes(self.endpoint)
        with self._state.transaction():
            self._drain_all_but(set())
        if not self._sweep(replace(endpoint, active=None, target=None)):
            return 0.1
        with self._state.transaction():
            self._state.delete_endpoint(self.endpoint)
            self._state.delete_tags(endpoint.arn)
        log.info("endpoint %s: deleted", self.endpoint)
        return None

    # ---- sleep

    def _sleep(self, seconds: float) -> None:
        """Until something happens: a wake-up, the exit of one of our processes, or the time is over."""
        poll = select.poll()
        poll.register(self._alarm, select.POLLIN)
        fds = []
        for instance in self._state.instances(self.endpoint):
            process = self._servers.process(instance)
            if process is None:  # it went between the look and now, or waits for its next start
                seconds = min(seconds, 0.05)
                continue
            with suppress(ProcessLookupError, AttributeError):
                fds.append(os.pidfd_open(process.pid))
        for fd in fds:
            poll.register(fd, select.POLLIN)
        try:
            poll.poll(seconds * 1000)
            with suppress(BlockingIOError):
                os.read(self._alarm, 4096)
        finally:
            for fd in fds:
                os.close(fd)
