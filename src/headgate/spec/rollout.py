"""The `rollout` section of an environment: the phases that a new version goes through, in order.

    [approve]  then  canary or all-at-once

Percentages and durations are texts with their units, and numbers (percent, seconds) once they are read: whoever writes
`90m` and whoever writes `1h30m` has the same spec.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from headgate.core import durations
from headgate.errors import InvalidInput
from headgate.spec.section import Section

LARGEST_STEP = 50
DECIDING = ("canary", "all-at-once")
PERCENTAGE = r"^[0-9]{1,3}(\.[0-9]{1,6})?%$"


def percent(value: object) -> float:
    """A canary's share as it is written, `12.5%`, in percent. Raises PydanticCustomError, which says why not."""
    if not isinstance(value, str) or not re.fullmatch(PERCENTAGE, value, re.ASCII):
        raise PydanticCustomError("percent", "should be a percentage such as 5% or 12.5%")
    found = float(value[:-1])
    if found == 0:
        raise PydanticCustomError("percent", "should be more than 0%")
    if found > LARGEST_STEP:
        raise PydanticCustomError(
            "percent", f"should be at most {LARGEST_STEP}%; a larger canary leaves too few requests to compare it with"
        )
    return found


def _duration(least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        try:
            found = durations.parse(value) if isinstance(value, str) else None
        except InvalidInput:
            found = None
        if found is None:
            raise PydanticCustomError("duration", "should be a duration such as 30s, 10m, 2h, 1d or 1h30m")
        if not least <= found <= most:
            said = f"should be between {durations.write(least)} and {durations.write(most)}"
            raise PydanticCustomError("duration", said)
        return found

    return read


def _share_text(share: float) -> str:
    return f"{share:.9g}%"


WEEK = 7 * 86_400
Percent = Annotated[
    float,
    PlainValidator(percent),
    PlainSerializer(_share_text),
    WithJsonSchema({"type": "string", "pattern": PERCENTAGE}),
]
_DurationText = WithJsonSchema({"type": "string", "pattern": durations.PATTERN})
Bake = Annotated[float, PlainValidator(_duration(1, WEEK)), PlainSerializer(durations.write), _DurationText]
Wait = Annotated[float, PlainValidator(_duration(0, WEEK)), PlainSerializer(durations.write), _DurationText]


class Approve(Section):
    """Wait until somebody approves the version."""


class AllAtOnce(Section):
    """All traffic in one move, without a comparison."""


class Canary(Section):
    """Traffic in steps, each judged by evidence against the stable version; a bad version is rolled back by itself."""

    steps: list[Percent] = Field(
        default=[10.0, 50.0],
        min_length=1,
        max_length=20,
        json_schema_extra={"default": ["10%", "50%"]},
        description="The canary's shares of the traffic, such as `5%` or `12.5%`, rising, each at most 50%: a larger "
        "canary leaves too few requests to compare it with.",
    )
    bake: Bake = Field(
        default=600.0,
        json_schema_extra={"default": "10m"},
        description="How long each step is watched, such as `30s`, `10m` or `1h30m`; 1s to 7d.",
    )
    min_requests: int = Field(
        default=300, ge=1, le=1_000_000, description="How many requests the canary must have answered in each step."
    )
    wait: Wait = Field(
        default=3600.0,
        json_schema_extra={"default": "1h"},
        description="How much longer than `bake` to wait for that many requests before a person is asked; 0s to 7d.",
    )
    fallback: bool = Field(
        default=True, description="Whether callers of a failing canary get the stable version's answer."
    )


class Phase(Section):
    """One phase: exactly one of these keys. `approve` may come first; `canary` or `all-at-once` comes last."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    approve: Approve | None = Field(default=None, description="Wait until somebody approves the version.")
    canary: Canary | None = Field(default=None, description="Traffic in steps, each judged by evidence.")
    all_at_once: AllAtOnce | None = Field(
        default=None, alias="all-at-once", description="All traffic in one move, without a comparison."
    )

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The one key that is there, as it is written."""
        return {key.replace("_", "-"): value for key, value in handler(self).items() if value is not None}


def crossed(where: str, phases: object) -> list[str]:
    """The problems of phases that do not fit one another, one line each; `where` is the path of the section.

    The phases may be wrong anywhere: what is no list of mappings is reported by the models.
    """
    if not isinstance(phases, list) or not phases:
        return []
    problems = []
    approve = deciding = None
    for number, phase in enumerate(phases):
        here = f"{where}/{number}"
        if not isinstance(phase, dict):
            continue
        keys = [key for key in ("approve", *DECIDING) if key in phase]
        if not phase:
            problems.append(f"{here}: should have one of approve, canary, all-at-once, got {{}}")
        if len(keys) > 1:
            problems.append(f"{here}: should have one key only, got {', '.join(keys)}; make each an item of the list")
        for key in keys:
            if deciding is not None:
                problems.append(f"{here}/{key}: nothing comes after {deciding}, which ends the rollout")
            elif key == "approve" and approve is not None:
                problems.append(
                    f"{here}/approve: stands in {where.rpartition('/')[2]}/{approve} already; once is enough"
                )
            approve = number if key == "approve" and approve is None else approve
            deciding = key if key in DECIDING and deciding is None else deciding
        problems += _not_rising(f"{here}/canary/steps", phase.get("canary"))
    # Where a phase is not understood, it may be the one that is missed here.
    if deciding is None and all(isinstance(phase, dict) and {*phase} <= {"approve"} for phase in phases):
        problems.append(f"{where}: should end in canary or all-at-once")
    return problems


def _not_rising(where: str, canary: object) -> list[str]:
    steps = canary.get("steps") if isinstance(canary, dict) else None
    last, problems = 0.0, []
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        try:
            share = percent(step)
        except PydanticCustomError:
            continue  # the models say so
        if share <= last:
            said = f"{where}/{number}: should be more than the step before it"
            problems.append(f'{said} ({_share_text(last)}), got "{step}"')
        last = share
    return problems
