"""Envoy's admin interface: HTTP over a Unix socket that only its owner can open."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from headgate.engine.gateway.clusters import read_address
from headgate.engine.http import request
from headgate.errors import Unavailable

Stats = dict[str, int | str]
Health = dict[str, dict[str, bool]]
"""For each cluster, which of its addresses are healthy."""


class Admin:
    """Asks one Envoy. A call opens a connection of its own, and raises Unavailable without an answer in `seconds`."""

    def __init__(self, socket_path: Path, *, seconds: float = 2.0) -> None:
        self._socket = socket_path
        self._seconds = seconds

    def ready(self) -> bool:
        """Whether Envoy runs and has read its configuration. Never raises."""
        try:
            return self._request("GET", "/ready")[0] == 200
        except Unavailable:
            return False

    def stats(self, *names: str) -> Stats:
        """Counters, gauges and texts by their full names; what Envoy does not know is not in the answer."""
        pattern = "^(" + "|".join(re.escape(name) for name in names) + ")$"
        found = cast(list[dict[str, Any]], self._json(f"/stats?format=json&filter={quote(pattern, safe='')}")["stats"])
        return {stat["name"]: stat["value"] for stat in found if "name" in stat}

    def stats_like(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match a regular expression."""
        found = self._json(f"/stats?format=json&filter={quote(pattern, safe='')}")["stats"]
        return {stat["name"]: int(stat["value"]) for stat in found if "name" in stat}

    def health(self) -> Health:
        """For each active cluster, which of its addresses are healthy."""
        clusters = self._json("/clusters?format=json").get("cluster_statuses", [])
        return {cluster["name"]: _hosts(cluster.get("host_statuses", [])) for cluster in clusters}

    def routes(self) -> dict[str, Any]:
        """The route configuration in force, as Envoy shows it; empty before there is one."""
        configs = self._json("/config_dump?resource=dynamic_route_configs").get("configs", [])
        return cast(dict[str, Any], configs[0]["route_config"]) if configs else {}

    def drain(self) -> None:
        """Take no new connections, and close each of the others with its next answer. (`skip_exit` would take more.)"""
        self._post("/drain_listeners", "drain")

    def reopen_logs(self) -> None:
        """Go on in new files under the logs' names: what was moved aside is not written to any more, soon after."""
        self._post("/reopen_logs", "reopen its logs")

    def _post(self, path: str, what: str) -> None:
        status, body = self._request("POST", path)
        if status != 200:
            raise Unavailable(f"The gateway refuses to {what} ({status}): {body.decode(errors='replace').strip()}")

    def _json(self, path: str) -> dict[str, Any]:
        status, body = self._request("GET", path)
        if status != 200:
            raise Unavailable(f"The gateway's admin socket answered {status}: {body.decode(errors='replace').strip()}")
        return cast(dict[str, Any], json.loads(body))

    def _request(self, method: str, path: str) -> tuple[int, bytes]:
        return request(f"unix:{self._socket}", path, method=method, timeout=self._seconds)


def _hosts(statuses: Sequence[dict[str, Any]]) -> dict[str, bool]:
    return {read_address(status["address"]): _healthy(status.get("health_status", {})) for status in statuses}


def _healthy(status: dict[str, Any]) -> bool:
    # Reasons against a host stand beside this as `failed_*: true`.
    return status.get("eds_health_status") == "HEALTHY" and not any(
        value for name, value in status.items() if name.startswith(("failed_", "pending_"))
    )
