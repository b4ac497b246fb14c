"""Folders that appear whole or not at all.

They are filled under a hidden name beside their place, synced with everything in them, and renamed. What a killed
process leaves behind is removed when the next folder is made.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headgate.core.files import sync_folder, writing
from headgate.errors import Refused

HIDDEN = ".new-"
STALE_SECONDS = 3600.0


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A hidden folder to write plain files into; it becomes `folder`, durably, when the block ends well.

    Raises Refused where `folder` exists by then, Unavailable where the system does not let it be written.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        hidden = Path(tempfile.mkdtemp(dir=folder.parent, prefix=HIDDEN))
        try:
            hidden.chmod(0o755)
            yield hidden
            for file in hidden.iterdir():
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
            sync_folder(hidden)
            if folder.exists():  # rename would replace an empty one
                raise Refused(f"{folder} exists already; it is written once.")
            hidden.rename(folder)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
        sync_folder(folder.parent)
        sync_folder(folder.parent.parent)


def _sweep(parent: Path) -> None:
    """Age tells a killed writer's folder from that of one at work, which may be in another process."""
    for left in parent.glob(f"{HIDDEN}*"):
        if time.time() - left.stat().st_mtime >= STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
