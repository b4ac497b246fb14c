"""The phase that people follow a rollout by, as each step of a real log leaves it."""

from pathlib import Path

from headgate.pipeline.run import Run, phase
from tests.pipeline.simulated import GRADUAL, SimulatedWorld, Simulation, Traffic, terms


def phases(simulation: Simulation) -> list[str]:
    """The phases that a rollout goes through, each time that one begins."""
    seen: list[str] = [phase(simulation.run())]

    def look(run: Run) -> object:
        if phase(run) != seen[-1]:
            seen.append(phase(run))
        return run.ended

    simulation.until(look)
    return seen


def test_a_canary_that_is_promoted(tmp_path: Path) -> None:
    world = SimulatedWorld(terms(approve=True), approval="PendingManualApproval")
    simulation = Simulation(tmp_path, world)
    assert phase(simulation.run()) == "prepare"
    simulation.until(lambda run: run.begun)
    assert phase(simulation.run()) == "approval"
    simulation.rollout.tell("token", {"token": "abc"}, by="delivery machine")
    assert simulation.run().token == "abc"
    simulation.rollout.tell("approve", {}, by="ada")
    assert phases(simulation) == [
        "approval", "production", "watch", "production", "watch", "promote", "ended",
    ]  # fmt: skip


def test_a_canary_that_goes_back(tmp_path: Path) -> None:
    world = SimulatedWorld(terms(GRADUAL), traffic=Traffic(canary_fails=0.5))
    assert phases(Simulation(tmp_path, world)) == ["prepare", "production", "watch", "rollback", "ended"]
