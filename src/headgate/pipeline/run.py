"""Where a rollout stands, folded from its log. Pure: the same entries give the same `Run`, whoever reads them.

started       the terms                               (always the first)
step          a step of the plan begins               recorded before anything is changed
baseline      how slow the stable variant is          the thresholds of "slow", frozen
look          the evidence so far, as a checkpoint    every few seconds while a step is analysed
decision      go on, roll back, or ask a person       with the verdict and its numbers
done          a step is done and was read back
approve, reject, abort    what a person said
token         what the state machine waits with for a person, on AWS
execution     the state machine's execution that takes it on from here, where that is not the first one
returning     the canary has no traffic any more, and the config from before is asked for
ended         promoted, rolled back, aborted, rejected or stopped
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from headgate.core.verdict import Verdict
from headgate.errors import InvalidInput
from headgate.pipeline.log import Entry
from headgate.pipeline.terms import Terms
from headgate.rollout.plan import Analyse, Approve, Promote, Shift, Start, Step

Outcome = Literal["promoted", "rolled back", "aborted", "rejected", "stopped"]
Phase = Literal["prepare", "shadow", "observe", "approval", "production", "watch", "promote", "rollback", "ended"]
"""What people follow a rollout by, in this order; `production` and `watch` take turns. Plans have no shadow yet."""
EVENTS = ("approve", "reject", "abort")
"""The entries that anybody may append while a rollout is open."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a rollout ends, or is about to."""

    outcome: Outcome
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the analysis of the present step rests on. Times are whole epoch seconds.

    `step_began` and `rollout_began` are when units began to be counted; `through` is up to where `case` holds the
    evidence; `tail_from` is where the present comparison of the 99th percentiles began.
    """

    step_began: int
    rollout_began: int
    through: int
    tail_from: int
    case: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The stable variant's latency in microseconds, measured up to `end` (epoch seconds), and what is let pass."""

    p50: float
    p90: float
    p99: float
    slack: float
    end: int

    @property
    def values(self) -> tuple[float, float, float]:
        """What is slower than these is slow."""
        return self.p50 + self.slack, self.p90 + self.slack, self.p99 + self.slack


@dataclass(slots=True)
class Run:
    """A rollout as its log tells it."""

    terms: Terms
    step: int = 0
    begun: bool = False
    """Whether the present step was begun, so that what it changes may be changed already."""
    analysis: Analysis | None = None
    thresholds: Thresholds | None = None
    asked: str = ""
    """Why a person was asked; empty where nobody was."""
    judged: bool = False
    """The present step may go on: that was decided, and only the step's end is still to be written."""
    approved: Entry | None = None
    """An approval that no step has used yet."""
    ending: Ending | None = None
    """The way back was decided."""
    modified: float | None = None
    """When the endpoint was last changed before the present step (epoch seconds)."""
    returning: float | None = None
    """When the endpoint was last changed before the config of the way back was asked for."""
    ended: Ending | None = None
    token: str = ""
    """What the state machine waits with for a person."""
    execution: str = ""
    """The execution of the state machine that takes it on; empty for the first, which has the rollout's name."""
    entries: list[Entry] = field(default_factory=list)

    @property
    def present(self) -> Step | None:
        """The step that is under way or next; None where the plan is done."""
        return self.terms.steps[self.step] if self.step < len(self.terms.steps) else None

    def take(self, entry: Entry) -> None:
        """Fold one more entry."""
        self.entries.append(entry)
        kinds: dict[str, Callable[[Entry], None]] = {
            "started": lambda _: None,
            "step": self._began,
            "baseline": self._measured,
            "look": self._looked,
            "decision": self._decided,
            "done": self._done,
            "approve": self._told_to_go_on,
            "reject": self._told_to_go_back,
            "abort": self._told_to_go_back,
            "token": self._waits,
            "execution": self._handed_over,
            "returning": self._returning,
            "ended": self._ended,
        }
        if entry.kind not in kinds:
            raise InvalidInput(
                f"Entry {entry.number} of {self.terms.id} is a {entry.kind!r}, which this Headgate does not know.",
                hint="Finish the rollout with the version of Headgate that started it.",
            )
        try:
            kinds[entry.kind](entry)
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"Entry {entry.number} of {self.terms.id} is damaged: {error}.") from None

    def _began(self, entry: Entry) -> None:
        content = entry.content
        self.begun, self.modified = True, content.get("modified")
        if "step_began" in content:
            self._begin_analysis(content)

    def _measured(self, entry: Entry) -> None:
        content = entry.content
        self.thresholds = Thresholds(content["p50"], content["p90"], content["p99"], content["slack"], content["end"])

    def _looked(self, entry: Entry) -> None:
        self.analysis = Analysis(**entry.content["analysis"])

    def _done(self, _entry: Entry) -> None:
        self.step, self.begun, self.judged, self.modified, self.asked = self.step + 1, False, False, None, ""

    def _told_to_go_on(self, entry: Entry) -> None:
        self.approved = entry

    def _waits(self, entry: Entry) -> None:
        self.token = str(entry.content["token"])

    def _handed_over(self, entry: Entry) -> None:
        self.execution = str(entry.content["name"])

    def _returning(self, entry: Entry) -> None:
        self.returning = entry.content["modified"]

    def _ended(self, entry: Entry) -> None:
        self.ended = Ending(entry.content["outcome"], entry.content["verdict"], entry.content["why"])

    def _begin_analysis(self, content: Mapping[str, Any]) -> None:
        began = int(content["step_began"])
        rollout_began = self.analysis.rollout_began if self.analysis else began
        case = self.analysis.case if self.analysis else None
        self.analysis = Analysis(began, rollout_began, began, began, case)

    def _decided(self, entry: Entry) -> None:
        content = entry.content
        if content["do"] == "roll back" and self.ending is None:
            self.ending = Ending("rolled back", content["verdict"], content["why"])
        elif content["do"] == "ask":
            self.asked, self.approved = content["why"], None  # an approval from before the question does not answer it
        elif content["do"] == "go on":
            self.judged, self.approved = True, None
        if "analysis" in content:
            self.analysis = Analysis(**content["analysis"])

    def _told_to_go_back(self, entry: Entry) -> None:
        if self.ending is not None or self.terms.kind == "rollback":  # a rollback goes back already
            return
        reason = f": {entry.content['reason']}" if entry.content.get("reason") else ""
        if entry.kind == "abort":
            self.ending = Ending("aborted", "inconclusive", sentence(f"{entry.by} aborted the rollout{reason}"))
        else:
            said = sentence(f"{entry.by} rejected version {self.terms.version}{reason}")
            self.ending = Ending("rejected", "fail", said)


def phase(run: Run) -> Phase:
    """The phase that a rollout is in."""
    if run.ended is not None:
        return "ended"
    if run.ending is not None or run.terms.kind == "rollback":
        return "rollback"
    if run.step == 0 and not run.begun:
        return "prepare"
    match run.present:
        case Approve():
            return "approval"
        case Start() | Shift():
            return "production"
        case Analyse():
            return "watch"
        case Promote() | None:
            return "promote"


def sentence(text: str) -> str:
    """With a full stop, where there is none: what people and model servers say stands beside sentences of ours."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def fold(entries: Iterable[Entry]) -> Run:
    """The rollout that these entries, the first of which holds the terms, tell of."""
    run = None
    for entry in entries:
        run = run or Run(Terms.from_json(entry.content))
        run.take(entry)
    if run is None:
        raise InvalidInput("The rollout's log is empty.")
    return run
