"""Reads the gateway's attempt log, and keeps it small.

The gateway only ever appends. A file is known by its inode, and by how it begins, since inodes are used again. When it
has grown too large it is renamed to `<name>.1`, and the gateway is asked to open its log anew; until it has done so it
goes on writing to the old file, whether or not there is a new one. So all files that are open are read, the oldest
first. An old one is removed once the gateway has answered, a newer one exists, it was quiet for a while, and nobody
needs it any more. A gateway that does not answer is asked again. There is never more than one old file: no line is
ever overwritten.

Whatever else happens to the file (truncated, replaced, gone) is said in the log, and reading goes on with what there
is.
"""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.errors import HeadgateError

CHUNK = 1024 * 1024
HEAD = 256
QUIET = 90.0
"""Seconds without a new line after which nobody writes to an old file: a gateway that was replaced does so until the
last of its requests has ended."""

log = logging.getLogger("headgate.engine")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read, and what tells it from others."""

    inode: int
    head: str
    """Its first bytes, in hexadecimal."""
    offset: int
    """Behind the last line read."""
    again: int
    """From where on a new reader must read it once more; `offset` where it need not."""


class LogFile:
    """One file, open for reading."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.inode = os.fstat(descriptor).st_ino
        self.head = b""
        self.offset = 0
        self.again = 0
        self.size = 0
        self.changed = 0.0
        """When (on a monotonic clock) it was last seen to have another size, or a newer file was first seen."""

    @property
    def place(self) -> Place:
        """Where reading goes on."""
        return Place(self.inode, self.head.hex(), self.offset, self.again)

    def is_known_as(self, place: Place) -> bool:
        """Whether it is the file of a place, with all that had been read there."""
        return (
            self.inode == place.inode and self.begins_with(bytes.fromhex(place.head)) and self._length() >= place.offset
        )

    def begins_with(self, head: bytes) -> bool:
        """Whether these are its first bytes."""
        return os.pread(self.descriptor, len(head), 0) == head

    def resume(self, place: Place) -> None:
        """Go on where reading ended."""
        self.head, self.offset, self.again = bytes.fromhex(place.head), place.offset, place.again

    def moved(self, now: float) -> bool:
        """Whether its size is not the one last seen."""
        size = self._length()
        if size == self.size:
            return False
        self.size, self.changed = size, now
        return True

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`; fewer where the file is shorter."""
        return os.pread(self.descriptor, end - start, start)

    def advance(self, offset: int) -> None:
        """Note what has been read."""
        self.offset = offset
        if len(self.head) < HEAD:
            self.head = self.read(0, min(HEAD, offset))

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)

    def _length(self) -> int:
        return os.fstat(self.descriptor).st_size


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines, without their ends, as they stand in a file from `start` on."""

    file: LogFile
    start: int
    lines: list[bytes]
    more: bool
    """Whether this file has more that can be read now."""


class Follower:
    """Follows one path. `reopen_logs` asks the gateway to open its log anew, and raises what it fails with."""

    def __init__(
        self,
        path: Path,
        reopen_logs: Callable[[], None],
        known: Sequence[Place] = (),
        *,
        rotate_at: int,
        quiet: float = QUIET,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._old_path = path.with_name(path.name + ".1")
        self._reopen_logs = reopen_logs
        self._rotate_at = rotate_at
        self._quiet = quiet
        self._clock = clock
        self._asked = float("-inf")
        self._refused = False
        self._unanswered = self._old_path.exists()
        """Whether the gateway is still to open its log anew. Who finds an old file cannot know if it was asked."""
        self.files: list[LogFile] = []
        """Those open, the oldest first. The gateway writes to the last one, and for a moment to the one before."""
        for found in (self._old_path, self._path):
            if (file := _open(found)) is not None:
                self.files.append(file)
                for place in known:
                    if file.is_known_as(place):
                        file.resume(place)

    def read(self) -> Iterator[Chunk]:
        """All whole lines not read before. They count as read from the moment they are handed out."""
        self._notice_a_new_file()
        for index, file in enumerate(self.files):
            if file.moved(self._clock()):
                yield from self._drain(self._whole(index, file))

    def tend(self, needed: Collection[LogFile]) -> None:
        """Rename, ask, remove: whatever is due. Files in `needed` stay."""
        if not self.files:
            return
        at_path = _inode(self._path)
        if at_path is None:
            self._unanswered = True
        elif at_path == self.files[-1].inode and self.files[-1].size > self._rotate_at and not self._old_path.exists():
            self._path.rename(self._old_path)
            self._unanswered = True
        if self._unanswered:
            self._ask()
            return
        for file in self.files[:-1]:
            if file not in needed and self._clock() - file.changed > self._quiet:
                self._dismiss(file)

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()
        self.files = []

    def _notice_a_new_file(self) -> None:
        inode = _inode(self._path)
        if inode is None or (self.files and inode == self.files[-1].inode):
            return
        if self.files and _inode(self._old_path) != self.files[-1].inode:
            log.warning("%s was replaced; reading goes on with the new file", self._path)
        if (file := _open(self._path)) is not None:
            for older in self.files:
                older.changed = self._clock()
            self.files.append(file)

    def _whole(self, index: int, file: LogFile) -> LogFile:
        """The file, or where it was truncated, the same one from its beginning."""
        if file.size >= file.offset and file.begins_with(file.head):
            return file
        log.warning("%s was truncated; reading goes on from its beginning", self._path)
        fresh = LogFile(file.descriptor)
        fresh.moved(self._clock())
        self.files[index] = fresh
        return fresh

    def _drain(self, file: LogFile) -> Iterator[Chunk]:
        while data := file.read(file.offset, file.offset + CHUNK):
            start, more = file.offset, len(data) == CHUNK
            cut = data.rfind(b"\n") + 1
            if cut:
                file.advance(start + cut)
                yield Chunk(file, start, data[: cut - 1].split(b"\n"), more)
            elif more:
                log.warning("%s: %d bytes without a line's end are left out", self._path, CHUNK)
                file.advance(start + CHUNK)
            if not more:
                return

    def _ask(self) -> None:
        if self._clock() - self._asked < 1:
            return
        self._asked = self._clock()
        try:
            self._reopen_logs()
            self._unanswered = self._refused = False
        except (HeadgateError, OSError) as error:
            if not self._refused:
                log.warning("the gateway was asked to open its attempt log anew, and will be again: %s", error)
            self._refused = True

    def _dismiss(self, file: LogFile) -> None:
        # The name first: what is remembered of this file must outlive it, or it would be read again after a crash.
        if _inode(self._old_path) == file.inode:
            self._old_path.unlink()
        self.files.remove(file)
        file.close()


def _open(path: Path) -> LogFile | None:
    try:
        return LogFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        return None


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
