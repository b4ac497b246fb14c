"""The rows of a CSV file, a piece at a time: a file is never in memory as a whole, only what is kept of it.

A file is UTF-8 (with or without a byte-order mark), comma-separated and has a header line, unless the spec names the
columns. Lines without any value are skipped. What is wrong is refused with the line that the row begins on: a quote
that is not closed swallows all that follows, so that the line on which it shows says nothing.
"""

import csv
import hashlib
import io
import os
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from headgate.core.progress import Progress, silent
from headgate.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BYTES = 1024**3
"""Of a file. Of numbers, 100 MB were seen to take 160 MB of memory to read and 470 MB to learn from: so this much stays
below the 8 GB of a small machine."""
PIECE = 4096
"""Rows at a time."""
SOURCE_HINT = "Look at data/source in headgate.yaml."


class Lines:
    """An open CSV file with the `names` of its columns.

    When all `pieces` were read, `numbers` has the line of the file that each row begins on, and `sha256` is the digest
    of the bytes.
    """

    def __init__(self, path: Path, file: "_Watched", columns: Sequence[str] | None, progress: Progress) -> None:
        self.path = path
        self.numbers = array("q")
        self._file = file
        self._progress = progress
        text = io.TextIOWrapper(io.BufferedReader(file, 1024**2), encoding="utf-8-sig", newline="")
        self._reader = csv.reader(text, strict=True)
        self._named_by = "the header" if columns is None else "data/columns"
        header = self._next() if columns is None else columns
        if header is None or not any(header):
            raise InvalidInput(f"{path} is empty; a header line and rows were expected.", hint=SOURCE_HINT)
        self.names = _header(path, header)

    @property
    def sha256(self) -> str:
        """The digest of what was read."""
        return self._file.digest.hexdigest()

    def require(self, names: Sequence[str], hint: str) -> None:
        """Raises InvalidInput where there is no column of one of the names."""
        absent = [name for name in names if name not in self.names]
        if absent:
            has = ", ".join(self.names)
            raise InvalidInput(f"{self.path} has no column {', '.join(map(repr, absent))}; it has {has}.", hint=hint)

    def pieces(self) -> Iterator[list[list[str]]]:
        """The rows with at least one value, some thousand at a time. Raises InvalidInput."""
        piece: list[list[str]] = []
        while (row := self._row()) is not None:
            piece.append(row)
            if len(piece) == PIECE:
                yield piece
                piece = []
                self._progress("reading", self._file.share)
        yield piece

    def refuse(self, row: int, what: str, hint: str) -> NoReturn:
        """Raises InvalidInput about a row, by its place among the rows."""
        raise InvalidInput(f"{self.path}, line {self.numbers[row]}: {what}", hint=hint)

    def _row(self) -> list[str] | None:
        """The next row with a value, its line noted; None at the end."""
        while True:
            begins = self._reader.line_num + 1
            row = self._next()
            if row is None:
                return None
            if any(map(str.strip, row)):
                break
        if len(row) != len(self.names):
            raise InvalidInput(
                f"{self.path}, line {begins}: {len(row)} fields, {self._named_by} has {len(self.names)}.",
                hint="A value that contains a comma has to be in quotes. Look for a quote that is not closed, too.",
            )
        self.numbers.append(begins)
        return row

    def _next(self) -> list[str] | None:
        begins = self._reader.line_num + 1
        try:
            with _reading(self.path):
                return next(self._reader, None)
        except csv.Error as error:
            raise InvalidInput(f"{self.path}, line {begins}: {error}.", hint=_hint(str(error))) from None
        except UnicodeDecodeError:
            where = f"{self.path}, line {_undecodable(self.path)}"
            raise InvalidInput(f"{where}: it is not UTF-8 text.", hint="Save it as UTF-8.") from None


@contextmanager
def opened(path: Path, columns: Sequence[str] | None = None, progress: Progress = silent) -> Iterator[Lines]:
    """A CSV file to read from. `columns`: the names of all columns of a file without a header line.

    Raises NotFound, or InvalidInput naming the file and the first line that is wrong.
    """
    with _reading(path):
        if not path.is_file():  # opening a pipe would wait for a writer
            if os.path.lexists(path) and not path.is_dir():
                raise InvalidInput(f"{path} is no file: a link that leads nowhere, or a pipe.", hint=SOURCE_HINT)
            raise NotFound(f"There is no file {path}.", hint=SOURCE_HINT)
        raw = path.open("rb", buffering=0)
    with raw:
        size = os.fstat(raw.fileno()).st_size
        if size > MAX_BYTES:
            said = f"{path} is larger than {MAX_BYTES:,} bytes."
            raise InvalidInput(said, hint="Learn from a part of the rows, or of the columns.")
        yield Lines(path, _Watched(raw, size), columns, progress)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}.", hint=SOURCE_HINT) from None


class _Watched(io.RawIOBase):
    """A file whose digest and progress are known while it is read."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._size = size
        self._at = 0
        self.digest = hashlib.sha256()

    @property
    def share(self) -> float:
        """How much of it was read; less than 1, which is for the end."""
        return min(self._at / max(1, self._size), 0.99)

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """As any file."""
        count = self._file.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:count])
        self._at += count
        return count


def _header(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise InvalidInput(f"{path} is separated by semicolons or tabs.", hint="Save it separated by commas.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        said = f"{path}, line 1: several columns are called {', '.join(map(repr, twice))}."
        raise InvalidInput(said, hint="Give each a name of its own.")
    return names


def _hint(error: str) -> str:
    if "expected after" in error:
        return 'Within a value in quotes, a quote is written twice (""). Look for a quote that is not closed, too.'
    if "field larger" in error:
        return f"Look for a quote that is not closed: a field has at most {csv.field_size_limit():,} characters."
    return "Look for a quote that is not closed."


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8; the file is read again for it."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
