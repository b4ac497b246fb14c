"""What to type to build and to run an image. Pure: nothing here is run."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import headgate
from headgate.images.context import FUNCTIONS, Image
from headgate.images.pins import python_version

BASE = "NAME@sha256:DIGEST"
"""Stands for the base where none was given."""

USER = "10001:10001"


def build(image: Image, folder: Path, base: str = BASE) -> dict[str, list[str]]:
    """The command that builds from `folder`, for each tool."""
    arguments = [
        *("--build-arg", f"BASE={base}", "--build-arg", f"PYTHON={python_version()}"),
        *("--platform", image.platform, "--tag", image.name),
        *("--label", f"org.opencontainers.image.version={headgate.__version__}"),
        *("--label", f"headgate.{'package' if image.package else 'source'}=sha256:{image.digest}"),
    ]
    return {
        # Provenance would make an index of the image, which neither Lambda nor SageMaker takes.
        "docker": ["docker", "buildx", "build", "--provenance=false", "--load", *arguments, str(folder)],
        "buildah": ["buildah", "build", "--format", "docker", *arguments, str(folder)],
    }


def secrets(index: str, bundle: str) -> list[str]:
    """What to add to a build behind a private index or a company's CA, given the files."""
    return ["--secret", f"id=pip_conf,src={index}", "--secret", f"id=ca_bundle,src={bundle}"]


def run(image: Image, model: Path | None = None) -> list[str]:
    """The command that runs it, with no more rights than it needs. `model`: the unpacked package, for SageMaker's.

    The image for delivery is run as the front door; another function's name after it runs that.
    """
    confined = [
        *("docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", "--user", USER),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    ]
    if image.target == "lambda":
        return [*confined, "--env", "AWS_LAMBDA_RUNTIME_API=HOST:PORT", image.name]
    if image.target == "delivery":
        place = ("HEADGATE_ENDPOINT=NAME", "AWS_REGION=REGION", "AWS_LAMBDA_RUNTIME_API=HOST:PORT")
        given = [word for setting in place for word in ("--env", setting)]
        return [*confined, *given, image.name, FUNCTIONS["front door"]]
    mount = f"type=bind,src={model or 'MODEL_FOLDER'},dst=/opt/ml/model,readonly"
    return [*confined, "--publish", "127.0.0.1:8080:8080", "--mount", mount, image.name, "serve"]


def shown(command: Sequence[str]) -> str:
    """A command as one line for a shell."""
    return shlex.join(command)
