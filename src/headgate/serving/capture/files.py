"""Lines in files by the hour: `<root>/yyyy/mm/dd/hh/<minute-second>-<random>.jsonl`.

One file is open at a time. Its name is drawn anew each time, so nobody appends to a file that another process, or this
one before it was killed, left with a torn last line. Where a write does not succeed as a whole, what it left is cut off
again; a file where even that fails is given up.
"""

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class HourlyFiles:
    """Whole lines in a folder, private to its owner. Not for several threads at once."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._clock = clock
        self._folder = ""
        self._descriptor = -1
        self.path: Path | None = None
        """The open file."""
        self.size = 0
        """The bytes in it."""

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
        self.size += len(lines)

    def finish(self) -> None:
        """Close the open file, if any; one without lines is removed."""
        if self.path is None:
            return
        os.close(self._descriptor)
        if not self.size:
            self.path.unlink(missing_ok=True)
        self._folder, self._descriptor, self.path, self.size = "", -1, None, 0

    def tick(self) -> None:
        """An hour's file stays open until the next hour's first line."""

    def close(self) -> None:
        """Nothing more is to come."""
        self.finish()

    def _open(self, folder: str) -> None:
        directory = self._root / folder
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = time.strftime("%M-%S", time.gmtime(self._clock()))
        path = directory / f"{name}-{uuid.uuid4()}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._folder, self.path = folder, path

    def _cut(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.size)
        except OSError:
            with suppress(OSError):
                self.finish()
