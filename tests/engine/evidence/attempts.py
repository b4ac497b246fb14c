"""Attempts as lines of a log in a form of the tests' own, a gateway that writes them, and a naive fold of them all."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

from headgate.engine.evidence.attempts import Attempt
from headgate.engine.evidence.evidence import Evidence
from headgate.errors import Unavailable

UNITS = ("UnitsSeen", "UnitsFailing", "UnitsSlow")
SHARED = ("UnitsFailing", "UnitsSlow")
VARIANTS = ("canary", "stable")


def an_attempt(
    ended: float, variant: str = "stable", *, client: int | None = None, request: int = 1, number: int = 1,
    status: int = 200, microseconds: int | None = 1000, randomised: bool = True, endpoint: str = "iris",
) -> Attempt:  # fmt: skip
    """An attempt that fails where its status is 5xx or 0."""
    failed = status == 0 or status >= 500
    return Attempt(
        ended, endpoint, variant, variant, randomised, request, client, number, status, failed, microseconds
    )  # fmt: skip


def line(attempt: Attempt) -> bytes:
    """One line of the log, with its end."""
    return json.dumps(astuple(attempt)).encode() + b"\n"


def read(text: bytes) -> Attempt | None:
    """The attempt of a line without its end."""
    try:
        return Attempt(*json.loads(text))
    except (ValueError, TypeError):
        return None


class Gateway:
    """Writes the log, keeping its file open until it is asked to open it anew. May be down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.up = True
        self.asked = 0
        self._file = path.open("ab", buffering=0)

    def write(self, attempts: Iterable[Attempt]) -> None:
        """Append lines."""
        self._file.write(b"".join(map(line, attempts)))

    def write_raw(self, text: bytes) -> None:
        """Append anything."""
        self._file.write(text)

    def reopen(self) -> None:
        """What the engine asks for."""
        self.asked += 1
        if not self.up:
            raise Unavailable("The gateway does not answer.")
        self._file.close()
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Stop writing."""
        self._file.close()


class Clock:
    """Epoch seconds, set by the test."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def naive(
    attempts: Sequence[Attempt], metric: str, variant: str, *, start: int, end: int, since: int, microseconds: float
) -> dict[int, int]:
    """The figures of one endpoint, counted from all its attempts."""
    match metric:
        case "Invocations":
            return counted(
                int(a.ended) for a in attempts if a.variant == variant and start <= a.ended < end and a.number == 1
            )
        case _:
            first: dict[tuple[str, int], tuple[int, str]] = {}
            for attempt in sorted(attempts, key=lambda a: (int(a.ended), a.variant)):
                unit = attempt.request if attempt.client is None else attempt.client
                if attempt.randomised and attempt.ended >= since and happened(attempt, metric, microseconds):
                    scope = "" if metric in SHARED else attempt.variant
                    first.setdefault((scope, unit), (int(attempt.ended), attempt.variant))
            return counted(s for s, where in first.values() if where == variant and start <= s < end)


def happened(attempt: Attempt, metric: str, microseconds: float) -> bool:
    """Whether it is an event of this kind."""
    slow = attempt.microseconds is not None and attempt.microseconds > microseconds
    return {"UnitsSeen": True, "UnitsFailing": attempt.failed, "UnitsSlow": slow}[metric]


def counted(seconds: Iterable[int]) -> dict[int, int]:
    """How often each occurs, in order."""
    return dict(sorted(Counter(seconds).items()))


def figures(evidence: Evidence, start: int, end: int, since: int, microseconds: float) -> dict[str, dict[int, int]]:
    """All series of both variants that `naive` knows."""
    return {
        f"{metric} {variant}": evidence.series(
            metric, "iris", variant, start=start, end=end, since=since, microseconds=microseconds
        )
        for metric in (*UNITS, "Invocations")
        for variant in VARIANTS
    }  # fmt: skip


def naive_figures(
    attempts: Sequence[Attempt], start: int, end: int, since: int, microseconds: float
) -> dict[str, dict[int, int]]:
    """What `figures` must be."""
    return {
        f"{metric} {variant}": naive(
            attempts, metric, variant, start=start, end=end, since=since, microseconds=microseconds
        )
        for metric in (*UNITS, "Invocations")
        for variant in VARIANTS
    }  # fmt: skip
