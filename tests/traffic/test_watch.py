"""What is said of an endpoint that changes under load."""

from dataclasses import replace

from headgate.core.endpoints import EndpointState, VariantState
from headgate.traffic.watch import changes

ONE = EndpointState("iris-production", "arn", "InService", "iris-production-v1-00000000", modified=5.0)
TWO = replace(ONE, config_name="iris-production-v2-00000000", modified=9.0)


def with_canary(weight: float, state: EndpointState = ONE) -> EndpointState:
    variants = (VariantState("stable", 100 - weight, 0, 1, 1), VariantState("canary", weight, 0, 1, 1))
    return replace(state, variants=variants)


def said(before: EndpointState | None, now: EndpointState) -> list[tuple[float, str]]:
    return [(event.at, event.said) for event in changes(before, now)]


def test_the_first_look_and_what_stays_say_nothing() -> None:
    assert said(None, ONE) == []
    assert said(ONE, replace(ONE, modified=7.0)) == []


def test_a_deployment_begins_and_ends() -> None:
    assert said(ONE, replace(ONE, status="Updating", modified=7.0)) == [(7.0, "Updating")]
    assert said(replace(ONE, status="Updating"), TWO) == [(9.0, "version 2 in force")]
    assert said(ONE, replace(ONE, config_name="theirs")) == [(5.0, "theirs in force")]


def test_a_deployment_that_comes_to_nothing() -> None:
    undone = replace(ONE, failure_reason="it did not start")
    assert said(replace(ONE, status="Updating"), undone) == [(5.0, "the change was undone")]
    assert said(replace(ONE, status="Updating"), replace(ONE, status="Failed")) == [(5.0, "the change was undone")]


def test_a_canary_gets_its_share() -> None:
    assert said(ONE, with_canary(0, TWO)) == [(9.0, "version 2 beside as canary")]
    assert said(with_canary(50, TWO), replace(TWO, config_name="iris-production-v2-11111111")) == [
        (9.0, "version 2 in force")
    ]
    assert said(with_canary(0), with_canary(10)) == [(5.0, "canary 10 %")]
    assert said(with_canary(12.5), with_canary(0)) == [(5.0, "canary 0 %")]
