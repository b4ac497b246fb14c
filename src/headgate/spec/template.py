"""Example projects to start from: folders of files below `templates/`."""

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from headgate.core.files import write_atomic, writing
from headgate.errors import NotFound, Refused
from headgate.spec.project import FILE_NAME

_TEMPLATES = files("headgate.spec") / "templates"


def names() -> list[str]:
    """The templates there are."""
    return sorted(folder.name for folder in _TEMPLATES.iterdir() if (folder / FILE_NAME).is_file())


def write(name: str, folder: Path) -> list[Path]:
    """Write the template `name` into `folder`, which must not exist yet or be empty; return the files.

    Raises NotFound for an unknown name and Refused where the folder is in use. headgate.yaml comes last: a folder that
    has one is complete.
    """
    if name not in names():
        close = get_close_matches(name, names(), 1)
        raise NotFound(
            f"There is no template {name!r}" + (f"; did you mean {close[0]}?" if close else "."),
            hint=f"There are: {', '.join(names())}.",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty; nothing was written.", hint="Name a folder that does not exist yet.")
    written = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        contents = dict(_files(_TEMPLATES / name))
        for place in sorted(contents, key=lambda place: (place == FILE_NAME, place)):
            # A .gitignore among the package's own files would hide them from version control.
            target = folder / (".gitignore" if place == "gitignore" else place)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, contents[place].read_bytes())
            written.append(target)
    return written


def _files(folder: Traversable, place: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every file in a folder and in those below it, with its path from there on."""
    for entry in folder.iterdir():
        if entry.is_file():
            yield f"{place}{entry.name}", entry
        elif entry.name != "__pycache__":
            yield from _files(entry, f"{place}{entry.name}/")
