"""CSV files as tables: read narrowly, refused with the line and what to do.

A file is UTF-8 (with or without a byte-order mark), comma-separated and has a header line, unless the spec names the
columns. Empty fields and `NA`, `NaN`, `null` and `None` are missing values; lines without any value are skipped.
Numbers are written with a decimal point and without thousands separators; infinity is refused: a model would take it
for a very large measurement.

A column without any number is one of categories (`data.categories`). One of numbers with something else in between is
refused, for that is a slip of the pen more often than a category.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headgate.core.digest import sha256
from headgate.core.schema import Task
from headgate.data.categories import MAX_CATEGORIES, Categories, places, unlike_categories
from headgate.data.table import Table
from headgate.errors import InvalidInput, NotFound

MISSING = frozenset({"", "na", "nan", "null", "none"})
LARGEST = float(np.finfo(np.float32).max)
MAX_BYTES = 1024**3
"""Of a file: what is read into memory whole."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A header and lines of text fields. `lines` holds each row's line number in the file, for messages."""

    names: tuple[str, ...]
    fields: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """The fields below one name."""
        at = self.names.index(name)
        return [row[at] for row in self.fields]

    def named(self, path: Path, column: str, names: Mapping[str, str]) -> "Rows":
        """The same with other names for what stands in `column`. Raises InvalidInput where one has none."""
        at = self.names.index(column)
        for row, line in zip(self.fields, self.lines, strict=True):
            if row[at] not in names:
                raise InvalidInput(
                    f"{path}, line {line}: {column!r} is {row[at][:40]!r}, which data/labels has no name for.",
                    hint=f"It has names for {', '.join(map(repr, [*names][:20]))}.",
                )
        return replace(self, fields=[[*row[:at], names[row[at]], *row[at + 1 :]] for row in self.fields])


def read_csv(
    path: Path,
    task: Task,
    target: str,
    features: Sequence[str] | None,
    *,
    columns: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Table:
    """The table in a CSV file; `features` None takes every column but the target.

    `columns`: the names of all columns of a file without a header line; `labels`: other names for the classes. Raises
    NotFound, or InvalidInput naming the file, the column and the first line that is wrong.
    """
    content, rows = read_rows(path, columns)
    names = tuple(features) if features is not None else tuple(name for name in rows.names if name != target)
    absent = [name for name in (target, *names) if name not in rows.names]
    if absent:
        raise InvalidInput(
            f"{path} has no column {', '.join(map(repr, absent))}; it has {', '.join(rows.names)}.",
            hint="Look at data/target and data/features in headgate.yaml.",
        )
    rows = rows if labels is None else rows.named(path, target, labels)
    if "" in names:  # tables are often saved with row numbers, under no name; they are not to be learnt from
        raise InvalidInput(
            f"{path}, line 1: column {rows.names.index('') + 1} has no name.",
            hint="Give it one, or list the columns to learn from under data/features in headgate.yaml.",
        )
    if not names:
        raise InvalidInput(f"{path} has no column to learn from beside the target {target!r}.")
    X, categories = _columns(path, rows, names)
    return Table(names, target, X, _target(path, rows, task, target), sha256(content), categories)


def read_rows(path: Path, columns: Sequence[str] | None = None) -> tuple[bytes, Rows]:
    """The bytes of a CSV file and the rows in them. `columns` None: the first line is their names.

    Raises NotFound, or InvalidInput naming the file and the first line that is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"There is no file {path}.", hint="Look at data/source in headgate.yaml.") from None
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_BYTES:,} bytes.", hint="Learn from a part of the rows.")
    return content, _rows(path, content, columns)


def _rows(path: Path, content: bytes, columns: Sequence[str] | None) -> Rows:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{path}, line {line}: it is not UTF-8 text.", hint="Save it as UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, None) if columns is None else columns
        if header is None or not any(header):
            raise InvalidInput(f"{path} is empty; a header line and rows were expected.")
        names = _header(path, header)
        wanted = "the header" if columns is None else "data/columns"
        fields, lines = [], []
        for line, row in _filled(reader):
            if len(row) != len(names):
                raise InvalidInput(f"{path}, line {line}: {len(row)} fields, {wanted} has {len(names)}.")
            fields.append(row)
            lines.append(line)
    except csv.Error as error:
        raise InvalidInput(f"{path}, line {reader.line_num}: {error}.") from None
    return Rows(names, fields, lines)


def _header(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise InvalidInput(f"{path} is separated by semicolons or tabs.", hint="Save it separated by commas.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidInput(f"{path}, line 1: several columns are called {', '.join(map(repr, twice))}.")
    return names


def _filled(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows with at least one value, each with the number of its last line."""
    for row in reader:
        stripped = [value.strip() for value in row]
        if any(stripped):
            yield reader.line_num, stripped  # type: ignore[attr-defined]


def _columns(path: Path, rows: Rows, names: Sequence[str]) -> tuple[npt.NDArray[np.float32], Categories]:
    """float32 [n, f], and the columns of categories. All columns that are neither are named at once."""
    X = np.empty((len(rows.fields), len(names)), np.float32)
    categories: dict[str, tuple[str, ...]] = {}
    mixed, unlike = [], []
    for at, name in enumerate(names):
        texts = [None if text.lower() in MISSING else text for text in rows.column(name)]
        numbers = [_number(text or "") for text in texts]
        odd = next((row for row, number in enumerate(numbers) if number is None), None)
        if odd is None:
            X[:, at] = np.array(numbers, np.float64)
            continue
        where = f"(line {rows.lines[odd]}: {rows.column(name)[odd][:40]!r})"
        if any(text and _like_number(text) for text in texts):
            mixed.append(f"{name!r} {where}")
        elif why := unlike_categories(texts):
            unlike.append(f"{name!r} {where}, {why}")
        else:
            X[:, at], categories[name] = places(texts)
    _refuse(path, mixed, unlike)
    return X, categories


def _refuse(path: Path, mixed: Sequence[str], unlike: Sequence[str]) -> None:
    """Raises InvalidInput where there are columns of numbers and other things, or of free text."""
    said, hints = [], []
    if mixed:
        said.append(f"not numeric: {', '.join(mixed[:10])}.")
        hints.append(
            "Write every value of such a column as a number or leave it empty, or list other columns under "
            "data/features in headgate.yaml."
        )
    if unlike:
        said.append(f"free text or an id, not categories: {'; '.join(unlike[:10])}.")
        hints.append(
            f"Categories come again and again, and are {MAX_CATEGORIES} at most. List the columns to learn from under "
            "data/features in headgate.yaml, without these; texts are learnt from by `train: {recipe: text}`."
        )
    if said:
        raise InvalidInput(f"{path}: {' '.join(said)}", hint=" ".join(hints))


def _like_number(text: str) -> bool:
    """Whether it is a number in other files: 1_000 and infinity are none here, and no categories either."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float | None:
    """A float within float32's range, NaN where missing, None where it is neither."""
    if text.lower() in MISSING:
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST and "_" not in text else None  # float() takes 1_000


def _target(path: Path, rows: Rows, task: Task, target: str) -> npt.NDArray[np.str_] | npt.NDArray[np.float64]:
    values = rows.column(target)
    for row, text in enumerate(values):
        number = _number(text)
        if text.lower() in MISSING:
            raise InvalidInput(
                f"{path}, line {rows.lines[row]}: no value for the target {target!r}.",
                hint="Remove the rows without one; nothing can be learnt from them.",
            )
        if task == "regression" and number is None:
            raise InvalidInput(
                f"{path}, line {rows.lines[row]}: the target {target!r} is not a number: {text[:40]!r}.",
                hint="If it names a class, set `task: classification`.",
            )
    return np.array(values, str) if task == "classification" else np.array(values, np.float64)
