"""Content addresses: sha256 in hexadecimal, of bytes, files and JSON documents."""

import hashlib
import json
from pathlib import Path
from typing import Any


def sha256(data: bytes) -> str:
    """The digest of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """The digest of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spare white space: equal values give equal bytes. Refuses NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_json(value: Any) -> str:
    """The digest of a JSON value, whatever the order of its keys."""
    return sha256(canonical_json(value))
