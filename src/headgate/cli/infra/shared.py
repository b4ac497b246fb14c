"""What the infra commands have in common: which environment, where its templates go, and how the CDK is called."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call
from headgate.cli.extras import needs
from headgate.errors import UsageError

if TYPE_CHECKING:
    from headgate.infra.app import Built
    from headgate.infra.outline import Outline
    from headgate.infra.site import Site
    from headgate.infra.toolkit import Toolkit

FOLDER = "cdk.out"

output_option = click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=f"Where the templates go (default: {FOLDER}/ENVIRONMENT in the project).",
)
only_option = click.option(
    "--only",
    "only",
    multiple=True,
    metavar="STACK",
    help="This stack alone, such as `base`; repeatable. Default: all.",
)


def site_of(call: Call, name: str | None) -> "Site":
    """The environment that is meant: the one that is named, or the only one on AWS. Raises UsageError, Refused."""
    from headgate.hosting.regions import require_region
    from headgate.infra.site import Site

    spec = call.project.spec
    if name is None:
        on_aws = [key for key, environment in spec.environments.items() if environment.target == "aws"]
        if len(on_aws) > 1:
            raise UsageError(
                "headgate.yaml has several environments on AWS.", hint=f"Choose one with --env: {', '.join(on_aws)}."
            )
        name = on_aws[0] if on_aws else next(iter(spec.environments))
    site = Site.of(spec, name)
    require_region(site.region, site.environment)
    return site


def folder_of(call: Call, site: "Site", output: Path | None) -> Path:
    """Where the templates go. Raises Refused where something else is there."""
    from headgate.infra.assembly import require_free

    folder = output or call.project.root / FOLDER / site.environment
    require_free(folder)
    return folder


def synthesised(call: Call, site: "Site", folder: Path) -> "list[Built]":
    """Write the templates. Returns the stacks, in order."""
    from headgate.infra import assembly

    with needs("Infrastructure", "aws"), call.out.progress("infra") as progress:
        return assembly.write(site, folder, os.environ, progress)


def chosen(site: "Site", only: tuple[str, ...]) -> "list[Outline]":
    """The stacks that are meant. Raises UsageError for one that the environment has not."""
    from headgate.infra.outline import outline

    stacks = outline(site)
    known = [stack.id for stack in stacks]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UsageError(
            f"The environment has no stack {', '.join(map(repr, unknown))}.", hint=f"It has {', '.join(known)}."
        )
    return [stack for stack in stacks if not only or stack.id in only]


def toolkit() -> "Toolkit":
    """The CDK's command line; it may not be installed yet. Raises MissingExtra where there is no node."""
    from headgate.infra.node import find
    from headgate.infra.toolkit import Toolkit

    return Toolkit.of(find(os.environ), os.environ)


def before(call: Call, kit: "Toolkit", site: "Site", folder: Path) -> list[str]:
    """What would be typed before any call of the CDK's: its installation, where it is missing, and the templates."""
    from headgate.infra.toolkit import shown

    install = [] if kit.program.is_file() else [shown(kit.install_command())]
    where = ["-C", str(call.folder)] if call.folder else []
    synth = ["headgate", "infra", "synth", *where, "--env", site.environment, "--output", str(folder)]
    return [*install, shown(synth)]


def carry_out(call: Call, kit: "Toolkit", command: list[str]) -> int:
    """Install the CDK's command line where it is missing, and run the call. Returns its exit code."""
    from headgate.infra.toolkit import install, run

    with call.out.progress("infra") as progress:
        install(kit, progress, os.environ)
    return run(command, os.environ, quiet=call.out.as_json)
