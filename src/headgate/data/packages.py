"""Packages of a project, named by their content: equal archives are one package.

<store>/packages/<sha256 of the archive>/
    model.tar.gz      the archive that is deployed
    package.json      where it came from; none of this is in the archive, so that equal inputs give equal bytes
<store>/packages/latest   the digest of the package that was made last, whatever the clock said
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headgate.core.digest import canonical_json, sha256, sha256_file
from headgate.core.files import write_atomic, writing
from headgate.core.schema import Task
from headgate.data.whole import appearing
from headgate.errors import InvalidInput, NotFound

ARCHIVE_NAME = "model.tar.gz"
RECORD_NAME = "package.json"
LATEST_NAME = "latest"
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
    held_out_sha256: str
    commit: str | None
    parity: Mapping[str, Any]
    """How the portable model was compared with the trained one: a packaging.Parity as JSON, and `real_rows`,
    how many of the held-out rows were among those compared."""
    engines: Sequence[Mapping[str, Any]] = ()
    """The engines that were tried for it, with parity and microseconds a row: packaging.Measured as JSON."""


@dataclass(frozen=True, slots=True)
class Package:
    """One archive. `size` in bytes."""

    path: Path
    digest: str
    size: int
    record: PackageRecord

    def verify(self) -> None:
        """Raises InvalidInput where the archive is not what was packaged."""
        if sha256_file(self.path) != self.digest:
            raise InvalidInput(
                f"{self.path} is damaged, or was changed after packaging.", hint="Make it again: `headgate package`."
            )


class Packages:
    """The packages in a project's store. Nothing is created before the first `add`."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "packages"

    def add(self, archive: bytes, record: PackageRecord) -> Package:
        """Keep an archive, mending a damaged one; durable when this returns, and the latest from then on."""
        digest = sha256(archive)
        document = canonical_json({"format": 1, **asdict(record)})
        folder = self.folder / digest
        if not folder.is_dir():
            with appearing(folder) as new:
                (new / ARCHIVE_NAME).write_bytes(archive)
                (new / RECORD_NAME).write_bytes(document)
        with writing(folder):
            path = folder / ARCHIVE_NAME
            if not path.is_file() or sha256_file(path) != digest:
                write_atomic(path, archive)
            write_atomic(folder / RECORD_NAME, document)
            write_atomic(self.folder / LATEST_NAME, digest.encode())
        return self.load(digest)

    def latest(self) -> Package:
        """The package that was made last. Raises NotFound where there is none."""
        try:
            digest = (self.folder / LATEST_NAME).read_text(errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound("This project has no package yet.", hint="Run `headgate package`.") from None
        return self.load(digest)

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
            record = PackageRecord(**document)
            if not all(value is None or math.isfinite(value) for value in record.metrics.values()):
                raise ValueError("not metrics")
            return Package(path, digest, path.stat().st_size, record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InvalidInput(
                f"{folder / RECORD_NAME} is damaged.", hint="Make it again: `headgate package`."
            ) from None
