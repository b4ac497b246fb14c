"""The rollouts of a project, numbered by environment: `rollouts/<environment>/<number>/`.

The first entry of number n + 1 is written create-only, and only once n has ended: one rollout at a time on an endpoint,
and of two that start at once one is refused.
"""

import time
from collections.abc import Mapping
from typing import Any

from headgate.data.store import Objects
from headgate.errors import NotFound, Refused
from headgate.pipeline.log import RunLog
from headgate.pipeline.run import Run, fold
from headgate.pipeline.terms import Terms

ROOT = "rollouts"
ATTEMPTS = 20


class Rollout:
    """One rollout: its log, and what it tells."""

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self._run: Run | None = None

    def run(self) -> Run:
        """Where it stands now. Entries that were folded before are not folded again."""
        entries = self.log.read()
        if self._run is None:
            self._run = fold(entries)
        for entry in entries[len(self._run.entries) :]:
            self._run.take(entry)
        return self._run

    def tell(self, event: str, content: Mapping[str, Any], *, by: str) -> Run:
        """Append what a person said (`run.EVENTS`). Raises Refused where the rollout has ended."""
        for _ in range(ATTEMPTS):
            run = self.run()
            if run.ended is not None:
                raise Refused(f"{run.terms.id} has ended: {run.ended.outcome}. {run.ended.why}")
            try:
                self.log.append(event, content, at=time.time(), by=by)
            except Refused:
                continue  # the runner wrote at the same moment
            return self.run()
        raise Refused(f"{self.log.folder} is being written to all the time.", hint="Try again.")


class Rollouts:
    """The rollouts of one environment in a project's store."""

    def __init__(self, store: Objects, environment: str) -> None:
        self._store = store
        self.environment = environment

    def numbers(self) -> list[int]:
        """All numbers, oldest first."""
        return sorted(int(name) for name in self._store.folders(f"{ROOT}/{self.environment}") if name.isdecimal())

    def get(self, number: int) -> Rollout:
        """One of them. Raises NotFound."""
        if number not in self.numbers():
            there = ", ".join(map(str, self.numbers()[-10:])) or "none"
            raise NotFound(f"{self.environment} has no rollout {number}.", hint=f"Rollouts: {there}.")
        return Rollout(self._log(number))

    def latest(self) -> Rollout | None:
        """The newest, or None."""
        logs = map(self._log, reversed(self.numbers()))
        return next((Rollout(log) for log in logs if log.begun()), None)

    def open(self) -> Rollout | None:
        """The one that has not ended, or None."""
        latest = self.latest()
        return latest if latest is not None and latest.run().ended is None else None

    def next_number(self) -> int:
        """The number of the next one. Raises Refused while one is open."""
        latest = self.latest()
        if latest is None:
            return 1
        run = latest.run()
        if run.ended is None:
            raise Refused(
                f"{run.terms.id} is under way on {run.terms.endpoint}: version {run.terms.version}.",
                hint="`headgate rollout watch` follows it; `headgate rollout abort` ends it.",
            )
        return run.terms.number + 1

    def start(self, terms: Terms, *, at: float, by: str) -> Rollout:
        """Write the first entry. Raises Refused where somebody else was first."""
        log = self._log(terms.number)
        try:
            log.append("started", terms.to_json(), at=at, by=by)
        except Refused:
            raise Refused(
                f"Another rollout was started on {terms.endpoint} at the same moment.", hint="`headgate rollout status`"
            ) from None
        return Rollout(log)

    def _log(self, number: int) -> RunLog:
        return RunLog(self._store, f"{ROOT}/{self.environment}/{number}")
