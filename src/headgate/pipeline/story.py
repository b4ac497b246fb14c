"""A rollout in words: a line for each entry of its log, where it stands, and why."""

from collections.abc import Mapping
from typing import Any

from headgate.core import durations
from headgate.pipeline.log import Entry
from headgate.pipeline.run import Run
from headgate.pipeline.terms import Terms
from headgate.rollout.plan import Analyse, Approve


def line(entry: Entry) -> str:
    """What one entry says."""
    content = entry.content
    match entry.kind:
        case "started":
            return _started(Terms.from_json(content), entry.by)
        case "baseline":
            p50, p90, p99 = (f"{content[name] / 1000:.3g}" for name in ("p50", "p90", "p99"))
            return f"the stable variant's p50, p90, p99 are {p50}, {p90}, {p99} ms ({content['requests']:,} requests)"
        case "look":
            return evidence(content["numbers"])
        case "decision":
            return f"{content['verdict']}: {content['do']}. {content['why']}"
        case "returning":
            without = "the canary has no traffic any more; " if content.get("canary") is not None else ""
            return f"{without}back to config {content['target']} ..."
        case "ended":
            said = content.get("said")  # where something was asked at the end, why it ended stands in an entry before
            return f"{content['outcome']}. {said}" if said else f"{content['outcome']}: {content['why']}"
    return _plain(entry)


def _plain(entry: Entry) -> str:
    content = entry.content
    if entry.kind == "step":
        return f"{content['words']} ..."
    if entry.kind == "done":
        return str(content["said"])
    if entry.kind == "token":
        return "the state machine waits for a person"
    if entry.kind == "execution":
        return f"the state machine goes on as {content['name']}"
    reason = f": {content['reason']}" if content.get("reason") else ""
    return f"{entry.by} said {entry.kind}{reason}"


def evidence(numbers: Mapping[str, Any]) -> str:
    """The numbers of a judgement in a line."""
    return (
        f"{numbers['canary_requests']:,} requests at the canary; failing units: canary {numbers['canary_failing']:,}, "
        f"stable {numbers['stable_failing']:,}; errors e {numbers['errors_e']:.3g}, latency e "
        f"{numbers['latency_e']:.3g} (100 ends it)"
    )


def headline(run: Run) -> str:
    """Which rollout this is, and where it stands."""
    terms = run.terms
    what = f"rollout {terms.number} of {terms.endpoint}: version {terms.version}"
    if run.ended is not None:
        return f"{what}: {run.ended.outcome}"
    return f"{what}: {standing(run)}"


def standing(run: Run) -> str:
    """What an open rollout is doing."""
    if run.ending is not None or run.terms.kind == "rollback":
        return "on the way back"
    step = run.present
    if step is None:
        return "finishing"
    if run.asked:
        return "waiting for a person: `headgate approve` lets it go on, `headgate rollout abort` takes it back"
    if isinstance(step, Approve):
        return f"waiting for `headgate approve {run.terms.version}`"
    if isinstance(step, Analyse) and run.analysis is not None:
        left = run.analysis.step_began + step.bake
        return f"judging the canary at {step.weight:g} % (bake {durations.text(step.bake)}, over at {_clock(left)})"
    return step.words


def why(run: Run) -> str:
    """Why the last decision was taken, in one sentence; before there was one, what it waits for."""
    if run.ended is not None:
        return f"{run.ended.outcome.capitalize()}: {run.ended.why}"
    if run.ending is not None:
        return f"On the way back: {run.ending.why}"
    if run.asked:
        return f"A person was asked: {run.asked}"
    for entry in reversed(run.entries):
        if entry.kind == "look" and entry.number > _last(run, "decision"):
            return f"Nothing is decided about this step yet: {entry.content['why']}"
        if entry.kind == "decision":
            return f"It went on: {entry.content['why']}"
    if isinstance(run.present, Approve):
        return f"Nothing is decided yet: version {run.terms.version} waits for approval."
    return f"Nothing is decided yet: {standing(run)}."


def _last(run: Run, kind: str) -> int:
    return max((entry.number for entry in run.entries if entry.kind == kind), default=0)


def _started(terms: Terms, by: str) -> str:
    before = f"version {terms.version_before}" if terms.version_before else terms.config_before or "nothing"
    if terms.kind == "rollback":
        reason = f": {terms.reason}" if terms.reason else ""
        target = f"version {terms.version}" if terms.version else terms.final_config
        return f"{by} takes {terms.endpoint} back from {before} to {target}{reason}"
    return f"{by} rolls version {terms.version} out on {terms.endpoint}, in the place of {before}"


def _clock(epoch: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(epoch).astimezone().strftime("%H:%M:%S")
