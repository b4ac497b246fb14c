"""One column of a CSV file while it is read: compactly, since a file may have millions of rows.

A number is kept as such, anything else by its place among the different texts. Which of the two a column is shows at
the end only, and what stands for a missing number (`core.missing`) is a word like others until then.
"""

import re
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.core.missing import is_missing

LARGEST = float(np.finfo(np.float32).max)
_OTHERWISE = re.compile(r"[-+]?(\d{1,3}([ ,.'_\u00a0\u202f]\d{3})+|\d*)([.,]\d+)?\s?%?")


class Column:
    """The fields below one name. `at`: its place in a row; `text`: whether numbers are text too, as names of classes.

    Numbers are of `dtype`, and finite within float32.
    """

    def __init__(self, name: str, at: int, *, text: bool = False, dtype: type = np.float32) -> None:
        self.name = name
        self.at = at
        self.number: tuple[int, str] | None = None
        """The first row with a number, and how it is written."""
        self._text = text
        self._dtype = dtype
        self._rows = 0
        self._places: dict[str, int] = {}
        self._numbers: list[npt.NDArray[Any]] = []
        self._codes: list[npt.NDArray[np.int32]] = []

    def add(self, rows: list[list[str]]) -> None:
        """Take the column's fields of the next rows."""
        fields = [row[self.at].strip() for row in rows]
        if self._text:
            codes = [self._places.setdefault(field, len(self._places)) if field else -1 for field in fields]
            self._codes.append(np.array(codes, np.int32))
        elif (numbers := _all_numbers(fields)) is not None:
            self._numbers.append(numbers.astype(self._dtype))
            self._codes.append(np.broadcast_to(np.int32(-1), len(fields)))  # takes no room
            self._note(0, fields)
        else:
            self._add_mixed(fields)
        self._rows += len(fields)

    @cached_property
    def texts(self) -> list[str]:
        """What is no number and not empty, each once, in the order in which it came."""
        return list(self._places)

    @cached_property
    def codes(self) -> npt.NDArray[np.int32]:
        """[n]: places in `texts`, -1 where there is a number or nothing."""
        return np.concatenate(self._codes)

    @cached_property
    def numbers(self) -> npt.NDArray[Any]:
        """[n]: NaN where there is none."""
        return np.concatenate(self._numbers)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether there are only numbers, and words for missing ones."""
        return not self._text and all(map(is_missing, self._places))

    def counts(self) -> dict[str, int]:
        """In how many rows each of the `texts` stands."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))
        return dict(zip(self.texts, found.tolist(), strict=True))

    def row_of(self, text: str) -> int:
        """The first row with one of the `texts`."""
        return int(np.argmax(self.codes == self._places[text]))

    def field(self, row: int) -> str:
        """One of the `texts` where it stands in the row, else nothing."""
        code = self.codes[row]
        return self.texts[code] if code >= 0 else ""

    def _add_mixed(self, fields: list[str]) -> None:
        numbers, codes = [], []
        for at, field in enumerate(fields):
            code, number = self._places.get(field, -1), float("nan")
            if field and code < 0:
                read = _number(field)
                if read is None:
                    code = self._places[field] = len(self._places)
                else:
                    number = read
                    self._note(at, fields)
            numbers.append(number)
            codes.append(code)
        self._numbers.append(np.array(numbers, self._dtype))
        self._codes.append(np.array(codes, np.int32))

    def _note(self, at: int, fields: list[str]) -> None:
        if self.number is None and fields:
            self.number = self._rows + at, fields[at]


def written_otherwise(text: str) -> bool:
    """Whether it is a number in other files, or no measurement: `1,5`, `1 000`, `7 %`, `1_000`, infinity, 1e39."""
    if any(map(str.isdigit, text)) and _OTHERWISE.fullmatch(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return not is_missing(text)


def _all_numbers(fields: list[str]) -> npt.NDArray[np.float64] | None:
    """The fields as numbers, where each is one: much faster than one by one."""
    try:
        numbers = np.fromiter(map(float, fields), np.float64, len(fields))
    except ValueError:
        return None
    plain = bool((np.abs(numbers) <= LARGEST).all()) and "_" not in "".join(fields)  # float() takes 1_000
    return numbers if plain else None


def _number(text: str) -> float | None:
    """A float within float32's range; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST and "_" not in text else None
