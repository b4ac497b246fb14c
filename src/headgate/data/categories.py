"""Columns of text as categories: each is its place in a tuple, and the order of the tuple is the code.

The codes stay out of the model: it has one float32 matrix, and the schema says which text stands for which place. A
tree splits a column at a threshold, so that the order decides which divisions it can make in one cut. For a number to
predict, and for two classes, the best division of the categories into two lies between neighbours in the order of the
mean target (Fisher, "On Grouping for Maximum Homogeneity", Journal of the American Statistical Association 53, 1958);
that is the order here, taken from the rows to learn from alone. More classes have no such order, and get the
alphabetical one. What is seen only in held-out rows comes last.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.core.schema import Task
from headgate.data.table import Table

Categories = Mapping[str, tuple[str, ...]]
"""By feature; the place in the tuple is the number in the column."""

MAX_CATEGORIES = 100
MAX_CHARACTERS = 200
FEW = 5
"""So many may be categories however few the rows."""


def places(texts: Sequence[str], codes: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """float32 [n], and the categories in alphabetical order. `codes` [n]: places in `texts`, -1 for NaN."""
    order = sorted(range(len(texts)), key=texts.__getitem__)
    place = np.full(len(texts) + 1, np.nan, np.float32)
    place[order] = np.arange(len(order))
    return place[codes], tuple(texts[at] for at in order)


def unlike_categories(texts: Sequence[str], rows: int) -> str:
    """Why a column is free text or an id rather than categories, in words; empty where it may be categories.

    `texts`: the different ones, in so many `rows`.
    """
    if any(len(text) > MAX_CHARACTERS for text in texts):
        return f"a text of more than {MAX_CHARACTERS} characters"
    if len(texts) > MAX_CATEGORIES or len(texts) > max(FEW, rows / 2):
        return f"{len(texts):,} different values in {rows:,} rows"
    return ""


def by_target(table: Table, task: Task, rows: npt.NDArray[np.intp]) -> Table:
    """The table with its categories in the order that the target has in `rows`, those to learn from."""
    if not table.categories:
        return table
    X = table.X.copy()
    target = _as_number(table, task, rows)
    ordered = {}
    for name, categories in table.categories.items():
        column = table.X[:, table.features.index(name)]
        order = sorted(range(len(categories)), key=_rank(column[rows], target, categories))
        place = np.empty(len(order) + 1, np.float32)
        place[order], place[-1] = np.arange(len(order)), np.nan
        X[:, table.features.index(name)] = place[np.where(np.isnan(column), -1, column).astype(np.intp)]
        ordered[name] = tuple(categories[at] for at in order)
    return replace(table, X=X, categories=ordered)


def as_sent(features: Sequence[str], categories: Categories, X: npt.NDArray[np.float32]) -> list[list[Any]]:
    """Rows as callers send them: the text of a category, None where one is missing; numbers as they are, NaN too."""
    rows: list[list[Any]] = X.tolist()
    for at, name in enumerate(features):
        texts = categories.get(name)
        if texts:
            for row in rows:
                row[at] = None if math.isnan(row[at]) else texts[int(row[at])]
    return rows


def _as_number(table: Table, task: Task, rows: npt.NDArray[np.intp]) -> list[float] | None:
    """The target of `rows`, 1 for the second of two classes; None for more classes."""
    if task == "regression":
        return [float(value) for value in table.y[rows]]
    labels = table.labels
    return [float(value == labels[1]) for value in table.y[rows]] if len(labels) == 2 else None


def _rank(column: npt.NDArray[np.float32], target: list[float] | None, categories: tuple[str, ...]) -> Any:
    """A sort key for places: seen ones by mean target, then the others; equal ones by their text."""
    seen: dict[int, list[float]] = {}
    for row, code in enumerate(column.tolist()):
        if not math.isnan(code):
            seen.setdefault(int(code), []).append(target[row] if target else 0.0)
    means = {place: math.fsum(values) / len(values) for place, values in seen.items()}
    return lambda place: (place not in means, means.get(place, 0.0), categories[place])
