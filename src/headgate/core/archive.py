"""Opening a `model.tar.gz` that somebody else made, without trusting it.

The archive is read once, as a stream, so that nothing is believed before it was counted: what a member says of its size
is checked against the bound before it is written, and between members no more than `HEADER_BYTES` may be unpacked (an
extended header of a gigabyte is as good a bomb as a file of one). Only regular files and folders with plain relative
names are accepted; links, devices, sparse files, `..`, absolute paths and names given twice are refused. Owners, modes
and times of the archive are ignored. Everything is unpacked into a temporary folder beside the wanted one and renamed
at the end: the folder exists whole or not at all.
"""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from headgate.core.files import filling
from headgate.errors import InvalidInput, NotFound

MAX_BYTES = 4 * 1024**3
MAX_MEMBERS = 10_000
HEADER_BYTES = 1024**2
CHUNK = 1024**2


def extract(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> list[str]:
    """Unpack the gzipped tar `archive` as `folder`, which must not exist yet or be empty; return the files' names.

    Raises NotFound where there is no archive, Refused where the folder is in use, Unavailable where the system does not
    let it be written, and InvalidInput, naming archive and member, for anything damaged, dangerous or too large.
    """
    if not archive.is_file():
        raise NotFound(f"There is no archive {archive}.")
    with filling(folder) as content:
        return _unpack(archive, content, max_bytes, max_members)


class _Allowance:
    """A stream that gives out no more than it was last allowed to."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = 0

    def allow(self, size: int) -> None:
        """Let the next `size` bytes pass, and no more."""
        self._left = size + HEADER_BYTES

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError("its headers or its padding are larger than any sound archive's")
        return data


def _unpack(archive: Path, folder: Path, max_bytes: int, max_members: int) -> list[str]:
    names: dict[str, None] = {}
    total = count = 0
    with _explained(archive), gzip.open(archive) as unzipped:
        stream = _Allowance(unzipped)
        stream.allow(0)
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as tar:  # type: ignore[call-overload]
            while (member := tar.next()) is not None:
                count, total = count + 1, total + member.size
                if count > max_members:
                    raise _invalid(archive, f"it has more than {max_members:,} members")
                if total > max_bytes:
                    raise _invalid(archive, f"it unpacks to more than {max_bytes:,} bytes (at {member.name!r})")
                path = _safe_path(archive, member)
                stream.allow(member.size)
                if member.isdir():
                    _make_folder(archive, folder, path)
                elif path.as_posix() in names:
                    raise _invalid(archive, f"{member.name!r} is in it twice")
                else:
                    _make_folder(archive, folder, path.parent)
                    _write(archive, tar, member, folder / path)
                    names[path.as_posix()] = None
                stream.allow(0)
                tar.members = []  # it would keep every header it has seen
        while stream.read(CHUNK):  # to the end, where gzip's checksum stands
            pass
    if not names:
        raise _invalid(archive, "it holds no files")
    return list(names)


def _safe_path(archive: Path, member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if member.issym() or member.islnk():
        raise _invalid(archive, f"{member.name!r} is a link; only files and folders are accepted")
    if member.issparse() or not (member.isreg() or member.isdir()):
        raise _invalid(archive, f"{member.name!r} is neither a plain file nor a folder")
    if path.is_absolute() or ".." in path.parts or not member.name.isprintable():
        raise _invalid(archive, f"the name {member.name!r} does not stay inside the folder")
    if member.isreg() and not path.parts:
        raise _invalid(archive, "it has a file without a name")
    return path


def _make_folder(archive: Path, folder: Path, path: PurePosixPath) -> None:
    try:
        (folder / path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _invalid(archive, f"{str(path)!r} is both a file and a folder") from None


def _write(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    if source is None or target.is_dir():
        raise _invalid(archive, f"{member.name!r} is both a file and a folder")
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file, CHUNK)


@contextmanager
def _explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise _invalid(archive, "it ends too early; it was cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _invalid(archive, f"it is not gzip, or damaged: {error}") from None
    except tarfile.TarError as error:
        raise _invalid(archive, f"it is not a tar archive, or damaged: {error}") from None


def _invalid(archive: Path, reason: str) -> InvalidInput:
    return InvalidInput(f"{archive} cannot be unpacked: {reason}.", hint="Make the package again: `headgate package`.")
