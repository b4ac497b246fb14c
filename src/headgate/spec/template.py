"""Example projects to start from: folders below `templates/`, with folders in them where they have data."""

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

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
    sources = dict(_files(_TEMPLATES / name, PurePosixPath()))
    with writing(folder):
        for path in sorted(sources, key=lambda path: (path.name == FILE_NAME, path)):
            # A .gitignore among the package's own files would hide them from version control.
            target = folder / (path.with_name(".gitignore") if path.name == "gitignore" else path)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, sources[path].read_bytes())
            written.append(target)
    return written


def about(name: str) -> str:
    """What a template is, in a line: the first comment of its headgate.yaml."""
    first = (_TEMPLATES / name / FILE_NAME).read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()


def _files(folder: Traversable, below: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    """The files of a template, by their path in it."""
    for entry in folder.iterdir():
        if entry.is_file():
            yield below / entry.name, entry
        elif entry.name != "__pycache__":
            yield from _files(entry, below / entry.name)
