"""What may happen to a rollout that is under way: people change their minds, traffic stops, others interfere."""

from collections.abc import Iterator

import pytest

from headgate.errors import Refused
from headgate.hosting.deployment import plan
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from headgate.pipeline.run import Run
from headgate.pipeline.start import place_of
from headgate.pipeline.story import why
from headgate.rollout.plan import Analyse
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import ENVIRONMENT, PERSON, Scene, at_step, engine_alone, entries, outcome, told

pytestmark = pytest.mark.slow

STEPS = ("approve", "start", "shift 10", "analyse 10", "shift 50", "analyse 50", "promote")


@pytest.fixture(scope="module")
def ours() -> Iterator[RunningEngine]:
    """An engine of this module's own."""
    with engine_alone() as engine:
        yield engine


@pytest.fixture(scope="module")
def busy_endpoint(ours: RunningEngine) -> Iterator[Scene]:
    scene = Scene(ours, "busy")
    scene.deploy()
    with scene.load(rate=60) as total:
        yield scene
        assert (found := total()).failed == 0, found.failures[:3]


@pytest.fixture(scope="module")
def candidate(busy_endpoint: Scene) -> int:
    """An approved version that nothing is wrong with."""
    return busy_endpoint.version()


@pytest.fixture
def busy(busy_endpoint: Scene) -> Iterator[Scene]:
    """A project whose endpoint is called all the time; no caller ever sees an error. Tidy after each test."""
    busy_endpoint.say()
    yield busy_endpoint
    assert busy_endpoint.open_tags() == {}


@pytest.fixture(scope="module")
def idle_endpoint(ours: RunningEngine) -> Scene:
    scene = Scene(ours, "idle")
    scene.deploy()
    return scene


@pytest.fixture
def idle(idle_endpoint: Scene) -> Iterator[Scene]:
    """A project whose endpoint nobody calls. Tidy after each test."""
    idle_endpoint.say(bake="30s")
    yield idle_endpoint
    assert idle_endpoint.open_tags() == {}


def analysing(run: Run) -> bool:
    """Whether it watches a canary that has traffic."""
    return run.begun and isinstance(run.present, Analyse)


# ---- people


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_aborted_at_any_step_it_goes_back(busy: Scene, candidate: int, step: int) -> None:
    busy.say(approve=True)
    before = busy.config()
    rollout = busy.start(candidate if step else busy.version(approved=False))
    busy.until(rollout, at_step(step))
    rollout.tell("abort", {"reason": "wrong data"}, by=PERSON)
    run = busy.ended(rollout)
    assert run.step <= step + 1, "\n".join(told(run))
    assert outcome(run) == ("aborted", "inconclusive"), "\n".join(told(run))
    assert why(run) == "Aborted: tester aborted the rollout: wrong data."
    assert busy.config() == before
    last = entries(run, "ended")[0].content
    assert last["why"] == "tester aborted the rollout: wrong data."


def test_while_one_is_open_nothing_else_starts(idle: Scene) -> None:
    idle.say(approve=True)
    first, other = idle.version(approved=False), idle.version()
    rollout = idle.start(first)
    idle.until(rollout, at_step(0))
    assert why(rollout.run()) == f"Nothing is decided yet: version {first} waits for approval."
    with pytest.raises(Refused, match=rf"idle-production-\d+-\w+ is under way on idle-production: version {first}\."):
        idle.start(other)
    with pytest.raises(Refused, match="is under way on idle-production"):
        idle.roll_back()
    rollout.tell("approve", {"reason": "looks right"}, by=PERSON)
    idle.until(rollout, at_step(2))
    assert idle.status(first) == "Approved"
    version = Registry(idle.connection).version(idle.name, other)
    with pytest.raises(Refused, match="is under way on idle-production"):  # the tag says so, to other folders too
        plan(Endpoints(idle.connection), version, place_of(idle.project, ENVIRONMENT))
    rollout.tell("abort", {"reason": ""}, by=PERSON)
    run = idle.ended(rollout)
    assert why(run) == "Aborted: tester aborted the rollout."
    with pytest.raises(Refused, match=r"has ended: aborted\. tester aborted"):
        rollout.tell("approve", {"reason": ""}, by=PERSON)


def test_a_rollback_and_its_rollback(idle: Scene) -> None:
    old = idle.config()
    run = idle.ended(idle.start(idle.version(), at_once=True))
    new = idle.config()
    assert outcome(run) == ("promoted", "pass"), "\n".join(told(run))
    assert why(run) == (
        f"Promoted: Version {run.terms.version} took all traffic at once, as it was asked to; nothing was compared."
    )
    for target, pointer in ((old, new), (new, old), (old, new)):
        run = idle.ended(idle.roll_back("complaints from sales"))
        assert outcome(run) == ("rolled back", "pass")
        assert why(run) == "Rolled back: complaints from sales."
        assert idle.config() == target
        assert idle.tags()["headgate:last-good"] == pointer
        assert idle.tags()["headgate:version"] == str(run.terms.version)


def test_a_version_rejected_in_the_registry_goes_back(idle: Scene) -> None:
    before, number = idle.config(), idle.version()
    rollout = idle.start(number)
    idle.until(rollout, analysing)
    registry = Registry(idle.connection)
    registry.set_status(registry.version(idle.name, number), "Rejected", "licence")
    run = idle.ended(rollout)
    assert outcome(run) == ("rolled back", "fail"), "\n".join(told(run))
    assert why(run) == f"Rolled back: Version {number} was rejected in the registry meanwhile."
    assert idle.config() == before


def test_a_rejection_goes_back_and_into_the_registry(idle: Scene) -> None:
    before, number = idle.config(), idle.version()
    rollout = idle.start(number)
    idle.until(rollout, analysing)
    rollout.tell("reject", {"reason": "unfair to tall people"}, by=PERSON)
    run = idle.ended(rollout)
    assert outcome(run) == ("rejected", "fail"), "\n".join(told(run))
    assert why(run) == f"Rejected: tester rejected version {number}: unfair to tall people."
    assert idle.status(number) == "Rejected"
    assert idle.config() == before


# ---- traffic


def test_without_traffic_a_person_is_asked(idle: Scene) -> None:
    idle.say(wait="0s")
    before = idle.config()
    rollout = idle.start(idle.version())
    run = idle.until(rollout, lambda run: run.asked)
    asked = "0 requests reached the canary; 20 are needed; errors e 1 and latency e 1 are below 100."
    assert why(run) == f"A person was asked: {asked}"
    assert [entry.content["verdict"] for entry in entries(run, "decision")] == ["inconclusive"]
    rollout.tell("abort", {"reason": "nobody calls it"}, by=PERSON)
    assert why(idle.ended(rollout)) == "Aborted: tester aborted the rollout: nobody calls it."
    assert idle.config() == before


def test_when_traffic_stops_a_person_lets_it_go_on(idle: Scene) -> None:
    idle.say(steps=["50%"], min_requests=100_000, wait="2s")
    with idle.load(rate=60) as total:
        rollout = idle.start(idle.version())
        until(lambda: any(a.variant == "canary" for a in idle.attempts()), what="the canary is called")
        sent = total()
    assert sent.failed == 0
    run = idle.until(rollout, lambda run: run.asked)
    requests = entries(run, "decision")[0].content["numbers"]["canary_requests"]
    assert why(run).startswith(f"A person was asked: {requests} requests reached the canary; 100,000 are needed;")
    rollout.tell("approve", {"reason": "looked at by hand"}, by=PERSON)
    run = idle.ended(rollout)
    assert outcome(run) == ("promoted", "pass"), "\n".join(told(run))
    assert why(run).startswith(f"Promoted: tester let it go on: {requests} requests reached the canary;")
    assert idle.config() == run.terms.final_config


def test_a_version_that_does_not_start_gets_no_traffic(busy: Scene) -> None:
    before = busy.config()
    run = busy.ended(busy.start(busy.version("stillborn")))
    assert outcome(run) == ("rolled back", "fail"), "\n".join(told(run))
    assert "The canary did not start: The model server of variant canary did not start" in why(run)
    assert "RuntimeError: no licence file." in why(run)
    assert busy.config() == before
    assert entries(run, "returning") == []  # it never left


# ---- others


def test_a_change_of_weights_by_somebody_else_stops_it(idle: Scene) -> None:
    before = idle.config()
    rollout = idle.start(idle.version())
    idle.until(rollout, analysing)
    weights = [{"VariantName": "stable", "DesiredWeight": 7}, {"VariantName": "canary", "DesiredWeight": 3}]
    idle.engine.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=idle.endpoint, DesiredWeightsAndCapacities=weights
    )
    run = idle.ended(rollout)
    assert outcome(run) == ("stopped", "error"), "\n".join(told(run))
    assert why(run) == (
        "Stopped: Somebody else changed the weights of endpoint idle-production: the canary has 30 %; this rollout "
        "left it at 10 %. It was left as it is."
    )
    found = idle.engine.settled(idle.endpoint)
    assert found["EndpointConfigName"] == run.terms.canary_config
    assert [variant["DesiredWeight"] for variant in found["ProductionVariants"]] == [7, 3]
    idle.engine.sagemaker.update_endpoint(EndpointName=idle.endpoint, EndpointConfigName=before)
    assert idle.config() == before


def test_another_config_of_somebody_else_stops_it(idle: Scene) -> None:
    before = idle.config()
    rollout = idle.start(idle.version())
    idle.until(rollout, analysing)
    model = idle.engine.sagemaker.describe_endpoint_config(EndpointConfigName=before)["ProductionVariants"][0]
    idle.engine.create_config("theirs", ("stable", model["ModelName"], 1))
    idle.engine.sagemaker.update_endpoint(EndpointName=idle.endpoint, EndpointConfigName="theirs")
    run = idle.ended(rollout)
    assert outcome(run) == ("stopped", "error"), "\n".join(told(run))
    assert why(run) == (
        f"Stopped: Somebody else changed endpoint idle-production: it is on config theirs; this rollout left it on "
        f"{run.terms.canary_config}. It was left as it is."
    )
    assert idle.config() == "theirs"
    idle.engine.sagemaker.update_endpoint(EndpointName=idle.endpoint, EndpointConfigName=before)
    assert idle.config() == before


def test_an_endpoint_deleted_by_somebody_else_ends_it(ours: RunningEngine) -> None:
    scene = Scene(ours, "doomed", bake="30s")
    scene.deploy()
    rollout = scene.start(scene.version())
    scene.until(rollout, analysing)
    ours.delete(scene.endpoint)
    run = scene.ended(rollout)
    assert outcome(run) == ("stopped", "error"), "\n".join(told(run))
    assert why(run) in (
        "Stopped: Somebody else deleted endpoint doomed-production.",
        "Stopped: Somebody else is deleting endpoint doomed-production.",
    )
    assert scene.endpoint not in ours.endpoints()


def test_stopped_and_started_again_the_engine_goes_on(own_engine: RunningEngine) -> None:
    scene = Scene(own_engine, "patient", bake="3s")
    scene.deploy()
    with scene.load(rate=100) as total:
        rollout = scene.start(scene.version("late"))
        scene.until(rollout, analysing)
        assert total().failed == 0
    down = scene.cli("down", "--all")
    assert down.returncode == 0, down.stderr
    assert "nothing moves: `headgate up`" in scene.cli("rollout", "status").stdout
    up = scene.cli("up")
    assert up.returncode == 0, up.stderr
    with scene.load(rate=100) as total:  # the stable version is back sooner than the canary
        run = scene.ended(rollout)
        assert total().failed == 0
    assert outcome(run) == ("promoted", "pass"), "\n".join(told(run))
    assert scene.config() == run.terms.final_config
    assert scene.open_tags() == {}
    assert [a for a in scene.attempts() if a.failed and a.variant == "canary"] == []
