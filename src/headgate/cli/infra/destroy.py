"""`headgate infra destroy`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.infra.shared import before, carry_out, folder_of, output_option, site_of, synthesised, toolkit
from headgate.core.progress import Progress
from headgate.errors import Refused

if TYPE_CHECKING:
    from headgate.hosting.removal import Account
    from headgate.infra.removal import Step
    from headgate.infra.site import Site
    from headgate.infra.toolkit import Toolkit


@click.command(
    cls=Command,
    example="headgate infra destroy --env staging --dry-run\nheadgate infra destroy --env staging --delete-data",
)
@env_option
@click.option("--delete-data", is_flag=True, help="Empty bucket, images and versions too, and delete what held them.")
@click.option("--yes", is_flag=True, help="Do not ask for the project's name.")
@output_option
@dry_run_option
def command(
    call: Call, *, environment: str | None, delete_data: bool, yes: bool, output: Path | None, dry_run: bool
) -> None:
    """Take an environment out of the account.

    The endpoint and all stacks are deleted; the bucket, the images and the versions stay with the stack that holds
    them, unless --delete-data is given. You are asked for the project's name first. Needs credentials of the account,
    but for --dry-run, which prints what would be done.
    """
    from headgate.infra.outline import outline
    from headgate.infra.removal import kept, steps
    from headgate.infra.toolkit import shown

    site = site_of(call, environment)
    kit, folder = toolkit(), folder_of(call, site, output)
    planned = steps(site, [stack.id for stack in outline(site)], delete_data=delete_data)
    typed = {step: _typed(kit, folder, step) for step in planned if step.kind == "stacks"}
    first, stays = before(call, kit, site, folder), kept(site, delete_data=delete_data)
    document = {
        "environment": site.environment,
        "account": site.account,
        "before": first,
        "steps": [{"step": step.said, "command": shown(typed[step]) if step in typed else None} for step in planned],
        "stays": stays,
        "dry_run": dry_run,
    }
    if dry_run:
        lines = [line for step in planned for line in _lines(step, typed.get(step))]
        call.out.show(document, *first, *lines, *(f"note: {said}" for said in stays))
        return
    _ask(call, site, planned, yes=yes)
    account = _account(site)
    synthesised(call, site, folder)
    for step in planned:
        if step in typed:
            _delete_stacks(call, kit, typed[step])
        else:
            with call.out.progress("infra") as progress:
                _carry_out(account, step, progress)
    call.out.show(document, *(f"done: {step.said}" for step in planned), *(f"note: {said}" for said in stays))


def _typed(kit: "Toolkit", folder: Path, step: "Step") -> list[str]:
    return kit.command("destroy", folder, *step.things, "--exclusively", "--force")


def _lines(step: "Step", command: list[str] | None) -> list[str]:
    from headgate.infra.toolkit import shown

    return [f"would {step.said}:", f"  {shown(command)}"] if command else [f"would {step.said}"]


def _ask(call: Call, site: "Site", planned: "list[Step]", *, yes: bool) -> None:
    """Have the project's name typed. Raises Refused for another one, and where nobody is there to type."""
    if yes:
        return
    for step in planned:
        call.out.say(f"will {step.said}")
    try:
        typed = click.prompt(f"Type the project's name, {site.project}, to go on", err=True)
    except click.Abort:
        raise Refused("Nobody typed the project's name.", hint="Pass --yes, or look first with --dry-run.") from None
    if typed.strip() != site.project:
        raise Refused(f"{typed!r} is not the project's name; nothing was removed.")


def _account(site: "Site") -> "Account":
    from headgate.hosting.aws import AwsConnection

    connection = AwsConnection.of(site.project, site.environment, site.account, site.region)
    connection.require_account()
    return connection


def _delete_stacks(call: Call, kit: "Toolkit", command: list[str]) -> None:
    from headgate.infra.toolkit import require

    require(carry_out(call, kit, command), "destroy")


def _carry_out(account: "Account", step: "Step", progress: Progress) -> None:
    from headgate.hosting import removal

    (thing,) = step.things
    match step.kind:
        case "endpoint":
            removal.remove_endpoint(account, thing, progress)
        case "bucket":
            removal.empty_bucket(account, thing, progress)
        case "images":
            removal.empty_repository(account, thing, progress)
        case "versions":
            removal.empty_group(account, thing, progress)
        case "stacks":
            raise AssertionError("stacks are the CDK's")
