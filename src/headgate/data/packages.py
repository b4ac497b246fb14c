"""Packages of a project, named by their content: equal archives are one package.

<store>/packages/<sha256 of the archive>/
    model.tar.gz      the archive that is deployed
    package.json      where it came from; none of this is in the archive, so that equal inputs give equal bytes
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headgate.core.digest import canonical_json, sha256
from headgate.core.files import write_atomic, writing
from headgate.core.schema import Task
from headgate.data.whole import appearing
from headgate.errors import InvalidInput, NotFound

ARCHIVE_NAME = "model.tar.gz"
RECORD_NAME = "package.json"
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """Where a package came from. The newest run that gave these bytes is the one that is named."""

    project: str
    task: Task
    run: str
    created: str
    """ISO 8601, UTC: when it was packaged."""
    metrics: Mapping[str, float | None]
    data_sha256: str
    commit: str | None
    parity: Mapping[str, Any]
    """How the portable model was compared with the trained one: a packaging.Parity as JSON."""


@dataclass(frozen=True, slots=True)
class Package:
    """One archive. `size` in bytes."""

    path: Path
    digest: str
    size: int
    record: PackageRecord


class Packages:
    """The packages in a project's store. Nothing is created before the first `add`."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "packages"

    def add(self, archive: bytes, record: PackageRecord) -> Package:
        """Keep an archive; durable when this returns."""
        digest = sha256(archive)
        document = canonical_json({"format": 1, **asdict(record)})
        folder = self.folder / digest
        if folder.is_dir():
            with writing(folder):
                write_atomic(folder / RECORD_NAME, document)
        else:
            with appearing(folder) as new:
                (new / ARCHIVE_NAME).write_bytes(archive)
                (new / RECORD_NAME).write_bytes(document)
        return self.load(digest)

    def list(self) -> list[Package]:
        """All packages, oldest first."""
        if not self.folder.is_dir():
            return []
        found = [self.load(entry.name) for entry in self.folder.iterdir() if DIGEST.fullmatch(entry.name)]
        return sorted(found, key=lambda package: (package.record.created, package.digest))

    def latest(self) -> Package:
        """The package that was made last. Raises NotFound where there is none."""
        found = self.list()
        if not found:
            raise NotFound("This project has no package yet.", hint="Run `headgate package`.")
        return found[-1]

    def load(self, digest: str) -> Package:
        """The package with this digest. Raises NotFound, or InvalidInput where its package.json is damaged."""
        folder = self.folder / digest
        path = folder / ARCHIVE_NAME
        if not DIGEST.fullmatch(digest) or not path.is_file():
            raise NotFound(f"There is no package {digest!r}.", hint="Run `headgate package`.")
        try:
            document = json.loads((folder / RECORD_NAME).read_bytes())
            if document.pop("format") != 1:
                raise ValueError("not format 1")
            return Package(path, digest, path.stat().st_size, PackageRecord(**document))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{folder / RECORD_NAME} is damaged: {error!r}.", hint="Package again.") from None
