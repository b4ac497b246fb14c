"""Twenty rollouts of a model that is the same as the one in force, under load, with noise.

One of them may go back by chance: the judge's bound is one in a hundred. Of twenty, three or more would go back in one
proof of a thousand; that many are a defect. What the bound is worth is counted in simulations
(`python -m benchmarks.rollouts`), with 10,000 rollouts a case.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.system.rollouts import Scene, engine_alone, entries, outcome, told

pytestmark = pytest.mark.proof

ENDPOINTS, ROUNDS = 2, 10
MOST_BACK = 2
"""The upper tail of a binomial of 20 and 0.01 is 0.0169 from 2 on, 0.0010 from 3 on."""


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
def test_identical_models_go_back_no_more_often_than_the_judge_promises(scenes: list[Scene]) -> None:
    evidence = []
    ends: Counter[tuple[str, str]] = Counter()
    for _ in range(ROUNDS):
        for scene in scenes:
            scene.warm()
        rollouts = [(scene, scene.start(scene.version("noisy"))) for scene in scenes]
        for scene, rollout in rollouts:
            run = scene.ended(rollout)
            ends[outcome(run)] += 1
            assert outcome(run) in (("promoted", "pass"), ("rolled back", "fail")), "\n".join(told(run))
            assert run.thresholds is not None, "latency was not judged"
            evidence += [entry.content["numbers"] for entry in entries(run, "decision")]
    assert ends.total() == ENDPOINTS * ROUNDS
    assert sum(numbers["canary_failing"] + numbers["stable_failing"] for numbers in evidence) > 0, "there was no noise"
    worst = {name: max(numbers[name] for numbers in evidence) for name in ("errors_e", "latency_e")}
    print(f"{dict(ends)}; the largest e-values were {worst}")  # noqa: T201
    assert ends["rolled back", "fail"] <= MOST_BACK, worst
