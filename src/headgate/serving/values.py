"""One value of one field: taken as the caller meant it, or refused with the reason.

Nothing is guessed. JSON keeps its types ("5.1" is not a number), CSV text is read as what the schema says (a number may
be missing as in the files that are learnt from, `core.missing`), and in an array of numbers 0 and 1 are false and true.
Where the categories are true and false, as text, booleans are taken for them.
Numbers are finite and within float32, in which the models compute; NaN is refused, or is a missing value where the
policy says so. Text is of whole characters: half a surrogate pair, which JSON can spell, would break the first encoder
that it comes to.
"""

from collections.abc import Callable, Iterable
from typing import Any

from headgate.core.missing import is_missing
from headgate.core.schema import Feature, Kind
from headgate.serving.codecs.batch import Form

Value = float | int | bool | str
FLOAT32_MAX = 3.4028234663852886e38
_SHOWN_CATEGORIES = 10
_NUMBERS = (float, int)

_EXPECTED: dict[Kind, str] = {
    "number": "a number",
    "integer": "an integer",
    "string": "a string",
    "boolean": "true or false",
}


class Wrong(ValueError):
    """A value is not what the schema says; `message` says what was expected and what came."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Field:
    """Reads the values of one feature in one form."""

    def __init__(self, feature: Feature, form: Form, *, nan_is_missing: bool) -> None:
        self.feature = feature
        self._convert = _CONVERTERS[form][feature.kind]
        # an empty text is a value of a feature of text, unless the feature may be missing
        empty_is_missing = form == "text" and (feature.nullable or feature.kind != "string")
        self._missing = "" if empty_is_missing else None
        self._nan_is_missing = nan_is_missing
        self._words = form == "text" and feature.kind in ("number", "integer")
        self._categories = frozenset(feature.categories)
        self._truths = feature.truths
        self._any_case = {text.lower(): text for text in self._truths.values()} if form == "text" else {}

    def read(self, value: Any) -> Value | None:
        """The value as the model takes it; None where it is missing and may be. Raises Wrong."""
        if value == self._missing:
            self._must_be_nullable()
            return None
        result = self._convert(value)
        if result is None:
            if (self._words and is_missing(value)) or (self._nan_is_missing and _is_nan(value)):
                self._must_be_nullable()
                return None
            if isinstance(value, bool) and self._truths:
                return self._truths[value]
            raise Wrong(f"expected {_expectation(self.feature.kind, value)}, got {shown(value)}.")
        if self._categories and result not in self._categories:
            return self._in_any_case(str(result))
        return result

    def _must_be_nullable(self) -> None:
        if not self.feature.nullable:
            raise Wrong("a value is required.")

    def _in_any_case(self, value: str) -> Value:
        text = self._any_case.get(value.lower())
        if text is None:
            raise self._out_of_range(value)
        return text

    def _out_of_range(self, value: str) -> Wrong:
        categories = self.feature.categories
        listed = ", ".join(shown(category) for category in categories[:_SHOWN_CATEGORIES])
        more = len(categories) - _SHOWN_CATEGORIES
        expected = f"{listed} or {more} more" if more > 0 else listed
        return Wrong(f"expected one of {expected}, got {shown(value)}.", did_you_mean(value, categories))


def shown(value: Any) -> str:
    """`value` for a message: its type where it is nested, its first characters where it is long."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) > FLOAT32_MAX:
        return "a huge integer"  # Python refuses to print thousands of digits
    text = repr(value)
    return text if len(text) <= 50 else text[:50] + "..."


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A hint where `word` looks like one of `words`, else nothing."""
    import difflib

    close = difflib.get_close_matches(word[:100], list(words)[:1000], 1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _expectation(kind: Kind, value: Any) -> str:
    if kind in ("number", "integer") and _is_number(value):
        return "an integer" if kind == "integer" and abs(value) <= FLOAT32_MAX else "a finite number within float32"
    if kind == "string" and isinstance(value, str):
        return "whole characters"
    return _EXPECTED[kind]


def _is_nan(value: Any) -> bool:
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        return False
    return isinstance(number, float) and number != number  # noqa: PLR0124 only NaN differs from itself


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    if not _is_number(value):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number if -FLOAT32_MAX <= number <= FLOAT32_MAX else None  # NaN is not


def _integer(value: Any) -> int | None:
    # the comparison is false for NaN and exact for integers of any size
    within = _is_number(value) and -FLOAT32_MAX <= value <= FLOAT32_MAX
    return int(value) if within and value == int(value) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _string(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return None
    return value


def _text_number(text: str) -> float | None:
    try:
        return None if "_" in text else _number(float(text))
    except ValueError:
        return None


def _text_integer(text: str) -> int | None:
    try:
        return None if "_" in text else _integer(int(text))  # beyond 2**53 a float would lose digits
    except ValueError:
        return _integer(_text_number(text))


def _text_boolean(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())


def _array_boolean(value: Any) -> bool | None:
    return bool(value) if value in (0, 1) else None


_TYPED: dict[Kind, Callable[[Any], Value | None]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
}
_CONVERTERS: dict[Form, dict[Kind, Callable[[Any], Value | None]]] = {
    "typed": _TYPED,
    "text": {"number": _text_number, "integer": _text_integer, "boolean": _text_boolean, "string": _string},
    "array": _TYPED | {"boolean": _array_boolean},
}
