"""The state machine as a document: AWS would take it, and every way through it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from headgate.infra.machine import FAILED, PHASES, SUCCEEDED, definition
from headgate.pipeline.run import Outcome, Phase
from headgate.wiring.delivery import MOST_TICKS

TICK = "arn:aws:lambda:eu-central-1:123456789012:function:iris-production-tick"


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    return dict(definition(tick=TICK)["States"])


def following(state: dict[str, Any]) -> Iterator[str]:
    """Where a state may lead."""
    for choice in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        yield from (choice[key] for key in ("Next", "Default") if key in choice)


def test_every_state_is_reached_and_leads_to_an_end(states: dict[str, Any]) -> None:
    reached, todo = set(), ["Begin"]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += following(states[name])
    assert reached == set(states)
    ends = {name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")}
    assert all(list(following(states[name])) for name in set(states) - ends)
    assert ends == {*SUCCEEDED.values(), *FAILED.values(), "Handed over", "Stopped by an error", "Lost"}


def test_it_knows_every_phase_and_every_outcome() -> None:
    assert set(PHASES) == set(get_args(Phase)) - {"prepare", "ended"}
    assert {*SUCCEEDED, *FAILED} == {*get_args(Outcome), "back", "timed out"}


def test_what_may_fail_is_tried_again_and_caught(states: dict[str, Any]) -> None:
    for name, state in states.items():
        if state["Type"] != "Task":
            continue
        assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name
        assert "ResultPath" in state, f"{name} would lose the input"
        if name == "Approval: wait":
            continue  # asks anew by itself
        assert state["Retry"], name
        assert state["ResultSelector"], f"{name} would keep whole answers"


def test_what_lambda_and_the_tick_call_passing_is_tried_again(states: dict[str, Any]) -> None:
    calls = {name: state for name, state in states.items() if state.get("Resource", "").endswith(":lambda:invoke")}
    assert len(calls) > len(PHASES)
    passing = {"Unavailable", "States.Timeout", "Lambda.TooManyRequestsException", "Lambda.ServiceException"}
    for name, state in calls.items():
        assert passing <= {*state["Retry"][0]["ErrorEquals"]}, name


def test_a_way_back_that_fails_ends_and_does_not_begin_anew(states: dict[str, Any]) -> None:
    for name in ("Give up", "Roll back", "Hand over"):
        assert states[name]["Catch"][-1]["Next"] == "Stopped by an error", name


def test_nobody_is_waited_for_longer_than_the_tick_says(states: dict[str, Any]) -> None:
    assert states["Approval: wait"]["TimeoutSecondsPath"] == "$.tick.left"


def walked(states: dict[str, Any], phases: Iterator[str]) -> list[str]:
    """The states that an execution enters where each call of the tick function tells the next of these phases."""
    name, told, entered = "Begin", "", []
    while states[name]["Type"] not in ("Succeed", "Fail"):
        state = states[name]
        entered.append(name)
        if state.get("ResultPath") == "$.tick":
            told = next(phases)
        said = {"$.tick.phase": told, "$.tick.outcome": "promoted" if told == "ended" else ""}
        taken = [c["Next"] for c in state.get("Choices", []) if said[c["Variable"]] == c["StringEquals"]]
        name = taken[0] if taken else state.get("Default") or state["Next"]
    return [*entered, name]


def test_each_step_of_a_canary_is_given_its_traffic_and_watched(states: dict[str, Any]) -> None:
    steps = ["production", "watch", "watch", "production", "watch", "promote"]
    entered = walked(states, iter(["prepare", "prepare", "prepare", *steps, "ended"]))
    ticked = [name for name in entered if name in ("Production", "Watch", "Promote")]
    assert ticked == ["Production", "Watch", "Watch", "Production", "Watch", "Promote"]
    assert entered[-1] == "Promoted"


def test_an_execution_stays_below_the_limit_of_events() -> None:
    assert MOST_TICKS * 12 < 25_000  # Wait 2, Task 5 and with a retry 7, Choice 2, and what comes before and after


def test_other_parts_of_aws_have_other_arns() -> None:
    china = json.dumps(definition(tick=TICK.replace("aws", "aws-cn", 1)))
    assert "arn:aws-cn:states:::lambda:invoke" in china
    assert "arn:aws:states:::" not in china


@pytest.mark.slow
def test_cfn_lint_takes_it(tmp_path: Path) -> None:
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": "arn:aws:iam::123456789012:role/iris-production-delivery",
                    "Definition": definition(tick=TICK),
                },
            }
        },
    }
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    lint = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--regions",
        "eu-central-1",
        "--format",
        "parseable",
        str(path),
    ]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stdout + done.stderr
