"""What the engine knows of how its variants fare, by the second: the answers to GetMetricData and ListMetrics.

A thread reads the gateway's attempt log several times a second (so that it stays small), and each question reads it to
its end before it is answered. One lock guards everything.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from headgate.engine.evidence.follower import QUIET
from headgate.engine.evidence.histogram import Histogram
from headgate.engine.evidence.ledger import Ledger
from headgate.engine.evidence.recorder import ReadAttempt, Recorder, in_order
from headgate.engine.evidence.tally import Invocations
from headgate.engine.evidence.units import Fold, Folds, Kind, OneSecond, Question
from headgate.errors import InvalidInput

UNIT_METRICS: dict[str, Kind] = {"UnitsSeen": "seen", "UnitsFailing": "failing", "UnitsSlow": "slow"}
REQUEST_METRICS: dict[str, Callable[[Invocations], int]] = {
    "Invocations": lambda found: found.invocations,
    "Invocation4XXErrors": lambda found: found.errors_4xx,
    "Invocation5XXErrors": lambda found: found.errors_5xx,
    "InvocationModelErrors": lambda found: found.model_errors,
}
ROTATE_AT = 32 * 1024 * 1024
KEEP_SECONDS = 6 * 3600
MAX_BYTES = 512 * 1024 * 1024
UNITS_A_SECOND = 20_000
READ_EVERY = 0.5

log = logging.getLogger("headgate.engine")


class Evidence:
    """Figures of all variants. Safe to share between threads.

    `path` is the gateway's attempt log, `database` where closed seconds are kept; `read_attempt` reads one of the log's
    lines, `reopen_logs` asks the gateway to open its log anew (and may raise HeadgateError or OSError: it is asked
    again). Beyond `rotate_at` bytes the log is renamed, and removed once it was `quiet` for so many seconds: no fewer
    than a request may take. Kept are `keep_seconds`, or what fits into `max_bytes`; of each variant, `units_a_second`
    are told apart.
    """

    def __init__(
        self,
        path: Path,
        database: Path,
        read_attempt: ReadAttempt,
        reopen_logs: Callable[[], None],
        *,
        now: Callable[[], float] = time.time,
        rotate_at: int = ROTATE_AT,
        quiet: float = QUIET,
        keep_seconds: int = KEEP_SECONDS,
        max_bytes: int = MAX_BYTES,
        units_a_second: int = UNITS_A_SECOND,
    ) -> None:
        self._lock = threading.Lock()
        self._ledger = Ledger(database, keep_seconds=keep_seconds, max_bytes=max_bytes)
        self._recorder = Recorder(
            path, self._ledger, read_attempt, reopen_logs,
            rotate_at=rotate_at, quiet=quiet, units_a_second=units_a_second, now=now,
        )  # fmt: skip
        self._folds = Folds()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="evidence", daemon=True)

    def start(self) -> None:
        """Begin to read in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading and close everything. What was not yet closed is read again by the next one."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            self._recorder.stop()
            self._ledger.close()

    def read(self) -> None:
        """Read the log to its end, as each question does."""
        with self._lock:
            self._recorder.read(closing=False)

    def variants(self, endpoint: str | None = None) -> list[tuple[str, str]]:
        """(endpoint, variant) of all there is, or of one endpoint, sorted."""
        with self._lock:
            self._recorder.read(closing=True)
            found = self._ledger.variants.union(*self._recorder.open.values())
        return sorted(key for key in found if endpoint in (None, key[0]))

    def series(
        self,
        metric: str,
        endpoint: str,
        variant: str,
        *,
        start: int,
        end: int,
        since: int | None = None,
        microseconds: float | None = None,
    ) -> dict[int, int]:
        """A count for each second from `start` to `end` (epoch seconds, without the last) that is not 0, in order.

        `metric` is one of UNIT_METRICS or REQUEST_METRICS. Units count in the second of their first event at or after
        `since` (default: `start`), see `units`. `microseconds` is for UnitsSlow: what is strictly slower counts.
        """
        if metric not in UNIT_METRICS and metric not in REQUEST_METRICS:
            known = ", ".join([*UNIT_METRICS, *REQUEST_METRICS])
            raise InvalidInput(f"There is no metric {metric!r}.", hint=f"There are {known}.")
        if metric == "UnitsSlow" and (microseconds is None or not microseconds >= 0):
            raise InvalidInput("UnitsSlow needs a threshold of 0 microseconds or more.")
        with self._lock:
            self._recorder.read(closing=True)
            if metric in REQUEST_METRICS:
                return self._requests(REQUEST_METRICS[metric], endpoint, variant, start, end)
            slower_than = microseconds if metric == "UnitsSlow" and microseconds is not None else 0.0
            since = start if since is None else since
            return self._units(Question(endpoint, UNIT_METRICS[metric], since, slower_than), variant, start, end)

    def latencies(self, endpoint: str, variant: str, *, start: int, end: int) -> Histogram:
        """The microseconds of all attempts that the variant's own servers answered from `start` to `end`."""
        merged = Histogram()
        with self._lock:
            self._recorder.read(closing=True)
            for histogram in self._ledger.latencies(endpoint, variant, start, end):
                merged.merge(histogram)
            for second, tallies in in_order(self._recorder.open, endpoint):
                if start <= second < end and variant in tallies:
                    merged.merge(tallies[variant].latency)
        return merged

    def _units(self, question: Question, variant: str, start: int, end: int) -> dict[int, int]:
        fold = self._folds.get(question)
        first_open = self._recorder.first_open
        upto = min(end, first_open)
        if fold.upto < upto:
            fold.add(self._ledger.units(question, fold.upto, upto), upto)
        counts = _between(fold.counts.get(variant, {}), start, upto)
        if end > first_open:
            counts |= _between(self._open_units(fold).get(variant, {}), start, end)
        return counts

    def _open_units(self, fold: Fold) -> dict[str, dict[int, int]]:
        seconds: list[OneSecond] = [
            (second, {variant: tally.units for variant, tally in tallies.items()})
            for second, tallies in in_order(self._recorder.open, fold.question.endpoint)
            if second >= fold.question.since
        ]
        return fold.open(seconds, self._recorder.version)

    def _requests(
        self, figure: Callable[[Invocations], int], endpoint: str, variant: str, start: int, end: int
    ) -> dict[int, int]:
        found = list(self._ledger.invocations(endpoint, variant, start, end))
        for second, tallies in in_order(self._recorder.open, endpoint):
            if start <= second < end and variant in tallies:
                found.append((second, tallies[variant].invocations))
        return {second: count for second, figures in found if (count := figure(figures))}

    def _follow(self) -> None:
        failing = False
        while not self._stopping.wait(READ_EVERY):
            try:
                self.read()
                failing = False
            except Exception:  # the boundary of the worker: whatever it is, the next try may succeed
                if not failing:
                    log.exception("the attempt log cannot be followed for now; trying again")
                failing = True


def _between(counts: dict[int, int], start: int, end: int) -> dict[int, int]:
    if end - start < len(counts):
        return {second: counts[second] for second in range(start, end) if second in counts}
    return {second: count for second, count in counts.items() if start <= second < end}
