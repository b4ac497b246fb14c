"""What a check is, what it found, and what all of them together say.

A check is words (what is expected, who says so, what to do where it is not so) and a function that looks. The words
stand in one table for each area, so that the contract can be read without the code; the function only finds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Verdict = Literal["ok", "warning", "failed", "skipped"]
Source = Literal["SageMaker", "HTTP", "Headgate"]

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look saw. `remedy` is for this case; without one the check's own holds."""

    verdict: Verdict
    seen: str
    remedy: str = ""


def ok(seen: str) -> Finding:
    """As expected."""
    return Finding("ok", seen)


def warning(seen: str, remedy: str = "") -> Finding:
    """It works, and will hurt somebody some day."""
    return Finding("warning", seen, remedy)


def failed(seen: str, remedy: str = "") -> Finding:
    """The contract is broken."""
    return Finding("failed", seen, remedy)


def skipped(reason: str) -> Finding:
    """Nobody looked."""
    return Finding("skipped", reason)


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One clause of the contract. `source` says whose rule it is; `slow` ones are left out of a quick examination."""

    name: str
    expected: str
    source: Source
    remedy: str
    look: Callable[[Subject], Finding]
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A check and what it found. `remedy` is empty where there is nothing to mend."""

    name: str
    verdict: Verdict
    expected: str
    source: Source
    seen: str
    remedy: str

    @classmethod
    def of(cls, check: Check[Any], finding: Finding) -> "Result":
        """Put the words of the check and the finding together. What a server said must not steer the terminal."""
        remedy = finding.remedy or check.remedy if finding.verdict in ("warning", "failed") else ""
        seen = "".join(letter if letter.isprintable() else "?" for letter in finding.seen)
        return cls(check.name, finding.verdict, check.expected, check.source, seen, remedy)

    def to_json(self) -> dict[str, str]:
        """A JSON document."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "expected": self.expected,
            "source": self.source,
            "seen": self.seen,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All results, in the order in which they were found."""

    results: Sequence[Result]

    @property
    def passed(self) -> bool:
        """Whether nothing failed; warnings are allowed."""
        return not self.count("failed")

    def count(self, verdict: Verdict) -> int:
        """How many results have this verdict."""
        return sum(result.verdict == verdict for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """A JSON document."""
        verdicts: tuple[Verdict, ...] = ("ok", "warning", "failed", "skipped")
        return {
            "passed": self.passed,
            "counts": {verdict: self.count(verdict) for verdict in verdicts},
            "checks": [result.to_json() for result in self.results],
        }
