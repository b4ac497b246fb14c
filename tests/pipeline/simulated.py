"""An endpoint on a virtual clock: hours of rollout in a moment. It behaves as the engine does, and keeps count.

The real engine drives the same ticks in tests/system/test_rollout*.py; here time is ours.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headgate.core.endpoints import EndpointState, VariantState
from headgate.core.evidence import Baseline, Counts, Rhythm, Tail, Window
from headgate.core.versions import ApprovalStatus, ModelVersion
from headgate.data.store import Store
from headgate.errors import HeadgateError, Unavailable
from headgate.pipeline.probe import Probed
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.run import Analysis, Run, Thresholds
from headgate.pipeline.terms import Terms
from headgate.pipeline.tick import Tick
from headgate.rollout.plan import Canary, Strategy, compile_plan

BEGAN = 1_800_000_000.0
STABLE, CANARY, FINAL = "iris-production-v1-00000001", "iris-production-v2-00000002", "iris-production-v2-00000003"
GRADUAL = Canary((10.0, 50.0), bake=60.0, min_requests=300, wait=120.0)


def terms(strategy: Strategy = GRADUAL, *, approve: bool = False, number: int = 1) -> Terms:
    """Version 2 in the place of version 1."""
    return Terms(
        kind="rollout", id=f"iris-production-{number}-test", project="iris", environment="production",
        endpoint="iris-production", number=number, generation=1, version=2, version_before=1, config_before=STABLE,
        pointer_before="iris-production-v0-00000000", canary_config=CANARY, final_config=FINAL,
        instance_type="ml.m5.large", instances=1, fallback=True, probe_refusable=False,
        steps=compile_plan(strategy, approve=approve),
    )  # fmt: skip


@dataclass
class Traffic:
    """Requests a second, and how much of them each variant fails and answers slowly (above the baseline's p99)."""

    rate: float = 50.0
    stable_fails: float = 0.001
    canary_fails: float = 0.001
    stable_slow: float = 0.01
    canary_slow: float = 0.01


@dataclass
class SimulatedWorld:
    """See pipeline.world.World. Changes take `change_seconds`; `broken` names calls that do not answer now."""

    terms: Terms
    traffic: Traffic = field(default_factory=Traffic)
    now: float = BEGAN
    change_seconds: float = 0.3
    broken: set[str] = field(default_factory=set)
    refused: dict[str, HeadgateError] = field(default_factory=dict)
    fails_to_start: set[str] = field(default_factory=set)
    gives_reasons: bool = True
    """AWS gives none where an endpoint went back by itself."""
    broken_as: str = "InService"
    """The status of an endpoint whose change failed."""
    approval: ApprovalStatus = "Approved"
    deleted: bool = False
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    rhythm: Rhythm = field(default_factory=Rhythm)
    probe_seconds: float = 5.0

    def __post_init__(self) -> None:
        """InService on the config from before."""
        self.config = self.terms.config_before
        self.weights = {"stable": 100.0} if self.config else {}
        self.told = {"headgate:generation": "0", "headgate:last-good": self.terms.pointer_before}
        self.calls: list[str] = []
        self.failure, self.status = "", "InService"
        self.modified = BEGAN - 3600.0
        self._next: tuple[float, str, dict[str, float]] | None = None
        self._drawn: dict[int, tuple[int, int, int, int, int, int]] = {}
        self._split: list[tuple[float, float]] = [(0.0, 0.0)]

    # ---- reads

    def endpoint(self) -> EndpointState | None:
        """See World."""
        self._answers("endpoint")
        self._settle()
        if self.deleted or not (self.config or self._next):
            return None
        status = "Updating" if self._next else self.status
        variants = tuple(VariantState(name, w, w, 1, 1) for name, w in self.weights.items())
        return EndpointState("iris-production", "arn", status, self.config, variants, self.failure, self.modified)

    def tags(self, *, fresh: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        """See World."""
        self._answers("tags")
        return self.told

    def version(self) -> ModelVersion:
        """See World."""
        self._answers("version")
        return ModelVersion("iris", self.terms.version, "arn:2", self.approval)

    def windows(self, analysis: Analysis, thresholds: Thresholds | None, *, start: int, end: int) -> list[Window]:
        """See World. A unit is a request here."""
        self._answers("windows")
        found = []
        for second in range(max(start, analysis.step_began), min(end, math.floor(self.now) + 1)):
            stable, canary, stable_failing, canary_failing, stable_slow, canary_slow = self._second(second)
            slow_from = max(analysis.rollout_began, thresholds.end) if thresholds else math.inf
            marks = (stable_slow, canary_slow) if second >= slow_from else (0, 0)
            found.append(
                Window(
                    second,
                    1.0,
                    Counts(stable, stable_failing, (0, 0, marks[0]), stable),
                    Counts(canary, canary_failing, (0, 0, marks[1]), canary),
                )
            )
        return found

    def baseline(self, *, start: int, end: int) -> Baseline | None:
        """See World."""
        self._answers("baseline")
        requests = round((end - start) * self.traffic.rate)
        return Baseline(requests, (1000.0, 2000.0, 5000.0)) if requests else None

    def tail(self, *, start: int, end: int) -> Tail | None:  # noqa: ARG002
        """See World."""
        self._answers("tail")
        return None

    # ---- changes

    def decide(self, status: ApprovalStatus, reason: str) -> None:  # noqa: ARG002
        """See World."""
        self._called(f"decide {status}")
        self.approval = status

    def start_canary(self, try_seconds: float) -> None:  # noqa: ARG002
        """See World."""
        self._called("start_canary")
        self.told = {**self.told, "headgate:generation": str(self.terms.generation), "headgate:rollout": self.terms.id}
        self._change(self.terms.canary_config, {"stable": 100.0, "canary": 0.0})

    def shift(self, percent: float) -> None:
        """See World."""
        self._called(f"shift {percent:g}")
        self._change(self.config, {"stable": 100.0 - percent, "canary": percent})

    def promote(self) -> None:
        """See World."""
        self._called("promote")
        if self.config:
            self.told = {**self.told, "headgate:generation": str(self.terms.generation)}
        self._change(self.terms.final_config, {"stable": 1.0})

    def go_back(self) -> None:
        """See World."""
        self._called("go_back")
        target = self.terms.final_config if self.terms.kind == "rollback" else self.terms.config_before
        self.told = {**self.told, "headgate:generation": str(self.terms.generation)}
        self._change(target, {"stable": 1.0})

    def close(self, *, version: int, last_good: str) -> None:
        """See World."""
        self._called("close")
        self.told = {**self.told, "headgate:version": str(version), "headgate:last-good": last_good}
        self.told.pop("headgate:rollout", None)

    def let_go(self) -> None:
        """See World."""
        self._called("let_go")
        self.told.pop("headgate:rollout", None)

    def probe(self, version: int) -> Probed:
        """See World."""
        self._called(f"probe {version}")
        return Probed("1", "A held-out row was answered: 1")

    def warm_up(self) -> Probed:
        """See World."""
        self._called("warm_up")
        return Probed("1", "A held-out row was answered: 1")

    # ---- behind the scenes

    def meddle(self, **changes: object) -> None:
        """What somebody else does to the endpoint."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.modified = self.now

    def _answers(self, call: str) -> None:
        if call in self.refused:
            raise self.refused[call]
        if call in self.broken or "everything" in self.broken:
            raise Unavailable(f"{call} does not answer.")

    def _called(self, call: str) -> None:
        self._answers(call.partition(" ")[0])
        self.calls.append(call)

    def _change(self, config: str, weights: dict[str, float]) -> None:
        assert self._next is None, "a busy endpoint was asked for a change"
        self.modified, self.failure = self.now, ""
        self._next = self.now + self.change_seconds, config, weights

    def _settle(self) -> None:
        if self._next is None or self.now < self._next[0]:
            return
        at, config, weights = self._next
        self._next, self.modified = None, at
        if config in self.fails_to_start:
            self.failure = f"The model server of {config} did not start." if self.gives_reasons else ""
            self.status = self.broken_as
            return
        self.config, self.weights, self.status = config, weights, "InService"
        total = sum(weights.values())
        self._split.append((at, weights.get("canary", 0.0) / total))

    def _second(self, second: int) -> tuple[int, int, int, int, int, int]:
        """What one second held: drawn once, when it is first asked for."""
        if second not in self._drawn:
            share = next(share for at, share in reversed(self._split) if at <= second)
            total = self._draw(1.0, self.traffic.rate)
            canary = sum(self.dice.random() < share for _ in range(total))
            stable, t = total - canary, self.traffic
            self._drawn[second] = (
                stable, canary, self._draw(t.stable_fails, stable), self._draw(t.canary_fails, canary),
                self._draw(t.stable_slow, stable), self._draw(t.canary_slow, canary),
            )  # fmt: skip
        return self._drawn[second]

    def _draw(self, share: float, total: float) -> int:
        whole = int(total) + (self.dice.random() < total % 1)
        return sum(self.dice.random() < share for _ in range(whole))


@dataclass
class Simulation:
    """A rollout on a simulated world; its log is real, in a folder."""

    folder: Path
    world: SimulatedWorld

    def __post_init__(self) -> None:
        """Write the first entry."""
        self.store = Store(self.folder)
        self.rollouts = Rollouts(self.store, "production")
        self.rollout = self.rollouts.start(self.world.terms, at=self.world.now, by="ada")

    def run(self) -> Run:
        """Where it stands."""
        return self.rollout.run()

    def tick(self) -> float | None:
        """One tick, by somebody who remembers nothing."""
        return Tick(self.world, self.anew(), lambda: self.world.now)()

    def anew(self) -> Rollout:
        """The rollout as somebody sees it who has read nothing yet."""
        return self.rollouts.get(self.world.terms.number)

    def until(
        self, done: Callable[[Run], object] = lambda run: run.ended, *, hours: float = 12.0, step: float = 0.0
    ) -> Run:
        """Tick until `done`, on the virtual clock. `step` lengthens each pause, to make hours short."""
        deadline = self.world.now + hours * 3600
        tick = Tick(self.world, self.anew(), lambda: self.world.now)
        while not done(run := self.run()):
            assert self.world.now < deadline, run.entries[-3:]
            try:
                pause = tick()
            except Unavailable:
                pause = 1.0
            self.world.now += max(pause or 0.0, step, 0.01)
        return run


def kinds(run: Run) -> list[str]:
    """The kinds of all entries."""
    return [entry.kind for entry in run.entries]
