"""The `headgate` group. Commands are imported when they are called, so that `--help` and errors come at once."""

from importlib import import_module

import click

import headgate

SECTIONS: dict[str, dict[str, str]] = {
    "Engine": {
        "up": "Start the engine on this machine.",
        "status": "Show the engine and its endpoints.",
        "env": "Print what stock AWS clients need to reach the engine.",
        "down": "Stop this project's endpoints, or the whole engine.",
    },
    "Model": {
        "init": "Write a new model project.",
        "train": "Train a candidate and record the run.",
        "check": "Test the newest run against the gates.",
        "package": "Pack the newest run into a model.tar.gz.",
        "predict": "Ask the packaged model, without a server.",
    },
    "Version": {
        "register": "Register the package as a model version.",
        "approve": "Approve a model version for deployment.",
        "reject": "Reject a model version.",
    },
    "Endpoint": {
        "deploy": "Put a model version behind the project's endpoint.",
        "invoke": "Ask an endpoint.",
        "logs": "Show what model servers, gateway and engine wrote.",
    },
}
"""Every command by purpose, with its one line of help. The module `headgate.cli.<name>` holds the command."""

EXIT_CODES = """\b
Exit codes:
  0   done
  1   the answer is no: a gate failed
  2   wrong use: a flag, headgate.yaml or an input
  3   no such endpoint, version, project or file
  4   the engine, a server or a store does not answer
  5   the present state forbids it
  6   an optional part is not installed
  70  a bug in Headgate; the traceback is saved
  130 interrupted
  141 the reader of the output has gone
"""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, by purpose."""
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found = import_module(f"headgate.cli.{cmd_name}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"headgate.cli.{cmd_name}.command is not a command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click does, but with the nearest name for one that does not exist."""
        if not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(
                f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """One list for each purpose, from the table alone."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(headgate.__version__, message="headgate %(version)s")
def app() -> None:
    """From a data change to a rolled-out, watched, reversible model endpoint.

    Start with `headgate init iris DIR`. Each command explains itself: `headgate COMMAND --help`.
    """
