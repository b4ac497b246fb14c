"""`headgate rollout why`."""

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.rollout.shared import chosen, document
from headgate.pipeline.story import why


@click.command(cls=Command, example="headgate rollout why\nheadgate rollout why 3")
@click.argument("number", type=click.IntRange(min=1), required=False)
@env_option
def command(call: Call, *, number: int | None, environment: str | None) -> None:
    """Say why the last decision was taken.

    One sentence with its numbers, of the newest rollout or of the one with this NUMBER.
    """
    run = chosen(call, environment, number).run()
    call.out.show(document(run), why(run))
