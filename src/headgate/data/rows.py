"""CSV files (`data.lines`) as tables: read narrowly, refused with the line and what to do.

Numbers are written with a decimal point and without thousands separators; infinity is refused: a model would take it
for a very large measurement. In a column of numbers, empty fields and `NA`, `NaN`, `null` and `None` are missing values
(`core.missing`).

A column without any number is one of categories (`data.categories`), in which only the empty field is missing: `None`
is a category. One of numbers with something else in between is refused, for that is a slip of the pen more often than
a category.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headgate.core.missing import is_missing
from headgate.core.progress import Progress, silent
from headgate.core.schema import Task
from headgate.data.categories import MAX_CATEGORIES, Categories, places, unlike_categories
from headgate.data.column import Column, written_otherwise
from headgate.data.lines import Lines, opened
from headgate.data.table import Table
from headgate.data.targets import classes, values
from headgate.errors import InvalidInput

_SHOWN = 10
_HINTS = {
    "text": "Write every value of a column of numbers as a number or leave it empty, or list other columns under "
    "data/features in headgate.yaml.",
    "number": "Categories are text in every row: mend the numbers among them, or list other columns under "
    "data/features in headgate.yaml.",
    "otherwise": "Write numbers with a decimal point, without thousands separators, % or units, and finite; or list "
    "other columns under data/features in headgate.yaml.",
    "unlike": f"Categories come again and again, and are {MAX_CATEGORIES} at most. List the columns to learn from "
    "under data/features in headgate.yaml, without these; texts are learnt from by `train: {recipe: text}`.",
}
"""What to do, by what is wrong with a column."""


def read_csv(
    path: Path,
    task: Task,
    target: str,
    features: Sequence[str] | None,
    *,
    columns: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Table:
    """The table in a CSV file; `features` None takes every column but the target.

    `columns`: the names of all columns of a file without a header line; `labels`: other names for the classes. Raises
    NotFound, or InvalidInput naming the file, the column and the first line that is wrong.
    """
    with opened(path, columns, progress) as lines:
        names = tuple(features) if features is not None else tuple(name for name in lines.names if name != target)
        _check_names(lines, names, target)
        kept = [Column(name, lines.names.index(name)) for name in names]
        predicted = Column(target, lines.names.index(target), text=task == "classification", dtype=np.float64)
        for piece in lines.pieces():
            for column in (*kept, predicted):
                column.add(piece)
    X, categories = _columns(lines, kept)
    y = classes(lines, predicted, labels) if task == "classification" else values(lines, predicted)
    return Table(names, target, X, y, lines.sha256, categories)


def _check_names(lines: Lines, names: Sequence[str], target: str) -> None:
    lines.require((target, *names), "Look at data/target and data/features in headgate.yaml.")
    if "" in names:  # tables are often saved with row numbers, under no name; they are not to be learnt from
        raise InvalidInput(
            f"{lines.path}, line 1: column {lines.names.index('') + 1} has no name.",
            hint="Give it one, or list the columns to learn from under data/features in headgate.yaml.",
        )
    if not names:
        raise InvalidInput(
            f"{lines.path} has no column to learn from beside the target {target!r}.",
            hint="Look at data/source and data/target in headgate.yaml.",
        )


def _columns(lines: Lines, columns: list[Column]) -> tuple[npt.NDArray[np.float32], Categories]:
    """float32 [n, f], and the columns of categories. All columns that are neither are named at once.

    `columns` are given up one by one: they and the array need not both be there as a whole.
    """
    X = np.empty((len(lines.numbers), len(columns)), np.float32)
    categories: dict[str, tuple[str, ...]] = {}
    wrong: dict[str, list[str]] = {}
    for at in range(X.shape[1]):
        column = columns.pop(0)
        if column.is_numeric:
            X[:, at] = column.numbers
            continue
        kind, said = _wrong(lines, column)
        if kind:
            wrong.setdefault(kind, []).append(said)
        else:
            X[:, at], categories[column.name] = places(column.texts, column.codes)
    if wrong:
        said = " ".join(_said(kind, columns) for kind, columns in wrong.items())
        raise InvalidInput(f"{lines.path}: {said}", hint=" ".join(_HINTS[kind] for kind in wrong))
    return X, categories


def _said(kind: str, columns: Sequence[str]) -> str:
    listed = "; ".join(columns[:_SHOWN]) + (f"; and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else "")
    return f"free text or an id, not categories: {listed}." if kind == "unlike" else f"{listed}."


def _wrong(lines: Lines, column: Column) -> tuple[str, str]:
    """Why a column is neither numbers nor categories, as a key of `_HINTS` and in words; empty where it may be."""
    counts = column.counts()
    otherwise = [text for text in counts if written_otherwise(text)]
    words = [text for text in counts if not is_missing(text) and text not in set(otherwise)]
    oddly = sum(counts[text] for text in otherwise)
    numbers = int(np.count_nonzero(~np.isnan(column.numbers))) + oddly
    texts = sum(counts[text] for text in words)

    def first(text: str) -> str:
        return f"(line {lines.numbers[column.row_of(text)]}: {text[:40]!r})"

    if not words:
        return "otherwise", f"{column.name!r} has {_count(oddly, 'number')} that cannot be read {first(otherwise[0])}"
    if numbers and texts <= numbers:
        return (
            "text",
            f"{column.name!r} is a number in {_count(numbers, 'row')} and text in {texts:,} {first(words[0])}",
        )
    if numbers:
        row, shown = column.number or (column.row_of(otherwise[0]), otherwise[0])
        where = f"(line {lines.numbers[row]}: {shown[:40]!r})"
        return "number", f"{column.name!r} is text in {_count(texts, 'row')} and a number in {numbers:,} {where}"
    why = unlike_categories(column.texts, sum(counts.values()))
    return ("unlike", f"{column.name!r} {first(column.texts[0])}, {why}") if why else ("", "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
