"""What a tick sees and changes: all that it knows of the outside. `pipeline.hosted` has it for SageMaker's API."""

from collections.abc import Mapping
from typing import Protocol

from headgate.core.endpoints import EndpointState
from headgate.core.evidence import Baseline, Rhythm, Tail, Window
from headgate.core.versions import ApprovalStatus, ModelVersion
from headgate.pipeline.probe import Probed
from headgate.pipeline.run import Analysis, Thresholds


class World(Protocol):
    """One rollout's surroundings. Whatever does not answer raises Unavailable."""

    @property
    def rhythm(self) -> Rhythm:
        """How evidence comes."""

    @property
    def probe_seconds(self) -> float:
        """For so long a probe or warm-up may fail: what is to answer it may just be starting."""

    def endpoint(self) -> EndpointState | None:
        """The endpoint as it is."""

    def tags(self, *, fresh: bool = False) -> Mapping[str, str]:
        """The endpoint's tags."""

    def version(self) -> ModelVersion:
        """The version as the registry has it. Raises NotFound where it was deleted."""

    def decide(self, status: ApprovalStatus, reason: str) -> None:
        """Write a person's decision into the registry."""

    def start_canary(self, try_seconds: float) -> None:
        """Ask for the canary beside the stable variant, without traffic."""

    def shift(self, percent: float) -> None:
        """Ask for the canary's share."""

    def promote(self) -> None:
        """Ask for the new version alone, be there an endpoint or not."""

    def go_back(self) -> None:
        """Ask for the config of the way back."""

    def close(self, *, version: int, last_good: str) -> None:
        """Write on the endpoint what is in force now, and that no rollout is open."""

    def let_go(self) -> None:
        """Take this rollout's claim off the endpoint, where it is still there; change nothing else."""

    def probe(self, version: int) -> Probed:
        """Ask the endpoint one real question. Raises Unavailable where it is not answered."""

    def warm_up(self) -> Probed:
        """Ask the canary, which has no traffic yet, the same several times. Raises Unavailable as `probe` does."""

    def windows(self, analysis: Analysis, thresholds: Thresholds | None, *, start: int, end: int) -> list[Window]:
        """The evidence of [start, end), by the period of `rhythm`. `start` is the beginning of one."""

    def baseline(self, *, start: int, end: int) -> Baseline | None:
        """How slow the stable variant was."""

    def tail(self, *, start: int, end: int) -> Tail | None:
        """The 99th percentiles of both."""
