"""Rows to values: every row is checked against the input schema before the model sees it.

A problem names the row (from 1, a CSV header not counted), the feature, what was expected and what came. Rows are read
on after a problem until there are `MOST_PROBLEMS`, so that a caller can mend them together.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headgate.core.schema import InputSchema
from headgate.errors import InvalidInput, PayloadTooLarge
from headgate.serving.codecs.batch import Batch, Form
from headgate.serving.values import Field, Value, Wrong, did_you_mean, shown

__all__ = ["MOST_PROBLEMS", "Validator", "Value"]

MOST_PROBLEMS = 10
_FORMS: tuple[Form, ...] = ("typed", "text", "array")


class Validator:
    """Checks rows against a schema, in the order of whose features the values come out."""

    def __init__(self, schema: InputSchema) -> None:
        self._names = tuple(f.name for f in schema.features)
        self._known = frozenset(self._names)
        self._policy = schema.policy
        nan_is_missing = schema.policy.nan == "missing"
        self._fields = {
            form: [Field(feature, form, nan_is_missing=nan_is_missing) for feature in schema.features]
            for form in _FORMS
        }

    def check(self, batch: Batch) -> list[list[Value | None]]:
        """The values of each row in schema order; None where a nullable one is missing.

        Raises InvalidInput, and PayloadTooLarge above the policy's `max_rows`.
        """
        rows, columns = self._find_columns(batch)
        self._check_count(len(rows))
        fields = self._fields[batch.form]
        places = None if columns is None else [columns.index(name) for name in self._names]
        width = len(self._names if columns is None else columns)
        checked: list[list[Value | None]] = []
        problems: list[InvalidInput] = []
        for number, row in enumerate(rows, 1):
            try:
                values = self._in_order(number, row, width, places)
                checked.append([field.read(value) for field, value in zip(fields, values, strict=True)])
            except Wrong:
                problems += _every_problem(number, fields, values)
            except InvalidInput as error:
                problems.append(error)
            if len(problems) >= MOST_PROBLEMS:
                break
        if problems:
            raise _together(problems)
        return checked

    def by_name(self, rows: Iterable[Sequence[Value | None]]) -> list[dict[str, Value | None]]:
        """Checked rows as objects."""
        return [dict(zip(self._names, row, strict=True)) for row in rows]

    def _check_count(self, count: int) -> None:
        limit = self._policy.max_rows
        if not count:
            raise InvalidInput("The request has no rows.", hint="Send at least one.")
        if count > limit:
            raise PayloadTooLarge(
                f"The request has {count} rows; the limit is {limit}.", hint="Split it into several requests."
            )

    def _find_columns(self, batch: Batch) -> tuple[Sequence[Any], Sequence[str] | None]:
        """The data rows and the names of their columns; None: those of the schema."""
        rows, columns = batch.rows, batch.columns
        if batch.headed and rows:
            names = [name.strip() for name in rows[0]]
            if not self._known.isdisjoint(names):
                rows, columns = rows[1:], names
        if columns is None:
            return rows, None
        where = "CSV header" if batch.form == "text" else "columns"
        if len(set(columns)) < len(columns):
            raise InvalidInput(f"{where}: a column is named twice.", hint=self._hint())
        self._check_names(where, columns)
        return rows, columns

    def _in_order(self, number: int, row: Any, width: int, places: Sequence[int] | None) -> Sequence[Any]:
        """The values of a row in schema order. `width`: of a list; `places`: of the features in it."""
        if isinstance(row, Mapping) and places is None:
            if len(row) != len(self._names) or not self._known.issuperset(row):
                self._check_names(f"row {number}", row)
            return [row[name] for name in self._names]
        if isinstance(row, list | tuple):
            if len(row) != width:
                raise InvalidInput(f"row {number}: expected {width} values, got {len(row)}.", hint=self._hint())
            return row if places is None else [row[place] for place in places]
        expected = "an object or a list" if places is None else "a list"
        raise InvalidInput(f"row {number}: expected {expected}, got {shown(row)}.", hint=self._hint())

    def _check_names(self, where: str, given: "Sequence[str] | Mapping[str, Any]") -> None:
        """Raises InvalidInput where `given` lacks a feature or has one too many. A nullable one must be there too."""
        unknown = next((name for name in given if name not in self._known), None)
        if unknown is not None and self._policy.extra == "refuse":
            hint = did_you_mean(str(unknown), self._names) or self._hint()
            raise InvalidInput(f"{where}: unknown feature {shown(unknown)}.", hint=hint)
        missing = [shown(name) for name in self._names if name not in given]
        if missing:
            raise InvalidInput(f"{where}: missing feature {_listed(missing, MOST_PROBLEMS)}.", hint=self._hint())

    def _hint(self) -> str:
        return f"The features are: {_listed(self._names, 20)}."


def _listed(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _every_problem(number: int, fields: Sequence[Field], values: Sequence[Any]) -> list[InvalidInput]:
    """The problems of one row whose values are in schema order."""
    found = []
    for field, value in zip(fields, values, strict=True):
        try:
            field.read(value)
        except Wrong as wrong:
            where = f"row {number}, feature {field.feature.name!r}"
            found.append(InvalidInput(f"{where}: {wrong.message}", hint=wrong.hint))
    return found


def _together(problems: Sequence[InvalidInput]) -> InvalidInput:
    """One error for the first `MOST_PROBLEMS`, with the first hint."""
    said = [problem.message for problem in problems[:MOST_PROBLEMS]]
    if len(problems) >= MOST_PROBLEMS:
        said.append("There may be more.")
    return InvalidInput("\n".join(said), hint=next((p.hint for p in problems if p.hint), ""))
