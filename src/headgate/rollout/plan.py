"""What a rollout does, as a list of steps that is settled before the first of them is taken.

A strategy says what is wanted; `compile_plan` turns it into absolute steps ("give the canary 25 %", never "10 more"):
a step taken twice does no harm.

    canary        [Approve]  Start  (Shift w, Analyse w)*  Promote
    all at once   [Approve]  Promote

The plan is written into the log of the run and read back by whoever goes on with it, perhaps years later: `from_json`
takes nothing that this module would not have written.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from headgate.core import durations
from headgate.errors import InvalidInput

SMALLEST_WEIGHT = 0.01
LARGEST_WEIGHT = 50.0
"""Percent. A larger canary would leave the stable version too few requests to be compared with."""
SHORTEST = 0.01
LONGEST = 30 * 86_400.0
MOST_REQUESTS = 1_000_000
MOST_STEPS = 100
FOR_EVER = 10 * 365 * 86_400.0
ROUNDING = 1e-9
"""Division leaves 500.00000000000006 minutes where 500 are meant: that is no minute more."""


@dataclass(frozen=True, slots=True)
class Approve:
    """Wait until somebody approves the version."""

    name: ClassVar[str] = "approve"

    @property
    def words(self) -> str:
        """The step in words."""
        return "wait until somebody approves the version"


@dataclass(frozen=True, slots=True)
class Start:
    """Start the canary beside the stable variant, at weight 0."""

    name: ClassVar[str] = "start"

    @property
    def words(self) -> str:
        """The step in words."""
        return "start the canary beside the stable variant, without traffic"


@dataclass(frozen=True, slots=True)
class Shift:
    """Give the canary `weight` percent of the traffic, whatever it had before."""

    weight: float
    name: ClassVar[str] = "shift"

    def __post_init__(self) -> None:
        _within("weight", self.weight, LARGEST_WEIGHT, least=SMALLEST_WEIGHT)

    @property
    def words(self) -> str:
        """The step in words."""
        return f"give the canary {self.weight:g} % of the traffic"


@dataclass(frozen=True, slots=True)
class Analyse:
    """Judge the canary at `weight` percent.

    For `bake` seconds, and until `min_requests` requests have reached it; a person is asked when they are still missing
    `wait` seconds after the bake.
    """

    weight: float
    bake: float
    min_requests: int
    wait: float
    name: ClassVar[str] = "analyse"

    def __post_init__(self) -> None:
        _within("weight", self.weight, LARGEST_WEIGHT, least=SMALLEST_WEIGHT)
        _watched(self.bake, self.min_requests, self.wait)

    @property
    def words(self) -> str:
        """The step in words."""
        watched = f"watch it for {durations.text(self.bake)}, at least {_requests(self.min_requests)}"
        return f"{watched}; wait up to {durations.text(self.wait)} longer for them" if self.wait else watched

    @property
    def requests_needed(self) -> float:
        """How many requests, both variants together, bring `min_requests` to the canary on average."""
        return self.min_requests * 100 / self.weight


@dataclass(frozen=True, slots=True)
class Promote:
    """Give the new version all traffic and stop the old one."""

    name: ClassVar[str] = "promote"

    @property
    def words(self) -> str:
        """The step in words."""
        return "give the new version all traffic and stop the old one"


Step = Approve | Start | Shift | Analyse | Promote


@dataclass(frozen=True, slots=True)
class Canary:
    """Traffic in steps (percent, rising), each judged: see `Analyse`. With `fallback`, callers of a failing canary get
    the stable version's answer."""

    steps: tuple[float, ...]
    bake: float
    min_requests: int
    wait: float
    fallback: bool = True


@dataclass(frozen=True, slots=True)
class AllAtOnce:
    """All traffic in one move, without a comparison."""


Strategy = Canary | AllAtOnce


def compile_plan(strategy: Strategy, *, approve: bool) -> tuple[Step, ...]:
    """The steps of a strategy. Raises InvalidInput for values out of range and weights that do not rise."""
    steps: list[Step] = [Approve()] if approve else []
    if isinstance(strategy, Canary):
        steps.append(Start())
        for weight in strategy.steps:
            steps.append(Shift(weight))
            steps.append(Analyse(weight, strategy.bake, strategy.min_requests, strategy.wait))
    steps.append(Promote())
    return _sound(steps)


def to_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The steps as JSON values: `{"step": "shift", "weight": 10.0}`."""
    return [{"step": step.name, **asdict(step)} for step in steps]


def from_json(values: object) -> tuple[Step, ...]:
    """The exact inverse of `to_json`. Raises InvalidInput for anything that is no plan."""
    if not isinstance(values, list) or len(values) > MOST_STEPS:
        raise InvalidInput(f"A plan is a list of at most {MOST_STEPS} steps.")
    steps = []
    for number, value in enumerate(values, 1):
        try:
            steps.append(_step(value))
        except InvalidInput as error:
            raise InvalidInput(f"Step {number} of the plan cannot be read: {error.message}", hint=error.hint) from None
    return _sound(steps)


def expected_seconds(steps: Iterable[Step], requests_per_second: float | None = None, *, delay: float = 0.0) -> float:
    """How long the analyses take together: their bakes and, where the traffic is known, longer for enough requests.

    Each takes `delay` more, after which evidence is known. For ever without traffic. Waiting for people is not counted.
    """
    watched = [step for step in steps if isinstance(step, Analyse)]
    if requests_per_second is None:
        return sum(step.bake + delay for step in watched)
    return sum(max(step.bake, _seconds_needed(step, requests_per_second)) + delay for step in watched)


def advice(steps: Sequence[Step], requests_per_second: float, *, delay: float = 0.0) -> list[str]:
    """What to tell before the rollout about traffic that is too little for its bakes; empty where it is enough.

    `delay`: how many seconds later than they happen things are known to the judge. Raises InvalidInput where
    `requests_per_second` is negative or no number.
    """
    short = [
        step for step in steps if isinstance(step, Analyse) and _seconds_needed(step, requests_per_second) > step.bake
    ]
    lines = [_shortage(step, requests_per_second, delay) for step in short]
    whole = expected_seconds(steps, requests_per_second, delay=delay)
    if short and whole < math.inf:
        said, planned = durations.text(_rough(whole)), durations.text(expected_seconds(steps, delay=delay))
        lines.append(f"The rollout takes {said} rather than {planned}; more traffic or larger steps make it shorter.")
    return lines


def _shortage(step: Analyse, requests_per_second: float, delay: float) -> str:
    seen = math.floor(requests_per_second * step.bake * step.weight / 100 + ROUNDING)
    needed, rate = _seconds_needed(step, requests_per_second), f"{requests_per_second:.3g}"
    requests = "request" if rate == "1" else "requests"
    line = (
        f"At {rate} {requests}/s a {step.weight:g} % canary sees {_requests(seen)} in a "
        f"{durations.text(step.bake)} bake; {step.min_requests:,} are needed: "
    )
    line += f"it would take {durations.text(_rough(needed))}" if needed < math.inf else "they never come"
    if needed <= step.bake + step.wait:
        return line + "."
    return f"{line}, and a person is asked after {durations.text(step.bake + delay + step.wait)}."


def _seconds_needed(step: Analyse, requests_per_second: float) -> float:
    if not 0 <= requests_per_second < math.inf:
        raise InvalidInput(f"The traffic should be a number of requests per second, got {requests_per_second}.")
    if requests_per_second == 0 or step.requests_needed / requests_per_second > FOR_EVER:
        return math.inf
    return step.requests_needed / requests_per_second


def _rough(seconds: float) -> float:
    """Rounded up to what an estimate is good for: minutes, above a day hours."""
    unit = 1 if seconds < 600 else 60 if seconds < 86_400 else 3_600
    return math.ceil(seconds / unit - ROUNDING) * unit


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"


_STEPS: dict[str, type[Step]] = {kind.name: kind for kind in (Approve, Start, Shift, Analyse, Promote)}


def _step(value: object) -> Step:
    if not isinstance(value, Mapping) or not isinstance(value.get("step"), str):
        raise InvalidInput("it should be a mapping with the key `step`.")
    kind = _STEPS.get(value["step"])
    if kind is None:
        raise InvalidInput(
            f"there is no step {value['step']!r} (known: {', '.join(_STEPS)}).",
            hint="It may have been written by a newer Headgate; use that one to go on with this run.",
        )
    wanted = [field.name for field in fields(kind)]
    given = {key: item for key, item in value.items() if key != "step"}
    if sorted(map(str, given)) != sorted(wanted):
        keys = ", ".join(wanted) or "no other keys"
        raise InvalidInput(f"{kind.name} should have {keys}, got {', '.join(map(str, given)) or 'none'}.")
    return kind(**given)


def _sound(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, if they are one of the two forms that plans have."""
    inner = list(steps)
    if inner[:1] == [Approve()]:
        inner.pop(0)
    if inner[-1:] != [Promote()]:
        raise InvalidInput("A plan should end in promote.")
    inner.pop()
    if not inner:
        return tuple(steps)
    if len(steps) > MOST_STEPS:
        raise InvalidInput(f"A plan has at most {MOST_STEPS} steps.")
    shifts, analyses = inner[1::2], inner[2::2]
    if inner[0] != Start() or not shifts or len(shifts) != len(analyses):
        raise InvalidInput("A canary's plan should be start, then shift and analyse in turn, then promote.")
    last = 0.0
    for shift, analyse in zip(shifts, analyses, strict=True):
        if not isinstance(shift, Shift) or not isinstance(analyse, Analyse) or analyse.weight != shift.weight:
            raise InvalidInput("Each shift of a plan should be followed by the analysis of its weight.")
        if shift.weight <= last:
            raise InvalidInput(f"The weights of a plan should rise; {shift.weight:g} % follows {last:g} %.")
        last = shift.weight
    return tuple(steps)


def _watched(bake: object, min_requests: object, wait: object) -> None:
    _within("bake", bake, LONGEST, least=SHORTEST)
    _within("wait", wait, LONGEST)
    if not isinstance(min_requests, int):
        raise InvalidInput(f"min_requests should be a whole number, got {min_requests!r}.")
    _within("min_requests", min_requests, MOST_REQUESTS, least=1)


def _within(name: str, value: object, most: float, *, least: float = 0.0) -> None:
    """Refuse what is not between the two; NaN and booleans are not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidInput(f"{name} should be a number from {least:g} to {most:,.12g}, got {value!r}.")
