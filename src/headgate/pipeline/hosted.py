"""A rollout's `World` behind SageMaker's API, be it AWS's or the engine's.

Reads that cannot change the present decision at once (tags, the registry) are remembered for a second.
"""

import time
from collections.abc import Callable, Mapping

from headgate.core.endpoints import EndpointState
from headgate.core.evidence import Baseline, Rhythm, Tail, Window
from headgate.core.versions import ApprovalStatus, ModelVersion
from headgate.hosting import canary
from headgate.hosting.deployment import TAG_LAST_GOOD, TAG_ROLLOUT, TAG_VERSION, Place
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.evidence import Evidence
from headgate.hosting.evidence_by_minute import evidence_of
from headgate.hosting.registry import Registry
from headgate.hosting.routes import claim_route
from headgate.hosting.session import Connection
from headgate.pipeline.probe import WARM_UP_SECONDS, Probed, Row, probe
from headgate.pipeline.remembered import Remembered
from headgate.pipeline.run import Analysis, Thresholds
from headgate.pipeline.terms import Terms
from headgate.rollout.plan import Start

WARM_UPS = 10
"""Requests to each server of a canary before it gets traffic: the first ones of a process are slow, and would count."""
PROBE_SECONDS = 5.0
"""Gateway or model server may just be starting again."""


class HostedWorld:
    """One rollout's surroundings: see `pipeline.world.World` for what each call does."""

    def __init__(
        self,
        connection: Connection,
        row: Row,
        terms: Terms,
        *,
        evidence: Evidence | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`evidence`: by the second or by the minute; by default as the connection has it."""
        self._connection = connection
        self._row = row
        self._terms = terms
        self._endpoints = Endpoints(connection)
        self._registry = Registry(connection)
        self._evidence = evidence or evidence_of(connection)
        self._place = Place(
            terms.project,
            terms.environment,
            terms.instance_type,
            terms.instances,
            terms.variables,
            serverless=terms.serverless,
            tags=terms.tags,
        )
        self._pair = canary.Pair(terms.canary_config, terms.final_config)
        self._arn = ""
        self._tags = Remembered(self._read_tags, clock)
        self._version = Remembered(lambda: self._registry.version(terms.project, terms.version), clock)

    @property
    def rhythm(self) -> Rhythm:
        """See `World`."""
        return self._evidence.rhythm

    @property
    def probe_seconds(self) -> float:
        """See `World`."""
        return PROBE_SECONDS

    def endpoint(self) -> EndpointState | None:
        """See `World`."""
        state = self._endpoints.find(self._terms.endpoint)
        self._arn = state.arn if state else ""
        return state

    def tags(self, *, fresh: bool = False) -> Mapping[str, str]:
        """See `World`."""
        return self._tags.get(fresh=fresh)

    def version(self) -> ModelVersion:
        """See `World`."""
        return self._version.get()

    def decide(self, status: ApprovalStatus, reason: str) -> None:
        """See `World`."""
        self._version.set(self._registry.set_status(self.version(), status, reason))

    def prepare(self) -> None:
        """Make the models and configs of the rollout ahead, where its version is Approved; they answer nobody yet."""
        version = self.version()
        if version.status != "Approved":
            return
        if self._pair.canary and self._terms.config_before and any(isinstance(s, Start) for s in self._terms.steps):
            canary.create_pair(self._endpoints, version, self._place, self._terms.config_before, self._pair)
        else:
            canary.create_final(self._endpoints, version, self._place)

    def start_canary(self, try_seconds: float) -> None:
        """See `World`."""
        canary.create_pair(self._endpoints, self.version(), self._place, self._terms.config_before, self._pair)
        self._claim()
        if self._terms.fallback:
            canary.let_fall_back(self._endpoints, self._arn, try_seconds)
        self._endpoints.update(self._terms.endpoint, self._pair.canary)

    def shift(self, percent: float) -> None:
        """See `World`."""
        canary.shift(self._endpoints, self._terms.endpoint, percent)

    def promote(self) -> None:
        """See `World`."""
        canary.create_final(self._endpoints, self.version(), self._place)
        if self._arn:
            self._claim()
            self._endpoints.update(self._terms.endpoint, self._pair.final, retain_counts=self._place.serverless is None)
        else:
            self._endpoints.create(self._terms.endpoint, self._pair.final, self._ours(self._terms.version))

    def go_back(self) -> None:
        """See `World`."""
        self._claim()
        target = self._pair.final if self._terms.kind == "rollback" else self._terms.config_before
        self._endpoints.update(self._terms.endpoint, target)

    def close(self, *, version: int, last_good: str) -> None:
        """See `World`."""
        tags = self._ours(version) | ({TAG_LAST_GOOD: last_good} if last_good else {})
        self._endpoints.tag(self._arn, tags)
        if not last_good:
            self._endpoints.untag(self._arn, [TAG_LAST_GOOD])
        forward = self._terms.kind == "rollout" and version == self._terms.version
        if forward and (state := self.endpoint()):  # a version that goes back takes no path along
            claim_route(self._endpoints, state, self._terms.route)
        canary.release(self._endpoints, self._arn)

    def let_go(self) -> None:
        """See `World`."""
        if self._arn and self.tags(fresh=True).get(TAG_ROLLOUT) == self._terms.id:
            canary.release(self._endpoints, self._arn)

    def probe(self, version: int) -> Probed:
        """See `World`."""
        return self._ask(version)

    def warm_up(self) -> Probed:
        """See `World`."""
        times = WARM_UPS * self._terms.instances
        return self._ask(self._terms.version, variant=canary.CANARY, times=times)

    def _ask(self, version: int, *, variant: str = "", times: int = 1) -> Probed:
        known = self._registry.version(self._terms.project, version)
        return probe(
            self._row,
            known,
            self._connection,
            self._terms.endpoint,
            variant=variant,
            times=times,
            seconds=WARM_UP_SECONDS,
            refusable=self._terms.probe_refusable,
        )

    def windows(self, analysis: Analysis, thresholds: Thresholds | None, *, start: int, end: int) -> list[Window]:
        """See `World`."""
        return self._evidence.windows(
            self._terms.endpoint,
            step_began=analysis.step_began,
            rollout_began=analysis.rollout_began,
            slow_began=max(analysis.rollout_began, thresholds.end) if thresholds else None,
            thresholds=thresholds.values if thresholds else None,
            start=start,
            end=end,
        )

    def baseline(self, *, start: int, end: int) -> Baseline | None:
        """See `World`."""
        return self._evidence.baseline(self._terms.endpoint, start=start, end=end)

    def tail(self, *, start: int, end: int) -> Tail | None:
        """See `World`."""
        return self._evidence.tail(self._terms.endpoint, start=start, end=end)

    def _claim(self) -> None:
        canary.claim(
            self._endpoints,
            self._arn,
            rollout=self._terms.id,
            generation=self._terms.generation,
            last_good=self._terms.config_before,
        )

    def _read_tags(self) -> Mapping[str, str]:
        return self._endpoints.tags(self._arn) if self._arn else {}

    def _ours(self, version: int) -> dict[str, str]:
        return {**self._place.marks, TAG_VERSION: str(version)}
