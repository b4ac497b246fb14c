"""The delivery machine, in Amazon's States Language with JSONPath: a state for each phase around the one `tick`.

    Begin - Package - Register - Create artifacts - Prepare
          - Shadow - Observe - Approval - Production <-> Watch - Promote - Roll back - how it ended

The tick function says which phase the rollout is in (`pipeline.run.phase`) and how long to wait. A phase is a Choice
that passes by unless it is the present one, a Wait, and a Task that calls the function; so phases that a plan does not
have cost one transition, and the way back, which can begin anywhere, is just a later phase. While a person is asked,
nothing runs: the machine waits with a task token, and looks again after an hour even where nobody answered it.

Nothing is decided here. A task is tried again whatever failed, be it AWS or a function that ran out of time or memory;
only what we refuse ourselves (`FINAL`) would be refused again. A task that fails for longer than its retries makes the
machine ask for the way back; where that fails too it ends as Stopped, with the reason, the endpoint as it is, and the
log open: whoever starts the machine again goes on from there. `States.Runtime` and `States.DataLimitExceeded` cannot
be caught: they would be mistakes made here.

Before AWS's limit of 25,000 events an execution hands over to a new one, whose name is written into the log first. One
that asks although the log names another, which runs, is `superseded` and ends.
"""

from typing import Any

State = dict[str, Any]

APPROVAL_SECONDS = 7 * 86_400
RETRY_SECONDS, RETRIES, LONGEST_RETRY = 5, 20, 60
FINAL = ("Refused", "NotFound", "InvalidInput", "UsageError", "SpecError", "GateFailed", "MissingExtra")
"""Our errors that are the same however often one asks: all but Unavailable, by the names of their classes."""
SLOW, SLOW_RETRIES = ("Sandbox.Timedout", "Lambda.Unknown", "States.Timeout"), 3
"""How a function ends that takes too long: each try costs `TICK_SECONDS`, and the canary is not watched meanwhile."""
ANSWERED = ("States.Timeout", "Rejected")
"""How waiting for a person ends, beside their approval: nobody answered, or they said no."""
TICK_SECONDS, LONGER_SECONDS = 300, 30
"""How long the tick function may take, and how much longer the machine waits for it: the function's end says more."""
PHASES = {
    "shadow": "Shadow",
    "observe": "Observe",
    "approval": "Approval",
    "production": "Production",
    "watch": "Watch",
    "promote": "Promote",
    "rollback": "Roll back",
}
"""The phases that are ticked through, and their states."""
SUCCEEDED = {"promoted": "Promoted", "back": "Back"}
FAILED = {
    "rolled back": "RolledBack",
    "rejected": "Rejected",
    "timed out": "TimedOut",
    "aborted": "Aborted",
    "stopped": "Stopped",
}
"""How a rollout ends, and the end states. `back` is a rollback that was asked for."""


def definition(*, tick: str) -> State:
    """The machine. `tick` is the ARN of the tick function.

    Its input is `{"rollout": id, "number": n}`. After `APPROVAL_SECONDS` without an answer the rollout goes back.
    """
    maker = _Maker(tick)
    states = maker.beginning()
    following = [*list(PHASES)[1:], ""]
    for phase, next_phase in zip(PHASES, following, strict=True):
        states |= maker.phase(phase, _question(next_phase) if next_phase else "How did it end?")
    states |= maker.end()
    return {
        "Comment": "Rolls a model version out, step by step (headgate).",
        "StartAt": "Enter",
        "States": states,
    }


class _Maker:
    """Makes the states."""

    def __init__(self, tick: str) -> None:
        self._tick = tick
        self._states = f"arn:{tick.split(':')[1]}:states:::"

    def beginning(self) -> dict[str, State]:
        """What comes before the first tick."""
        describe = {
            "Type": "Task",
            "Resource": f"{self._states}aws-sdk:sagemaker:describeModelPackage",
            "Parameters": {"ModelPackageName.$": "$.tick.package"},
            "ResultSelector": {"status.$": "$.ModelApprovalStatus"},
            "ResultPath": "$.registered",
            "Retry": [_retrying("States.ALL")],
            "Catch": self._catch("Give up"),
            "Next": "Create artifacts",
        }
        return {
            "Enter": {"Type": "Pass", "Result": {"ticks": 0}, "ResultPath": "$.tick", "Next": "Begin"},
            "Begin": self._call("look", "Has it begun?", comment="See which phase the rollout is in."),
            "Has it begun?": {
                "Type": "Choice",
                "Choices": [_is("begin", "Wait for its first entry"), _is("prepare", "Package")],
                "Default": _question("shadow"),
            },
            "Wait for its first entry": _wait("Begin"),
            "Package": self._call("package", "Register", comment="The archive is where the registry says."),
            "Register": {"Comment": "The version is registered.", **describe},
            "Create artifacts": self._call(
                "artifacts", "First tick", comment="Models and configs, where the version is approved already."
            ),
            "First tick": self._call("tick", "Prepared?"),
            "Prepared?": {
                "Comment": "AWS may be at work on the endpoint: nothing begins until it is done.",
                "Type": "Choice",
                "Choices": [_is("prepare", "Prepare: wait")],
                "Default": _question("shadow"),
            },
            "Prepare: wait": _wait("First tick"),
        }

    def phase(self, phase: str, following: str) -> dict[str, State]:
        """The states of one phase."""
        name, question = PHASES[phase], _question(phase)
        waiting = f"{name}: wait"
        failure = "Stopped by an error" if phase == "rollback" else "Give up"
        choices = [_is(phase, waiting)]
        if phase == "watch":
            choices.append(_is("production", _question("production")))
        return {
            question: {"Type": "Choice", "Choices": choices, "Default": following},
            waiting: self._wait_for_person(name) if phase == "approval" else _wait(name),
            name: self._call("tick", question, failure=failure),
        }

    def end(self) -> dict[str, State]:
        """How it ends."""
        outcomes = {**SUCCEEDED, **FAILED}
        return {
            "How did it end?": {
                "Type": "Choice",
                "Choices": [
                    _is("continue", "Hand over"),
                    _is("superseded", "Handed over"),
                    *(_is(outcome, state, variable="$.tick.outcome") for outcome, state in outcomes.items()),
                ],
                "Default": "Lost",
            },
            "Give up": self._call(
                "give up", _question("rollback"), failure="Stopped by an error", more={"error.$": "$.error"},
                comment="A task failed for too long: ask for the way back.",
            ),
            "Hand over": self._call(
                "hand over",
                "Handed over",
                failure="Stopped by an error",
                comment="Start the next execution: this one has nearly as many events as AWS keeps.",
            ),
            "Handed over": {"Type": "Succeed"},
            **{state: {"Type": "Succeed"} for state in SUCCEEDED.values()},
            **{
                state: {"Type": "Fail", "Error": state, "CausePath": "$.tick.why"}
                for state in FAILED.values()
            },
            "Stopped by an error": {"Type": "Fail", "Error": "Stopped", "CausePath": "States.JsonToString($.error)"},
            "Lost": {
                "Type": "Fail",
                "Error": "Lost",
                "Cause": "The tick function told a phase that this machine does not know: deploy both anew.",
            },
        }  # fmt: skip

    def _call(
        self, do: str, following: str, *, failure: str = "Give up", more: State | None = None, comment: str = ""
    ) -> State:
        payload: State = {
            "do": do,
            "rollout.$": "$.rollout",
            "number.$": "$.number",
            "started.$": "$$.Execution.StartTime",
            "execution.$": "$$.Execution.Name",
            "approval_seconds": APPROVAL_SECONDS,
            "ticks.$": "$.tick.ticks",
            **(more or {}),
        }
        answers = ("phase", "wait", "left", "ticks", "entries", "package", "outcome", "why")
        return {
            **({"Comment": comment} if comment else {}),
            "Type": "Task",
            "Resource": f"{self._states}lambda:invoke",
            "Parameters": {"FunctionName": self._tick, "Payload": payload},
            "ResultSelector": {f"{name}.$": f"$.Payload.{name}" for name in answers},
            "ResultPath": "$.tick",
            "TimeoutSeconds": TICK_SECONDS + LONGER_SECONDS,
            "Retry": [_retrying(*FINAL, times=0), _retrying(*SLOW, times=SLOW_RETRIES), _retrying("States.ALL")],
            "Catch": self._catch(failure),
            "Next": following,
        }

    def _wait_for_person(self, following: str) -> State:
        payload: State = {
            "do": "token",
            "token.$": "$$.Task.Token",
            "execution.$": "$$.Execution.Name",
            "rollout.$": "$.rollout",
            "number.$": "$.number",
        }
        return {
            "Comment": "Approved or rejected by CLI, registry or workflow; looked at again when it times out.",
            "Type": "Task",
            "Resource": f"{self._states}lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": self._tick, "Payload": payload},
            "TimeoutSecondsPath": "$.tick.left",
            "ResultPath": "$.answer",
            "Retry": [_retrying(*ANSWERED, *FINAL, times=0), _retrying("States.ALL")],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.answer", "Next": following}],
            "Next": following,
        }

    def _catch(self, following: str) -> list[State]:
        return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": following}]


def _retrying(*errors: str, times: int = RETRIES) -> State:
    """Of several the first that names the error counts; `States.ALL` names every one, and stands last and alone."""
    waits = {"IntervalSeconds": RETRY_SECONDS, "BackoffRate": 1.5, "MaxDelaySeconds": LONGEST_RETRY} if times else {}
    return {"ErrorEquals": list(errors), "MaxAttempts": times, **waits}


def _question(phase: str) -> str:
    return f"{PHASES[phase]}?"


def _is(value: str, following: str, *, variable: str = "$.tick.phase") -> State:
    return {"Variable": variable, "StringEquals": value, "Next": following}


def _wait(following: str) -> State:
    return {"Type": "Wait", "SecondsPath": "$.tick.wait", "Next": following}
