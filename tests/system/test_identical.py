"""Twenty rollouts of a model that is the same as the one in force, under load, with noise: none goes back."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.system.rollouts import Scene, engine_alone, entries, outcome, told

pytestmark = pytest.mark.proof

ENDPOINTS, ROUNDS = 2, 10


@pytest.fixture
def scenes() -> Iterator[list[Scene]]:
    """Endpoints under load, whose model fails one request in a hundred and takes now less, now more time."""
    with engine_alone() as engine, ExitStack() as stack:
        found = [Scene(engine, f"same-{number}", bake="2s") for number in range(ENDPOINTS)]
        for scene in found:
            scene.deploy("noisy")
            stack.enter_context(scene.load(rate=120))
        yield found


@pytest.mark.timeout(600)
def test_no_identical_model_goes_back(scenes: list[Scene]) -> None:
    evidence = []
    for _ in range(ROUNDS):
        for scene in scenes:
            scene.warm()
        rollouts = [(scene, scene.start(scene.version("noisy"))) for scene in scenes]
        for scene, rollout in rollouts:
            run = scene.ended(rollout)
            assert outcome(run) == ("promoted", "pass"), "\n".join(told(run))
            assert run.thresholds is not None, "latency was not judged"
            evidence += [entry.content["numbers"] for entry in entries(run, "decision")]
    assert len(evidence) == 2 * ENDPOINTS * ROUNDS
    assert sum(numbers["canary_failing"] + numbers["stable_failing"] for numbers in evidence) > 0, "there was no noise"
    worst = {name: max(numbers[name] for numbers in evidence) for name in ("errors_e", "latency_e")}
    assert max(worst.values()) < 100, worst
    print(f"{ENDPOINTS * ROUNDS} rollouts, none rolled back; the largest e-values were {worst}")  # noqa: T201
