"""Requirements with versions and hashes: those of the environment that we run in.

pip resolves, as a dry run and for the image's platform, with every installed version as a constraint; its report names
each file and its hash. So the image gets what was tested here, and neither a new release nor another file under an old
name can enter between now and the build. Headgate itself comes as a wheel where it runs from its source tree, and where
it was installed from a wheel: its name need not be anybody's in a package index.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import headgate
from headgate.core.digest import sha256_file
from headgate.errors import InvalidInput, MissingExtra, Unavailable

Platform = Literal["linux/amd64", "linux/arm64"]
PLATFORMS: tuple[Platform, ...] = ("linux/amd64", "linux/arm64")

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_NEWEST_GLIBC = 34
"""2.34 is what Lambda's own images have."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One file to install. `wheel`: its name beside requirements.txt, for what no index has."""

    name: str
    version: str
    sha256: str
    wheel: str = ""

    def line(self, folder: str) -> str:
        """Its line in requirements.txt, which will lie in `folder`."""
        wanted = f"{folder}/{self.wheel}" if self.wheel else f"{self.name}=={self.version}"
        return f"{wanted} --hash=sha256:{self.sha256}\n"


def python_version() -> str:
    """The version of Python that pins are for, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def keep_wheel(folder: Path) -> Path | None:
    """Headgate's wheel in `folder`: built from its source tree, or the one that it was installed from; None where it
    comes from a package index. Raises InvalidInput where the one that it was installed from is gone or is another."""
    try:
        text = distribution("headgate").read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    said = json.loads(text) if text else {}
    built, address = build_wheel(folder), urlsplit(said.get("url", ""))
    path, digest = Path(unquote(address.path)), said.get("archive_info", {}).get("hashes", {}).get("sha256")
    if built or address.scheme != "file" or path.suffix != ".whl":
        return built
    if not path.is_file() or sha256_file(path) != digest:
        raise InvalidInput(
            f"Headgate was installed from {path}, which is gone or another now.", hint="Install it again."
        )
    return Path(shutil.copyfile(path, folder / path.name))


def build_wheel(folder: Path) -> Path | None:
    """Headgate's wheel in `folder`, built from its source tree; None where it was installed without one."""
    tree = Path(headgate.__file__).parents[2]
    if not (tree / "pyproject.toml").is_file():
        return None
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder.resolve())],
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        if "No module named" in done.stderr:
            raise MissingExtra("Building Headgate's wheel", "dev")
        raise Unavailable(f"Headgate's wheel cannot be built: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("headgate-*.whl"))


def pin(
    wanted: Sequence[str], more: Path | None, platform: Platform, wheel: Path | None, *, python: str = ""
) -> list[Pin]:
    """Everything that `wanted`, and the requirements file `more`, need on `platform`, by name.

    `python`: its version there, such as 3.12, if it is another than here. `wanted` may name `wheel`. Raises Unavailable
    where pip finds no answer, InvalidInput for what has no version.
    """
    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch:
        constraints, report = Path(scratch) / "constraints.txt", Path(scratch) / "report.json"
        constraints.write_text("".join(_constraints(more)))
        done = subprocess.run(
            [
                *(sys.executable, "-I", "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"),
                *("--report", str(report), "--constraint", str(constraints), "--target", scratch),
                *("--only-binary", ":all:", "--python-version", python or python_version(), *_tags(platform)),
                *wanted,
                *(("--requirement", str(more)) if more else ()),
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Unavailable(
                f"pip cannot pin the requirements: {_complaint(done.stderr)}",
                hint="Look at code/requirements.txt of the package, and at whether the package index answers.",
            )
        items = json.loads(report.read_bytes())["install"]
    return sorted((_pin(item, wheel) for item in items), key=lambda pin: pin.name)


def _pin(item: dict[str, Any], wheel: Path | None) -> Pin:
    name, version = _normal(item["metadata"]["name"]), item["metadata"]["version"]
    if name == "headgate" and wheel:
        return Pin(name, version, sha256_file(wheel), wheel.name)
    found = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if item["is_direct"] or not found:
        raise InvalidInput(
            f"The requirement {name} is a file or an address, which cannot be pinned.",
            hint="Put it into a package index, and name its version in code/requirements.txt.",
        )
    return Pin(name, version, found)


def _constraints(more: Path | None) -> Iterator[str]:
    """The installed versions, but of what the package's own requirements name: there its word counts."""
    lines = more.read_text(encoding="utf-8").splitlines() if more else []
    named = {_normal(match[0]) for line in lines if (match := re.match(r"[A-Za-z0-9][\w.-]*", line.strip()))}
    for found in distributions():
        name = _normal(found.name)
        if name not in named and name != "headgate":
            yield f"{name}=={found.version}\n"


def _tags(platform: Platform) -> Iterator[str]:
    yield from ("--platform", f"manylinux2014_{_MACHINES[platform]}")
    for minor in range(17, _NEWEST_GLIBC + 1):
        yield from ("--platform", f"manylinux_2_{minor}_{_MACHINES[platform]}")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _complaint(stderr: str) -> str:
    lines = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return " ".join(lines) or (stderr.strip().splitlines() or ["it said nothing"])[-1]
