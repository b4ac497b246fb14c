"""Rows to values: every row is checked against the input schema before the model sees it.

A value is taken as the caller meant it or refused; nothing is guessed. JSON keeps its types ("5.1" is not a number),
CSV text is read as what the schema says. Numbers are finite and within float32, in which the models compute.
A problem names the row (from 1, a CSV header not counted), the feature, what was expected and what came.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headgate.core.schema import Feature, Kind
from headgate.errors import InvalidInput, PayloadTooLarge
from headgate.serving.codecs import Batch

Value = float | int | bool | str
MAX_ROWS = 100_000
FLOAT32_MAX = 3.4028234663852886e38

_EXPECTED: dict[Kind, str] = {
    "number": "a number",
    "integer": "an integer",
    "string": "a string",
    "boolean": "true or false",
}


class Validator:
    """Checks rows against features, in whose order the values come out."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self._names = tuple(f.name for f in features)
        self._known = frozenset(self._names)
        self._json = tuple((f, _FROM_JSON[f.kind], None) for f in features)
        self._text = tuple((f, _FROM_TEXT[f.kind], "") for f in features)

    def check(self, batch: Batch) -> list[list[Value | None]]:
        """The values of each row in schema order; None where a nullable one is missing.

        Raises InvalidInput, and PayloadTooLarge above `MAX_ROWS`.
        """
        rows, order = self._split_header(batch)
        if not rows:
            raise InvalidInput("The request has no rows.", hint="Send at least one.")
        if len(rows) > MAX_ROWS:
            raise PayloadTooLarge(
                f"The request has {len(rows)} rows; the limit is {MAX_ROWS}.", hint="Split it into several requests."
            )
        converters = self._text if batch.text else self._json
        checked = []
        for number, row in enumerate(rows, 1):
            values = zip(converters, self._in_order(number, row, order), strict=True)
            checked.append([_convert(number, *converter, value) for converter, value in values])
        return checked

    def _split_header(self, batch: Batch) -> tuple[Sequence[Any], Sequence[int] | None]:
        """The data rows, and at which place of a row each feature stands (None: in schema order)."""
        rows = batch.rows
        if batch.header is False or not rows:
            return rows, None
        names = [name.strip() for name in rows[0]]
        if batch.header is None and self._known.isdisjoint(names):
            return rows, None
        if len(set(names)) < len(names):
            raise InvalidInput("The CSV header names a column twice.", hint=self._hint())
        self._check_names("CSV header", names)
        return rows[1:], [names.index(name) for name in self._names]

    def _in_order(self, number: int, row: Any, order: Sequence[int] | None) -> Sequence[Any]:
        """The values of a row in schema order."""
        if isinstance(row, Mapping):
            if len(row) != len(self._names) or not self._known.issuperset(row):
                self._check_names(f"row {number}", row)
            return [row[name] for name in self._names]
        if isinstance(row, list | tuple):
            if len(row) != len(self._names):
                raise InvalidInput(
                    f"row {number}: expected {len(self._names)} values, got {len(row)}.", hint=self._hint()
                )
            return row if order is None else [row[place] for place in order]
        raise InvalidInput(f"row {number}: expected an object or a list, got {_shown(row)}.", hint=self._hint())

    def _check_names(self, where: str, given: "Sequence[str] | Mapping[str, Any]") -> None:
        """Raises InvalidInput where `given` lacks a feature or has one too many. A nullable one must be there too."""
        unknown = [name for name in given if name not in self._known]
        if unknown:
            import difflib

            close = difflib.get_close_matches(unknown[0][:100], self._names, 1)
            hint = f"Did you mean {close[0]!r}?" if close else self._hint()
            raise InvalidInput(f"{where}: unknown feature {_shown(unknown[0])}.", hint=hint)
        missing = [repr(name) for name in self._names if name not in given]
        if missing:
            raise InvalidInput(f"{where}: missing feature {', '.join(missing)}.", hint=self._hint())

    def _hint(self) -> str:
        shown = ", ".join(self._names[:20]) + (", ..." if len(self._names) > 20 else "")
        return f"The features are: {shown}."


_Converter = Callable[[Any], Value | None]


def _convert(number: int, feature: Feature, convert: _Converter, empty: str | None, value: Any) -> Value | None:
    """The value of one field; `empty` is what stands for a missing one besides null."""
    if value is None or value == empty:
        if feature.nullable:
            return None
        if value is None or feature.kind != "string":
            raise InvalidInput(f"row {number}, feature {feature.name!r}: a value is required.")
    result = convert(value)
    if result is None:
        expected = _expectation(feature.kind, value)
        raise InvalidInput(f"row {number}, feature {feature.name!r}: expected {expected}, got {_shown(value)}.")
    return result


def _expectation(kind: Kind, value: Any) -> str:
    if kind in ("number", "integer") and _is_number(value):
        return "an integer" if kind == "integer" and abs(value) <= FLOAT32_MAX else "a finite number within float32"
    return _EXPECTED[kind]


def _shown(value: Any) -> str:
    """`value` for a message: its type where it is nested, its first characters where it is long."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) > FLOAT32_MAX:
        return "a huge integer"  # Python refuses to print thousands of digits
    text = repr(value)
    return text if len(text) <= 50 else text[:50] + "..."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> Value | None:
    # the comparison is false for NaN and exact for integers of any size
    return value if _is_number(value) and -FLOAT32_MAX <= value <= FLOAT32_MAX else None


def _integer(value: Any) -> Value | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _boolean(value: Any) -> Value | None:
    return value if isinstance(value, bool) else None


def _string(value: Any) -> Value | None:
    return value if isinstance(value, str) else None


def _text_number(text: str) -> Value | None:
    try:
        return None if "_" in text else _number(float(text))
    except ValueError:
        return None


def _text_integer(text: str) -> Value | None:
    return _integer(_text_number(text))


def _text_boolean(text: str) -> Value | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())


_FROM_JSON: dict[Kind, _Converter] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
}
_FROM_TEXT: dict[Kind, _Converter] = {
    "number": _text_number,
    "integer": _text_integer,
    "boolean": _text_boolean,
    "string": _string,
}
