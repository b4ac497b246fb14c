"""Where lines wait to be sent to an object store: a local folder, so that they outlive the process that wrote them.

    <spool>/<digest of the destination>/<process>.lock   held by flock while the process lives
                                        <process>/<endpoint>/<variant>/yyyy/mm/dd/hh/*.jsonl

What a killed process left is found by its free lock at the next start, cut to whole lines and moved over. Where no
folder can be made, lines are held in memory and end with the process.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from headgate.serving.capture.files import HourlyFiles, new_name

LIMIT_BYTES = 268_435_456
MEMORY_LIMIT_BYTES = 16_777_216


class Finished(NamedTuple):
    """A file to send. `content`: where it lies, or what it holds."""

    key: str
    size: int
    content: Path | bytes

    def read(self) -> bytes | None:
        """Its bytes; None where somebody deleted it."""
        with suppress(FileNotFoundError):
            return self.content if isinstance(self.content, bytes) else self.content.read_bytes()
        return None

    def delete(self) -> None:
        """It has arrived."""
        if isinstance(self.content, Path):
            self.content.unlink(missing_ok=True)


class Files(Protocol):
    """Where lines wait. `limit` in bytes."""

    limit: int

    def append(self, folder: str, lines: bytes) -> None:
        """Append to the open file. Raises OSError, and then has written nothing."""

    def finish(self) -> Finished | None:
        """End the open file, if there is one."""

    def adopt(self) -> list[Finished]:
        """What earlier processes left."""

    def close(self) -> None:
        """Leave nothing behind but what was not sent."""


class FolderFiles:
    """Files in a folder of this process alone. Raises OSError where that cannot be made."""

    limit = LIMIT_BYTES

    def __init__(self, root: Path, place: str) -> None:
        self._root = root
        name = str(uuid.uuid4())
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(
            root / f"{name}.lock", os.O_CREAT
        )  # before the folder, which nobody takes for left over then
        self._folder = root / name
        self._folder.mkdir(mode=0o700)
        self._files = HourlyFiles(self._folder / place)

    def append(self, folder: str, lines: bytes) -> None:
        """See `Files`."""
        self._files.append(folder, lines)

    def finish(self) -> Finished | None:
        """See `Files`."""
        path = self._files.finish()
        return self._finished(path) if path else None

    def adopt(self) -> list[Finished]:
        """Take over what dead processes left."""
        found: list[Finished] = []
        for lock in self._root.glob("*.lock"):
            with suppress(OSError):  # its process lives, or another adopts it
                descriptor = _lock(lock)
                try:
                    found += self._take_over(lock.with_suffix(""))
                    lock.unlink()
                finally:
                    os.close(descriptor)
        return found

    def close(self) -> None:
        """See `Files`."""
        if not any(self._folder.rglob("*.jsonl")):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.with_suffix(".lock").unlink(missing_ok=True)
        os.close(self._lock)

    def _take_over(self, folder: Path) -> Iterator[Finished]:
        for path in sorted(folder.rglob("*.jsonl")):
            lines = path.read_bytes()
            os.truncate(path, lines.rfind(b"\n") + 1)
            if b"\n" in lines:
                target = self._folder / path.relative_to(folder)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                yield self._finished(path.rename(target))
        shutil.rmtree(folder, ignore_errors=True)

    def _finished(self, path: Path) -> Finished:
        return Finished(path.relative_to(self._folder).as_posix(), path.stat().st_size, path)


class MemoryFiles:
    """Files in memory, where there is no folder to write to."""

    limit = MEMORY_LIMIT_BYTES

    def __init__(self, place: str) -> None:
        self._place = place
        self._folder = ""
        self._content = bytearray()

    def append(self, folder: str, lines: bytes) -> None:
        """See `Files`."""
        self._folder = folder
        self._content += lines

    def finish(self) -> Finished | None:
        """See `Files`."""
        content, self._content = bytes(self._content), bytearray()
        key = f"{self._place}/{self._folder}/{new_name()}"
        return Finished(key, len(content), content) if content else None

    def adopt(self) -> list[Finished]:
        """Nothing outlives a process here."""
        return []

    def close(self) -> None:
        """Nothing is left behind."""


def _lock(path: Path, flags: int = 0) -> int:
    """The descriptor of a file locked for this process. Raises OSError where another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
