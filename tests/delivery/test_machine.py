"""The state machine itself, run by moto's interpreter, rolls out on our engine under live traffic."""

import pytest

from headgate.core.endpoints import Serverless
from headgate.errors import Refused
from headgate.hosting.registry import Registry
from headgate.pipeline.rollouts import Rollout
from headgate.wiring.delivery import resume
from tests.delivery.cloud import Cloud
from tests.delivery.front import Front
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import outcome, told

pytestmark = pytest.mark.slow


def waiting(cloud: Cloud, kind: str = "good", *, approval_seconds: int = 60) -> Rollout:
    """A rollout that waits for its approval."""
    cloud.make_machine(approval_seconds=approval_seconds)
    cloud.say(approve=True, steps=["50%"])
    rollout = cloud.start(cloud.version(kind, approved=False))
    until(lambda: rollout.run().token, 20, "the machine asks a person")
    return rollout


def test_approved_it_is_promoted_state_by_state(cloud: Cloud) -> None:
    rollout = waiting(cloud)
    run = rollout.run()
    registry = Registry(cloud.connection)
    registry.set_status(registry.version(cloud.name, run.terms.version), "Approved", "looks good")
    for _ in range(2):  # EventBridge may tell twice
        assert cloud.delivery.approval(cloud.registry_event(run.terms.version, "Approved"))["done"] == "Approved"
    until(lambda: rollout.run().step >= 2, 20, "the canary runs")
    cloud.engine.kill("engine")  # its supervisor brings it back; the machine asks again
    assert cloud.finished(rollout) == ("SUCCEEDED", "", "")
    assert outcome(rollout.run()) == ("promoted", "pass"), told(rollout.run())
    assert cloud.config() == run.terms.final_config
    assert cloud.status(run.terms.version) == "Approved"
    entered = cloud.states_of(rollout)
    order = ["Begin", "Package", "Register", "Create artifacts", "First tick", "Shadow?", "Observe?", "Approval?",
             "Approval: wait", "Approval", "Production?", "Production", "Watch?", "Watch", "Promote?", "Promote",
             "Roll back?", "How did it end?", "Promoted"]  # fmt: skip
    assert [state for state in dict.fromkeys(entered) if state in order] == order


def test_rejected_it_does_not_come_near_the_endpoint(cloud: Cloud) -> None:
    before = cloud.config()
    rollout = waiting(cloud)
    run = rollout.tell("reject", {"reason": "wrong month"}, by="grace")
    cloud.machine.answer(run.token, go_on=False)
    status, error, cause = cloud.finished(rollout)
    assert (status, error) == ("FAILED", "Rejected")
    assert "grace rejected version" in cause
    assert "wrong month" in cause
    assert cloud.config() == before
    assert cloud.status(run.terms.version) == "Rejected"


def test_nobody_answers_in_time(cloud: Cloud) -> None:
    before = cloud.config()
    rollout = waiting(cloud, approval_seconds=3)
    status, error, cause = cloud.finished(rollout)
    assert (status, error) == ("FAILED", "TimedOut")
    assert "nobody approved it in time" in cause
    assert cloud.config() == before
    assert cloud.open_tags() == {}


def test_a_failing_canary_goes_back_and_no_caller_sees_it(cloud: Cloud) -> None:
    before = cloud.config()
    cloud.say(steps=["50%"], bake="30s")
    rollout = cloud.start(cloud.version("failing"))
    status, error, cause = cloud.finished(rollout)
    assert (status, error) == ("FAILED", "RolledBack")
    assert "were the canary's" in cause
    assert outcome(rollout.run()) == ("rolled back", "fail")
    assert cloud.config() == before


def test_an_api_that_is_down_for_good_stops_it_and_whoever_comes_next_goes_on(cloud: Cloud) -> None:
    before = cloud.config()
    cloud.make_machine(retries=1)
    cloud.say(steps=["50%"], bake="30s")
    rollout = cloud.start(cloud.version())
    until(lambda: rollout.run().step >= 2, 20, "the canary has traffic")
    cloud.front.down = True
    status, error, cause = cloud.finished(rollout)
    assert (status, error) == ("FAILED", "Stopped")
    assert "Unavailable" in cause
    run = rollout.run()
    assert run.ended is None
    assert run.ending is not None
    assert run.ending.outcome == "aborted"
    cloud.front.down = False
    cloud.make_machine()
    again = f"{run.terms.id}-{len(run.entries)}"
    resume(cloud.machine, rollout)
    status, error, cause = cloud.finished(again)
    assert (status, error) == ("FAILED", "Aborted")
    assert "the delivery machine gave up" in cause
    assert cloud.config() == before


def test_a_serverless_endpoint_moves_at_once(alone: RunningEngine, front: Front, endpoint: Cloud) -> None:
    functions = dict(front.functions)
    cloud = Cloud(alone, front, "few")
    try:
        cloud.say(approve=False, hosting={"serverless": {"memory": 3072, "concurrency": 7}})
        rollout = cloud.start(cloud.version())
        assert cloud.finished(rollout) == ("SUCCEEDED", "", "")
    finally:
        front.functions = functions
    assert [step.name for step in rollout.run().terms.steps] == ["promote"]
    (variant,) = front.configs[-1]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 7}
    assert rollout.run().terms.serverless == Serverless(3072, 7)
    endpoint.say(hosting={"serverless": {}})
    with pytest.raises(Refused, match="AWS moves no endpoint from there to serverless"):
        endpoint.start(endpoint.version())
    alone.delete(cloud.endpoint)
