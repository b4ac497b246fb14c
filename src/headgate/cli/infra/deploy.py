"""`headgate infra deploy`."""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.infra.shared import (
    carry_out,
    chosen,
    commands_of,
    only_option,
    output_option,
    site_of,
    synthesised,
    toolkit,
)
from headgate.cli.output import Table
from headgate.errors import Refused, UsageError

if TYPE_CHECKING:
    from headgate.infra.app import Built
    from headgate.infra.toolkit import Toolkit

PARAMETERS = {
    "--delivery-image": "DeliveryImage",
    "--model-image": "ModelImage",
    "--github-provider": "GitHubProvider",
}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@click.command(
    cls=Command,
    example="headgate infra deploy --env production --only base\n"
    "headgate infra deploy --env production --delivery-image sha256:... --dry-run",
)
@env_option
@only_option
@click.option("--delivery-image", metavar="DIGEST", help="The image of the functions: sha256: and 64 digits.")
@click.option("--model-image", metavar="DIGEST", help="The image of the first model, for `hosting: {lambda: ...}`.")
@click.option(
    "--github-provider",
    type=click.Choice(["create", "existing"]),
    help="Whether this stack makes the account's OIDC provider for GitHub.",
)
@output_option
@click.option("--yes", is_flag=True, help="Ask nothing, also where rights become wider.")
@dry_run_option
def command(
    call: Call,
    *,
    environment: str | None,
    only: tuple[str, ...],
    delivery_image: str | None,
    model_image: str | None,
    github_provider: str | None,
    output: Path | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """Make it so in the account.

    Needs credentials of the account, but for --dry-run, which prints the commands. `base` comes first: it has the
    repository that the images are pushed to. An image is told by digest, at its first deployment and when it changes;
    otherwise what was told before holds.
    """
    site = site_of(call, environment)
    kit = toolkit()
    if not (yes or dry_run or sys.stdin.isatty()):
        raise Refused("Nobody is there to be asked.", hint="Pass --yes, or look first with --dry-run.")
    given = {
        "--delivery-image": _digest("--delivery-image", delivery_image),
        "--model-image": _digest("--model-image", model_image),
        "--github-provider": github_provider,
    }
    folder, built = synthesised(call, site, output)
    stacks = chosen(built, only)
    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch:
        outputs = Path(scratch) / "outputs.json"
        typed = _typed(kit, folder, stacks, _parameters(stacks, given), yes=yes)
        commands = commands_of(kit, typed)
        document = {"environment": site.environment, "commands": commands, "dry_run": dry_run}
        if dry_run:
            call.out.show({**document, "stacks": [stack.name for stack in stacks]}, *commands)
            return
        _deploy(call, kit, [*typed, "--outputs-file", str(outputs)])
        told = json.loads(outputs.read_bytes()) if outputs.is_file() else {}
    _show(call, document, stacks, told)


def _digest(option: str, value: str | None) -> str | None:
    if value is not None and not DIGEST.fullmatch(value):
        raise UsageError(
            f"{option} should be an image's digest, got {value!r}.",
            hint="sha256: and 64 digits, as the registry says after a push; a tag could come to mean another image.",
        )
    return value


def _parameters(stacks: "list[Built]", given: dict[str, str | None]) -> list[str]:
    """The parameters that are told, for the stacks that take them. Raises UsageError for one that none takes."""
    from headgate.infra.assembly import summary

    found = []
    for option, value in given.items():
        name = PARAMETERS[option]
        takers = [stack.name for stack in stacks if name in summary(stack)[1]]
        if value is not None and not takers:
            listed = ", ".join(stack.id for stack in stacks)
            raise UsageError(f"None of the stacks takes {option}.", hint=f"The stacks are {listed}.")
        if value is not None:
            found += [f"{taker}:{name}={value}" for taker in takers]
    return found


def _typed(kit: "Toolkit", folder: Path, stacks: "list[Built]", parameters: list[str], *, yes: bool) -> list[str]:
    told = [part for parameter in parameters for part in ("--parameters", parameter)]
    approval = ["--require-approval", "never" if yes else "broadening"]
    return kit.command("deploy", folder, *(stack.id for stack in stacks), "--exclusively", *approval, *told)


def _deploy(call: Call, kit: "Toolkit", typed: list[str]) -> None:
    from headgate.infra.toolkit import require

    require(carry_out(call, kit, typed), "deploy")


def _show(call: Call, document: dict[str, Any], stacks: "list[Built]", outputs: dict[str, dict[str, str]]) -> None:
    rows = [(stack, name, value) for stack, values in sorted(outputs.items()) for name, value in sorted(values.items())]
    call.out.show(
        {**document, "stacks": [stack.name for stack in stacks], "outputs": outputs},
        *([Table(("stack", "output", "value"), rows)] if rows else []),
        f"deployed: {', '.join(stack.name for stack in stacks)}",
    )
