"""How commands speak.

The result goes to stdout: with --json one JSON document and nothing else, otherwise text and tables. Messages and
progress go to stderr, so that a result can always be piped. Rich is imported only where it draws: tables when stdout
is a terminal, the progress line when stderr is one. Elsewhere tables are plain columns and each step is one line.
NO_COLOR is honoured (by Rich itself).
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from headgate.core.progress import Progress


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. Every cell is text already."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


def number(value: float | None) -> str:
    """A metric as people read it."""
    return "-" if value is None else f"{value:.4g}"


class Output:
    """What one command says. `as_json` is the --json option."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, document: Any, *parts: str | Table) -> None:
        """The result: `document` with --json, otherwise `parts`. Call it once."""
        if self.as_json:
            import json

            ascii_only = sys.stdout.encoding.lower() != "utf-8"
            click.echo(json.dumps(document, indent=2, ensure_ascii=ascii_only, default=str))
            return
        for part in parts:
            if isinstance(part, Table):
                _draw(part)
            else:
                click.echo(part)

    def lines(self, lines: Sequence[str]) -> None:
        """More of a result that has no end; flushed, so that a pipe sees it at once."""
        for line in lines:
            click.echo(line)

    def say(self, message: str) -> None:
        """A message beside the result."""
        click.echo(message, err=True)

    @contextmanager
    def goes_on_when_interrupted(self) -> Iterator[None]:
        """For what the engine carries out: Ctrl-C ends our waiting, and must not be taken for an undoing."""
        try:
            yield
        except KeyboardInterrupt:
            self.say("What the engine was asked for goes on. `headgate status` shows it; the same command waits again.")
            raise

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress]:
        """Work that may take longer than two seconds: a live line on a terminal, else one line for each new step."""
        if not sys.stderr.isatty():
            yield _Lines(label)
            return
        from rich import progress as rich
        from rich.console import Console

        # The clock goes on while a step has nothing to say.
        columns = rich.SpinnerColumn(), rich.TextColumn("{task.description}", markup=False), rich.TimeElapsedColumn()
        with rich.Progress(*columns, console=Console(stderr=True), transient=True) as live:
            task = live.add_task(label, total=None)

            def tell(message: str, fraction: float | None, /) -> None:
                live.update(task, description=_line(label, message, fraction))

            yield tell


class _Lines:
    """Progress where there is no terminal: a line for each new message, at most one in two seconds while it counts."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.message = ""
        self.told = 0.0

    def __call__(self, message: str, fraction: float | None, /) -> None:
        now = time.monotonic()
        due = message != self.message if fraction is None else now - self.told >= 2 or fraction >= 1
        if due:
            self.message, self.told = message, now
            click.echo(_line(self.label, message, fraction), err=True)


def _line(label: str, message: str, fraction: float | None) -> str:
    return f"{label}: {message}" + ("" if fraction is None else f" ({fraction:.0%})")


def _draw(table: Table) -> None:
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        drawn = RichTable(title=table.title or None, title_justify="left", box=box.SIMPLE_HEAD)
        drawn.show_edge = drawn.pad_edge = False
        drawn.padding = (0, 1, 0, 0)
        for column in table.columns:
            drawn.add_column(column, overflow="fold")  # a name that is cut off cannot be copied
        for row in table.rows:
            drawn.add_row(*(Text(cell) for cell in row))
        Console().print(drawn)
        return
    if table.title:
        click.echo(table.title)
    lines = [[c.upper() for c in table.columns], *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
