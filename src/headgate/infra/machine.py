"""The delivery machine in Amazon's States Language: Wait -> tick -> Choice, until the tick says that it is done."""

from typing import Any


def definition(*, tick: str) -> dict[str, Any]:
    """The machine that calls the tick function (its ARN) until the rollout is over."""
    return {
        "StartAt": "Tick",
        "States": {
            "Tick": {"Type": "Task", "Resource": tick, "Next": "Done?"},
            "Done?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "Done"}],
                "Default": "Wait",
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Tick"},
            "Done": {"Type": "Succeed"},
        },
    }
