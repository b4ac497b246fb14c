"""`headgate rollout watch`."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.rollout.shared import EXIT_CODES, chosen, document, marks
from headgate.pipeline.rollouts import Rollout
from headgate.pipeline.run import Run
from headgate.pipeline.story import headline, line, why

if TYPE_CHECKING:
    from rich.console import Group

POLL_SECONDS, AWS_POLL_SECONDS = 0.2, 2.0
LINES = 8


@click.command(cls=Command, example="headgate rollout watch\nheadgate rollout watch --json")
@click.argument("number", type=click.IntRange(min=1), required=False)
@env_option
def command(call: Call, *, number: int | None, environment: str | None) -> None:
    """Follow a rollout until it ends.

    Draws anew on a terminal, prints one line for each change elsewhere. The exit code is the verdict: 0 promoted (or
    back, where that was asked for), 1 the version was found bad, 4 stopped by an error, 5 aborted. Ctrl-C ends the
    watching only.
    """
    follow(call, chosen(call, environment, number))


def follow(call: Call, rollout: Rollout) -> None:
    """Watch one rollout, and exit with its verdict."""
    settings = call.project.spec.environments.get(rollout.run().terms.environment)
    pause = AWS_POLL_SECONDS if settings is not None and settings.target == "aws" else POLL_SECONDS
    with call.out.goes_on_when_interrupted():
        if sys.stdout.isatty() and not call.out.as_json:
            _draw(rollout, pause)
        else:
            _tell(rollout, (lambda _: None) if call.out.as_json else call.out.lines, pause)
    run = rollout.run()
    assert run.ended is not None
    if call.out.as_json:
        call.out.show(document(run))
    raise click.exceptions.Exit(EXIT_CODES[run.ended.verdict])


def _tell(rollout: Rollout, say: Callable[[list[str]], None], pause: float) -> None:
    """A line for each change, as it comes."""
    told = 0
    while True:
        run = rollout.run()
        say([f"{_time(entry.at)}  {line(entry)}" for entry in run.entries[told:]])
        told = len(run.entries)
        if run.ended is not None:
            return
        time.sleep(pause)


def _draw(rollout: Rollout, pause: float) -> None:
    """The whole picture, drawn anew at each change."""
    from rich.live import Live

    with Live(refresh_per_second=4) as live:
        while True:
            run = rollout.run()
            live.update(_picture(run))
            if run.ended is not None:
                return
            time.sleep(pause)


def _picture(run: Run) -> "Group":
    from rich.console import Group
    from rich.text import Text

    colours = {"promoted": "bold green", "rolled back": "bold red", "rejected": "bold red", "stopped": "bold red"}
    style = colours.get(run.ended.outcome, "bold") if run.ended else "bold"
    parts = [Text(headline(run), style=style), *(Text(mark) for mark in marks(run)), Text("")]
    parts += [Text(f"{_time(entry.at)}  {line(entry)}", style="dim") for entry in run.entries[-LINES:]]
    return Group(*parts, Text(""), Text(why(run)))


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch).astimezone().strftime("%H:%M:%S")
