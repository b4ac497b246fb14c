"""The rollback monitor: an alarm takes an open rollout back, or the endpoint to the config that its own tag names.

Told twice, or of a second alarm, it does nothing more: the tag then names the version that was left. Nor is an alarm
held against a version that was promoted long ago. What it begins it sees through; where its time runs out, the state
machine goes on.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from headgate.errors import NotFound, Refused, Unavailable
from headgate.hosting.deployment import Place
from headgate.pipeline.rollouts import Rollout
from headgate.pipeline.run import Run
from headgate.pipeline.start import NoWayBack
from headgate.pipeline.story import why as why_of
from headgate.pipeline.worlds import state_of, terms_back
from headgate.wiring.delivery import BUSY_SECONDS, REASON_LIMIT, Delivery, Event, outcome_of, resume

log = logging.getLogger("headgate.monitor")

WATCH_SECONDS = 86_400.0
"""How long after a promotion an alarm is held against the new version."""
LAMBDA_SECONDS = 600.0


class RollbackMonitor:
    """Takes what SNS tells of alarms."""

    def __init__(self, delivery: Delivery, *, watch_seconds: float = WATCH_SECONDS) -> None:
        self._delivery = delivery
        self._watch_seconds = watch_seconds

    def __call__(self, event: Event, seconds_left: Callable[[], float] = lambda: LAMBDA_SECONDS) -> dict[str, Any]:
        """An alarm, from SNS. `seconds_left`: how long this call may still take."""
        alarms = [alarm for record in event.get("Records", []) if (alarm := _alarm(record))]
        if not alarms:
            return {"done": "nothing", "why": "no alarm went off"}
        name, because = alarms[0]
        reason = " ".join(f"Alarm {name} went off: {because}".split()).rstrip(": ")[:REASON_LIMIT]
        found = self._taken_back(reason)
        if isinstance(found, str):
            log.info("%s: %s", name, found)
            return {"done": "nothing", "why": found}
        run = self._see_through(found, seconds_left)
        return {"done": outcome_of(run) or "under way", "rollout": run.terms.id, "why": why_of(run)}

    def _taken_back(self, reason: str) -> Rollout | str:
        """The rollout that is on its way back now, or why there is nothing to take back."""
        delivery = self._delivery
        rollout = delivery.rollouts.open()
        if rollout is None:
            found = self._innocent() or self._rollback(reason)
            if isinstance(found, str):
                return found
            rollout = found
        run = rollout.run()
        if run.terms.kind == "rollout" and run.ending is None:
            run = rollout.tell("abort", {"reason": reason}, by="rollback monitor")
            if run.token:
                delivery.machine.answer(run.token, go_on=True)
        return rollout

    def _rollback(self, reason: str) -> Rollout | str:
        """A rollback that begins now, or why there is nothing to take back."""
        delivery = self._delivery
        place = Place(delivery.project, delivery.environment, "", 0)
        try:
            terms = terms_back(place, delivery.connection, delivery.rollouts, reason, function=delivery.function)
            return delivery.rollouts.start(terms, at=delivery.clock(), by="rollback monitor")
        except (NotFound, Refused) as error:
            if isinstance(error, NotFound | NoWayBack) and self._latest() is None:
                return error.message  # nothing was rolled out yet: there is no earlier version
            first = delivery.rollouts.open() or self._innocent()  # told twice at once: perhaps the other call was first
            if not first:
                raise
            return first

    def _latest(self) -> Run | None:
        """The last rollout, if it was of what the model is in now: an endpoint, or a function."""
        latest = self._delivery.rollouts.latest()
        run = latest.run() if latest else None
        return run if run and run.terms.moves_alias == self._delivery.function else None

    def _innocent(self) -> str:
        """Why the alarm does not speak against the version in force: it did not come last, or long ago. Else empty."""
        run = self._latest()
        if run is None:
            return ""
        assert run.ended is not None
        state = state_of(self._delivery.connection, run.terms)
        if state is None or state.config_name != run.terms.final_config:
            if run.ended.outcome == "promoted":
                return ""  # deployed past the log since: the pointer says from where
            return f"{run.terms.id} went back already ({run.ended.outcome}): the version in force is the old one."
        if run.terms.kind == "rollback":
            return f"{run.terms.id} went back already; the pointer names the version that was left."
        age = self._delivery.clock() - run.entries[-1].at
        if age <= self._watch_seconds:
            return ""
        return (
            f"{run.terms.id} was promoted {age / 3600:.0f} h ago: the alarm is not held against it. "
            "`headgate rollback` takes it back all the same."
        )

    def _see_through(self, rollout: Rollout, seconds_left: Callable[[], float]) -> Run:
        """Tick until it is over; where the time runs out, let the machine go on."""
        tick = self._delivery.tick_of(rollout)
        while seconds_left() > BUSY_SECONDS:
            try:
                pause = tick()
            except Unavailable as error:
                log.warning("%s: %s", rollout.log.folder, error.message)
                pause = 1.0
            if pause is None:
                return rollout.run()
            if pause > 0:
                time.sleep(max(pause, self._delivery.poll_seconds))
        resume(self._delivery.machine, rollout)
        return rollout.run()


def _alarm(record: Event) -> tuple[str, str] | None:
    """Name and reason of an alarm that went off, from one record of an SNS event."""
    try:
        message = json.loads(record["Sns"]["Message"])
        went_off = message["NewStateValue"] == "ALARM"
        return (str(message["AlarmName"]), str(message.get("NewStateReason", ""))) if went_off else None
    except (ValueError, KeyError, TypeError):
        log.warning("an SNS message is no alarm")
        return None
