"""`headgate infra diff`."""

from pathlib import Path

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.infra.shared import carry_out, chosen, commands_of, only_option, output_option, site_of, synthesised
from headgate.cli.infra.shared import toolkit as find_toolkit


@click.command(cls=Command, example="headgate infra diff --env production\nheadgate infra diff --only front --fail")
@env_option
@only_option
@output_option
@click.option("--fail", is_flag=True, help="Exit with 1 where something would change.")
@dry_run_option
def command(
    call: Call, *, environment: str | None, only: tuple[str, ...], output: Path | None, fail: bool, dry_run: bool
) -> None:
    """Show what would change in the account.

    Needs credentials of the account, but for --dry-run, which prints the commands.
    """
    from headgate.infra.toolkit import require

    site = site_of(call, environment)
    kit = find_toolkit()
    folder, built = synthesised(call, site, output)
    stacks = [stack.id for stack in chosen(built, only)]
    # Templates are compared, without a change set: that would need the images' digests, and rights to make one.
    options = ["--exclusively", "--method", "template", *(["--fail"] if fail else [])]
    typed = kit.command("diff", folder, *stacks, *options)
    commands = commands_of(kit, typed)
    document = {"environment": site.environment, "stacks": stacks, "commands": commands, "dry_run": dry_run}
    if dry_run:
        call.out.show(document, *commands)
        return
    code = carry_out(call, kit, typed)
    if code and not (fail and code == 1):
        require(code, "diff")
    call.out.show({**document, "different": bool(code) if fail else None})
    if code:
        click.get_current_context().exit(1)
