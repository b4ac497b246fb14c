"""Lines in files by the hour: `<root>/yyyy/mm/dd/hh/<minute-second>-<random>.jsonl`.

One file is open at a time. Its name is drawn anew each time, so nobody appends to a file that another process, or this
one before it was killed, left with a torn last line. Where a write does not succeed as a whole, what it left is cut off
again; a file where even that fails is given up.
"""

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path


def new_name() -> str:
    """Of a file that begins now; nobody else's is called so."""
    return f"{time.strftime('%M-%S', time.gmtime())}-{uuid.uuid4()}.jsonl"


class HourlyFiles:
    """Whole lines in a folder, private to its owner. Not for several threads at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = ""
        self._descriptor = -1
        self._path: Path | None = None
        self._size = 0

    def append(self, folder: str, lines: bytes) -> None:
        """Append whole lines to the file of an hour, `yyyy/mm/dd/hh`. Raises OSError, and then has written nothing."""
        if folder != self._folder or os.fstat(self._descriptor).st_nlink == 0:  # somebody deleted it
            self.finish()
            self._open(folder)
        try:
            if os.write(self._descriptor, lines) < len(lines):
                raise OSError("the disk is full")
        except OSError:
            self._cut()
            raise
        self._size += len(lines)

    def finish(self) -> Path | None:
        """Close the open file, if any, and return it; one without lines is removed."""
        path, size = self._path, self._size
        if path is None:
            return None
        os.close(self._descriptor)
        self._folder, self._descriptor, self._path, self._size = "", -1, None, 0
        if not size:
            path.unlink(missing_ok=True)
        return path if size and path.exists() else None

    def tick(self) -> None:
        """An hour's file stays open until the next hour's first line."""

    def close(self) -> None:
        """Nothing more is to come."""
        self.finish()

    def _open(self, folder: str) -> None:
        directory = self._root / folder
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / new_name()
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._folder, self._path = folder, path

    def _cut(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            with suppress(OSError):
                self.finish()
