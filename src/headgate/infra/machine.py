"""The delivery machine in Amazon's States Language: Wait -> tick -> Choice, until the tick says that it is done."""

from typing import Any


def definition(*, tick: str, machine: str) -> dict[str, Any]:
    """The machine that calls the tick function until the rollout is over. Both are ARNs, `machine` is its own."""
    return {
        "StartAt": "Tick",
        "States": {
            "Tick": {
                "Type": "Task",
                "Resource": f"arn:{machine.split(':')[1]}:states:::lambda:invoke",
                "Parameters": {"FunctionName": tick, "Payload.$": "$"},
                "ResultSelector": {"done.$": "$.Payload.done", "wait.$": "$.Payload.wait"},
                "Next": "Done?",
            },
            "Done?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "Done"}],
                "Default": "Wait",
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Tick"},
            "Done": {"Type": "Succeed"},
        },
    }
