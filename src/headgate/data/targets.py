"""What is to be predicted: a column of a CSV file as classes or as numbers, with a value in every row."""

from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from headgate.core.missing import is_missing
from headgate.data.categories import MAX_CHARACTERS
from headgate.data.column import Column, written_otherwise
from headgate.data.lines import Lines
from headgate.data.table import MAX_CLASSES
from headgate.errors import InvalidInput


def classes(lines: Lines, column: Column, labels: Mapping[str, str] | None) -> npt.NDArray[np.str_]:
    """Text [n]. `labels`: other names for the classes. Raises InvalidInput.

    An array of texts is as wide as the longest, so that free text is refused before it becomes one.
    """
    if (column.codes < 0).any():
        _refuse_missing(lines, column, int(np.argmax(column.codes < 0)))
    long = next((text for text in column.texts if len(text) > MAX_CHARACTERS), None)
    if long is not None:
        where = f"line {lines.numbers[column.row_of(long)]} has {len(long):,} characters"
        _refuse_text(lines, column, f"{where} (at most {MAX_CHARACTERS})")
    if len(column.texts) > MAX_CLASSES and not all(map(_is_number, column.texts)):
        count = f"{len(column.texts):,} different values in {len(column.codes):,} rows"
        _refuse_text(lines, column, f"{count} (at most {MAX_CLASSES})")
    return np.array(column.texts if labels is None else _named(lines, column, labels), str)[column.codes]


def values(lines: Lines, column: Column) -> npt.NDArray[np.float64]:
    """Numbers [n]. Raises InvalidInput."""
    numbers: npt.NDArray[np.float64] = column.numbers
    if np.isnan(numbers).any():
        row = int(np.argmax(np.isnan(numbers)))
        text = column.field(row)
        if is_missing(text):
            _refuse_missing(lines, column, row)
        hint = "If it names a class, set `task: classification`."
        if written_otherwise(text):
            hint = "Write numbers with a decimal point, without thousands separators, % or units."
        lines.refuse(row, f"the target {column.name!r} is not a number: {text[:40]!r}.", hint)
    return numbers


def _named(lines: Lines, column: Column, labels: Mapping[str, str]) -> list[str]:
    nameless = next((text for text in column.texts if text not in labels), None)
    if nameless is not None:
        lines.refuse(
            column.row_of(nameless),
            f"{column.name!r} is {nameless[:40]!r}, which data/labels has no name for.",
            f"It has names for {', '.join(map(repr, [*labels][:20]))}.",
        )
    return [labels[text] for text in column.texts]


def _refuse_missing(lines: Lines, column: Column, row: int) -> NoReturn:
    hint = "Remove the rows without one; nothing can be learnt from them."
    lines.refuse(row, f"no value for the target {column.name!r}.", hint)


def _refuse_text(lines: Lines, column: Column, why: str) -> NoReturn:
    raise InvalidInput(
        f"{lines.path}: {column.name!r} is text, not classes: {why}.",
        hint="Name the column to predict under data/target in headgate.yaml.",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
