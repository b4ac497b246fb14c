"""`headgate reject`."""

import click

from headgate.cli.approval import decide
from headgate.cli.command import Call, Command, dry_run_option, env_option


@click.command(cls=Command, example='headgate reject 4 --reason "trained on the wrong month"')
@click.argument("version", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; kept with the version (1,024 characters at most).")
@env_option
@dry_run_option
def command(call: Call, *, version: int, reason: str, environment: str | None, dry_run: bool) -> None:
    """Reject a model version.

    It is deployed no more. An endpoint that runs it already goes on: deploy another version there.
    """
    decide(call, version, "Rejected", reason, environment=environment, dry_run=dry_run)
