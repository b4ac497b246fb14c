"""The Lambda functions as Lambda finds them: by name, with settings from the environment."""

from datetime import UTC, datetime, timedelta

import pytest

from headgate.errors import InvalidInput, NotFound, UsageError
from headgate.hosting.aws import AwsConnection, Machine
from headgate.wiring import delivery_functions
from tests.delivery.cloud import Cloud
from tests.system.rollouts import ENVIRONMENT

pytestmark = pytest.mark.slow


def test_they_say_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADGATE_PROJECT", raising=False)
    with pytest.raises(UsageError, match="HEADGATE_PROJECT is not set"):
        delivery_functions.tick({"do": "look"})


def test_they_find_their_environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", cloud.name)
    monkeypatch.setenv("HEADGATE_ENVIRONMENT", ENVIRONMENT)
    monkeypatch.setenv("HEADGATE_ACCOUNT", cloud.account)
    monkeypatch.setenv("HEADGATE_HOSTING", "realtime")
    monkeypatch.setenv("AWS_REGION", cloud.region)
    began = datetime.now(UTC)
    event = {"do": "look", "rollout": "cloud-production-999-abc", "number": 999, "started": began.isoformat()}
    assert delivery_functions.tick(event)["phase"] == "begin"
    late = {**event, "started": (began - timedelta(minutes=2)).isoformat()}
    told = delivery_functions.tick(late)
    assert (told["phase"], told["outcome"]) == ("ended", "stopped")
    assert "never begun" in told["why"]
    assert delivery_functions.approval({"detail": {}}) == {"done": "nothing", "why": "another group"}
    assert delivery_functions.rollback_monitor({"Records": []})["done"] == "nothing"
    first = cloud.rollouts.latest()
    if first is None:
        first = cloud.start(cloud.version(), at_once=True)
        cloud.finished(first)
    run = first.run()
    other = delivery_functions.tick({**event, "number": run.terms.number})
    assert f"{run.terms.id} was started at the same moment" in other["why"]
    with pytest.raises(InvalidInput, match="does not know what to do"):
        delivery_functions.tick({**event, "do": "dance", "number": run.terms.number, "rollout": run.terms.id})


def test_a_machine_that_is_not_there(cloud: Cloud) -> None:
    connection = AwsConnection.of("other", ENVIRONMENT, cloud.account, cloud.region)
    with pytest.raises(NotFound) as missing:
        Machine(connection, "other").start("x", {})
    assert "headgate infra deploy" in missing.value.hint
    cloud.machine.answer("no such token", go_on=True)
