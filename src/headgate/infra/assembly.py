"""Where templates are written: a folder that becomes the new assembly whole, or stays the old one."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from headgate.core.files import writing
from headgate.core.progress import Progress
from headgate.errors import Refused
from headgate.infra.app import Built, synthesise
from headgate.infra.site import Site

MARKS = ("cdk.out", "manifest.json")
"""The files by which a folder is known to be an assembly of the CDK's."""


def write(site: Site, folder: Path, environment: Mapping[str, str], progress: Progress) -> list[Built]:
    """Write the templates into `folder`, in place of those that were there.

    Raises Refused where something else is in the folder, and what `synthesise` raises.
    """
    require_free(folder)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        fresh, old = scratch / "new", scratch / "old"
        built = synthesise(site, fresh, environment, progress)
        with writing(folder):
            if folder.exists():
                folder.rename(old)
            try:
                fresh.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return [replace(stack, template=folder / stack.template.name) for stack in built]


def require_free(folder: Path) -> None:
    """Raises Refused where the folder holds something else than an assembly."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not all((folder / mark).is_file() for mark in MARKS)):
        raise Refused(f"{folder} holds something else.", hint="Name another folder with --output.")


def resources(stack: Built) -> int:
    """How many resources a template has."""
    return len(json.loads(stack.template.read_bytes())["Resources"])
