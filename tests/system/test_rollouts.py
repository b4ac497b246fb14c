"""Rollouts under load on the real engine: good versions are promoted, bad ones go back, and callers see no error."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from headgate.pipeline.run import Run
from headgate.pipeline.story import why
from tests.pace import within
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import ROWS, Scene, engine_alone, entries, outcome, sufficient, told

pytestmark = pytest.mark.slow

PLAIN = ROWS[:1]
"""Rows without the poison, for versions that take two features and nothing else."""


@pytest.fixture(scope="module")
def ours() -> Iterator[RunningEngine]:
    """An engine of this module's own."""
    with engine_alone() as engine:
        yield engine


@pytest.fixture(scope="module")
def scene(ours: RunningEngine) -> Iterator[Scene]:
    """A project under load, with fallback. When all is over, no caller has seen an error."""
    scene = Scene(ours, "watched", bake="30s")
    scene.deploy()
    with scene.load() as total:
        yield scene
        found = total()
    assert found.failed == 0, found.failures[:3]
    until(lambda: found.variants == answers(scene), what="the gateway's log tells of the answers that callers had")


def answers(scene: Scene) -> Counter[str]:
    """How many answers each variant gave, by the gateway's log."""
    return Counter(attempt.answered_by for attempt in scene.attempts() if attempt.status == 200)


def went_back(scene: Scene, kind: str) -> Run:
    """Roll a version of this kind out, and see that it goes back to where it was by the judge's verdict."""
    before = scene.config()
    run = scene.ended(scene.start(scene.version(kind)))
    assert outcome(run) == ("rolled back", "fail"), told(run)
    assert scene.config() == before
    assert scene.open_tags() == {}
    assert [variant["VariantName"] for variant in scene.engine.describe(scene.endpoint)["ProductionVariants"]] == [
        "stable"
    ]
    return run


def shown_to_be_bad(scene: Scene, run: Run) -> float:
    """When there was enough evidence; the canary had no traffic any more a second later."""
    (began,) = (entry.content["step_began"] for entry in entries(run, "step") if "step_began" in entry.content)
    attempts = [attempt for attempt in scene.attempts() if attempt.ended >= began]
    enough = sufficient(attempts, began)
    assert enough is not None
    (decision,), (returning,) = entries(run, "decision"), entries(run, "returning")
    assert returning.at - decision.at < within(1.0)
    assert returning.at - enough < within(1.0), (
        f"{decision.at - enough:.2f} s to decide, {returning.at - decision.at:.2f} s on"
    )
    assert max(a.ended for a in attempts if a.variant == "canary" and a.number == 1) < enough + within(1.0)
    return enough


def test_a_good_version_is_promoted(ours: RunningEngine) -> None:
    scene = Scene(ours, "promoted")
    one = scene.deploy("linear")
    before = scene.config()
    with scene.load(rows=PLAIN) as total:
        scene.warm()
        two = scene.version("linear", bias=1.0)
        run = scene.ended(scene.start(two))
        sent = total()
    assert (sent.failed, sent.failures) == (0, [])
    assert outcome(run) == ("promoted", "pass"), told(run)
    assert re.fullmatch(
        r"Promoted: The bake is over, [\d,]+ requests reached the canary; "
        r"errors e [\d.]+ and latency e [\d.]+ are below 100\.",
        why(run),
    )
    assert scene.config() == run.terms.final_config
    assert scene.tags() == {
        "headgate:project": "promoted",
        "headgate:environment": "production",
        "headgate:version": str(two),
        "headgate:last-good": before,
        "headgate:generation": "1",
    }
    assert run.terms.version_before == one
    until(lambda: sent.variants == answers(scene), what="the log has all answers")
    attempts = scene.attempts()
    began = [entry.content["step_began"] for entry in entries(run, "step") if "step_began" in entry.content]
    decisions = entries(run, "decision")
    assert [decision.content["do"] for decision in decisions] == ["go on", "go on"]
    for start, decision in zip(began, decisions, strict=True):
        at_canary = sorted(a.ended for a in attempts if a.variant == "canary" and a.ended >= start)
        counted = decision.content["numbers"]["canary_requests"]
        assert sum(at < decision.at - 0.5 for at in at_canary) <= counted <= sum(at < decision.at for at in at_canary)


def test_without_fallback_callers_see_the_canary_fail_until_it_is_gone(ours: RunningEngine) -> None:
    scene = Scene(ours, "naked", bake="30s", fallback=False)
    scene.deploy()
    with scene.load() as total:
        run = went_back(scene, "failing")
        sent = total()
    gone = entries(run, "returning")[0].at
    shown_to_be_bad(scene, run)
    assert sent.failed >= 3
    for failure in sent.failures:
        assert (failure["status"], failure["variant"]) == (424, "canary")
        assert "this input was never tried" in failure["said"]
        assert failure["sent"] < gone


def test_a_version_that_fails_some_inputs_goes_back(scene: Scene) -> None:
    run = went_back(scene, "failing")
    shown_to_be_bad(scene, run)
    assert re.fullmatch(
        r"Rolled back: (\d+) of \1 failing units were the canary's, which saw [\d.]+ % of all units "
        r"\(e [\d.,e+]+ >= 100\)\.",
        why(run),
    )


@pytest.mark.parametrize("kind", ["hanging", "broken", "dead"])
def test_a_version_that_answers_nothing_goes_back(scene: Scene, kind: str) -> None:
    scene.warm()
    run = went_back(scene, kind)
    assert "failing units were the canary's" in why(run)


def test_a_slow_version_goes_back(scene: Scene) -> None:
    scene.warm()
    run = went_back(scene, "slow")
    assert re.search(r"units slower than the baseline's p(50|90|99) \(and 2 ms\) were the canary's", why(run))
