"""The evidence of the step that is analysed, and what the judge says of it.

Evidence comes by the second, on AWS by the minute (`core.evidence.Rhythm`). A window that ended `lag` seconds ago does
not change any more: it is folded into the case for good, and now and then the case goes into the log, from where
anybody goes on. Younger ones are judged too, on top of the case and afresh at each look: the judge may look as often as
it likes, and a bad canary is not given the rest of the second. Where evidence is known only after a while (`delay`),
the bake is over so much later.

Where the clock was set back, what comes now counts in seconds that the clock has yet to reach again, for closed seconds
take nothing more. So a look asks for AHEAD_SECONDS that are still to come, too.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.errors import HeadgateError, InvalidInput
from headgate.pipeline.run import Analysis, Run
from headgate.pipeline.world import World
from headgate.rollout.eprocess import RatioProcess
from headgate.rollout.judge import Case, Judgement, Limits, fold, judge
from headgate.rollout.plan import Analyse

AHEAD_SECONDS = 60
CHECKPOINT_SECONDS, MOST_SECONDS = 10, 300
"""A case goes into the log so often at first, and ever more seldom later: a bake may last for weeks."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: the analysis with what is settled, and the judgement on everything up to now."""

    analysis: Analysis
    whole: Analysis
    """The analysis with what is not settled as well: what the next step begins with."""
    judgement: Judgement
    numbers: Mapping[str, Any]
    due: bool
    """Whether it is time for a checkpoint."""


def look(world: World, run: Run, step: Analyse, now: float, settled: Analysis | None = None) -> Look:
    """Take a look. A measurement that fails is the judgement `error`, never an exception.

    `settled`: the analysis of the last look, which spares reading again what came since the last checkpoint.
    """
    assert run.analysis is not None
    limits = Limits(min_requests=step.min_requests)
    over = now >= run.analysis.step_began + step.bake + world.rhythm.delay
    try:
        analysis, case, through, due = _gathered(world, run, settled or run.analysis, now, limits)
        failed = ""
    except HeadgateError as error:
        analysis, case, due = run.analysis, read_case(run.analysis.case), False
        through, failed = analysis.through, error.message
    judgement = judge(case, limits, bake_over=over, failed_measurement=failed)
    whole = replace(analysis, through=through, case=asdict(case))
    return Look(analysis, whole, judgement, numbers(case, judgement), due)


def _gathered(world: World, run: Run, before: Analysis, now: float, limits: Limits) -> tuple[Analysis, Case, int, bool]:
    """The analysis with everything that is settled; the case with everything there is, and up to which second that is;
    whether to write it down."""
    rhythm = world.rhythm
    present, settled_to = rhythm.next(math.floor(now) + 1), max(before.through, rhythm.settled(now))
    case = read_case(before.case)
    if before.case is not None and before.through == before.step_began:
        case = case.at_new_step()
    windows = world.windows(before, run.thresholds, start=before.through, end=present + AHEAD_SECONDS)
    through = max([present, before.through, *(math.floor(window.start) + rhythm.period for window in windows)])
    case = fold((window for window in windows if window.start < settled_to), case)
    assert run.analysis is not None
    every = min(MOST_SECONDS, max(CHECKPOINT_SECONDS, (settled_to - before.step_began) / 60))
    due = settled_to - run.analysis.through >= every
    tail_from = before.tail_from
    if due:
        tail = world.tail(start=tail_from, end=settled_to)
        if tail is not None and min(tail.stable_requests, tail.canary_requests) >= limits.floor_requests:
            case, tail_from = case.after_tail(tail, limits), settled_to
    analysis = replace(before, through=settled_to, tail_from=tail_from, case=asdict(case))
    return analysis, fold((window for window in windows if window.start >= settled_to), case), through, due


def numbers(case: Case, judgement: Judgement) -> dict[str, Any]:
    """What a judgement rests on, for the log and for people."""
    return {
        "errors_e": min(judgement.errors_e, 1e300),
        "latency_e": min(judgement.latency_e, 1e300),
        "canary_requests": case.canary_requests,
        "canary_seen": case.canary_seen,
        "stable_seen": case.stable_seen,
        "canary_failing": case.errors.canary,
        "stable_failing": case.errors.stable,
    }


def read_case(document: Mapping[str, Any] | None) -> Case:
    """A case as `asdict` wrote it; a new one where there is none. Raises InvalidInput for anything else."""
    if document is None:
        return Case()
    try:
        slow = [_process(item) for item in document["slow"]]
        return Case(**{**document, "errors": _process(document["errors"]), "slow": (slow[0], slow[1], slow[2])})
    except (KeyError, TypeError, IndexError) as error:
        raise InvalidInput(f"The log's evidence is not what this Headgate writes: {error}.") from None


def _process(document: Mapping[str, Any]) -> RatioProcess:
    return RatioProcess(**{**document, "logs": tuple(document["logs"])})
