"""`headgate infra destroy`."""

from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.infra.account import connected, present
from headgate.cli.infra.shared import site_of
from headgate.core.progress import Progress
from headgate.errors import HeadgateError, Refused, UsageError

if TYPE_CHECKING:
    from headgate.hosting.session import Account
    from headgate.infra.present import Present
    from headgate.infra.removal import Step
    from headgate.infra.site import Site


@click.command(
    cls=Command,
    example="headgate infra destroy --env staging --dry-run\nheadgate infra destroy --env staging --delete-data",
)
@env_option
@click.option("--delete-data", is_flag=True, help="Empty bucket, images and versions too, and delete what held them.")
@click.option("--unwanted", "only_unwanted", is_flag=True, help="Only what headgate.yaml does not ask for any more.")
@click.option("--yes", is_flag=True, help="Do not ask for the project's name.")
@dry_run_option
def command(
    call: Call, *, environment: str | None, delete_data: bool, only_unwanted: bool, yes: bool, dry_run: bool
) -> None:
    """Take an environment out of the account.

    The endpoint and all stacks are deleted, those of sections too that have left headgate.yaml; the bucket, the images
    and the versions stay with the stack that holds them, unless --delete-data is given. You are asked for the project's
    name first. Needs credentials of the account; without any, --dry-run lists all that there could be.
    """
    site = site_of(call, environment)
    if delete_data and only_unwanted:
        raise UsageError("Choose one of --delete-data and --unwanted.", hint="headgate.yaml always asks for the data.")
    account, found, unasked = _asked(site, dry_run=dry_run)
    planned, stays = _planned(site, found, delete_data=delete_data, only_unwanted=only_unwanted)
    document = {
        "environment": site.environment,
        "account": site.account,
        "asked": account is not None,
        "steps": [step.said for step in planned],
        "stays": stays,
        "dry_run": dry_run,
    }
    notes = [f"note: {said}" for said in (*unasked, *stays)]
    if dry_run or not planned:
        call.out.show(document, *(f"would {step.said}" for step in planned), *notes, *_nothing(site, planned))
        return
    assert account is not None
    _ask(call, site, planned, yes=yes)
    with call.out.progress("infra") as progress:
        for step in planned:
            _carry_out(account, site, step, progress)
    call.out.show(document, *(f"done: {step.said}" for step in planned), *notes)


def _asked(site: "Site", *, dry_run: bool) -> "tuple[Account | None, Present, list[str]]":
    """The account and what is there. Without one a dry run goes by what there could be, and says why."""
    from headgate.infra.present import everything

    try:
        account = connected(site)
    except HeadgateError as error:
        if not dry_run:
            raise
        unasked = f"the account was not asked, so that this is all that there could be: {error.message}"
        return None, everything(site), [unasked]
    return account, present(site, account), []


def _planned(
    site: "Site", found: "Present", *, delete_data: bool, only_unwanted: bool
) -> "tuple[list[Step], list[str]]":
    """The steps, and what is to be said of what stays."""
    from headgate.infra.present import has_own_endpoint, unwanted
    from headgate.infra.removal import kept, steps

    foreign = found.endpoint is not None and not has_own_endpoint(site, found)
    taken = unwanted(site, found) if only_unwanted else found
    stays = kept(site, taken.stacks, delete_data=delete_data)
    if foreign:
        stays.append(f"endpoint {site.prefix} stays: its tags do not say that it is of this project and environment")
    endpoint = taken.endpoint is not None if only_unwanted else not foreign
    return steps(site, taken.stacks, endpoint=endpoint, delete_data=delete_data), stays


def _nothing(site: "Site", planned: "list[Step]") -> list[str]:
    return [] if planned else [f"nothing of {site.prefix} is there that headgate.yaml does not ask for"]


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


def _carry_out(account: "Account", site: "Site", step: "Step", progress: Progress) -> None:
    from headgate.hosting import removal

    for thing in step.things:
        match step.kind:
            case "executions":
                removal.stop_executions(account, thing, progress)
            case "stacks":
                removal.remove_stack(account, site.stack(thing), progress)
            case "endpoint":
                removal.remove_endpoint(account, thing, progress)
            case "bucket":
                removal.empty_bucket(account, thing, progress)
            case "images":
                removal.empty_repository(account, thing, progress)
            case "versions":
                removal.empty_group(account, thing, progress)
