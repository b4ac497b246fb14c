"""An alarm goes to SNS, SNS calls the monitor, and the endpoint goes back to the pointer: once, and verified."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headgate.pipeline.rollouts import Rollout
from headgate.wiring.delivery import MOST_TICKS
from headgate.wiring.monitor import RollbackMonitor
from tests.delivery.cloud import Cloud
from tests.system.engine import until
from tests.system.rollouts import outcome, told

pytestmark = pytest.mark.slow


ALARM = '{"AlarmName": "cloud-production-rollback", "NewStateValue": "ALARM"}'


def event(message: str) -> dict[str, Any]:
    """What Lambda is called with."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]}


def promoted(cloud: Cloud) -> tuple[str, Rollout]:
    """The config from before, and a rollout that took the endpoint away from it just now."""
    before = cloud.config()
    rollout = cloud.start(cloud.version(), at_once=True)
    assert cloud.finished(rollout)[0] == "SUCCEEDED"
    assert cloud.config() == rollout.run().terms.final_config
    return before, rollout


def test_an_alarm_takes_the_endpoint_back_to_the_pointer_and_no_further(cloud: Cloud) -> None:
    before, _ = promoted(cloud)
    with ThreadPoolExecutor(2) as pool:  # SNS may deliver twice
        said = list(pool.map(lambda _: cloud.alarm(), range(2)))
    assert cloud.config() == before
    numbers = cloud.rollouts.numbers()
    rollback = cloud.rollouts.get(numbers[-1]).run()
    assert rollback.terms.kind == "rollback"
    assert outcome(rollback) == ("rolled back", "pass")
    assert "cloud-production-rollback went off: Threshold Crossed" in rollback.terms.reason
    assert "A held-out row was answered" in told(rollback)[-1]
    assert "back" in {document["done"] for document in said}
    again = cloud.alarm(about="latency")
    assert again["done"] == "nothing"
    assert "went back already" in again["why"]
    assert cloud.config() == before
    assert cloud.rollouts.numbers() == numbers


def test_while_a_rollout_is_open_its_canary_is_taken_back(cloud: Cloud) -> None:
    before = cloud.config()
    cloud.say(steps=["50%"], bake="60s")
    rollout = cloud.start(cloud.version())
    until(lambda: rollout.run().step >= 2, 20, "the canary has traffic")
    assert cloud.alarm()["done"] == "aborted"
    assert cloud.finished(rollout)[:2] == ("FAILED", "Aborted")
    assert cloud.config() == before
    assert cloud.open_tags() == {}
    assert cloud.alarm()["done"] == "nothing", "the canary is gone; the stable version is not to blame"
    assert cloud.config() == before


def test_an_alarm_long_after_the_promotion_is_not_held_against_it(cloud: Cloud) -> None:
    promoted(cloud)
    monitor = RollbackMonitor(cloud.delivery, watch_seconds=0.0)
    said = monitor(event(ALARM))
    assert (said["done"], "was promoted 0 h ago" in said["why"]) == ("nothing", True)
    assert cloud.alarm("OK") == {"done": "nothing", "why": "no alarm went off"}
    garbage = {"Records": [{"Sns": {"Message": "hello"}}, {"Sns": {}}, {}]}
    assert cloud.monitor(garbage)["done"] == "nothing"


def test_with_little_time_left_the_machine_sees_it_through(cloud: Cloud) -> None:
    before, _ = promoted(cloud)
    cloud.delivery.most_ticks = 1  # so that an execution hands over to the next
    try:
        said = cloud.monitor(event(ALARM), lambda: 1.0)
        assert said["done"] == "under way"
        assert cloud.finished(said["rollout"]) == ("SUCCEEDED", "", "")
    finally:
        cloud.delivery.most_ticks = MOST_TICKS
    rollback = cloud.rollouts.latest()
    assert rollback is not None
    assert cloud.states_of(rollback)[-1] == "Handed over"
    until(lambda: rollback.run().ended, 20, "the next execution ends it")
    assert outcome(rollback.run()) == ("rolled back", "pass")
    assert cloud.config() == before


def test_the_registry_decides(cloud: Cloud) -> None:
    """What EventBridge tells, twice and for others as well, goes into the log once."""
    cloud.make_machine()
    cloud.say(approve=True, steps=["50%"])
    number = cloud.version(approved=False)
    rollout = cloud.start(number)
    until(lambda: rollout.run().token, 20, "the machine asks")
    other = cloud.registry_event(number, "Approved")
    other["detail"]["ModelPackageGroupName"] = "elsewhere"
    assert cloud.delivery.approval(other)["done"] == "nothing"
    assert cloud.delivery.approval(cloud.registry_event(number + 1, "Approved"))["done"] == "nothing"
    for _ in range(2):
        assert cloud.delivery.approval(cloud.registry_event(number, "Rejected"))["done"] in ("Rejected", "nothing")
    assert cloud.finished(rollout)[:2] == ("FAILED", "Rejected")
    assert [entry.kind for entry in rollout.run().entries].count("reject") == 1
