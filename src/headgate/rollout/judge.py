"""The judge: what the evidence so far says of the canary. May be asked as often as one likes.

    fail          an e-value reached its line (errors, or latency), or the canary's p99 (where clients are the units:
                  its median) stood too far above the stable one's for several windows running
    error         the measurement itself failed: never a pass, never a failed model
    inconclusive  the bake is not over, or too few requests reached the canary to say anything
    pass          the bake is over, enough requests were seen, every e-value is below its line

The canary's share, by which a marked unit is weighed, is that of the units seen since the step began: within a step the
split does not change, and who was seen once is taken to go on calling.

Every judgement says in one sentence, with its numbers, why.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from headgate.core.evidence import Tail, Window
from headgate.core.verdict import Verdict
from headgate.rollout.eprocess import RatioProcess

ERROR_TOLERANCE = 1.5
LATENCY_TOLERANCE = 1.25
QUANTILES = ("p50", "p90", "p99")


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the lines are."""

    line: float = 100.0
    """An e-value that reaches it fails the canary: a false alarm in at most 1 of so many rollouts."""
    min_requests: int = 300
    """Fewer than these at the canary prove nothing."""
    floor_ratio: float = 1.5
    floor_windows: int = 3
    floor_requests: int = 500
    """The floor rule: p99 above floor_ratio times the stable one's in so many windows running of so many requests. It
    counts requests, so it holds only where they are the units: a client that is slow by nature, and sticks to the
    canary by chance, would fail it."""
    median_ratio: float = 2.0
    median_clients: int = 50
    """The same where clients are the units: p50 above median_ratio times the stable one's, once the canary has so many
    clients that no few of them settle its median. Clients are slow once; this sees what comes later."""


SLACK_US = 2000.0
"""Microseconds by which a canary may be slower whatever the ratio: nobody minds, and a ratio of next to nothing is
soon reached, by one more hook, say. Slow is what exceeds the baseline's quantile by more than this."""


@dataclass(frozen=True, slots=True)
class Case:
    """All evidence of one rollout, folded. Equal windows give equal cases, whoever folds them and whenever."""

    errors: RatioProcess = field(default_factory=lambda: RatioProcess(ERROR_TOLERANCE))
    slow: tuple[RatioProcess, RatioProcess, RatioProcess] = field(
        default_factory=lambda: (
            RatioProcess(LATENCY_TOLERANCE),
            RatioProcess(LATENCY_TOLERANCE),
            RatioProcess(LATENCY_TOLERANCE),
        )
    )
    canary_seen: int = 0
    stable_seen: int = 0
    """Units seen since the step began."""
    canary_requests: int = 0
    """Requests that reached the canary since the step began."""
    slow_tails: int = 0
    """How many tails running, up to the last one, had the canary's p99 too high."""

    def after(self, window: Window) -> "Case":
        """With one more window of the step."""
        canary_seen = self.canary_seen + window.canary.seen
        stable_seen = self.stable_seen + window.stable.seen
        share = canary_seen / max(1, canary_seen + stable_seen)
        p50, p90, p99 = (
            process.after(share, canary, stable)
            for process, canary, stable in zip(self.slow, window.canary.slow, window.stable.slow, strict=True)
        )
        return replace(
            self,
            errors=self.errors.after(share, window.canary.failing, window.stable.failing),
            slow=(p50, p90, p99),
            canary_seen=canary_seen,
            stable_seen=stable_seen,
            canary_requests=self.canary_requests + window.canary.requests,
        )

    def after_tail(self, tail: Tail, limits: Limits) -> "Case":
        """With one more comparison of percentiles; one of too few requests, or of too few clients, breaks the row."""
        if min(tail.stable_requests, tail.canary_requests) < limits.floor_requests:
            high = False
        elif self.by_request:
            high = tail.canary_p99_us > max(limits.floor_ratio * tail.stable_p99_us, tail.stable_p99_us + SLACK_US)
        else:
            many = self.canary_seen >= limits.median_clients
            line = max(limits.median_ratio * tail.stable_p50_us, tail.stable_p50_us + SLACK_US)
            high = many and tail.canary_p50_us > line
        return replace(self, slow_tails=self.slow_tails + 1 if high else 0)

    def at_new_step(self) -> "Case":
        """The same evidence, with the units of the next step still to be seen: the split has changed."""
        return replace(self, canary_seen=0, stable_seen=0, canary_requests=0)

    @property
    def by_request(self) -> bool:
        """Whether requests are the units (nine in ten of them at least), not clients who send many."""
        return self.canary_seen >= 0.9 * self.canary_requests

    @property
    def latency_e(self) -> float:
        """The mean of the three latency e-values, which is an e-value too."""
        return sum(process.e for process in self.slow) / len(self.slow)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and why, with the numbers it rests on."""

    verdict: Verdict
    why: str
    errors_e: float
    latency_e: float
    canary_requests: int


def fold(windows: Iterable[Window], case: Case | None = None) -> Case:
    """All windows, in order, on top of a case."""
    found = case or Case()
    for window in windows:
        found = found.after(window)
    return found


def judge(case: Case, limits: Limits, *, bake_over: bool, failed_measurement: str = "") -> Judgement:
    """The verdict on a case. `failed_measurement` says why the latest evidence could not be had."""
    verdict, why = _verdict(case, limits, bake_over=bake_over, failed_measurement=failed_measurement)
    return Judgement(verdict, why, case.errors.e, case.latency_e, case.canary_requests)


def _verdict(case: Case, limits: Limits, *, bake_over: bool, failed_measurement: str) -> tuple[Verdict, str]:
    guilty = _guilty(case, limits)
    if guilty:
        return "fail", guilty
    if failed_measurement:
        return "error", f"The evidence could not be had: {failed_measurement}"
    numbers = f"errors e {case.errors.e:.3g} and latency e {case.latency_e:.3g} are below {limits.line:g}"
    had = f"{case.canary_requests:,} requests reached the canary"
    if case.canary_requests < limits.min_requests:
        return "inconclusive", f"{had}; {limits.min_requests:,} are needed; {numbers}."
    if not bake_over:
        return "inconclusive", f"The bake is not over; {had}; {numbers}."
    return "pass", f"The bake is over, {had}; {numbers}."


def _guilty(case: Case, limits: Limits) -> str:
    """Why the canary is bad; empty where nothing says so."""
    errors = case.errors
    if errors.e >= limits.line:
        return (
            f"{errors.canary:,} of {errors.canary + errors.stable:,} failing units were the canary's, which saw "
            f"{_percent(errors)} of all units (e {errors.e:.3g} >= {limits.line:g})."
        )
    if case.latency_e >= limits.line:
        name, worst = max(zip(QUANTILES, case.slow, strict=True), key=lambda pair: pair[1].e)
        slow = f"units slower than the baseline's {name} (and {SLACK_US / 1000:g} ms)"
        return (
            f"{worst.canary:,} of {worst.canary + worst.stable:,} {slow} were the canary's, which saw "
            f"{_percent(worst)} of all units (e {case.latency_e:.3g} >= {limits.line:g})."
        )
    if case.slow_tails >= limits.floor_windows:
        name, ratio = ("p99", limits.floor_ratio) if case.by_request else ("median latency", limits.median_ratio)
        return (
            f"The canary's {name} was more than {ratio:g} times the stable one's in "
            f"{case.slow_tails} windows running ({limits.floor_windows} are enough)."
        )
    return ""


def _percent(process: RatioProcess) -> str:
    return f"{100 * process.share:.3g} %"
