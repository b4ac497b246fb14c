"""Rows of named columns, as an estimator takes them: a data frame (pandas, Polars) or a two-dimensional array.

They say what the features are called and of what kind they are, and they are what the portable model is compared on,
together with rows made of them: columns shuffled against each other, numbers beyond the range that was seen, and
missing values where there are some already.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headgate.core.schema import Feature
from headgate.errors import InvalidInput

MAX_ROWS = 5000
"""Real ones: an estimator over texts takes nearly a millisecond for one, twice over."""
MADE = 300


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: values by name, all of one length >= 1. `like`: the rows as given, whose form others take.

    `may_lack`: whether any value may be missing, even where none is here.
    """

    columns: dict[str, list[Any]]
    like: Any
    may_lack: bool = False

    @classmethod
    def of(cls, rows: Any, names: Sequence[str] = (), *, may_lack: bool = False) -> "Table":
        """The first `MAX_ROWS` of `rows`. `names` of the columns of an array. Raises InvalidInput."""
        if hasattr(rows, "columns"):
            columns = {str(name): rows[name].to_list() for name in rows.columns}
        else:
            rows = np.asarray(rows)
            if rows.ndim != 2:
                raise InvalidInput(f"The rows are an array of shape {list(rows.shape)}; expected [rows, features].")
            names = names or [f"f{number}" for number in range(rows.shape[1])]
            if len(names) != rows.shape[1]:
                raise InvalidInput(f"The rows have {rows.shape[1]} columns, {len(names)} names were given.")
            columns = {name: rows[:, at].tolist() for at, name in enumerate(names)}
        columns = {name: [_plain(value) for value in values[:MAX_ROWS]] for name, values in columns.items()}
        if not columns or not all(columns.values()):
            raise InvalidInput("There are no rows to compare on.", hint="Give some of the held-out ones.")
        return cls(columns, rows, may_lack)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def features(self, categories: dict[str, tuple[str, ...]]) -> tuple[Feature, ...]:
        """The features; `categories` of those that may be nothing else, by name. Raises InvalidInput for odd values."""
        return tuple(_feature(name, values, categories.get(name, ())) for name, values in self.columns.items())

    def as_given(self) -> Any:
        """The rows in the form in which they were given."""
        if hasattr(self.like, "columns"):
            return type(self.like)(self.columns)
        array = np.empty((len(self), len(self.columns)), self.like.dtype)
        for at, values in enumerate(self.columns.values()):
            array[:, at] = values
        return array

    def as_values(self) -> list[tuple[Any, ...]]:
        """The rows as the model server checks them: None where a value is missing."""
        present = ([None if _is_missing(v) else v for v in values] for values in self.columns.values())
        return list(zip(*present, strict=True))

    def probes(self) -> "Table":
        """The rows, and rows made of them. Equal tables give equal ones."""
        random = np.random.RandomState(0)
        rows = np.arange(MADE) % len(self)
        probes: dict[str, list[Any]] = {}
        for name, values in self.columns.items():
            shuffled = [values[at] for at in random.randint(len(values), size=MADE)]
            beyond = _beyond(values)
            far = [beyond[at] for at in random.randint(len(beyond), size=MADE)]
            missing = [value for value in values if _is_missing(value)][:1] or [math.nan] * self.may_lack
            gone = random.random_sample(MADE) < (0.3 if missing else 0.0)
            lacking = [missing[0] if lacks else values[at] for lacks, at in zip(gone, rows, strict=True)]
            probes[name] = [*values, *shuffled, *far, *lacking]
        return replace(self, columns=probes)

    def followed_by(self, rows: Any) -> "Table":
        """The same with the rows of an array behind."""
        columns = ((name, [*values, *rows[:, at].tolist()]) for at, (name, values) in enumerate(self.columns.items()))
        return replace(self, columns=dict(columns))


def _feature(name: str, values: list[Any], categories: tuple[str, ...]) -> Feature:
    present = [value for value in values if not _is_missing(value)]
    nullable = len(present) < len(values)
    if present and all(isinstance(value, str) for value in present):
        return Feature(name, "string", nullable, tuple(c for c in categories if c))
    if present and all(isinstance(value, bool) for value in present):
        return Feature(name, "boolean", nullable)
    wrong = next((value for value in present if isinstance(value, bool) or not isinstance(value, int | float)), None)
    if wrong is not None or not present:
        raise InvalidInput(
            f"The column {name!r} holds {'nothing' if wrong is None else repr(wrong)[:50]}; "
            "expected numbers, text or booleans of one kind."
        )
    return Feature(name, "number", nullable)


def _plain(value: Any) -> Any:
    """NumPy's own numbers, as arrays of objects hold them, as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value)


def _beyond(values: list[Any]) -> list[Any]:
    """Numbers outside of the range of `values` and in between; anything else as it is."""
    numbers = [value for value in values if not _is_missing(value)]
    if not numbers or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
        return values
    low, high = min(numbers), max(numbers)
    reach = high - low
    whole = all(isinstance(value, int) for value in values)
    found = [low - reach, low - reach / 7, low + reach / 3, (low + high) / 2, high + reach / 7, high + reach]
    return [int(value) for value in found] if whole else [float(np.float32(value)) for value in found]
