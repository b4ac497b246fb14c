"""What the rollout commands have in common: which rollout is meant, who asks, and how one is described."""

import getpass
import os
from typing import TYPE_CHECKING, Any

from headgate.cli.command import Call
from headgate.core.verdict import Verdict
from headgate.errors import NotFound, Refused
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.run import Run
from headgate.pipeline.story import headline, why

if TYPE_CHECKING:
    from headgate.wiring.targets import Target

EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "error": 4, "inconclusive": 5}


def who() -> str:
    """The person at the keyboard, as far as the system knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"


def rollouts(call: Call, environment: str | None) -> Rollouts:
    """The rollouts of one environment of the project."""
    return call.target(environment).rollouts


def chosen(call: Call, environment: str | None, number: int | None = None) -> Rollout:
    """The rollout of this number, or the newest. Raises NotFound."""
    found = rollouts(call, environment)
    rollout = found.get(number) if number else found.latest()
    if rollout is None:
        raise NotFound(
            f"{call.endpoint(environment)} has had no rollout.", hint="`headgate rollout start` rolls a version out."
        )
    return rollout


def open_one(call: Call, environment: str | None) -> Rollout:
    """The rollout that is under way. Raises Refused where none is."""
    rollout = rollouts(call, environment).open()
    if rollout is None:
        raise Refused(
            f"No rollout is under way on {call.endpoint(environment)}.", hint="`headgate rollout history` lists them."
        )
    return rollout


def require_forward(target: "Target", rollout: Rollout, *, dry_run: bool) -> None:
    """Raises Refused where an open rollout is a rollback, which is on its way back already; where its machine has
    stopped, it is started again."""
    run = rollout.run()
    if run.terms.kind != "rollback":
        return
    if not dry_run:
        target.told(rollout)
    raise Refused(f"{run.terms.id} is on its way back already.", hint="`headgate rollout watch` follows it.")


def document(run: Run) -> dict[str, Any]:
    """A rollout as JSON."""
    terms = run.terms
    steps = [
        {"step": step.name, "words": step.words, "state": _state(run, i)} for i, step in enumerate(run.terms.steps)
    ]
    ended = run.ended
    return {
        "rollout": terms.id,
        "number": terms.number,
        "kind": terms.kind,
        "endpoint": terms.endpoint,
        "version": terms.version,
        "version_before": terms.version_before,
        "open": ended is None,
        "outcome": ended.outcome if ended else None,
        "verdict": ended.verdict if ended else None,
        "why": why(run),
        "said": headline(run),
        "steps": steps,
        "evidence": next((e.content["numbers"] for e in reversed(run.entries) if e.content.get("numbers")), None),
    }


def marks(run: Run) -> list[str]:
    """The steps of the plan, each with where it stands."""
    signs = {"done": "done", "open": "now ", "ended": "end ", "left": "    "}
    return [f"  {signs[_state(run, i)]}  {step.words}" for i, step in enumerate(run.terms.steps)]


def _state(run: Run, index: int) -> str:
    if index < run.step:
        return "done"
    if index > run.step:
        return "left"
    return "ended" if run.ended is not None or run.ending is not None else "open"
