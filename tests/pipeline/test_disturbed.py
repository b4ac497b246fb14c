"""Rollouts whose surroundings misbehave: clocks that are set back, logs that were edited or deleted, two who tick."""

import json
import math
import multiprocessing
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from headgate.core.endpoints import EndpointState
from headgate.core.evidence import Counts, Window
from headgate.data.store import Store
from headgate.errors import HeadgateError, InvalidInput, NotFound, Unavailable
from headgate.pipeline.probe import Probed
from headgate.pipeline.rollouts import Rollouts
from headgate.pipeline.run import Analysis, Run, Thresholds
from headgate.pipeline.tick import Tick
from headgate.rollout.plan import Canary, Promote
from tests.pipeline.simulated import BEGAN, FINAL, STABLE, SimulatedWorld, Simulation, Traffic, kinds, terms

QUICK = terms(Canary((10.0, 50.0), bake=20.0, min_requests=30, wait=120.0))
MINUTE = 60.0


@dataclass
class SetBack(SimulatedWorld):
    """The machine's clock is set back by a minute at `at`. The engine's evidence goes on as the engine's does: what
    comes for a closed second counts in the first open one."""

    at: float = math.inf

    def clock(self) -> float:
        """What the clock shows."""
        return self.now - (MINUTE if self.now >= self.at else 0.0)

    def windows(self, analysis: Analysis, thresholds: Thresholds | None, *, start: int, end: int) -> list[Window]:
        """See World."""
        found: dict[int, list[Window]] = {}
        everything = Analysis(int(BEGAN), int(BEGAN), int(BEGAN), int(BEGAN))
        for window in super().windows(everything, thresholds, start=int(BEGAN), end=math.floor(self.now) + 1):
            shown = window.start - (MINUTE if window.start >= self.at else 0.0)
            second = int(max(shown, self.at - 2) if window.start >= self.at else shown)
            if max(start, analysis.step_began) <= second < end:
                found.setdefault(second, []).append(window)
        return [Window(second, 1.0, *(summed(several, name) for name in ("stable", "canary")))
                for second, several in sorted(found.items())]  # fmt: skip


def summed(windows: list[Window], variant: str) -> Counts:
    """The counts of several windows."""
    counts: list[Counts] = [getattr(window, variant) for window in windows]
    return Counts(sum(c.seen for c in counts), sum(c.failing for c in counts), requests=sum(c.requests for c in counts))


def played(folder: Path, traffic: Traffic, at: float) -> tuple[SetBack, Run]:
    """A whole rollout; the clock is set back `at` seconds after its start, as the world's own changes are not."""
    world = SetBack(QUICK, traffic, at=BEGAN + at)
    simulation = Simulation(folder, world)
    tick = Tick(world, simulation.anew(), world.clock)
    while simulation.run().ended is None:
        assert world.now < BEGAN + 600, kinds(simulation.run())
        world.now += max(tick() or 0.0, 0.05)
    return world, simulation.run()


@pytest.mark.parametrize("at", [0.2, 5.0, 15.0, 20.5, 22.0, 30.0, 41.0])
def test_a_clock_set_back_by_a_minute_delays_a_good_version_and_no_more(tmp_path: Path, at: float) -> None:
    undisturbed = Simulation(tmp_path / "plain", SimulatedWorld(QUICK)).until()
    world, run = played(tmp_path / "back", Traffic(), at)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("promoted", "pass")
    assert steps(run) == steps(undisturbed)
    assert world.now - BEGAN < 45 + 2 * MINUTE
    times = [entry.at for entry in run.entries]
    assert times == sorted(times)


@pytest.mark.parametrize("at", [5.0, 10.5, 19.0])
def test_a_canary_that_fails_while_the_clock_stands_is_found_at_once(tmp_path: Path, at: float) -> None:
    world = SetBack(QUICK, Traffic(canary_fails=0.0, stable_fails=0.0), at=BEGAN + at)
    simulation = Simulation(tmp_path, world)
    tick = Tick(world, simulation.anew(), world.clock)
    while simulation.run().ending is None:
        assert world.now < BEGAN + at + 4
        world.now += max(tick() or 0.0, 0.05)
        if world.now >= BEGAN + at:
            world.traffic = Traffic(canary_fails=1.0)
    assert simulation.run().step == 2


def test_evidence_is_not_counted_twice_when_a_step_begins_while_the_clock_stands(tmp_path: Path) -> None:
    """Set back between the verdict on one step and the beginning of the next."""
    even = Traffic(canary_fails=0.02, stable_fails=0.02)
    run = Simulation(tmp_path / "plain", SimulatedWorld(QUICK, even)).until()
    verdict = next(entry.at for entry in run.entries if entry.kind == "decision")
    for number, after in enumerate((0.02, 0.2, 0.35)):
        world, run = played(tmp_path / str(number), even, verdict - BEGAN + after)
        last = [entry for entry in run.entries if entry.kind == "decision"][-1].content["numbers"]
        failing = sum(second[2] + second[3] for second in world._drawn.values())
        assert last["canary_failing"] + last["stable_failing"] <= failing
        assert last["canary_seen"] / (last["canary_seen"] + last["stable_seen"]) > 0.4
        assert run.ended is not None
        assert run.ended.outcome == "promoted"


def steps(run: Run) -> list[tuple[str, object]]:
    """The steps that were taken."""
    return [(entry.kind, entry.content["index"]) for entry in run.entries if entry.kind in ("step", "done")]


# ---- the probe


@dataclass
class Silent(SimulatedWorld):
    """Does not answer probes until `answers`."""

    answers: float = math.inf

    def probe(self, version: int) -> Probed:
        """See World."""
        if self.now < self.answers:
            raise Unavailable("The gateway is being started.")
        return super().probe(version)


def test_a_gateway_that_is_just_being_started_is_not_taken_for_a_bad_version(tmp_path: Path) -> None:
    world = Silent(QUICK)
    simulation = Simulation(tmp_path, world)
    simulation.until(lambda run: run.begun and isinstance(run.present, Promote) and world.config == FINAL)
    world.answers = world.now + 3.0
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"


def test_a_world_that_starts_slowly_is_given_the_time(tmp_path: Path) -> None:
    world = Silent(QUICK, probe_seconds=120.0)
    simulation = Simulation(tmp_path, world)
    simulation.until(lambda run: run.begun and isinstance(run.present, Promote) and world.config == FINAL)
    world.answers = world.now + 100.0
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "promoted"


def test_a_version_that_never_answers_goes_back_and_so_it_says(tmp_path: Path) -> None:
    world = Silent(QUICK)
    simulation = Simulation(tmp_path, world)
    run = simulation.until(lambda run: run.ending)
    began = next(entry.at for entry in reversed(run.entries) if entry.kind == "step")
    assert world.now - began < 8.0
    run = simulation.until()
    assert run.ended is not None
    assert run.ended.outcome == "rolled back"
    assert "does not answer: The gateway is being started." in run.ended.why
    assert world.config == STABLE


def test_a_version_that_was_rejected_and_deleted_loses_its_traffic_all_the_same(tmp_path: Path) -> None:
    world = SimulatedWorld(QUICK)
    simulation = Simulation(tmp_path, world)
    simulation.until(lambda run: run.analysis)
    simulation.rollout.tell("reject", {"reason": "wrong data"}, by="grace")
    world.refused = {"version": NotFound("There is no version 2.")}
    run = simulation.until()
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("rejected", "fail")
    assert world.calls[-4:] == ["shift 0", "go_back", "probe 1", "close"]


# ---- the log


def entry(simulation: Simulation, number: int) -> Path:
    return simulation.folder / f"rollouts/production/1/{number:06}.json"


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_log_that_was_edited_is_refused_and_changes_nothing(tmp_path: Path, number: int) -> None:
    simulation = Simulation(tmp_path, SimulatedWorld(QUICK))
    simulation.until(lambda run: len(run.entries) > 6)
    document = json.loads(entry(simulation, number).read_bytes())
    entry(simulation, number).write_text(json.dumps(document | {"by": "mallory"}))
    calls = list(simulation.world.calls)
    with pytest.raises(InvalidInput, match=rf"{number + 1:06}\.json does not follow the entry before it"):
        simulation.tick()
    assert simulation.world.calls == calls


def test_a_log_that_was_deleted_is_not_begun_again_in_its_middle(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SimulatedWorld(QUICK))
    tick = Tick(simulation.world, simulation.anew(), lambda: simulation.world.now)
    for _ in range(20):
        simulation.world.now += tick() or 0.0
    calls = list(simulation.world.calls)
    shutil.rmtree(tmp_path / "rollouts")
    for _ in range(3):
        with pytest.raises(InvalidInput, match="the log was deleted by hand"):
            tick()
    assert simulation.world.calls == calls
    assert not (tmp_path / "rollouts").exists()


def test_an_old_log_that_is_damaged_stands_in_nobodys_way(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SimulatedWorld(QUICK))
    simulation.until()
    second = simulation.rollouts.start(terms(number=2), at=simulation.world.now, by="ada")
    entry(simulation, 3).write_bytes(b"{")
    assert simulation.rollouts.open() is not None
    assert second.run().ended is None


# ---- two at once


def tick_with(folder: str, pause: float) -> None:
    """Tick in a process of its own, without any lock, on a world of the clock's own time."""
    simulation = Rollouts(Store(Path(folder)), "production")
    world = Shared(QUICK, folder=folder)
    tick = Tick(world, simulation.get(1), lambda: world.now)
    for _ in range(2000):
        world.now += pause
        try:
            if tick() is None:
                return
        except HeadgateError:
            continue  # as a runner does


@dataclass
class Shared(SimulatedWorld):
    """The endpoint that several processes see: what it is set to stands in a file."""

    folder: str = ""

    def __post_init__(self) -> None:
        """As the file has it."""
        super().__post_init__()
        self.change_seconds = 0.0
        self.traffic = Traffic(stable_fails=0.0, canary_fails=0.0, stable_slow=0.0, canary_slow=0.0)

    @property
    def _file(self) -> Path:
        return Path(self.folder) / "endpoint.json"

    def endpoint(self) -> EndpointState | None:
        """See World."""
        if self._file.exists():
            self.config, self.weights, self.told, self.modified = json.loads(self._file.read_text())
            share = self.weights.get("canary", 0.0) / sum(self.weights.values())
            if share != self._split[-1][1]:  # the other process moved it: this one's requests go there too
                self._split.append((self.now, share))
        return super().endpoint()

    def _called(self, call: str) -> None:
        super()._called(call)
        with (Path(self.folder) / "calls").open("a") as calls:
            calls.write(f"{call}\n")

    def _change(self, config: str, weights: dict[str, float]) -> None:
        super()._change(config, weights)
        self._settle()
        temporary = self._file.with_suffix(f".{id(self)}")
        temporary.write_text(json.dumps([self.config, self.weights, self.told, self.modified]))
        temporary.replace(self._file)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A rollout that nobody has ticked yet."""
    Rollouts(Store(tmp_path), "production").start(QUICK, at=BEGAN, by="ada")
    return tmp_path


def test_of_two_processes_without_a_lock_each_step_is_taken_once(started: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=tick_with, args=(str(started), 0.1 + 0.01 * n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    run = Rollouts(Store(started), "production").get(1).run()
    assert run.ended is not None
    config, *_ = json.loads((started / "endpoint.json").read_text())
    whole = [(kind, step) for step in range(len(QUICK.steps)) for kind in ("step", "done")]
    assert steps(run) == whole[: len(steps(run))]
    if run.ended.outcome == "promoted":
        assert (steps(run), config) == (whole, FINAL)
    else:  # one was held up between its last look at the log and its change, which the other took for a stranger's
        assert "Somebody else changed" in run.ended.why
