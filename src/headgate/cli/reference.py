"""docs/cli.md, made from the commands: their help as a user sees it.

    python -m headgate.cli.reference docs

A test fails while the file says something else than this would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from headgate.cli.app import SECTIONS, app

WIDTH = 100
INTRODUCTION = """# The command line

What `headgate --help` and `headgate COMMAND --help` print. Made by `python -m headgate.cli.reference docs`; do not
edit.

The result of a command goes to stdout; progress, notes and errors go to stderr. With `--json` stdout is one JSON
document, also when a command fails: `{"error": {"type": ..., "message": ..., "hint": ...}}`. A command whose answer is
no, such as `check` when a gate fails, prints its result and tells it by the exit code.
"""


def markdown() -> str:
    """The reference of every command, as Markdown."""
    return INTRODUCTION + "".join(_parts())


def _parts() -> Iterator[str]:
    names = app.context_settings["help_option_names"]
    top = click.Context(app, info_name="headgate", terminal_width=WIDTH, help_option_names=names)
    yield _block(top)
    for title, commands in SECTIONS.items():
        yield f"\n## {title}\n"
        for name in commands:
            command = app.get_command(top, name)
            assert command is not None
            yield from _command(command, top, name)


def _command(command: click.Command, parent: click.Context, name: str, depth: int = 3) -> Iterator[str]:
    context = click.Context(command, parent=parent, info_name=name)
    yield f"\n{'#' * depth} {context.command_path.removeprefix('headgate ')}\n"
    yield _block(context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _command(found, context, inner, depth + 1)


def _block(context: click.Context) -> str:
    return f"\n```text\n{context.get_help().rstrip()}\n```\n"


def main(folder: Path) -> None:
    """Write the file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cli.md").write_text(markdown(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
