"""A package index in a folder: what is installed here, as wheels without content. pip needs no network for it."""

import os
import re
import zipfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path


def environment(index: Path) -> dict[str, str]:
    """With which pip looks into this folder and nowhere else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}


def write_index(folder: Path) -> Path:
    """The index."""
    folder.mkdir()
    for distribution in distributions():
        if distribution.name != "headgate":
            write_wheel(folder, distribution.name, distribution.version, distribution.requires or ())
    return folder


def write_wheel(folder: Path, name: str, version: str, requires: Iterable[str] = ()) -> None:
    """A wheel that says what it needs, and has nothing in it."""
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    files = {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for file, content in files.items():
            wheel.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{file}"), content)
