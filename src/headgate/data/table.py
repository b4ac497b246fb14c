"""A table: features as numbers, or one text, and what is to be predicted, with the digest of where they came from.

Features are float32 because that is what XGBoost and the ONNX model compute with: what is rounded here is rounded once,
and training, parity check and serving see the same numbers. A missing value is NaN. A category is its place among the
categories of its feature (`data.categories`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.core.schema import Task
from headgate.errors import InvalidInput, MissingExtra

try:
    import numpy as np
    import numpy.typing as npt
except ImportError:
    raise MissingExtra("Reading training data", "train") from None

MIN_ROWS = 10
MAX_CLASSES = 100


@dataclass(frozen=True, slots=True)
class Table:
    """`n` rows of `f` features.

    X: float32 [n, f], NaN where a value is missing, never infinite; or texts, object [n, 1], none of them empty.
    y: the target; text [n] for classification (a class is its text), float64 [n] for regression.
    sha256: of the file's bytes, or of a bundled set's names and numbers.
    categories: of the features that were text, in the order of their places in X.
    """

    features: tuple[str, ...]
    target: str
    X: npt.NDArray[Any]
    y: npt.NDArray[Any]
    sha256: str
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """A classifier's classes, sorted as text."""
        return tuple(str(label) for label in np.unique(self.y))

    def classes(self, task: Task) -> tuple[str, ...]:
        """The labels; none for regression."""
        return self.labels if task == "classification" else ()

    @property
    def with_missing(self) -> tuple[str, ...]:
        """The features of which some value is missing."""
        if self.X.dtype == object:
            return ()
        return tuple(name for at, name in enumerate(self.features) if np.isnan(self.X[:, at]).any())


def checked(table: Table, task: Task, source: str) -> Table:
    """The table itself, if something can be learnt from it. Raises InvalidInput naming `source`."""
    if len(table.y) < MIN_ROWS:
        raise InvalidInput(
            f"{source} has {len(table.y)} rows; at least {MIN_ROWS} are needed to learn and to hold some out.",
            hint="Give more rows.",
        )
    values, counts = np.unique(table.y, return_counts=True)
    if len(values) < 2:
        raise InvalidInput(
            f"{source}: every row has the same {table.target!r}, {values[0]!s}; there is nothing to tell apart.",
            hint="Look at data/target in headgate.yaml, or at how the rows were selected.",
        )
    if task == "classification":
        _check_classes(table, source, dict(zip(values.tolist(), counts.tolist(), strict=True)))
    return table


def _check_classes(table: Table, source: str, counts: Mapping[str, int]) -> None:
    if len(counts) > MAX_CLASSES:
        raise InvalidInput(
            f"{source}: {table.target!r} has {len(counts)} different values, which is too many for classes "
            f"(at most {MAX_CLASSES}).",
            hint="If it is a number to predict, set `task: regression`.",
        )
    rare = [value for value, count in counts.items() if count < 2]
    if rare:
        raise InvalidInput(
            f"{source}: {table.target!r} has classes of a single row: {', '.join(rare[:5])}.",
            hint="A class needs at least two rows: one to learn from and one to be judged by.",
        )
