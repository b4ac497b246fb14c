"""`headgate infra deploy`."""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.infra.account import connected, present
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
from headgate.cli.output import Table
from headgate.errors import Refused, UsageError

if TYPE_CHECKING:
    from headgate.infra.outline import Outline
    from headgate.infra.present import Present
    from headgate.infra.site import Site
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
    otherwise what was told before holds. What headgate.yaml does not ask for any more is named, and not removed.
    """
    from headgate.infra.present import named, unwanted
    from headgate.infra.toolkit import shown

    site = site_of(call, environment)
    given = {
        "--delivery-image": _digest("--delivery-image", delivery_image),
        "--model-image": _digest("--model-image", model_image),
        "--github-provider": github_provider,
    }
    stacks = chosen(site, only)
    parameters = _parameters(stacks, given)
    if not (yes or dry_run or sys.stdin.isatty()):
        raise Refused("Nobody is there to be asked.", hint="Pass --yes, or look first with --dry-run.")
    _refuse_example(site, stacks)
    kit, folder = toolkit(), folder_of(call, site, output)
    typed = _typed(kit, folder, stacks, parameters, yes=yes)
    commands = [*before(call, kit, site, folder), shown(typed)]
    names = [stack.name for stack in stacks]
    document = {"environment": site.environment, "stacks": names, "commands": commands, "dry_run": dry_run}
    if dry_run:
        call.out.show(document, *commands)
        return
    found = present(site, connected(site), endpoint=not site.has_endpoint)
    _require_images(site, stacks, found, given)
    left = named(site, unwanted(site, found))
    synthesised(call, site, folder)
    outputs = _deploy(call, kit, typed)
    rows = [(stack, name, value) for stack, values in sorted(outputs.items()) for name, value in sorted(values.items())]
    call.out.show(
        {**document, "outputs": outputs, "unwanted": left},
        *([Table(("stack", "output", "value"), rows)] if rows else []),
        f"deployed: {', '.join(names)}",
        *_unwanted(site, left),
    )


def _refuse_example(site: "Site", stacks: "list[Outline]") -> None:
    """The roles of workflows trust a repository by its name: that of a template belongs to somebody else."""
    from headgate.spec.model import EXAMPLE_REPOSITORY

    trusted = site.github.repository if site.github and any(stack.id == "github" for stack in stacks) else ""
    if trusted == EXAMPLE_REPOSITORY:
        raise Refused(
            f"github/repository in headgate.yaml is still {EXAMPLE_REPOSITORY}, and the account would trust it.",
            hint="Write yours, or take `github` out of headgate.yaml.",
        )


def _digest(option: str, value: str | None) -> str | None:
    if value is not None and not DIGEST.fullmatch(value):
        raise UsageError(
            f"{option} should be an image's digest, got {value!r}.",
            hint="sha256: and 64 digits, as the registry says after a push; a tag could come to mean another image.",
        )
    return value


def _require_images(site: "Site", stacks: "list[Outline]", found: "Present", given: dict[str, str | None]) -> None:
    """Raises UsageError for a new stack whose image nobody told: CloudFormation refuses it when others are made."""
    from headgate.infra.outline import IMAGES

    problems = []
    for option, parameter in PARAMETERS.items():
        if parameter not in IMAGES or given[option] is not None:
            continue
        told = {key for key, state in found.stacks.items() if state.knows(parameter)}
        new = [stack.name for stack in stacks if parameter in stack.parameters and stack.id not in told]
        if new:
            problems.append(f"{' and '.join(new)} {'is' if len(new) == 1 else 'are'} new: {option} has to be given.")
    if problems:
        raise UsageError(
            "\n  ".join(problems),
            hint=f"`headgate infra deploy --env {site.environment} --only base` comes first: it makes the repository "
            "that images are pushed to. The push prints the digest.",
        )


def _unwanted(site: "Site", left: list[str]) -> list[str]:
    if not left:
        return []
    return [
        f"still there, though headgate.yaml does not ask for it: {', '.join(left)}",
        f"`headgate infra destroy --env {site.environment} --unwanted` removes it",
    ]


def _parameters(stacks: "list[Outline]", given: dict[str, str | None]) -> list[str]:
    """The parameters that are told, for the stacks that take them. Raises UsageError for one that none takes."""
    found = []
    for option, value in given.items():
        takers = [stack.name for stack in stacks if PARAMETERS[option] in stack.parameters]
        if value is not None and not takers:
            listed = ", ".join(stack.id for stack in stacks)
            raise UsageError(f"None of the stacks takes {option}.", hint=f"The stacks are {listed}.")
        if value is not None:
            found += [f"{taker}:{PARAMETERS[option]}={value}" for taker in takers]
    return found


def _typed(kit: "Toolkit", folder: Path, stacks: "list[Outline]", parameters: list[str], *, yes: bool) -> list[str]:
    told = [part for parameter in parameters for part in ("--parameters", parameter)]
    approval = ["--require-approval", "never" if yes else "broadening"]
    return kit.command("deploy", folder, *(stack.id for stack in stacks), "--exclusively", *approval, *told)


def _deploy(call: Call, kit: "Toolkit", typed: list[str]) -> dict[str, dict[str, str]]:
    """Run it. Returns what the stacks put out, by stack and name."""
    from headgate.infra.toolkit import require

    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch:
        outputs = Path(scratch) / "outputs.json"
        require(carry_out(call, kit, [*typed, "--outputs-file", str(outputs)]), "deploy")
        found: dict[str, dict[str, str]] = json.loads(outputs.read_bytes()) if outputs.is_file() else {}
        return found
