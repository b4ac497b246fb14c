"""What the delivery functions do: the same ticks as the runner on a laptop takes, one call after the other.

    tick       the state machine asks: go on, and say which phase the rollout is in
    approval   the registry told EventBridge that a version was approved or rejected

Everything may be called twice, at the same time, and be cut off anywhere: what happened is in the log, which decides
who was first, and a tick is idempotent. Whatever the machine is told is read from the log again each time.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from headgate.core import names
from headgate.data.store import Objects
from headgate.errors import InvalidInput, NotFound, Refused
from headgate.hosting.evidence import Evidence
from headgate.hosting.evidence_by_minute import evidence_of
from headgate.hosting.registry import DIGEST, Registry
from headgate.hosting.session import Connection
from headgate.pipeline.function_world import FunctionWorld
from headgate.pipeline.hosted import HostedWorld
from headgate.pipeline.log import Entry
from headgate.pipeline.probe import rows_beside_packages
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.run import Run, phase
from headgate.pipeline.story import why as why_of
from headgate.pipeline.terms import Terms
from headgate.pipeline.tick import Tick
from headgate.pipeline.worlds import world_of

log = logging.getLogger("headgate.delivery")

Event = Mapping[str, Any]

FIRST_ENTRY_SECONDS = 60.0
"""The machine is started before the log: for so long the first entry may still come."""
POLL_SECONDS = 5
"""How often a change that is under way is looked at: the machine waits it out, for Lambda is paid by the second."""
BUSY_SECONDS = 15.0
"""How long one call goes on with ticks that follow at once."""
LOOK_AGAIN_SECONDS = 3600
"""A person may have answered where the machine was not told: it looks again so often."""
ASKED_SECONDS = 60
"""How often the evidence is looked at while a person is asked whether that is enough: it may still turn bad."""
MOST_TICKS = 1_500
"""One execution takes so many ticks, about ten events each, of the 25,000 that AWS keeps."""
REASON_LIMIT = 500


class Machine(Protocol):
    """The state machine, as far as the functions need it."""

    def start(self, execution: str, document: Mapping[str, Any]) -> bool:
        """Start an execution of this name; False where it has ended already."""

    def answer(self, token: str, *, go_on: bool) -> None:
        """Wake the execution that waits with this token; nothing where none does."""


@dataclass
class Delivery:
    """The functions of one environment."""

    project: str
    environment: str
    connection: Connection
    store: Objects
    machine: Machine
    function: bool = False
    """The model is in a Lambda function: there is no endpoint, and nobody may ask for one."""
    evidence: Evidence | None = None
    """By the minute, as AWS has it, unless told otherwise."""
    clock: Callable[[], float] = time.time
    poll_seconds: int = POLL_SECONDS
    most_ticks: int = MOST_TICKS
    _known: dict[int, Rollout] = field(default_factory=dict)
    _ticks: dict[str, Tick] = field(default_factory=dict)
    """What earlier calls have read: a function is called again in the same process, by one caller at a time."""

    @property
    def rollouts(self) -> Rollouts:
        """The environment's."""
        return Rollouts(self.store, self.environment)

    # ---- the state machine's questions

    def tick(self, event: Event) -> dict[str, Any]:
        """One question of the state machine. Raises Unavailable where it is worth asking again."""
        found = self._asked_for(event)
        if not isinstance(found, Rollout):
            return found
        match event.get("do"):
            case "look":
                pass
            case "package":
                return self._answer(found.run(), event, package=self._require_package(found.run()))
            case "artifacts":
                self._world(found).prepare()
            case "tick":
                return self._go_on(found, event)
            case "token":
                self._keep_token(found, str(event["token"]))
            case "hand over":
                resume(self.machine, found, leaving=str(event.get("execution") or execution_of(found.run())))
            case "give up":
                self._give_up(found, event.get("error", {}))
            case other:
                raise InvalidInput(f"The tick function does not know what to do with {other!r}.")
        return self._answer(found.run(), event)

    def _asked_for(self, event: Event) -> Rollout | dict[str, Any]:
        """The rollout that an execution is for; where there is none, what to tell it."""
        number, name = int(event["number"]), str(event["rollout"])
        found = self._begun(number)
        if found is None:
            waited = self.clock() - datetime.fromisoformat(str(event["started"])).timestamp()
            if waited < FIRST_ENTRY_SECONDS:
                return _told("begin", wait=1)
            return _told("ended", outcome="stopped", why=f"{name} was never begun: its log has no first entry.")
        other = found.run().terms.id
        if other != name:
            return _told(
                "ended", outcome="stopped", why=f"{other} was started at the same moment as {name}, and first."
            )
        if event.get("do") != "hand over" and self._superseded(found, event):
            if event.get("do") == "token":
                self.machine.answer(str(event["token"]), go_on=True)
            return {**self._answer(found.run(), event), "phase": "superseded"}
        return found

    def _superseded(self, rollout: Rollout, event: Event) -> bool:
        """Whether the rollout is taken on by another execution than the one that asks: two would both give it up.

        One that was started by hand takes the place of one that has ended.
        """
        run = rollout.run()
        asks = str(event.get("execution") or execution_of(run))
        if run.ended is not None or asks == execution_of(run):
            return False
        if self.machine.start(execution_of(run), execution_input(run.terms.id, run.terms.number)):
            return True
        rollout.tell("execution", {"name": asks}, by="delivery machine")
        return False

    def _begun(self, number: int) -> Rollout | None:
        if number not in self._known:
            try:
                found = self.rollouts.get(number)
            except NotFound:
                return None
            if not found.log.read():
                return None
            self._known.clear()
            self._known[number] = found
        return self._known[number]

    def _go_on(self, rollout: Rollout, event: Event) -> dict[str, Any]:
        ticks = int(event.get("ticks", 0))
        if ticks >= self.most_ticks:
            return {**self._answer(rollout.run(), event), "phase": "continue"}
        tick, began = self.tick_of(rollout), time.monotonic()
        before = phase(rollout.run())
        while True:
            self._time_out(rollout, event)
            pause = tick()
            run = rollout.run()
            now = phase(run)
            if pause is None or before not in (now, "prepare"):
                break
            if pause > 0 or time.monotonic() - began > BUSY_SECONDS:
                break
            before = now
        return self._answer(run, event, wait=self._pause(run, pause))

    def _pause(self, run: Run, pause: float | None) -> int:
        """Whole seconds for the machine to wait: evidence is looked at four times in the period in which it comes; more
        seldom while it has spoken, and a person is asked."""
        if not pause:
            return 0
        least = self.poll_seconds
        if phase(run) == "watch":
            period = (self.evidence or evidence_of(self.connection)).rhythm.period
            least = ASKED_SECONDS if run.asked else max(1, period // 4)
        return max(least, math.ceil(pause))

    def _time_out(self, rollout: Rollout, event: Event) -> None:
        """Take a rollout back that nobody has approved, or about which nobody has answered, in time."""
        run = rollout.run()
        waits = run.ending is None and (phase(run) == "approval" or (run.asked and not run.judged))
        if waits and self._left(run, event) <= 0 and not self._approved(rollout):
            why = "nobody answered in time" if run.asked else "nobody approved it in time"
            rollout.tell("abort", {"reason": why, "timed_out": True}, by="delivery machine")

    def _approved(self, rollout: Rollout) -> bool:
        """Whether somebody let it go on: in the log, or in the registry where the event about that was lost. There a
        version that is being watched is approved long since, which answers nothing."""
        run = rollout.run()
        if run.approved is not None or phase(run) != "approval":
            return run.approved is not None
        with suppress(NotFound):  # the tick says so
            return self._world(rollout).version().status == "Approved"
        return False

    def _left(self, run: Run, event: Event) -> float:
        """How long a person may still take: since the step began, or since the question was asked."""
        asked = next((e.at for e in reversed(run.entries) if _asks(e)), run.entries[0].at)
        return asked + float(event.get("approval_seconds", LOOK_AGAIN_SECONDS)) - self.clock()

    def _require_package(self, run: Run) -> str:
        """The version's ARN, if its archive is there. Raises NotFound where not."""
        version = Registry(self.connection).version(self.project, run.terms.version)
        digest = version.metadata.get(DIGEST, "")
        ours = bool(digest) and version.model_data_url == f"{self.store}/{names.package_key(digest)}"
        if ours and not self.store.exists(names.package_key(digest)):
            raise NotFound(
                f"The package of version {version.number} is gone: there is no {version.model_data_url}.",
                hint=f"`headgate register --env {self.environment}` puts it back.",
            )
        return version.arn

    def _keep_token(self, rollout: Rollout, token: str) -> None:
        run = rollout.run()
        if run.token != token:  # else AWS has called twice
            run = rollout.tell("token", {"token": token}, by="delivery machine")
        if phase(run) != "approval" or self._approved(rollout):
            self.machine.answer(token, go_on=True)  # the answer came before the question

    def _give_up(self, rollout: Rollout, error: Any) -> None:
        run = rollout.run()
        if run.ended is None and run.ending is None and run.terms.kind == "rollout":
            said = _said(error)
            rollout.tell("abort", {"reason": f"the delivery machine gave up: {said}"}, by="delivery machine")

    def _answer(self, run: Run, event: Event, *, wait: int = 1, package: str = "") -> dict[str, Any]:
        left = max(1, min(LOOK_AGAIN_SECONDS, math.ceil(self._left(run, event))))
        return _told(
            phase(run),
            wait=wait,
            left=left,
            ticks=int(event.get("ticks", 0)) + (event.get("do") == "tick"),
            entries=len(run.entries),
            package=package,
            outcome=outcome_of(run),
            why=why_of(run),
        )

    # ---- what was decided elsewhere

    def approval(self, event: Event) -> dict[str, Any]:
        """A "SageMaker Model Package State Change": carry the decision to the open rollout of this version."""
        detail = event.get("detail", {})
        status, number = detail.get("ModelApprovalStatus"), detail.get("ModelPackageVersion")
        if detail.get("ModelPackageGroupName") != names.group(self.project, self.environment):
            return {"done": "nothing", "why": "another group"}
        rollout = self.rollouts.open()
        run = rollout.run() if rollout is not None else None
        if rollout is None or run is None or run.terms.kind == "rollback" or run.terms.version != number:
            return {"done": "nothing", "why": f"no rollout of version {number} is open"}
        reason = str(detail.get("ApprovalDescription") or "decided in the registry")[:REASON_LIMIT]
        if status == "Rejected" and run.ending is None:
            run = rollout.tell("reject", {"reason": reason}, by="registry")
        elif status == "Approved" and phase(run) == "approval" and run.approved is None:
            run = rollout.tell("approve", {"reason": reason}, by="registry")
        if run.token and status in ("Approved", "Rejected"):
            self.machine.answer(run.token, go_on=status == "Approved")
        log.info("%s: version %s is %s", run.terms.id, number, status)
        return {"done": status, "rollout": run.terms.id}

    # ---- parts

    def _world(self, rollout: Rollout) -> HostedWorld | FunctionWorld:
        rows = rows_beside_packages(self.store)
        return world_of(self.connection, rows, rollout.run().terms, evidence=self.evidence, now=self.clock)

    def tick_of(self, rollout: Rollout) -> Tick:
        """One for each rollout: it remembers since when something has not answered."""
        name = rollout.run().terms.id
        if name not in self._ticks:
            self._ticks.clear()
            self._ticks[name] = Tick(self._world(rollout), rollout, self.clock)
        return self._ticks[name]


def launch(machine: Machine, rollouts: Rollouts, terms: Terms, *, at: float, by: str) -> Rollout:
    """Start the machine, then the log: a machine without a log ends by itself, a log without a machine would not."""
    machine.start(terms.id, execution_input(terms.id, terms.number))
    return rollouts.start(terms, at=at, by=by)


def resume(machine: Machine, rollout: Rollout, *, leaving: str = "") -> None:
    """See to it that an open rollout has an execution: the present one, or, where that has ended or is `leaving`, a new
    one. Its name stands in the log before it begins: whoever comes next finds it, and starts no other."""
    while (run := rollout.run()).ended is None:
        present = execution_of(run)
        if present != leaving and machine.start(present, execution_input(run.terms.id, run.terms.number)):
            return
        name = names.fitted(f"{run.terms.id}-{len(run.entries)}", 80)
        with suppress(Refused):  # somebody else wrote at the same moment: perhaps the same
            rollout.log.append("execution", {"name": name}, at=time.time(), by="delivery machine")


def execution_of(run: Run) -> str:
    """The execution that takes a rollout on, as far as the log knows."""
    return run.execution or run.terms.id


def execution_input(rollout: str, number: int) -> dict[str, Any]:
    """What an execution of the machine is started with."""
    return {"rollout": rollout, "number": number}


def outcome_of(run: Run) -> str:
    """How it ended, in the machine's words; empty while it is open."""
    ended = run.ended
    if ended is None:
        return ""
    if run.terms.kind == "rollback" and ended.outcome == "rolled back":
        return "back" if ended.verdict == "pass" else "stopped"
    if ended.outcome == "aborted" and any(e.content.get("timed_out") for e in run.entries if e.kind == "abort"):
        return "timed out"
    return ended.outcome


def _told(
    phase_now: str,
    *,
    wait: int = 1,
    left: int = 1,
    ticks: int = 0,
    entries: int = 0,
    package: str = "",
    outcome: str = "",
    why: str = "",
) -> dict[str, Any]:
    return {
        "phase": phase_now, "wait": wait, "left": left, "ticks": ticks, "entries": entries, "package": package,
        "outcome": outcome, "why": why,
    }  # fmt: skip


def _asks(entry: Entry) -> bool:
    return entry.kind == "step" or (entry.kind == "decision" and entry.content["do"] == "ask")


def _said(error: Any) -> str:
    """What a caught error of the machine says: Lambda puts our message into a JSON text."""
    cause = error.get("Cause", "") if isinstance(error, dict) else str(error)
    with suppress(ValueError, KeyError, TypeError):
        cause = json.loads(cause)["errorMessage"]
    return " ".join(str(cause).split())[:REASON_LIMIT] or "a task failed"
