"""Evidence as AWS has it: by the minute, out of the namespace AWS/SageMaker, where a unit is a request.

AWS tells nothing of clients and nothing below a minute, and what it tells is there some minutes later: `rhythm` says
so, and the pipeline waits accordingly. Younger minutes are not told of at all: failures that are known of one variant,
and not yet of the other, would speak against the one.

A failing unit is a request that came to no good end at the model: InvocationModelErrors (its Sum; the Average is the
share), which AWS counts for status 4xx and 5xx, and for broken connections, malformed answers and time-outs as well,
less the Invocation4XXErrors, which are the callers'; and no fewer than Invocation5XXErrors. How many were slower than a
threshold is ModelLatency's trimmed count (`TC(1234:)` is how many were above 1,234 microseconds). Headgate's engine
answers the same questions, so both ways are compared in tests.
"""

import math
import time
from collections.abc import Callable, Iterator

from headgate.core.evidence import OF_ENDPOINTS, Counts, Window
from headgate.hosting.evidence import CANARY, SAGEMAKER, SLOWNESS, STABLE, Evidence, Question, Values, weighed
from headgate.hosting.session import Connection

MINUTE = 60


class EvidenceByMinute(Evidence):
    """See `Evidence`."""

    rhythm = OF_ENDPOINTS

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        super().__init__(connection)
        self._clock = clock

    def windows(
        self,
        endpoint: str,
        *,
        step_began: int,
        rollout_began: int,  # noqa: ARG002  # a request is seen and fails but once
        thresholds: tuple[float, float, float] | None,
        start: int,
        end: int,
        slow_began: int | None = None,
    ) -> list[Window]:
        """A window for each whole minute from `start` on that begins before `end` and has anything in it.

        Requests are slow from the first whole minute after `slow_began`.
        """
        end = min(end, self.rhythm.settled(self._clock()))
        if end <= start:
            return []
        asked = [question for variant in (STABLE, CANARY) for question in _questions(variant, thresholds)]
        values = self.values(endpoint, asked, start, end, period=MINUTE)
        first = max(start, step_began)
        minutes = sorted({minute for found in values.values() for minute in found if first <= minute < end})
        return [
            Window(
                float(minute),
                float(MINUTE),
                _counts(values, STABLE, minute, slow=minute >= (slow_began or 0)),
                _counts(values, CANARY, minute, slow=minute >= (slow_began or 0)),
            )
            for minute in minutes
        ]

    def _latencies(
        self, endpoint: str, variants: tuple[str, ...], percentiles: tuple[str, ...], start: int, end: int
    ) -> dict[str, list[float]] | None:
        """As `Evidence` has it, of the whole minutes in the span."""
        start, end = self.rhythm.next(start), end // MINUTE * MINUTE
        if end <= start:
            return None
        asked = {
            variant: [
                Question(f"{variant}_{statistic}", SAGEMAKER, "ModelLatency", variant, statistic)
                for statistic in ("SampleCount", *percentiles)
            ]
            for variant in variants
        }
        questions = [question for of_variant in asked.values() for question in of_variant]
        values = self.values(endpoint, questions, start, end, period=end - start)
        if any(not values[question.id] for question in questions):
            return None
        return {variant: weighed(values, [q.id for q in of_variant]) for variant, of_variant in asked.items()}


def evidence_of(connection: Connection) -> Evidence:
    """The evidence that a connection's side has: AWS's by the minute, the engine's by the second."""
    return EvidenceByMinute(connection) if connection.environment else Evidence(connection)


def _questions(variant: str, thresholds: tuple[float, float, float] | None) -> Iterator[Question]:
    yield Question(f"{variant}_requests", SAGEMAKER, "Invocations", variant)
    yield Question(f"{variant}_failing", SAGEMAKER, "Invocation5XXErrors", variant)
    yield Question(f"{variant}_unanswered", SAGEMAKER, "InvocationModelErrors", variant)
    yield Question(f"{variant}_refused", SAGEMAKER, "Invocation4XXErrors", variant)
    for name, threshold in zip(SLOWNESS, thresholds or (), strict=False):
        yield Question(f"{variant}_{name}", SAGEMAKER, "ModelLatency", variant, f"TC({math.floor(threshold)}:)")


def _counts(values: Values, variant: str, minute: int, *, slow: bool) -> Counts:
    def count(name: str) -> int:
        return round(values[f"{variant}_{name}"].get(minute, 0))

    requests = count("requests")
    failing = max(count("failing"), count("unanswered") - count("refused"))
    median, nine_of_ten, most = (min(requests, count(name)) if slow else 0 for name in SLOWNESS)
    return Counts(requests, min(requests, failing), (median, nine_of_ten, most), requests)
