"""`headgate infra diff`."""

from pathlib import Path

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.infra.shared import (
    before,
    carry_out,
    chosen,
    folder_of,
    only_option,
    output_option,
    site_of,
    synthesised,
    toolkit,
)


@click.command(cls=Command, example="headgate infra diff --env production\nheadgate infra diff --only front --dry-run")
@env_option
@only_option
@output_option
@dry_run_option
def command(call: Call, *, environment: str | None, only: tuple[str, ...], output: Path | None, dry_run: bool) -> None:
    """Show what would change in the account.

    Needs credentials of the account, but for --dry-run, which prints the commands.
    """
    from headgate.infra.toolkit import require, shown

    site = site_of(call, environment)
    stacks = [stack.id for stack in chosen(site, only)]
    kit, folder = toolkit(), folder_of(call, site, output)
    # Templates are compared, without a change set: that would need the images' digests, and rights to make one.
    typed = kit.command("diff", folder, *stacks, "--exclusively", "--method", "template")
    commands = [*before(call, kit, site, folder), shown(typed)]
    document = {"environment": site.environment, "stacks": stacks, "commands": commands, "dry_run": dry_run}
    if dry_run:
        call.out.show(document, *commands)
        return
    synthesised(call, site, folder)
    require(carry_out(call, kit, typed), "diff")
    call.out.show(document)
