"""From members to a kept package: manifest, archive, record.

The archive is the same, byte for byte, whenever its members are: nothing in it tells time, place or run.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from headgate.core.digest import sha256
from headgate.core.manifest import MANIFEST_NAME, SCHEMA_NAME, Backend, Manifest
from headgate.core.schema import InputSchema
from headgate.data.packages import Package, PackageRecord, Packages
from headgate.packaging.archive import make_archive


def keep(
    store: Path,
    record: PackageRecord,
    backend: Backend,
    schema: InputSchema,
    members: Mapping[str, bytes],
    *,
    large_batch: int = 0,
) -> Package:
    """Add schema and manifest to `members` and keep the archive of them all in a project's store."""
    everything = {**members, SCHEMA_NAME: _document(schema.to_json())}
    digests = {name: sha256(content) for name, content in sorted(everything.items())}
    manifest = Manifest(record.project, backend, digests, large_batch)
    everything[MANIFEST_NAME] = _document(manifest.to_json())
    return Packages(store).add(make_archive(everything), record)


def _document(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
