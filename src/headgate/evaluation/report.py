"""What the gates said, row by row, with the arithmetic."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.core.verdict import WORST_FIRST, Verdict, worst
from headgate.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Row:
    """One gate. `value` is None where the metric was not measured."""

    name: str
    rule: str
    value: float | None
    verdict: Verdict
    explanation: str

    @property
    def passed(self) -> bool:
        """Whether this gate lets the candidate through."""
        return self.verdict == "pass"


@dataclass(frozen=True, slots=True)
class Report:
    """All gates of a project. Without any gate there is nothing to judge by: `inconclusive`."""

    rows: tuple[Row, ...]

    @property
    def verdict(self) -> Verdict:
        """One `fail` is a fail; else one `error` is an error."""
        return worst(row.verdict for row in self.rows)

    @property
    def passed(self) -> bool:
        """Whether every gate lets the candidate through, and there is at least one."""
        return self.verdict == "pass"

    def to_json(self) -> dict[str, Any]:
        """A JSON document; `from_json` reads it back."""
        return {"format": 1, "verdict": self.verdict, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Report":
        """Read a report. Raises InvalidInput."""
        try:
            rows = tuple(Row(**row) for row in document["rows"])
            if document["format"] != 1 or any(row.verdict not in WORST_FIRST for row in rows):
                raise ValueError("not a report of format 1")
            return cls(rows)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"This is not a gate report: {error!r}.", hint="Run `headgate check` again.") from None
