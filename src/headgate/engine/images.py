"""Which program a container image stands for on this engine, which runs processes instead of containers.

`headgate-serving` (in any registry, with any tag or digest) is Headgate's own model server. Others are named in
`settings.toml`:

    [images."my-team/scorer"]
    command = ["python3", "/opt/scorer/server.py", "serve"]

A name is looked up as it is, then without tag and digest, then without registry and folders. The command gets the
environment of a SageMaker container: SAGEMAKER_BIND_TO_PORT, SAGEMAKER_BASE_DIR and the model's own variables.
"""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.errors import InvalidInput, NotFound

SERVING_IMAGE = "headgate-serving"


@dataclass(frozen=True, slots=True)
class Program:
    """How to start a model server. Ours listens on a Unix socket; a foreign one on the port it is told."""

    argv: tuple[str, ...]
    ours: bool


def program(image: str, settings: Path, *, python: Path | None = None) -> Program:
    """The program behind an image. Raises NotFound for an unknown one, InvalidInput where the settings are wrong."""
    known = _read_images(settings)
    bare = image.partition("@")[0]
    untagged = bare.rpartition(":")[0] if ":" in bare.rpartition("/")[2] else bare
    last = untagged.rpartition("/")[2]
    for name in (image, untagged, last):
        if name in known:
            return Program(tuple(known[name]), ours=False)
    if last == SERVING_IMAGE:
        return Program((str(python or sys.executable), "-m", "headgate.serving", "serve"), ours=True)
    names = ", ".join(sorted([SERVING_IMAGE, *known]))
    raise NotFound(
        f"Image {image!r} is not known to this engine. It knows: {names}.",
        hint=f'Map it to a command in {settings}: [images."{last}"] command = ["python3", "server.py"]',
    )


def _read_images(settings: Path) -> Mapping[str, Sequence[str]]:
    try:
        document: dict[str, Any] = tomllib.loads(settings.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{settings} is not TOML: {error}.", hint="Mend or delete it.") from None
    images = document.get("images", {})
    for name, entry in images.items() if isinstance(images, dict) else [("images", images)]:
        command = entry.get("command") if isinstance(entry, dict) else None
        if not (isinstance(command, list) and command and all(isinstance(word, str) for word in command)):
            raise InvalidInput(
                f"{settings}: images/{name} should be a table with command = [list of words], got {entry!r}.",
                hint='For example: [images."my-image"] command = ["python3", "server.py"]',
            )
    return {name: entry["command"] for name, entry in images.items()}
