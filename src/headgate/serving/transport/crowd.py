"""All connections of one server: how many there may be, how long each may take, and how they are brought to an end."""

import resource
from typing import Protocol

from headgate.serving.metrics import Gauge, Metrics
from headgate.serving.settings import Settings
from headgate.serving.transport.heads import Heads

IDLE_SECONDS = 3_900
"""A gateway keeps idle connections for an hour and would now and then send a request into one that is just being
closed here: so they stay open for longer than that."""

_OTHER_FILES = 128
_SURPLUS = 64
"""How many callers beyond the limit are told so; the rest are cut off."""


class Guest(Protocol):
    """A connection."""

    def keep_pace(self, now: float) -> None:
        """Do what is due if it takes too long; called once a second."""

    def drain(self) -> None:
        """Close as soon as nothing is in flight."""


class Crowd:
    """The connections that are open."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self.connections: set[Guest] = set()
        self.heads = Heads()
        self.head_seconds = settings.head_seconds
        self.body_seconds = settings.body_seconds
        self.idle_seconds = IDLE_SECONDS
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.limit = max(1, min(settings.max_connections, files - _OTHER_FILES))
        self.draining = False
        """Once true, answers ask callers to come back on another connection, which will be another server's."""

    def enter(self, guest: Guest) -> None:
        """A connection was made."""
        self.connections.add(guest)
        self._metrics.set(Gauge.CONNECTIONS, len(self.connections))

    def leave(self, guest: Guest) -> None:
        """A connection was lost."""
        self.connections.discard(guest)
        self._metrics.set(Gauge.CONNECTIONS, len(self.connections))

    @property
    def full(self) -> bool:
        """Whether a newcomer is to be sent away."""
        return len(self.connections) >= self.limit

    @property
    def overfull(self) -> bool:
        """Whether a newcomer is not even to be told so."""
        return len(self.connections) >= self.limit + _SURPLUS

    def keep_pace(self, now: float) -> None:
        """Look at every connection."""
        for guest in list(self.connections):
            guest.keep_pace(now)

    def drain(self) -> None:
        """Close those that wait for nothing."""
        for guest in list(self.connections):
            guest.drain()
