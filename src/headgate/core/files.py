"""Writes that survive: temporary file in the same folder, fsync, rename, fsync of the folder."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headgate.errors import Refused, Unavailable


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what could not be written, and why, where the system refuses (full disk, no permission): Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Look at the free space and at who may write there.",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in `folder` survive power loss."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data` as a whole or not at all; durable when this returns."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter (0700). Raises Refused where somebody else's, or a file, is there."""
    with writing(path):
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            raise Refused(f"{path} is not a folder.", hint="Move it away.") from None
        found = path.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            raise Refused(f"{path} belongs to another user, or is a link.", hint="Have it removed.")
        if found.st_mode & 0o077:
            path.chmod(0o700)
    return path


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `folder` at the end, whole or not at all. `folder` must not exist or be empty.

    Raises Refused where it is in use, Unavailable where the system does not let it be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is in use already.", hint="Name a folder that does not exist yet.")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own inside the private temporary one, so that the result has the usual mode and not 0700.
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            content = scratch / "content"
            content.mkdir()
            yield content
            content.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
