"""Folds the attempt log into seconds, so that a kill at any moment loses nothing and doubles nothing.

Seconds before `first_open` are closed: they stand in the ledger and never change. An attempt for one of them that is
read late counts in the first open second. Closed seconds are committed together with how far the log was read, and from
where on it has lines in open seconds. After a restart the lines in between are read again, and those of closed seconds
left out. That is exact for late lines too: one that was read before a commit counted in the first open second of then,
which that commit closed, or an earlier one. Behind what had been read, reading goes on.

A second is closed two seconds after its end, once the log has been read to its end. Where much is left to read (the
engine was away), the log's own time closes seconds on the way, so that memory stays bounded.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from headgate.engine.evidence.attempts import Attempt
from headgate.engine.evidence.follower import Follower, LogFile, Place
from headgate.engine.evidence.ledger import Ledger
from headgate.engine.evidence.tally import Tally

LATE = 2
"""Seconds for which a second stays open after its end."""
LATE_IN_LOG = 5
"""The same while catching up: how far the log's lines may be out of order."""

ReadAttempt = Callable[[bytes], Attempt | None]
OpenSecond = dict[tuple[str, str], Tally]

log = logging.getLogger("headgate.engine")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines of a file from `start`, and the latest second that one of them counts in."""

    file: LogFile
    start: int
    latest: int


class Recorder:
    """The open seconds, and the way of closed ones into the ledger. Not for several threads at once."""

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        read_attempt: ReadAttempt,
        reopen_logs: Callable[[], None],
        *,
        rotate_at: int,
        quiet: float,
        units_a_second: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._ledger = ledger
        self._read_attempt = read_attempt
        self._units_a_second = units_a_second
        self._now = now
        self._stretches: list[Stretch] = []
        self._unsettled: dict[int, Tally] = {}
        self.open: dict[int, OpenSecond] = {}
        self.version = 0
        """Another one whenever `open` or `first_open` has changed."""
        remembered = json.loads(ledger.progress() or "{}")
        self.first_open: int = remembered.get("first_open", 0)
        places = [Place(*values) for values in remembered.get("files", [])]
        self._follower = Follower(path, reopen_logs, places, rotate_at=rotate_at, quiet=quiet)
        self._replay(places)

    def read(self, *, closing: bool) -> None:
        """Read the log to its end and close what is due. Raises Unavailable where the ledger cannot be written.

        `closing`: close seconds also where they are empty: their figures are about to be told to somebody.
        """
        now = self._now()
        for chunk in self._follower.read():
            ended = self._fold(chunk.file, chunk.start, chunk.lines)
            if chunk.more:
                self._close(int(min(now, ended)) - LATE_IN_LOG)
        self._close(int(now) - LATE, empty=closing)
        self._follower.tend([stretch.file for stretch in self._stretches])

    def stop(self) -> None:
        """Close the files."""
        self._follower.close()

    def _replay(self, places: Sequence[Place]) -> None:
        for file in self._follower.files:
            if file.again < file.offset:
                lines = file.read(file.again, file.offset - 1).split(b"\n")
                self._fold(file, file.again, lines, counted_before=self.first_open)
        found = {file.inode for file in self._follower.files if file.offset}
        if any(place.again < place.offset and place.inode not in found for place in places):
            log.warning("a part of %s is gone; attempts of the seconds before the restart are lost", self._path)

    def _fold(self, file: LogFile, start: int, lines: Sequence[bytes], *, counted_before: int = 0) -> float:
        """Count lines, but for those of seconds that were `counted_before`; when the last of these attempts ended."""
        read_attempt, unknown, ended = self._read_attempt, 0, 0.0
        for line in lines:
            attempt = read_attempt(line)
            if attempt is None:
                unknown += 1
                continue
            ended = max(ended, attempt.ended)
            if attempt.number > 1 and (first := self._unsettled.get(attempt.request)) is not None:
                first.unsettled[attempt.request] = attempt.status
            second = int(attempt.ended)
            if second >= counted_before:
                self._count(attempt, max(second, self.first_open))
        if lines:
            self._stretches.append(Stretch(file, start, max(int(ended), self.first_open)))
            self.version += 1
        if unknown:
            log.warning("%s: %d lines do not tell of an attempt, and are left out", self._path, unknown)
        return ended

    def _count(self, attempt: Attempt, second: int) -> None:
        variants = self.open.setdefault(second, {})
        key = attempt.endpoint, attempt.variant
        tally = variants.get(key)
        if tally is None:
            tally = variants[key] = Tally(self._units_a_second)
        tally.add(attempt)
        if attempt.number == 1 and attempt.request in tally.unsettled:
            self._unsettled[attempt.request] = tally

    def _close(self, first_open: int, *, empty: bool = False) -> None:
        """Close the seconds before `first_open`: in the ledger first, then in memory."""
        closed = {second: variants for second, variants in self.open.items() if second < first_open}
        if first_open <= self.first_open or not (closed or empty):
            return
        kept = [stretch for stretch in self._stretches if stretch.latest >= first_open]
        self._ledger.commit(closed, self._progress(first_open, kept))
        self.first_open, self._stretches = first_open, kept
        self.version += 1
        for second, variants in closed.items():
            del self.open[second]
            for (endpoint, variant), tally in variants.items():
                self._forget(tally)
                if tally.beyond:
                    said = "%s/%s: %d attempts of second %d are no evidence, there were too many clients"
                    log.warning(said, endpoint, variant, tally.beyond, second)

    def _forget(self, tally: Tally) -> None:
        for request in tally.unsettled:
            if self._unsettled.get(request) is tally:
                del self._unsettled[request]

    def _progress(self, first_open: int, kept: Sequence[Stretch]) -> str:
        for file in self._follower.files:
            file.again = min((stretch.start for stretch in kept if stretch.file is file), default=file.offset)
        return json.dumps({"first_open": first_open, "files": [astuple(file.place) for file in self._follower.files]})


def in_order(open_seconds: Mapping[int, OpenSecond], endpoint: str) -> Iterator[tuple[int, dict[str, Tally]]]:
    """The open seconds of one endpoint, by variant."""
    for second in sorted(open_seconds):
        found = {variant: tally for (name, variant), tally in open_seconds[second].items() if name == endpoint}
        if found:
            yield second, found
