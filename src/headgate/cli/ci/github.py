"""`headgate ci github`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option
from headgate.cli.output import Table
from headgate.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from headgate.ci import Written

NEXT = "Next: commit them. docs/ci.md says what to set in the repository."
WANTED = "one line, the image that yours start from, by digest (NAME@sha256:DIGEST)."
INSTALLED = "what the workflows install; `headgate ci requirements` writes it."
WORDS = {
    "create": ("written", "would be written"),
    "update": ("written again", "would be written again"),
    "unchanged": ("as it was", "as it is"),
    "edited": ("edited by hand: overwritten", "edited by hand: would be overwritten"),
}


@click.command(cls=Command, example="headgate ci github --dry-run\nheadgate ci github --output .github/workflows")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to (default: .github/workflows of the repository).",
)
@click.option("--force", is_flag=True, help="Overwrite files that were edited by hand.")
@dry_run_option
def command(call: Call, *, output: Path | None, force: bool, dry_run: bool) -> None:
    """Write the workflows of a GitHub repository.

    They check pull requests, deliver what is merged to the environments that are on AWS, train by schedule, run a
    version by hand and take one back by hand. `github` in headgate.yaml says for which repository and branch.

    The files are headgate.yaml's: change that, and write them again. A file that was edited by hand is kept, and
    nothing at all is written, unless --force is given.
    """
    from headgate.ci import Delivery, workflows
    from headgate.ci.project import BASE_IMAGE, REQUIREMENTS, place

    repository, folder = place(call.project.root)
    texts = workflows(Delivery.of(call.project, folder))
    where = output or repository / ".github" / "workflows"
    files = _compared(where, texts)
    edited = [file.name for file in files if file.change == "edited"]
    if edited and not force and not dry_run:
        raise Refused(
            f"Edited by hand, or not written by Headgate: {', '.join(_shown(where / name) for name in edited)}. "
            "Nothing was written.",
            hint="--force overwrites them, --output DIR writes elsewhere, and renamed files are left alone.",
        )
    if not dry_run:
        _write(where, files)
    rows = [(_shown(where / file.name), WORDS[file.change][dry_run]) for file in files]
    shown = [{"path": str(where / file.name), "change": file.change} for file in files]
    call.out.show(
        {"project": call.project.name, "files": shown, "dry_run": dry_run},
        Table(("file", "is" if not dry_run else "would be"), rows),
        *([] if dry_run else [NEXT]),
        *(
            f"{name} is not there yet: {wanted}"
            for name, wanted in ((BASE_IMAGE, WANTED), (REQUIREMENTS, INSTALLED))
            if not (call.project.root / name).is_file()
        ),
    )


def _shown(path: Path) -> str:
    """As short as it can be: relative to where we are, if it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere, or the folder we are in was deleted
        return str(path)


def _compared(where: Path, texts: dict[str, str]) -> "list[Written]":
    from headgate.ci import compare

    return [compare(name, text, _present(where / name)) for name, text in texts.items()]


def _present(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""  # not ours
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from None


def _write(where: Path, files: "list[Written]") -> None:
    from headgate.core.files import write_atomic, writing

    with writing(where):
        where.mkdir(parents=True, exist_ok=True)
        for file in files:
            if file.change != "unchanged":
                write_atomic(where / file.name, file.text.encode())
