"""What happens to the endpoint while it is under load: deployments that begin and end, as the control API tells them.

It asks from a thread of its own: an engine that is slow to answer, or is being restarted, must not hold up whoever
listens to the users. What it cannot find out it leaves out.
"""

import threading
from contextlib import suppress

from headgate.core.endpoints import EndpointState
from headgate.errors import HeadgateError
from headgate.hosting.canary import CANARY
from headgate.hosting.deployment import version_in
from headgate.hosting.endpoints import Endpoints
from headgate.traffic.result import Event

LOOK_SECONDS = 0.25
MOST = 50
"""Events that are kept; a picture with more could not be read."""


class Watch:
    """Looks until it is stopped; `events` is what it saw so far."""

    def __init__(self, endpoints: Endpoints, endpoint: str) -> None:
        self._endpoints = endpoints
        self._endpoint = endpoint
        self._before: EndpointState | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{endpoint}", daemon=True)
        self.events: list[Event] = []

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS) and len(self.events) < MOST:
            with suppress(HeadgateError):
                now = self._endpoints.describe(self._endpoint)
                self.events += changes(self._before, now)
                self._before = now


def changes(before: EndpointState | None, now: EndpointState) -> list[Event]:
    """What to say of an endpoint that was seen to be so, and now is so."""
    if before is None or (before.status, before.config_name, _canary(before)) == (
        now.status,
        now.config_name,
        _canary(now),
    ):
        return []
    said = []
    if now.status != before.status and not now.settled:
        said.append(now.status)
    elif now.status == "Failed" or (now.settled and now.failure_reason and not before.failure_reason):
        said.append("the change was undone")
    if now.config_name != before.config_name:
        as_what = "beside as canary" if any(variant.name == CANARY for variant in now.variants) else "in force"
        said.append(f"{_version(now.config_name)} {as_what}")
    if now.config_name == before.config_name and _canary(now) != _canary(before):
        said.append(f"canary {_canary(now):g} %")
    return [Event(now.modified, ", ".join(said))] if said else []


def _version(config: str) -> str:
    number = version_in(config)
    return f"version {number}" if number else config


def _canary(state: EndpointState) -> float:
    weights = {variant.name: variant.weight for variant in state.variants}
    total = sum(weights.values())
    return round(100.0 * weights.get(CANARY, 0.0) / total, 2) if total else 0.0
