"""How the rollouts ended, read from their logs; what was expected of them; and both in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LINE = 100.0
"""The e-value at which the judge fails a canary."""
HEADS = ("version", "what is new", "decision", "requests", "failing", "errors e", "latency e", "after", "weight 0")
LEFT = 3
"""So many columns are texts."""
LEGEND = """\
requests   that reached the canary since the step began, up to the decision
failing    clients with a failed request: the canary's / the stable version's
e          how strongly the evidence speaks against the canary; 100 takes it back
after      so long after the canary was given its first traffic
weight 0   so long after the decision, the canary had no traffic any more"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of the judge, `seconds` after the canary was to get its first traffic."""

    percent: float
    do: str
    numbers: Mapping[str, float]
    seconds: float

    @property
    def reason(self) -> str:
        """By what the canary was judged."""
        if self.do != "roll back":
            return "the evidence let it pass"
        found = [kind for kind in ("errors", "latency") if self.numbers.get(f"{kind}_e", 0.0) >= LINE]
        return found[0] if found else "something else"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rollout. `back` is the seconds from the decision until the canary's weight was read back as 0."""

    number: int
    version: int
    news: str
    outcome: str
    why: str
    decisions: Sequence[Decision]
    back: float | None

    @property
    def reason(self) -> str:
        """By what the last decision was taken."""
        return self.decisions[-1].reason if self.decisions else "nothing was decided"


def read(rollout: Mapping[str, Any], news: str) -> Outcome:
    """From `headgate rollout history NUMBER --json`."""
    decisions: list[Decision] = []
    first = percent = decided = 0.0
    back = None
    steps = rollout["entries"][0]["content"]["steps"]
    for entry in rollout["entries"]:
        content, at = entry["content"], entry["at"]
        step = steps[content["index"]] if content.get("index", len(steps)) < len(steps) else {}
        if entry["kind"] == "step" and step.get("step") == "shift":
            percent, first = step["weight"], first or at
        elif entry["kind"] == "decision":
            decisions.append(Decision(percent, content["do"], content["numbers"], at - first))
            decided = at
        elif entry["kind"] == "returning":
            back = at - decided
    outcome = rollout["outcome"] or "still open"
    return Outcome(rollout["number"], rollout["version"], news, outcome, rollout["why"], decisions, back)


def deviations(
    outcomes: Sequence[Outcome], expected: Mapping[int, tuple[str, str]], total: Mapping[str, Any]
) -> list[str]:
    """What is not as it was expected: for each version (outcome, reason), and no failed request."""
    found = []
    if total["failed"]:
        said = "; ".join(sorted({failure["said"] for failure in total["failures"]})[:3])
        found.append(f"0 requests were to fail; {total['failed']:,} did: {said}")
    if not total["variants"].get("canary"):
        found.append("the canary was to answer some requests; it answered none")
    for one in outcomes:
        outcome, reason = expected[one.version]
        if (one.outcome, one.reason) != (outcome, reason):
            found.append(
                f"version {one.version} was to be {outcome} ({reason}); it is {one.outcome} ({one.reason}). "
                f"Rollout {one.number}: {one.why}"
            )
    return found


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each decision, under a line of headings."""
    rows = [HEADS, *(row for outcome in outcomes for row in _rows(outcome))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    lines = []
    for row in rows:
        texts = [cell.ljust(width) for cell, width in zip(row[:LEFT], widths[:LEFT], strict=True)]
        figures = [cell.rjust(width) for cell, width in zip(row[LEFT:], widths[LEFT:], strict=True)]
        lines.append("  ".join([*texts, *figures]).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _rows(outcome: Outcome) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for i, decision in enumerate(outcome.decisions):
        last, numbers = i == len(outcome.decisions) - 1, decision.numbers
        rows.append(
            (
                "" if i else str(outcome.version),
                "" if i else outcome.news,
                f"{decision.percent:g} %: {outcome.outcome if last else decision.do}",
                f"{numbers.get('canary_requests', 0):,}",
                f"{numbers.get('canary_failing', 0):,} / {numbers.get('stable_failing', 0):,}",
                _short(numbers.get("errors_e", 0.0)),
                _short(numbers.get("latency_e", 0.0)),
                f"{decision.seconds:.1f} s",
                f"{outcome.back:.2f} s" if last and outcome.back is not None else "-",
            )
        )
    return rows


def _short(e: float) -> str:
    return f"{e:,.0f}" if 10 <= e < 1e5 else f"{e:.2g}"
