"""Rollouts where evidence comes by the minute and late, as on AWS."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from headgate.core.evidence import Counts, Rhythm, Window
from headgate.pipeline.run import Analysis, Thresholds
from tests.pipeline.simulated import SimulatedWorld, Simulation, Traffic, terms

RHYTHM = Rhythm(period=60, lag=180, delay=180)
FIELDS = ("seen", "failing", "requests")


@dataclass
class MinuteWorld(SimulatedWorld):
    """Tells of a minute only once it is over for three minutes."""

    rhythm: Rhythm = field(default_factory=lambda: RHYTHM)

    def windows(self, analysis: Analysis, thresholds: Thresholds | None, *, start: int, end: int) -> list[Window]:
        """See World."""
        assert start % 60 == 0
        assert analysis.step_began % 60 == 0
        seconds = super().windows(analysis, None, start=start, end=end)
        found = []
        for minute in range(start, min(end, RHYTHM.settled(self.now)), 60):
            inside = [w for w in seconds if minute <= w.start < minute + 60]
            stable, canary = ([getattr(w, name) for w in inside] for name in ("stable", "canary"))
            found.append(Window(minute, 60.0, _sum(stable), _sum(canary)))
        del thresholds
        return found


def _sum(counts: list[Counts]) -> Counts:
    seen, failing, requests = (sum(getattr(c, name) for c in counts) for name in FIELDS)
    return Counts(seen, failing, (0, 0, 0), requests)


def test_a_good_canary_is_promoted_on_all_of_its_evidence(tmp_path: Path) -> None:
    world = MinuteWorld(terms())
    simulation = Simulation(tmp_path, world)
    run = simulation.until(step=15.0)
    assert run.ended is not None
    assert run.ended.outcome == "promoted"
    analyses = [e for e in run.entries if e.kind == "decision"]
    began = [e.content["step_began"] for e in run.entries if "step_began" in e.content]
    for decision, second in zip(analyses, began, strict=True):
        assert decision.at >= second + 60 + RHYTHM.delay
    first = analyses[0].content["numbers"]
    whole = sum(world._second(s)[1] for s in range(math.floor(began[0]), math.floor(began[0]) + 60))
    assert first["canary_requests"] >= whole, "nothing of the bake is left out"


def test_a_bad_canary_goes_back_before_its_bake_is_over(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, MinuteWorld(terms(), traffic=Traffic(canary_fails=0.5)))
    run = simulation.until(step=15.0)
    assert run.ended is not None
    assert run.ended.outcome == "rolled back"
