"""The folder that an image is built from, written whole or not at all.

Dockerfile, .dockerignore
pip/requirements.txt      every file to install, with its hash
pip/headgate-*.whl        where Headgate runs from its source tree, or was installed from a wheel
model/                    the package, unpacked; for a model in Lambda only: SageMaker brings the package itself

The image for delivery holds no package: it is Headgate itself, for the functions that stand around models
(`FUNCTIONS`). They differ by the command that they are started with.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import headgate
from headgate.core.archive import extract
from headgate.core.digest import digest_json, sha256_file
from headgate.core.files import filling
from headgate.core.manifest import MANIFEST_NAME, Manifest
from headgate.core.progress import Progress, silent
from headgate.errors import InvalidInput
from headgate.images.pins import Pin, Platform, keep_wheel, pin

Target = Literal["sagemaker", "lambda", "delivery"]

FUNCTIONS = {
    "front door": "headgate.wiring.front_door.handler",
    "tick": "headgate.wiring.delivery_functions.tick",
    "approval": "headgate.wiring.delivery_functions.approval",
    "rollback monitor": "headgate.wiring.delivery_functions.rollback_monitor",
}
"""The commands of the image for delivery: what each makes of it."""

_HERE = Path(__file__).parent
_REQUIREMENTS = Path("code", "requirements.txt")
_OF_DELIVERY = ("awslambdaric", "msgspec")
"""What delivery needs beside Headgate itself. Of the extra `serve` that is msgspec alone, which makes answers."""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is for. `package` is the archive, `digest` its sha256; a foreign one has no manifest.

    For delivery there is no package: `digest` is that of Headgate's own files.
    """

    target: Target
    platform: Platform
    package: Path | None
    digest: str
    manifest: Manifest | None = None
    extras: tuple[str, ...] = ()

    @classmethod
    def of(cls, package: Path, target: Target, platform: Platform, extras: tuple[str, ...] = ()) -> "Image":
        """The image for an archive. Raises NotFound or InvalidInput where that is none."""
        with _unpacked(package) as model:
            manifest = _manifest(model) if model else None
            return cls(target, platform, package, sha256_file(package), manifest, extras)

    @classmethod
    def for_delivery(cls, platform: Platform, extras: tuple[str, ...] = ()) -> "Image":
        """The image of the functions around models."""
        return cls("delivery", platform, None, _own_digest(), extras=extras)

    @property
    def name(self) -> str:
        """Name and tag. The tag says which package it was made for, or from which files of Headgate's."""
        project = self.manifest.project if self.manifest else "model" if self.package else "headgate"
        return f"{project}-{self.target}:{self.digest[:12]}"


def write_context(image: Image, folder: Path, *, progress: Progress = silent) -> list[Pin]:
    """Write `folder`, which must not exist yet or be empty; what will be installed.

    Raises Refused where the folder is in use, Unavailable where pip finds no answer, InvalidInput for the package.
    """
    with filling(folder) as new, _unpacked(image.package) as model:
        requirements = model / _REQUIREMENTS if model and (model / _REQUIREMENTS).is_file() else None
        (new / "pip").mkdir()
        progress("building Headgate's wheel", None)
        wheel = keep_wheel(new / "pip")
        progress("pinning what it needs", None)
        pins = pin(_wanted(image, wheel), requirements, image.platform, wheel)
        (new / "pip" / "requirements.txt").write_text("".join(each.line("/pip") for each in pins))
        stages = [(_HERE / f"{name}.Dockerfile").read_text() for name in ("build", image.target)]
        (new / "Dockerfile").write_text("".join(stages))
        shutil.copyfile(_HERE / "dockerignore", new / ".dockerignore")
        if model and image.target == "lambda":
            shutil.copytree(model, new / "model", copy_function=shutil.copyfile)
        for path in new.rglob("*"):  # whoever runs the container must be able to read them, whatever the umask here
            path.chmod(0o755 if path.is_dir() else 0o644)
    return pins


def _wanted(image: Image, wheel: Path | None) -> list[str]:
    extras = ",".join(image.extras if image.target == "delivery" else ("serve", *image.extras))
    bracketed = f"[{extras}]" if extras else ""
    wanted = [f"{wheel}{bracketed}" if wheel else f"headgate{bracketed}=={headgate.__version__}"]
    if image.target == "delivery":
        wanted += _OF_DELIVERY
    elif image.target == "lambda":
        wanted.append("awslambdaric")
    elif image.manifest and image.manifest.large_batch:  # not for Lambda: it weighs more than the rest together
        wanted.append("xgboost-cpu")
    return wanted


def _manifest(model: Path) -> Manifest | None:
    path = model / MANIFEST_NAME
    try:
        return Manifest.from_json(json.loads(path.read_bytes())) if path.is_file() else None
    except ValueError as error:
        raise InvalidInput(f"{MANIFEST_NAME} is not JSON: {error}.", hint="Make the package again.") from None


def _own_digest() -> str:
    """Equal for equal files of Headgate's, wherever they lie."""
    root = Path(headgate.__file__).parent
    files = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest_json([headgate.__version__, {path.relative_to(root).as_posix(): sha256_file(path) for path in files}])


@contextmanager
def _unpacked(package: Path | None) -> Iterator[Path | None]:
    if package is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch:
        extract(package, Path(scratch) / "model")
        yield Path(scratch) / "model"
