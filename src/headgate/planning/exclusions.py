"""What excludes what on AWS, each rule a value: when it holds, what AWS does not do, what Headgate does instead.

    refused    there is no way: the plan ends with 1, and says the way out
    replaced   Headgate reaches the same by other means, and says by which
    told       nothing is wrong; it is a limit to know beforehand

AWS itself refuses some of these late (when the endpoint is updated) and does others silently in another way. Several
variants chosen by hand, VPCs, multi-model endpoints and SageMaker's own rolling updates cannot be written in
headgate.yaml; rules about them have nothing to look at and stand in docs/plan.md alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from headgate.spec import Environment
from headgate.spec.hosting import Kind

Weight = Literal["refused", "replaced", "told"]
ACCELERATED = re.compile(r"ml\.(g|gr|p|inf|trn|dl)[0-9]")
"""The families of instances with accelerators."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at."""

    kind: Kind
    phases: tuple[str, ...]
    instances: int
    instance_type: str
    capture: bool = False
    capture_folder: str | None = None
    """The folder on a disk that captures should go to, if it is one."""
    fallback: bool = False
    front: bool = False
    burst: int = 0
    """How many requests API Gateway lets in at once."""
    concurrency: int = 0
    """How many the function behind it answers at the same time."""

    @classmethod
    def of(cls, environment: Environment) -> "Facts":
        """The facts of an environment."""
        phases = [_key(phase.model_dump()) for phase in environment.rollout]
        canary = next((phase.canary for phase in environment.rollout if phase.canary), None)
        to = environment.capture.to if environment.capture else None
        front = environment.front
        function = environment.hosting.function or front
        return cls(
            kind=environment.hosting.kind,
            phases=tuple(phases),
            instances=environment.instances.count,
            instance_type=environment.instances.type,
            capture=environment.capture is not None,
            capture_folder=to if to and not to.startswith("s3://") else None,
            fallback=canary.fallback if canary else False,
            front=front is not None,
            burst=front.burst if front else 0,
            concurrency=function.concurrency if function else 0,
        )

    @property
    def accelerated(self) -> bool:
        """Whether the instance type has an accelerator, by its family: ml.g5.xlarge has, ml.m5.large has not."""
        return ACCELERATED.match(self.instance_type) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    id: str
    holds: Callable[[Facts], bool]
    weight: Weight
    what: str
    """What AWS does not do."""
    instead: str
    """What Headgate does; empty where it does nothing."""
    way_out: str


RULES = (
    Rule(
        "serverless-canary",
        lambda facts: facts.kind == "serverless" and "canary" in facts.phases,
        "replaced",
        "A serverless endpoint has one variant, so no canary can stand beside the version in force.",
        "The new version gets all traffic in one move, and alarms watch it: they take it back, nothing is compared.",
        "`hosting: {realtime: {}}` takes canaries.",
    ),
    Rule(
        "serverless-shadow",
        lambda facts: facts.kind == "serverless" and "shadow" in facts.phases,
        "refused",
        "A serverless endpoint has no shadow variant.",
        "",
        "Leave the phase out, or use `hosting: {realtime: {}}`.",
    ),
    Rule(
        "lambda-shadow",
        lambda facts: facts.kind == "lambda" and "shadow" in facts.phases,
        "refused",
        "A Lambda alias sends each request to one version; nothing mirrors.",
        "",
        "Leave the phase out, or use `hosting: {realtime: {}}`.",
    ),
    Rule(
        "several-shadows",
        lambda facts: facts.phases.count("shadow") > 1,
        "refused",
        "An endpoint with a shadow variant has exactly one of them, beside exactly one production variant.",
        "",
        "Make it one phase.",
    ),
    Rule(
        "serverless-capture",
        lambda facts: facts.kind == "serverless" and facts.capture,
        "replaced",
        "SageMaker's data capture does not work on serverless endpoints.",
        "The model server captures by itself, in the same records.",
        "Nothing to do.",
    ),
    Rule(
        "lambda-capture",
        lambda facts: facts.kind == "lambda" and facts.capture,
        "refused",
        "Lambda freezes the process between requests: what is captured would be cut off.",
        "",
        "Leave `capture` out, or use `hosting: {serverless: {}}` or `{realtime: {}}`.",
    ),
    Rule(
        "capture-folder",
        lambda facts: facts.capture_folder is not None,
        "refused",
        "A container on AWS has no folder of yours to capture into.",
        "",
        "Leave `capture/to` out (it goes to the environment's bucket), or name `s3://bucket/prefix`.",
    ),
    Rule(
        "serverless-accelerator",
        lambda facts: facts.kind != "realtime" and facts.accelerated,
        "refused",
        "Serverless endpoints and Lambda functions have no accelerators.",
        "",
        "Leave `instances/type` out, or use `hosting: {realtime: {}}`.",
    ),
    Rule(
        "one-instance",
        lambda facts: facts.kind == "realtime" and "canary" in facts.phases and facts.instances == 1,
        "replaced",
        "SageMaker's own canary is a part of the instances, at most half of them: one instance cannot be divided.",
        "The canary is a variant with an instance of its own; it costs one more while the rollout lasts.",
        "Nothing to do.",
    ),
    Rule(
        "weights-and-alarms",
        lambda facts: facts.kind == "realtime" and "canary" in facts.phases,
        "replaced",
        "SageMaker rolls nothing back by alarm when weights are changed; its guardrails watch updates alone.",
        "The judge looks at each step, and the rollback monitor answers alarms: both go back to the recorded config.",
        "Nothing to do.",
    ),
    Rule(
        "variant-names",
        lambda facts: facts.kind == "realtime",
        "replaced",
        "Where a variant's name changes, guardrails silently do all at once, and alarms and scaling lose it.",
        "Variants are called stable and canary for ever.",
        "Nothing to do.",
    ),
    Rule(
        "fallback",
        lambda facts: facts.fallback and facts.kind != "serverless" and "canary" in facts.phases,
        "told",
        "On AWS nobody answers in the place of a failing canary: its callers see the error until it is taken back.",
        "`fallback` has no effect here; on the engine of this machine it has.",
        "Begin with a small step.",
    ),
    Rule(
        "burst-and-concurrency",
        lambda facts: facts.front and facts.burst > facts.concurrency,
        "told",
        "API Gateway lets in more requests at once than the function behind it answers: Lambda refuses the rest, and "
        "their callers get 500 instead of 429.",
        "The alarm `throttles` tells people, and no version is taken back for it.",
        "Make `front/burst` no more than `concurrency` (of `hosting/lambda`, or of `front` before an endpoint).",
    ),
    Rule(
        "no-way-back",
        lambda facts: facts.kind == "serverless",
        "told",
        "A serverless endpoint can become a real-time one; it cannot become serverless again.",
        "",
        "Delete the endpoint to start anew as serverless.",
    ),
    Rule(
        "scale-to-zero",
        lambda facts: facts.kind == "realtime",
        "told",
        "Variants of a real-time endpoint never go down to no instance: it costs the same without traffic.",
        "",
        "`hosting: {serverless: {}}` or `{lambda: {}}` cost next to nothing at rest.",
    ),
    Rule(
        "closed-services",
        lambda facts: facts.kind == "realtime" and facts.capture,
        "replaced",
        "Model Monitor, and perhaps SageMaker's own capture, are closed to new customers.",
        "The model server captures by itself, in the same records.",
        "Nothing to do.",
    ),
)


def applying(facts: Facts) -> tuple[Rule, ...]:
    """The rules that hold, what is refused first."""
    order: tuple[Weight, ...] = ("refused", "replaced", "told")
    return tuple(sorted((rule for rule in RULES if rule.holds(facts)), key=lambda rule: order.index(rule.weight)))


def _key(phase: dict[str, Any]) -> str:
    return next(iter(phase), "")
