"""One tick of a rollout: observe, decide, apply, verify by reading back, record.

A tick may be taken by anybody at any time and be killed anywhere. What is about to be changed is recorded first ("step"
or "decision"), and every change is absolute, so that the next tick makes it again; what was changed is read back, and
only then recorded as done. An entry that somebody else wrote first makes a tick start over, and so does one that stands
there before a change is asked for. Before and after each write the endpoint has to be as the log leaves it: config,
weights and the generation on its tag. Anything else is a foreign change, and ends the rollout with the reason and the
endpoint as it was found.

    step      observe the endpoint; where it is not yet as the step wants it, ask for that; where it is: done
    Analyse   look at the evidence (pipeline.looks); the verdict decides
    way back  the canary's weight 0 at once, then the config from before by its name, then a probe
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from headgate.core.endpoints import BROKEN, EndpointState
from headgate.errors import HeadgateError, InvalidInput, NotFound, Refused, Unavailable
from headgate.hosting.canary import TAG_GENERATION, canary_percent
from headgate.hosting.deployment import TAG_ROLLOUT
from headgate.pipeline.foreign import foreign_change, near
from headgate.pipeline.looks import Look, look
from headgate.pipeline.probe import Probed
from headgate.pipeline.rollouts import Rollout
from headgate.pipeline.run import Analysis, Ending, Run, sentence
from headgate.pipeline.world import World
from headgate.rollout.judge import SLACK_US
from headgate.rollout.plan import Analyse, Approve, Promote, Shift, Start

LOOK_SECONDS = 0.2
POLL_SECONDS = 0.1
PERSON_SECONDS = 0.5
MEASUREMENT_SECONDS = 60.0
"""A measurement that fails for so long ends the rollout: nobody watches the canary any more."""
BASELINE_SECONDS, BASELINE_REQUESTS = 600, 300
TRY_SECONDS, LEAST_TRY, TRY_FACTOR = 10.0, 1.0, 20.0
"""How long an attempt at the canary may take before the stable variant is asked: 20 times the stable one's p99."""
RUNNER = "runner"


class Tick:
    """Takes one rollout on. `clock` gives epoch seconds. Holds nothing that a new one would not find out again."""

    def __init__(self, world: World, rollout: Rollout, clock: Callable[[], float]) -> None:
        self._world = world
        self._rollout = rollout
        self._log = rollout.log
        self._clock = clock
        self._failing_since: float | None = None
        self._silent_since: float | None = None
        self._settled: Analysis | None = None

    def __call__(self) -> float | None:
        """One tick. Returns the seconds until the next, or None when the rollout has ended.

        Raises Unavailable where nobody answers: what was recorded stays, and the next tick goes on.
        """
        run = self._rollout.run()
        if run.ended is not None:
            return None
        known = len(run.entries)
        try:
            return self._advance(run)
        except (Refused, NotFound, InvalidInput) as error:
            try:
                return self._refused(known, error)
            except Refused:
                if self._log.moved_on():  # somebody else wrote first once more
                    return 0.0
                raise

    def _refused(self, known: int, error: HeadgateError) -> float | None:
        """What was asked for was refused: by the log (somebody else wrote first), or by the API."""
        run, state = self._rollout.run(), self._world.endpoint()
        if len(run.entries) > known:
            return 0.0  # the log has gone on: decide again
        if state is not None and not state.settled:
            return POLL_SECONDS  # a change was under way
        why = f"{error.message} {error.hint}".strip()
        if run.ending is None and run.terms.kind == "rollout":
            return self._decide(run, "error", "roll back", why)
        return self._end(Ending("stopped", "error", f"The way back was refused: {why}"))

    # ---- observe

    def _advance(self, run: Run) -> float | None:
        state = self._world.endpoint()
        foreign = foreign_change(run, state)
        if foreign:
            return self._end(Ending("stopped", "error", foreign))
        if state is not None and not state.settled:
            return POLL_SECONDS
        foreign = self._foreign_claim(run, state)
        if foreign:
            return self._end(Ending("stopped", "error", foreign))
        if run.ending is not None or run.terms.kind == "rollback":
            return self._go_back(run, state)
        refusal = self._refused_meanwhile(run)
        if refusal:
            return self._decide(run, "fail", "roll back", refusal)
        return self._take(run, state)

    def _foreign_claim(self, run: Run, state: EndpointState | None) -> str:
        if state is None:
            return ""
        watching = run.ending is None and isinstance(run.present, Analyse)
        tags = self._world.tags(fresh=not watching)
        found, other = tags.get(TAG_GENERATION, "0"), tags.get(TAG_ROLLOUT, run.terms.id)
        if other != run.terms.id:
            return f"Rollout {other}, started from another folder, is under way on {state.name}. It was left as it is."
        ours, before = str(run.terms.generation), str(run.terms.generation - 1)
        if found in (ours, before):
            return ""
        return (
            f"Somebody else changed {run.terms.subject}: its generation is {found}, this rollout's is {ours}. "
            "It was left as it is."
        )

    def _refused_meanwhile(self, run: Run) -> str:
        """Why the version may not be rolled out any more; empty where it may."""
        try:
            version = self._world.version()
        except NotFound:
            return f"Version {run.terms.version} was deleted from the registry."
        if version.status == "Rejected":
            return f"Version {version.number} was rejected in the registry meanwhile."
        return ""

    # ---- forward

    def _take(self, run: Run, state: EndpointState | None) -> float | None:
        match run.present:
            case Approve():
                return self._wait_for_approval(run)
            case Start():
                return self._start(run, state)
            case Shift(weight):
                return self._shift(run, state, weight)
            case Analyse() as step:
                return self._analyse(run, step)
            case Promote():
                return self._promote(run, state)
            case None:
                return self._promoted(run)

    def _wait_for_approval(self, run: Run) -> float:
        if self._world.version().status == "Approved":
            return self._done(run, "the version is Approved")
        if not run.begun:
            self._begin(run)
        if run.approved is None:
            return PERSON_SECONDS
        reason = str(run.approved.content.get("reason") or f"approved by {run.approved.by}")
        self._world.decide("Approved", reason)
        return self._done(run, f"{run.approved.by} approved it")

    def _start(self, run: Run, state: EndpointState | None) -> float | None:
        terms = run.terms
        if state is not None and state.runs(terms.canary_config):
            return self._warmed_up(run)
        failed = _failure_since(run, run.modified, state)
        if failed:
            return self._decide(run, "fail", "roll back", sentence(f"The canary did not start: {failed}"))
        if run.thresholds is None and state is not None:
            self._measure_baseline(math.floor(max(self._now() - BASELINE_SECONDS, state.modified)) + 1)
            run = self._rollout.run()
        if not run.begun:
            self._begin(run, modified=state.modified if state else 0.0)
        p99 = run.thresholds.p99 if run.thresholds else None
        patience = min(TRY_SECONDS, max(LEAST_TRY, TRY_FACTOR * p99 / 1e6)) if p99 else TRY_SECONDS
        if self._log.moved_on():
            return 0.0
        self._world.start_canary(patience)
        return POLL_SECONDS

    def _warmed_up(self, run: Run) -> float | None:
        try:
            said = self._asked(self._world.warm_up)
        except Unavailable as error:
            return self._decide(run, "fail", "roll back", error.message)
        if said is None:
            return POLL_SECONDS
        return self._done(run, f"the canary runs, at weight 0 (config {run.terms.canary_config})")

    def _shift(self, run: Run, state: EndpointState | None, weight: float) -> float:
        if state is not None and run.begun and near(canary_percent(state), weight):
            return self._done(run, f"the canary has {weight:g} % of the traffic")
        failed = _failure_since(run, run.modified, state)
        if failed:
            return self._decide(run, "error", "roll back", sentence(f"The traffic was not shifted: {failed}"))
        if not run.begun:
            self._begin(run, modified=state.modified if state else 0.0)
        if self._log.moved_on():
            return 0.0
        self._world.shift(weight)
        return 0.0

    def _analyse(self, run: Run, step: Analyse) -> float | None:
        now = self._now()
        if not run.begun:
            seen = run.analysis.through if run.analysis else 0
            self._begin(run, step_began=self._world.rhythm.next(max(seen, math.floor(now) + 1)))
            return LOOK_SECONDS
        if run.judged:
            return self._done(run, "the canary may go on")
        assert run.analysis is not None
        found = look(self._world, run, step, now, self._settled_in(run.analysis))
        self._settled = found.analysis
        verdict, why = found.judgement.verdict, found.judgement.why
        if verdict == "fail":
            return self._decide(run, "fail", "roll back", why, found.numbers)
        if verdict == "error":
            return self._measurement_failed(run, why, now)
        self._failing_since = None
        if verdict == "pass":
            return self._go_on(run, "pass", why, found)
        if run.asked and run.approved is not None:
            return self._go_on(run, "inconclusive", f"{run.approved.by} let it go on: {why}", found)
        if found.due:
            content = {"analysis": asdict(found.analysis), "numbers": found.numbers, "why": why}
            self._log.append("look", content, at=now, by=RUNNER)
            if run.thresholds is None:
                self._measure_baseline(run.analysis.rollout_began)
        if not run.asked and now >= run.analysis.step_began + step.bake + self._world.rhythm.delay + step.wait:
            self._decide(run, "inconclusive", "ask", why, found.numbers)
        return LOOK_SECONDS

    def _settled_in(self, logged: Analysis) -> Analysis | None:
        """What the last look found settled, where that was in this step and after this checkpoint."""
        found = self._settled
        same = found is not None and found.step_began == logged.step_began and found.tail_from == logged.tail_from
        return found if same and found is not None and found.through >= logged.through else None

    def _go_on(self, run: Run, verdict: str, why: str, found: Look) -> float:
        return self._decide(run, verdict, "go on", why, found.numbers, analysis=asdict(found.whole))

    def _promote(self, run: Run, state: EndpointState | None) -> float | None:
        terms = run.terms
        if run.begun and state is not None and state.runs(terms.final_config):
            return self._probed(run)
        failed = _failure_since(run, run.modified, state)
        if failed:
            why = sentence(f"The new version did not start as the stable one: {failed}")
            if not terms.config_before:
                return self._end(Ending("stopped", "fail", why))
            return self._decide(run, "fail", "roll back", why)
        if not run.begun:
            self._begin(run, modified=state.modified if state else 0.0)
        if self._log.moved_on():
            return 0.0
        self._world.promote()
        return POLL_SECONDS

    def _probed(self, run: Run) -> float | None:
        try:
            said = self._asked(lambda: self._world.probe(run.terms.version))
        except Unavailable as error:
            if not run.terms.config_before:
                return self._end(Ending("stopped", "fail", error.message))
            return self._decide(run, "fail", "roll back", error.message)
        return POLL_SECONDS if said is None else self._done(run, said)

    def _asked(self, probe: Callable[[], Probed]) -> str | None:
        """What is to be said of a probe, or None where it is to be made again. Raises what it raised once too often."""
        try:
            said = probe().said
        except HeadgateError:
            now = self._now()
            self._silent_since = now if self._silent_since is None else self._silent_since
            if now - self._silent_since < self._world.probe_seconds:
                return None
            raise
        self._silent_since = None
        return said

    def _promoted(self, run: Run) -> float | None:
        terms = run.terms
        self._world.close(version=terms.version, last_good=terms.config_before)
        why = next((e.content["why"] for e in reversed(run.entries) if e.kind == "decision"), "")
        said = f"Version {terms.version} has all traffic." if why else ""
        why = why or f"Version {terms.version} took all traffic at once, as it was asked to; nothing was compared."
        self._append_end(Ending("promoted", "pass", why), said)
        return None

    # ---- back

    def _go_back(self, run: Run, state: EndpointState | None) -> float | None:
        """The way back. `state` is settled."""
        terms = run.terms
        ending = run.ending or Ending("rolled back", "pass", terms.reason)
        target = terms.final_config if terms.kind == "rollback" else terms.config_before
        if state is not None and state.config_name != target and (canary_percent(state) or 0.0) > 0.0:
            self._world.shift(0.0)
            return 0.0
        if state is None or not target:
            return self._end(self._rejected(ending))
        if state.runs(target):
            return self._returned(run, self._rejected(ending))
        failed = _failure_since(run, run.returning, state)
        if failed:
            why = sentence(f"{ending.why} The way back failed: {failed}")
            return self._end(Ending("stopped", "error", why))
        if run.returning is None:
            content = {"canary": canary_percent(state), "target": target, "modified": state.modified}
            self._log.append("returning", content, at=self._now(), by=RUNNER)
        if self._log.moved_on():
            return 0.0
        self._world.go_back()
        return POLL_SECONDS

    def _rejected(self, ending: Ending) -> Ending:
        """Write a rejection into the registry, once the endpoint is back: a refusal there must not keep it away."""
        if ending.outcome != "rejected":
            return ending
        try:
            if self._world.version().status != "Rejected":
                self._world.decide("Rejected", ending.why)
        except NotFound:
            pass  # somebody deleted it: it will not be rolled out again
        except (Refused, InvalidInput) as error:
            return replace(ending, why=f"{ending.why} The registry does not take that: {sentence(error.message)}")
        return ending

    def _returned(self, run: Run, ending: Ending) -> float | None:
        terms = run.terms
        forward = terms.kind == "rollback"
        version = terms.version if forward else terms.version_before
        try:
            said = (
                self._asked(lambda: self._world.probe(version))
                if version
                else "It runs no version that we know: not probed."
            )
        except HeadgateError as error:
            target = terms.final_config if forward else terms.config_before
            said = f"Back on {target}, {terms.subject} does not answer: {error.message}"
            ending = Ending(ending.outcome, "error", f"{ending.why} {said}")
        if said is None:
            return POLL_SECONDS
        self._world.close(version=version, last_good=terms.config_before if forward else terms.pointer_before)
        self._append_end(ending, said)
        return None

    # ---- record

    def _now(self) -> float:
        """Epoch seconds, never before the log's last entry: a clock that is set back stands until it has caught up."""
        return max(self._clock(), self._log.latest)

    def _begin(self, run: Run, **content: Any) -> None:
        step = run.present
        assert step is not None
        self._log.append("step", {"index": run.step, "words": step.words, **content}, at=self._now(), by=RUNNER)

    def _done(self, run: Run, said: str) -> float:
        if not run.begun:
            self._begin(run)
        self._log.append("done", {"index": run.step, "said": said}, at=self._now(), by=RUNNER)
        return 0.0

    def _decide(self, run: Run, verdict: str, do: str, why: str, numbers: Any = None, **more: Any) -> float:
        content = {"index": run.step, "verdict": verdict, "do": do, "why": why, "numbers": dict(numbers or {}), **more}
        self._log.append("decision", content, at=self._now(), by=RUNNER)
        return 0.0

    def _measurement_failed(self, run: Run, why: str, now: float) -> float:
        self._failing_since = self._failing_since or now
        if now - self._failing_since < MEASUREMENT_SECONDS:
            return LOOK_SECONDS
        return self._decide(run, "error", "roll back", why)

    def _measure_baseline(self, start: int) -> None:
        """Where it cannot be had now, there is none yet: it is asked for again while the canary is watched."""
        end, found = math.floor(self._now()) - 1, None
        with suppress(Unavailable):
            found = self._world.baseline(start=start, end=end) if end > start else None
        if found is not None and found.requests >= BASELINE_REQUESTS:
            p50, p90, p99 = found.percentiles
            content = {"p50": p50, "p90": p90, "p99": p99, "slack": SLACK_US}
            content |= {"requests": found.requests, "start": start, "end": end}
            self._log.append("baseline", content, at=self._now(), by=RUNNER)

    def _end(self, ending: Ending) -> float | None:
        """End it with the endpoint as it is."""
        self._world.let_go()
        self._append_end(ending)
        return None

    def _append_end(self, ending: Ending, said: str = "") -> None:
        self._log.append("ended", {**asdict(ending), "said": said}, at=self._now(), by=RUNNER)


def _failure_since(run: Run, modified: float | None, state: EndpointState | None) -> str:
    """Why the change that was asked for when the endpoint had this time of change came to nothing; empty where it did
    not. `state` is settled, and not as it was asked to be.

    Another time, not a later one: clocks are set back. AWS gives a reason only for an endpoint that is Failed; one that
    went back by itself is InService again, at another time. An alias has another time after each upload of an image.
    """
    if state is None or modified is None or state.modified == modified:
        return ""
    if state.failure_reason:
        return state.failure_reason
    if state.status in BROKEN or not run.terms.moves_alias:
        return f"no reason was given; the endpoint is {state.status} on config {state.config_name or 'none'}."
    return ""
