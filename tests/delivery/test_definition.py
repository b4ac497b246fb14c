"""The state machine as a document: AWS would take it, and every way through it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from headgate.errors import HeadgateError
from headgate.infra.machine import FAILED, FINAL, PHASES, RETRIES, SLOW_RETRIES, SUCCEEDED, TICK_SECONDS, definition
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
    reached, todo = set(), ["Enter"]
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


def handled(state: dict[str, Any], error: str) -> tuple[int, str]:
    """How often a state is tried again after an error, and where it goes then, by the rules of the States Language."""
    for clauses in (state.get("Retry", []), state.get("Catch", [])):
        for clause in clauses:
            if "States.ALL" in clause["ErrorEquals"]:
                assert (clause["ErrorEquals"], clause) == (["States.ALL"], clauses[-1]), "it stands last, and alone"
    retrier = next((r for r in state.get("Retry", []) if {error, "States.ALL"} & {*r["ErrorEquals"]}), None)
    catcher = next((c for c in state.get("Catch", []) if {error, "States.ALL"} & {*c["ErrorEquals"]}), None)
    return retrier["MaxAttempts"] if retrier else 0, catcher["Next"] if catcher else ""


TASKS = ("Begin", "Package", "Create artifacts", "First tick", "Approval", "Production", "Watch", "Promote")


@pytest.mark.parametrize("name", [*TASKS, "Roll back", "Give up", "Hand over"])
def test_whatever_aws_reports_is_tried_again_and_what_we_refuse_is_not(states: dict[str, Any], name: str) -> None:
    then = "Stopped by an error" if name in ("Roll back", "Give up", "Hand over") else "Give up"
    passing = ["Unavailable", "Lambda.TooManyRequestsException", "Lambda.ServiceException", "Runtime.ExitError",
               "Lambda.CodeArtifactUserPendingException", "Lambda.ResourceNotReadyException", "States.Permissions",
               "States.TaskFailed", "MemoryError", "an error that AWS invents next year"]  # fmt: skip
    for error in passing:
        assert handled(states[name], error) == (RETRIES, then), error
    for error in ("Sandbox.Timedout", "Lambda.Unknown", "States.Timeout"):
        assert handled(states[name], error) == (SLOW_RETRIES, then), error
    ours = {kind.__name__ for kind in HeadgateError.__subclasses__() if kind.__module__ == HeadgateError.__module__}
    assert ours - {"Unavailable"} == {*FINAL}
    for error in FINAL:
        assert handled(states[name], error) == (0, then), error
    assert states[name]["TimeoutSeconds"] > TICK_SECONDS, "the function's own end comes first, and says more"


def test_the_registry_is_asked_again(states: dict[str, Any]) -> None:
    for error in ("SageMaker.SageMakerException", "SageMaker.ThrottlingException", "States.TaskFailed"):
        assert handled(states["Register"], error) == (RETRIES, "Give up")


def test_who_waits_for_a_person_looks_again_when_the_time_is_up(states: dict[str, Any]) -> None:
    wait = states["Approval: wait"]
    for error in ("States.Timeout", "Rejected", *FINAL):
        assert handled(wait, error) == (0, "Approval"), error
    for error in ("Unavailable", "Sandbox.Timedout", "Lambda.ServiceException"):
        assert handled(wait, error) == (RETRIES, "Approval"), error


def test_no_task_loses_what_the_next_one_needs(states: dict[str, Any]) -> None:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert {"Register", "Approval: wait", "Give up", "Hand over", *TASKS} < {*tasks}
    for name, state in tasks.items():
        assert all("ResultPath" in clause for clause in [state, *state["Catch"]]), f"{name} would lose the input"
        assert name == "Approval: wait" or state["ResultSelector"], f"{name} would keep whole answers"
        if "ResultSelector" in state and "Payload" in state["Parameters"]:
            assert state["Parameters"]["Payload"]["ticks.$"] == "$.tick.ticks", f"{name} would forget the ticks"
    assert states["Enter"] == {"Type": "Pass", "Result": {"ticks": 0}, "ResultPath": "$.tick", "Next": "Begin"}


def test_an_endpoint_that_aws_is_at_work_on_is_waited_for(states: dict[str, Any]) -> None:
    assert states["First tick"]["Next"] == "Prepared?"
    (choice,) = states["Prepared?"]["Choices"]
    assert (choice["StringEquals"], states["Prepared?"]["Default"]) == ("prepare", "Shadow?")
    wait = states[choice["Next"]]
    assert (wait["Type"], wait["Next"]) == ("Wait", "First tick")


def test_one_hands_over_and_one_that_was_followed_ends(states: dict[str, Any]) -> None:
    where = {choice["StringEquals"]: choice["Next"] for choice in states["How did it end?"]["Choices"]}
    assert (where["continue"], where["superseded"]) == ("Hand over", "Handed over")
    for name in ("Begin", "Watch", "Approval: wait", "Hand over"):
        assert states[name]["Parameters"]["Payload"]["execution.$"] == "$$.Execution.Name", name


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
