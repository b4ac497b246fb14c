"""The alarms of an environment, as values: what is counted, and from when on it is too much.

    errors       the share of requests that the model or its function failed            takes the version back
    latency      the time in which 99 of 100 requests are answered                      takes the version back
    gateway      the share of requests that API Gateway answered with 5xx               takes the version back
    throttles    requests that found the function's concurrency used up                 tells people
    quiet        no request at all for as long as `quiet` says                          tells people
    letters      an event that could not be delivered                                   tells people

The first three speak through one alarm that is made of them, `rollback`.

Their dimensions outlive an update: the endpoint, the variant `stable`, the function's alias; a config's name is in none
of them. SageMaker gives ModelLatency in microseconds, Lambda its duration in milliseconds. SageMaker publishes no count
of throttled requests, so there is such an alarm only where a function stands in front or is the model.

An alarm has to break its line in three of five minutes. Missing data is no breach, except for `quiet`. `throttles` is
there after one minute: API Gateway answers 500 where Lambda refuses, and by the third minute of that it has to be known
that no version is to blame.

An endpoint's 5xx do not hold what a model never answers; InvocationModelErrors do, with the refusals that are its
callers' fault. Here too `errors` counts as rollouts are judged.

Lambda's own Errors hold what callers are refused (an error leaves the function) and not the 5xx that it returns. So
`errors` of a function counts as rollouts are judged: what the handler counts of itself (`Headgate`), and what ended
without a word of it, which is Errors less Raised. These come by different ways. A minute of which only one has told
may look worse than it is; it takes three.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from headgate.infra.site import ALIAS, STAGE, Site

MINUTE, HOUR, DAY = 60, 3600, 86_400
VARIANT = "stable"
FEWEST = 20
"""Requests that a minute needs, or its 99th percentile is not looked at. CloudWatch's own floor for it is 1,000."""
HANDLER = "Headgate"
"""The namespace of what the handler of a model's function counts of itself."""
REVERTING = ("errors", "latency", "gateway")
"""The alarms that speak of the version: any of them takes a new one back."""
EXCUSES = {"gateway": "throttles"}
"""What such an alarm says is no fault of the version while the other one is on."""

Comparison = Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]


@dataclass(frozen=True, slots=True)
class Count:
    """One metric. `statistic` as CloudWatch names it: Sum, Average, p99."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is compared is the only one of `counts`, or the last of `terms`: expressions of CloudWatch's metric math, by
    name, over the counts and the terms before. `threshold` in the metric's own unit; a share is between 0 and 1.
    """

    about: str
    said: str
    counts: dict[str, Count]
    threshold: float
    terms: dict[str, str] = field(default_factory=dict)
    comparison: Comparison = "GreaterThanThreshold"
    period: int = MINUTE
    periods: int = 5
    breaching: int = 3
    missing: Literal["notBreaching", "breaching"] = field(default="notBreaching")


def alarms(site: Site) -> list[Alarm]:
    """The alarms, in the order of the table above."""
    found = _function(site) if site.kind == "lambda" else _endpoint(site)
    if site.settings.front:
        found += _front(site)
    return [*found, *_quiet(site), _letters(site)]


def rollback_rule(site: Site, found: list[Alarm]) -> str:
    """When the alarm that is made of others takes a version back, as CloudWatch reads it."""
    names = {alarm.about: f'ALARM("{site.alarm(alarm.about)}")' for alarm in found}
    return " OR ".join(
        f"({names[about]} AND NOT {names[EXCUSES[about]]})" if EXCUSES.get(about) in names else names[about]
        for about in REVERTING
        if about in names
    )


def requests(site: Site) -> Count:
    """How many requests the model got."""
    if site.kind == "lambda":
        return Count("AWS/Lambda", "Invocations", _alias(site), "Sum")
    return Count("AWS/SageMaker", "Invocations", _variant(site), "Sum")


def _endpoint(site: Site) -> list[Alarm]:
    settings = site.settings.alarms
    return [
        Alarm(
            "errors",
            f"more than {settings.errors:g} % of the requests failed (5xx, or no answer at all)",
            {
                "requests": requests(site),
                "failures": Count("AWS/SageMaker", "Invocation5XXErrors", _variant(site), "Sum"),
                "unanswered": Count("AWS/SageMaker", "InvocationModelErrors", _variant(site), "Sum"),
                "refused": Count("AWS/SageMaker", "Invocation4XXErrors", _variant(site), "Sum"),
            },
            settings.errors / 100,
            {
                "silent": "FILL(unanswered, 0) - FILL(refused, 0)",
                "share": "IF(silent > FILL(failures, 0), silent, FILL(failures, 0)) / requests",
            },
        ),
        _latency(
            f"99 of 100 requests took the model more than {settings.latency_p99:,} ms",
            ("AWS/SageMaker", "ModelLatency", _variant(site)),
            settings.latency_p99 * 1000.0,
        ),
    ]


def _function(site: Site) -> list[Alarm]:
    settings = site.settings.alarms
    return [
        Alarm(
            "errors",
            f"more than {settings.errors:g} % of the predictions failed (5xx, or no answer at all)",
            {
                "requests": Count(HANDLER, "Requests", _alias(site), "Sum"),
                "failures": Count(HANDLER, "Failures", _alias(site), "Sum"),
                "raised": Count(HANDLER, "Raised", _alias(site), "Sum"),
                "errors": Count("AWS/Lambda", "Errors", _alias(site), "Sum"),
            },
            settings.errors / 100,
            # Without traffic this is 0 / 0, which is no data.
            {
                "silent": "FILL(errors, 0) - FILL(raised, 0)",
                "crashed": "IF(silent > 0, silent, 0)",
                "share": "(FILL(failures, 0) + crashed) / (FILL(requests, 0) + crashed)",
            },
        ),
        _latency(
            f"99 of 100 calls took the function more than {settings.latency_p99:,} ms",
            ("AWS/Lambda", "Duration", _alias(site)),
            float(settings.latency_p99),
        ),
        _throttles(_alias(site), "the model's function"),
    ]


def _latency(said: str, metric: tuple[str, str, tuple[tuple[str, str], ...]], threshold: float) -> Alarm:
    """The 99th percentile of the minutes that have enough requests; the others are no data."""
    counts = {"p99": Count(*metric, "p99"), "n": Count(*metric, "SampleCount")}
    return Alarm("latency", said, counts, threshold, {"looked_at": f"IF(n >= {FEWEST}, p99)"})


def _front(site: Site) -> list[Alarm]:
    errors = site.settings.alarms.errors
    gateway = (("ApiName", site.stack("front")), ("Stage", STAGE))
    found = [
        Alarm(
            "gateway",
            f"more than {errors:g} % of the requests at the front door were answered with 5xx",
            {"share": Count("AWS/ApiGateway", "5XXError", gateway, "Average")},
            errors / 100,
        )
    ]
    if site.kind != "lambda":
        found.append(_throttles((("FunctionName", site.function("front")),), "the front door's function"))
    return found


def _throttles(dimensions: tuple[tuple[str, str], ...], whose: str) -> Alarm:
    count = Count("AWS/Lambda", "Throttles", dimensions, "Sum")
    return Alarm(
        "throttles", f"requests found the concurrency of {whose} used up", {"refused": count}, 0.0, breaching=1
    )


def _quiet(site: Site) -> list[Alarm]:
    seconds = site.settings.alarms.quiet
    if seconds is None:
        return []
    period, periods = windows(seconds)
    said = "no request came for as long as `quiet` allows"
    return [
        Alarm(
            "quiet",
            said,
            {"requests": requests(site)},
            1.0,
            comparison="LessThanThreshold",
            period=period,
            periods=periods,
            breaching=periods,
            missing="breaching",
        )
    ]


def windows(seconds: float) -> tuple[int, int]:
    """Period and number of periods that cover a duration. CloudWatch looks back a day, or with whole hours a week."""
    if seconds <= DAY:
        return max(1, math.ceil(seconds / MINUTE)) * MINUTE, 1
    return HOUR, math.ceil(seconds / HOUR)


def _letters(site: Site) -> Alarm:
    count = Count("AWS/SQS", "ApproximateNumberOfMessagesVisible", (("QueueName", site.dead_letters),), "Maximum")
    said = "an approval or an alarm could not be delivered; it lies in the queue of dead letters"
    return Alarm("letters", said, {"waiting": count}, 0.0, periods=1, breaching=1)


def _variant(site: Site) -> tuple[tuple[str, str], ...]:
    return (("EndpointName", site.prefix), ("VariantName", VARIANT))


def _alias(site: Site) -> tuple[tuple[str, str], ...]:
    name = site.function("model")
    return (("FunctionName", name), ("Resource", f"{name}:{ALIAS}"))
