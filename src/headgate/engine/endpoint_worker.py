"""One endpoint, brought from what is to what is wanted, a look at a time.

Every look reads the endpoint's row and the processes that live, and does what is missing. Nothing is remembered between
looks that a new worker, in a new engine, could not find out again. A change of fleet goes one way:

    start      prepare the package, write the instance's row, start its process              (change)
    wait       until /ping of every instance of the new fleet answers 200
    swap       clusters into the gateway, wait until they are healthy there, then the routes
    verify     the routes are read back from the gateway
    save       one transaction: the new fleet is in force, the old one's instances are to be drained
    drain      the old clusters leave the gateway once nothing is in flight in them          (sweep)
    dispose    the old processes are stopped, their rows deleted

Killed before `save`, the next worker does it again or finds it done; killed after it, the sweep goes on. A fleet that
does not start is undone: the endpoint keeps what it ran (`InService`, with the reason), or is `Failed` where it ran
nothing. Between changes, dead processes of the fleet in force are replaced (upkeep), variants that come back after
everything was stopped get their traffic once they are up (comeback), and the gateway's files are held against the
database. No step waits for a process: whatever hangs, the next look comes.
"""

import logging
import os
import select
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import replace

from headgate.engine.change import LONGEST_WAIT, Change
from headgate.engine.comeback import LOOK_SECONDS as COMEBACK_SECONDS
from headgate.engine.comeback import Comeback
from headgate.engine.fleet import Fleet
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.model_servers import ModelServers
from headgate.engine.preparation import Preparation
from headgate.engine.roster import Roster
from headgate.engine.state import State
from headgate.engine.sweep import Sweep
from headgate.engine.upkeep import Upkeep
from headgate.errors import HeadgateError, Unavailable

log = logging.getLogger("headgate.engine")

LOOK_SECONDS = 5.0
SWEEP_SECONDS = 0.1
LONGEST_PAUSE = 10.0
"""After looks that fail, for instance while the disk is full."""


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
        self._retire = retire
        self._roster = Roster(name, state)
        preparation = Preparation(name, servers, executor, self.wake)
        self._change = Change(self._roster, state, gateway, servers, preparation)
        self._upkeep = Upkeep(self._roster, servers, preparation)
        self._comeback = Comeback(self._roster, gateway, servers)
        self._sweep = Sweep(
            self._roster, state, gateway, servers, lambda: executor.submit(servers.clear_leftovers, state.instances)
        )
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
                with self._watch() as sleep:
                    pause = self.look()
                    if pause is not None:
                        sleep(pause)
                    elif self._retire(self.endpoint):
                        break
                failures = 0
                continue
            except HeadgateError as error:
                log.warning("endpoint %s: a look failed, it is repeated: %s", self.endpoint, error)
            except Exception:
                log.exception("endpoint %s: a look failed; it is repeated", self.endpoint)
            failures = min(failures + 1, 10)
            select.select([self._alarm], [], [], min(0.1 * 2**failures, LONGEST_PAUSE))
        os.close(self._alarm)
        os.close(self._bell)

    def look(self) -> float | None:
        """Do what is missing. Returns the seconds until the next look, or None when the endpoint is gone."""
        endpoint = self._state.endpoint(self.endpoint)
        if endpoint is None:
            return None
        if endpoint.status == "Deleting":
            return self._remove()
        pause = LOOK_SECONDS
        if endpoint.active is not None:
            self._comeback.begin(endpoint.active)
        if endpoint.target is not None and endpoint.status != "Failed":
            self._assert_own_path()
            pause = min(pause, self._change.advance(endpoint, endpoint.target))
            endpoint = self._state.endpoint(self.endpoint) or endpoint
        if endpoint.active is not None:
            pause = min(pause, self._upkeep.keep(endpoint.active))
            if endpoint.target is None:
                self._assert_routes(endpoint.active)
                pause = min(pause, COMEBACK_SECONDS) if self._comeback.under_way else pause
        target = endpoint.target if endpoint.status != "Failed" else None
        return pause if self._sweep.sweep(endpoint.active, target) else min(pause, SWEEP_SECONDS)

    def _assert_routes(self, fleet: Fleet) -> None:
        """The database is the truth: where the gateway's files say otherwise (or are gone), they are written again."""
        clusters, routes = self._roster.plan(fleet)
        routes = self._comeback.split(routes, clusters)
        told = {cluster.name for cluster in self._gateway.clusters()}
        if self._gateway.routes(self.endpoint) != routes or not {c.name for c in clusters} <= told:
            proven = {address for cluster in clusters for address in cluster.all_addresses}
            self._gateway.add_clusters(clusters, LONGEST_WAIT, proven=proven)
            self._gateway.set_routes(routes)

    def _assert_own_path(self) -> None:
        """While a change is under way, the fleet in force is left alone, but its own path follows the tag at once."""
        told, route = self._gateway.routes(self.endpoint), self._roster.route
        if told is not None and told.route != route:
            with suppress(Unavailable):  # the next look asks again
                self._gateway.set_routes(replace(told, route=route))

    def _remove(self) -> float | None:
        self._gateway.remove_routes(self.endpoint)
        with self._state.transaction():
            self._roster.drain_all_but(set())
        if not self._sweep.sweep():
            return SWEEP_SECONDS
        self._state.delete_endpoint(self.endpoint)
        log.info("endpoint %s: deleted", self.endpoint)
        return None

    @contextmanager
    def _watch(self) -> Iterator[Callable[[float], None]]:
        """How to sleep until something happens: a wake-up, the exit of one of our processes, or the time is over.

        The processes are watched from before the look, so that an exit during it is not missed.
        """
        poll = select.poll()
        poll.register(self._alarm, select.POLLIN)
        fds = []
        try:
            for instance in self._state.instances(self.endpoint):
                process = self._servers.process(instance)
                with suppress(ProcessLookupError, AttributeError):
                    if process is not None:
                        fds.append(os.pidfd_open(process.pid))
            for fd in fds:
                poll.register(fd, select.POLLIN)

            def sleep(seconds: float) -> None:
                poll.poll(seconds * 1000)
                with suppress(BlockingIOError):
                    os.read(self._alarm, 4096)

            yield sleep
        finally:
            for fd in fds:
                os.close(fd)
