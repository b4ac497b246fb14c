"""`headgate image`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option
from headgate.cli.output import Table
from headgate.errors import UsageError

if TYPE_CHECKING:
    from headgate.images import Image
    from headgate.images.context import Target
    from headgate.images.pins import Platform

BASE = re.compile(r"[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}", re.ASCII)


@click.command(
    cls=Command,
    project=False,
    example="""headgate image model.tar.gz --for sagemaker --output build
headgate image model.tar.gz --for lambda --output build --base python@sha256:... --platform linux/arm64
headgate image --for delivery --output build""",
)
@click.argument("package", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--for",
    "target",
    type=click.Choice(["sagemaker", "lambda", "delivery"]),
    required=True,
    help="Who runs it: a model in SageMaker or in Lambda, or the functions around models.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder to write.")
@click.option("--base", metavar="NAME@sha256:DIGEST", help="The base image, for the commands that are printed.")
@click.option(
    "--platform",
    type=click.Choice(["linux/amd64", "linux/arm64"]),
    default="linux/amd64",
    show_default=True,
    help="The platform to pin requirements for.",
)
@click.option(
    "--extra",
    "extras",
    multiple=True,
    metavar="NAME",
    help="Install this extra too; `train` lets it train. Repeatable.",
)
@dry_run_option
def command(
    call: Call,
    *,
    package: Path | None,
    target: "Target",
    output: Path,
    base: str | None,
    platform: "Platform",
    extras: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Write what a container image is built from.

    PACKAGE is a model.tar.gz. The folder holds a Dockerfile and the requirements with a hash for each file: the
    versions installed here and what code/requirements.txt of the package asks for, resolved once, now. A Lambda image
    has the model in it; in SageMaker's the package is unpacked when it starts. `--for delivery` takes no package: it is
    Headgate itself, whose Lambda functions differ by their command.

    The image is built by docker or buildah; the commands are printed.
    """
    from headgate.images import FUNCTIONS, commands, write_context

    if base and not BASE.fullmatch(base):
        raise UsageError(
            f"--base should name an image by digest, got {base!r}.", hint="Such as python@sha256: and 64 digits."
        )
    image = _image(package, target, platform, extras)
    pins = []
    if not dry_run:
        with call.out.progress("image") as progress:
            pins = write_context(image, output, progress=progress)
    functions = FUNCTIONS if image.package is None else {}
    builds = commands.build(image, output, base or commands.BASE)
    call.out.show(
        {
            "image": image.name,
            "folder": str(output),
            "written": not dry_run,
            "requirements": {pin.name: pin.version for pin in pins},
            "build": {tool: commands.shown(built) for tool, built in builds.items()},
            "run": commands.shown(commands.run(image)),
            "functions": functions,
        },
        f"image {image.name} for {target}: {output} {'would be' if dry_run else 'is'} written",
        *([Table(("requirement", "version"), [(pin.name, pin.version) for pin in pins])] if pins else []),
        "Build:",
        *(f"  {commands.shown(built)}" for built in builds.values()),
        "Behind a private index or a company's CA add:",
        f"  {commands.shown(commands.secrets('PIP_CONF', 'CA_BUNDLE'))}",
        "Run:",
        f"  {commands.shown(commands.run(image))}",
        *(["Commands of its functions:"] if functions else []),
        *(f"  {name}: {handler}" for name, handler in functions.items()),
    )


def _image(package: Path | None, target: "Target", platform: "Platform", extras: tuple[str, ...]) -> "Image":
    """The image that was asked for. Raises UsageError where the package does not go with the target."""
    from headgate.images import Image

    if target == "delivery":
        if package is not None:
            raise UsageError("The image for delivery has no model in it.", hint="Leave the package out.")
        return Image.for_delivery(platform, extras)
    if package is None:
        raise UsageError(
            f"An image for {target} is made for a package.", hint=f"headgate image model.tar.gz --for {target} ..."
        )
    return Image.of(package, target, platform, extras)
