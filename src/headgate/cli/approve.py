"""`headgate approve`."""

import click

from headgate.cli.approval import decide
from headgate.cli.command import Call, Command, dry_run_option, env_option


@click.command(cls=Command, example='headgate approve 3 --reason "better on the new region, checked by hand"')
@click.argument("version", type=click.IntRange(min=1))
@click.option("--reason", default="", help="Why; kept with the version (1,024 characters at most).")
@env_option
@dry_run_option
def command(call: Call, *, version: int, reason: str, environment: str | None, dry_run: bool) -> None:
    """Approve a model version for deployment."""
    decide(call, version, "Approved", reason, environment=environment, dry_run=dry_run)
