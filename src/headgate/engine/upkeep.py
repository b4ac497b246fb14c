"""What is in force stays alive: a dead process of the fleet is replaced, at once, then ever more slowly.

A package that has gone from `models/` is unpacked again, from the same bytes or not at all: what was deployed is what
runs.
"""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

from headgate.engine.fleet import Fleet, Variant
from headgate.engine.model_servers import ModelFailed, ModelServers, is_whole
from headgate.engine.preparation import Preparation
from headgate.engine.roster import Roster
from headgate.engine.state import Instance
from headgate.errors import HeadgateError

log = logging.getLogger("headgate.engine")

SETTLED_SECONDS = 2.0
"""A process that lived this long did not fail to start: it is replaced at once."""
LONGEST_PAUSE = 30.0


@dataclass
class Restarts:
    """How often a process was replaced of late, and when it may be again (monotonic seconds)."""

    count: int = 0
    last: float = 0.0
    not_before: float = 0.0


class Upkeep:
    """Keeps the processes of one endpoint's fleet alive."""

    def __init__(self, roster: Roster, servers: ModelServers, preparation: Preparation) -> None:
        self._roster = roster
        self._servers = servers
        self._preparation = preparation
        self._restarts: dict[str, Restarts] = {}

    def keep(self, fleet: Fleet) -> float:
        """Replace what is dead. Seconds until it wants another look; infinite where nothing is missing."""
        serving = [(instance, variant) for variant in fleet.variants for instance in self._roster.of(variant)]
        names = {instance.id for instance, _ in serving}
        self._restarts = {name: found for name, found in self._restarts.items() if name in names}
        return min((self._keep(instance, variant) for instance, variant in serving), default=math.inf)

    def _keep(self, instance: Instance, variant: Variant) -> float:
        restarts = self._restarts.setdefault(instance.id, Restarts())
        now = time.monotonic()
        if self._servers.process(instance) is not None:
            if now - restarts.last > SETTLED_SECONDS:
                restarts.count = 0
            return math.inf
        if now < restarts.not_before:
            return restarts.not_before - now
        try:
            if not self._base_is_there(instance, variant):
                return 0.1
            said = self._servers.last_words(instance)
            log.warning("endpoint %s: starting %s again.%s", self._roster.endpoint, instance.id, said)
            self._servers.start(instance, variant)
        except (HeadgateError, OSError, ValueError) as error:
            log.error("endpoint %s: %s cannot be started again: %s", self._roster.endpoint, instance.id, error)
        restarts.count += 1
        restarts.last = now
        restarts.not_before = now + min(0.05 * 2**restarts.count, LONGEST_PAUSE)
        return 0.02  # its death is seen by the next look, which watches it

    def _base_is_there(self, instance: Instance, variant: Variant) -> bool:
        if is_whole(Path(instance.base)):
            return True
        base = self._preparation.base_of(variant)
        if base is not None and base != Path(instance.base):
            raise ModelFailed(
                f"its unpacked package is gone, and {variant.model_data_url} holds another one now.",
                hint="Deploy the package that is wanted under an address of its own.",
            )
        return base is not None
