"""Which engine is chosen, and what is said of those that are not."""

import json
from pathlib import Path
from typing import Any

import pytest

from headgate.errors import GateFailed, InvalidInput
from headgate.packaging.candidates import SIZES, Candidate, Measured, choose, describe, measure
from headgate.packaging.parity import Parity

PARITY = Parity(10, 1e-4, 2e-5, 0, 0)


def measured(name: str, micros: float, refused: str = "") -> Measured:
    if refused:
        return Measured(name, None, None, {}, refused)
    return Measured(name, None, PARITY, dict.fromkeys(SIZES, micros))


def test_the_preferred_one_serves_unless_another_is_clearly_faster() -> None:
    assert choose([measured("a", 30), measured("b", 16)]).name == "a"
    assert choose([measured("a", 30), measured("b", 14)]).name == "b"
    assert choose([measured("a", 0, "no"), measured("b", 30)]).name == "b"


def test_none_at_all_says_why_of_each() -> None:
    with pytest.raises(GateFailed, match=r"No engine .*\n  a: refused, no\n  b: refused, neither") as caught:
        choose([measured("a", 0, "no"), measured("b", 0, "neither")])
    assert "package/code" in caught.value.hint


class Doubles:
    """Answers twice what the file `factor` beside it says."""

    def __init__(self, folder: Path) -> None:
        self.factor = int((folder / "factor").read_text())

    def run(self, rows: Any, *, probabilities: bool = False) -> Any:  # noqa: ARG002
        """One value for each row."""
        return [{"value": row[0] * self.factor} for row in rows]


CANDIDATE = Candidate("doubles", "onnx", {"factor": b"2"}, Doubles)


def test_a_candidate_is_opened_compared_and_timed() -> None:
    found = measure(CANDIDATE, lambda model: Parity(len(model.run([(3,)])), 0.0, 0.0, 0, 0), [(1,), (2,)])
    assert found.candidate is CANDIDATE
    assert set(found.micros) == set(SIZES)
    assert json.loads(json.dumps(found.to_json()))["parity"]["rows"] == 1
    assert describe(found.to_json()).startswith("doubles: 1 rows, largest difference 0; ")


def test_what_fails_in_comparison_is_refused() -> None:
    def differ(_: Any) -> Parity:
        raise InvalidInput("Another label.")

    found = measure(CANDIDATE, differ, [(1,)])
    assert (found.refused, found.parity, found.micros) == ("Another label.", None, {})
    assert describe(found.to_json()) == "doubles: refused, Another label."
