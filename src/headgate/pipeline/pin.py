"""`deploy/<environment>.yaml`: the version that an environment should run, as a commit says it.

Writing it changes nothing; merged after a review, it is the approval, and `headgate rollout start --pinned` rolls out
exactly the package that it names. The ARN is what counts: the registry never gives it to another package. Number and
digest are there for whoever reads the change, and are compared, so that no edit by hand slips through.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from headgate.core.files import write_atomic, writing
from headgate.core.versions import ModelVersion
from headgate.errors import InvalidInput, NotFound, Refused, SpecError
from headgate.hosting.registry import DIGEST, Registry
from headgate.spec.source import parse

FOLDER = "deploy"
MAX_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Pin:
    """What is pinned."""

    version: int
    model_package: str
    """The version's ARN."""
    package: str
    """The digest of its package."""

    @classmethod
    def of(cls, version: ModelVersion) -> "Pin":
        """A version, pinned. Raises Refused for one that was rejected."""
        if version.status == "Rejected":
            raise Refused(f"Version {version.number} of {version.project} is Rejected: {version.description}".strip())
        return cls(version.number, version.arn, version.metadata.get(DIGEST, ""))


def path_of(root: Path, environment: str) -> Path:
    """Where the pin of an environment is."""
    return root / FOLDER / f"{environment}.yaml"


def write(root: Path, environment: str, pin: Pin) -> Path:
    """Write it, whole or not at all."""
    path = path_of(root, environment)
    lines = [
        f"# Written by `headgate pin`. Merged, it is approved: `headgate rollout start --env {environment} --pinned`.",
        *(f"{key}: {json.dumps(value)}" for key, value in asdict(pin).items()),
    ]
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, "\n".join([*lines, ""]).encode())
    return path


def read(root: Path, environment: str) -> Pin:
    """What is pinned. Raises NotFound, or InvalidInput for what `write` does not write."""
    path = path_of(root, environment)
    hint = f"`headgate pin VERSION --env {environment}` writes it."
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{path} is missing: no version is pinned.", hint=hint) from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", hint=hint) from None
    try:
        return _pin(parse(str(path), content))
    except (SpecError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} is not a pin: {error}", hint=hint) from None


def pinned_version(registry: Registry, pin: Pin, project: str) -> ModelVersion:
    """The version that is pinned, as the registry has it. Raises Refused where they do not say the same."""
    version = registry.by_arn(pin.model_package)
    found = Pin(version.number, version.arn, version.metadata.get(DIGEST, ""))
    if version.project != project or found != pin:
        raise Refused(
            f"The pin says version {pin.version} of package {pin.package[:12]}, but {pin.model_package} is version "
            f"{version.number} of {version.project}, package {found.package[:12]}.",
            hint="Was it edited by hand? `headgate pin` writes it anew.",
        )
    if version.status == "Rejected":
        raise Refused(f"Version {version.number}, which is pinned, is Rejected: {version.description}".strip())
    return version


def _pin(document: Mapping[str, object]) -> Pin:
    if set(document) != {"version", "model_package", "package"}:
        raise ValueError("it should have the keys version, model_package and package.")
    version, arn, digest = document["version"], document["model_package"], document["package"]
    if not isinstance(version, int) or not isinstance(arn, str) or not isinstance(digest, str):
        raise ValueError("version should be a number, model_package and package texts.")
    return Pin(version, arn, digest)
