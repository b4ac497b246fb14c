"""A model of rows without a file: it adds up what it is given. For tests of everything around a model."""

from collections.abc import Sequence
from typing import Any

from headgate.core.schema import Feature, InputSchema, Policy, Task
from headgate.serving.failure import ModelFailure
from headgate.serving.rows import RowPredictor

USUAL = Policy()
LABELS = ("low", "high")


class Sums:
    """`high` where the numbers of a row add up to more than 0. Fails where they add up to 13."""

    def __init__(self, *, classifies: bool = True) -> None:
        self._classifies = classifies
        self.runs: list[int] = []
        """How many rows each run had."""

    def run(self, rows: Sequence[Sequence[Any]], *, probabilities: bool = False) -> list[Any]:
        """One prediction for each row."""
        self.runs.append(len(rows))
        totals = [float(sum(v for v in row if isinstance(v, int | float))) for row in rows]
        if 13 in totals:
            raise ModelFailure("Thirteen.")
        if not self._classifies:
            return [{"value": total} for total in totals]
        return [self._classify(total, probabilities) for total in totals]

    def _classify(self, total: float, probabilities: bool) -> dict[str, Any]:
        label = LABELS[total > 0]
        every = {name: 0.75 if name == label else 0.25 for name in LABELS}
        return {"label": label, "probability": 0.75} | ({"probabilities": every} if probabilities else {})


def sums(*features: Feature, policy: Policy = USUAL, classifies: bool = True) -> RowPredictor:
    """A predictor of sums; without features: of the numbers x and y."""
    task: Task = "classification" if classifies else "regression"
    schema = InputSchema(task, "z", features or (Feature("x"), Feature("y")), LABELS, policy)
    return RowPredictor(Sums(classifies=classifies), schema)
