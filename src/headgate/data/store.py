"""Keys and bytes: a project's store, and the local stand-in for S3 buckets.

`Objects` is what a store can do; `Store` does it in a folder, `data.bucket.BucketStore` in an S3 bucket. Reading and
listing go through obstore on both sides. Writing into a folder does not: obstore neither syncs nor could it sync
*before* the name appears, and a create-only key that appears empty after a power cut could never be written again. So a
write goes to `<key>#<number>` (a name that obstore never lists, and that no key can have), is synced, then linked
(create-only: the link fails where the key exists, whoever races) or renamed, and the folder is synced. What a killed
process leaves is swept at the next opening.
"""

import itertools
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from headgate.core.files import sync_folder, writing
from headgate.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from obstore.store import LocalStore

KEY = re.compile(r"[A-Za-z0-9._=+@:,()!' -]+(/[A-Za-z0-9._=+@:,()!' -]+)*", re.ASCII)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
TEMPORARY = re.compile(r".+#[0-9]+", re.DOTALL)
STALE_SECONDS = 3600.0


class Objects(Protocol):
    """A store. `str()` says where it is, for messages. What does not answer raises Unavailable."""

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        """Write `key` as a whole; durable when this returns. Raises Refused where it exists and `create_only`."""

    def get(self, key: str) -> bytes:
        """The bytes of `key`. Raises NotFound."""

    def exists(self, key: str) -> bool:
        """Whether there is such a key."""

    def list(self, prefix: str = "") -> list[str]:
        """All keys in the folder `prefix`, and in those below it, sorted."""

    def folders(self, prefix: str) -> Sequence[str]:
        """The names of the folders in the folder `prefix`, sorted."""


class Store:
    """Bytes by key, in a folder, which is made by the first write. Keys are relative paths of plain characters, such as
    `runs/1/000012.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """The store in `folder`, which is made where needed and swept of what killed writers left in it."""
        store = cls(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        return store

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        """Write `key` as a whole; durable when this returns.

        Raises Refused where it exists and `create_only`, Unavailable where the system does not let it be written.
        """
        with _replacing(self._path(key), self.folder, create_only=create_only) as file:
            file.write(data)

    def get(self, key: str) -> bytes:
        """The bytes of `key`. Raises NotFound."""
        if not self.exists(key):
            raise NotFound(f"There is no {key} in {self.folder}.")
        import obstore

        return obstore.get(self._objects, key).bytes().to_bytes()

    def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return self._path(key).is_file()

    def list(self, prefix: str = "") -> list[str]:
        """All keys in the folder `prefix`, and in those below it, sorted."""
        import obstore

        if not self.folder.is_dir():
            return []
        batches = obstore.list(self._objects, prefix.rstrip("/") or None)
        return sorted(found["path"] for found in itertools.chain.from_iterable(batches))

    def folders(self, prefix: str) -> Sequence[str]:
        """The names of the folders in the folder `prefix`, sorted."""
        folder = self._path(prefix)
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    @cached_property
    def _objects(self) -> "LocalStore":
        from obstore.store import LocalStore

        return LocalStore(self.folder)

    def _path(self, key: str) -> Path:
        return self.folder / checked_key(key)


class LocalBuckets:
    """`s3://bucket/key` as the file `root`/bucket/key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, url: str) -> Path:
        """The file behind `url`. Raises InvalidInput for an address of another kind, NotFound where there is none."""
        path = self._path(url)
        if not path.is_file() or not path.resolve().is_relative_to(self.root.resolve()):
            raise NotFound(f"There is no object {url} in the local store {self.root}.")
        return path

    def upload(self, source: Path, url: str) -> None:
        """Copy a file to `url`, replacing what is there; durable when this returns."""
        path = self._path(url)
        with source.open("rb") as data, _replacing(path, self.root, create_only=False) as file:
            shutil.copyfileobj(data, file, 1024**2)

    def _path(self, url: str) -> Path:
        scheme, _, rest = url.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not BUCKET.fullmatch(bucket):
            raise InvalidInput(f"{url!r} is not an address of the form s3://bucket/key.")
        return self.root / bucket / checked_key(key)


def checked_key(key: str) -> str:
    """The key itself, if it is one. Raises InvalidInput for one that could name a file elsewhere."""
    if not KEY.fullmatch(key) or any(part in (".", "..") for part in key.split("/")):
        raise InvalidInput(
            f"{key!r} is not a key.", hint="Keys are relative paths of letters, digits and . _ - = + @ : , ( ) ! '"
        )
    return key


def sweep(folder: Path, *, older_than: float = STALE_SECONDS) -> list[Path]:
    """Remove the temporary files below `folder` that nobody has written to for `older_than` seconds; return them.

    Age tells a killed writer from a working one, which may be in another process.
    """
    stale = [
        path
        for path in folder.rglob("*#*")
        if TEMPORARY.fullmatch(path.name) and path.is_file() and time.time() - path.stat().st_mtime >= older_than
    ]
    for path in stale:
        path.unlink(missing_ok=True)
    return stale


@contextmanager
def _replacing(path: Path, root: Path, *, create_only: bool) -> Iterator[BinaryIO]:
    """A file that becomes `path`, as a whole and durably, when the block ends well."""
    with writing(path):
        temporary = path.with_name(f"{path.name}#{secrets.randbelow(10**15)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if create_only:
                os.link(temporary, path)
            else:
                temporary.replace(path)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            raise Refused(
                f"{path} cannot be written: it, or a file where a folder should be, exists already."
            ) from None
        finally:
            if temporary.parent.is_dir():
                temporary.unlink(missing_ok=True)
        for folder in [path.parent, *path.parent.parents]:  # new folders on the way are new names too
            sync_folder(folder)
            if folder == root:
                break
