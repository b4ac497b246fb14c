"""The `headgate` commands in a script, taken out and parsed by the real command line, without running them."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click

from headgate.cli.app import app


def scripts(document: Any) -> Iterator[str]:
    """Every script of a workflow."""
    for job in document["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                yield step["run"]


def calls(script: str) -> Iterator[list[str]]:
    """The words of each `headgate` command; what a variable or a command would fill in is 7."""
    plain = re.sub(r"\\\n\s*", " ", script)
    for line in plain.splitlines():
        filled = re.sub(r"\$\(.*\)|\$\{[^}]*\}|\$[A-Za-z_]+", "7", line)
        words = shlex.split(filled, comments=True)
        while "headgate" in words:
            words = words[words.index("headgate") + 1 :]
            ends = [words.index(end) for end in ("|", ">", ">>", ";", "&&") if end in words]
            yield words[: min(ends, default=len(words))]


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The command's name and its parameters. Raises click.UsageError for what it does not take."""
    command: click.Command = app
    # as the reference does: Click keeps the first help option that it makes of a command
    context = click.Context(app, info_name="headgate", help_option_names=app.context_settings["help_option_names"])
    names = []
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert name is not None
        assert found is not None
        names.append(name)
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name)
    return " ".join(names), dict(command.make_context(names[-1], list(words), parent=context).params)
