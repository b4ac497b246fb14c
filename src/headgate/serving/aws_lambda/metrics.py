"""What the function counts of itself: three numbers on the log line of each prediction, in CloudWatch's embedded metric
format. CloudWatch makes metrics of them when it takes the line: no call, no thread, nothing that a freeze cuts off.

    Requests    1: a prediction was asked for. Pings, warm-ups and paths that are not there are not counted
    Failures    1 where it failed by our fault (5xx). Lambda takes a 500 that is returned for a success
    Raised      1 where an error left the handler, as with direct invocations: Lambda counts it among its own Errors,
                be it the caller's fault or ours. Errors without Raised are crashes and time-outs, which leave no line

They bear the time at which the invocation began, as Lambda's own numbers do: both have to be of the same minute.

They stand in the namespace Headgate, with the three dimensions that Lambda's own metrics have of an alias. So what is
asked of a version by its number (a warm-up, a probe) is no evidence about the alias. They stand there once more without
the version, for alarms, which outlive versions. Each version that answers an alias costs three custom metrics while it
does, and the alias three more.
"""

from collections.abc import Mapping
from typing import Any

NAMESPACE = "Headgate"
DIMENSIONS = ("FunctionName", "Resource", "ExecutedVersion")
SETS = (DIMENSIONS, DIMENSIONS[:2])
METRICS = ("Requests", "Failures", "Raised")
LONGEST = 255
"""Characters of a dimension's value: CloudWatch drops what is longer."""


class Metrics:
    """The metrics of one version of a function."""

    def __init__(self, function: str, version: str) -> None:
        self._function = function[:LONGEST]
        self._version = version[:LONGEST]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Metrics | None":
        """As Lambda describes the function; None outside of Lambda."""
        function, version = (environment.get(f"AWS_LAMBDA_FUNCTION_{name}") for name in ("NAME", "VERSION"))
        return cls(function, version) if function and version else None

    def fields(self, context: object, status: int, *, began: float, raised: bool = False) -> dict[str, Any]:
        """What a log line of one prediction has more. `status` is that of the answer, or of the error raised.

        `began`: epoch seconds.

        Lambda's context has the ARN that was invoked: with an alias or a version behind the name, or without.
        """
        qualifier = ":".join(str(getattr(context, "invoked_function_arn", "")).split(":")[7:])
        resource = f"{self._function}:{qualifier}" if qualifier else self._function
        values = (1, int(status >= 500), int(raised))
        about = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(names) for names in SETS],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in METRICS],
        }
        return {
            "_aws": {"Timestamp": int(began * 1000), "CloudWatchMetrics": [about]},
            **dict(zip(DIMENSIONS, (self._function, resource[:LONGEST], self._version), strict=True)),
            **dict(zip(METRICS, values, strict=True)),
        }
