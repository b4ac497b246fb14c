"""Versions: what the package asks for, what it was made with, and what is installed here.

A requirement without an exact version is resolved anew for every container, so that the tested and the served model can
run on different libraries without anybody having changed anything.
"""

import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from headgate.doctor.check import Check, Finding, failed, ok, skipped, warning
from headgate.doctor.package import Package

REQUIREMENTS = "code/requirements.txt"

try:
    from packaging.requirements import InvalidRequirement, Requirement
except ModuleNotFoundError:  # comes with onnxruntime; a doctor for foreign servers may do without
    Requirement = None  # type: ignore[assignment, misc]

_UNREADABLE = skipped("needs the library `packaging`: pip install packaging")


@dataclass(frozen=True, slots=True)
class Requirements:
    """A requirements.txt. `others`: lines that are no requirement, such as `-r other.txt` or an address."""

    parsed: "tuple[Requirement, ...]"
    others: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Requirements":
        """Read the file; hashes and comments are left out."""
        lines = [re.sub(r"(^|\s)#.*|\s--hash=\S+", "", line).strip() for line in text.replace("\\\n", " ").splitlines()]
        parsed, others = [], []
        for line in filter(None, lines):
            try:
                parsed.append(Requirement(line))
            except InvalidRequirement:
                others.append(line)
        return cls(tuple(parsed), tuple(others))

    def pins(self) -> dict[str, str]:
        """Normal name to the exact version, of those that have one and are meant for this Python."""
        wanted = [r for r in self.parsed if r.marker is None or r.marker.evaluate()]
        return {_normal(r.name): pin for r in wanted if (pin := _pin(r))}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pin(requirement: "Requirement") -> str:
    clauses = list(requirement.specifier)
    exact = len(clauses) == 1 and clauses[0].operator in ("==", "===") and "*" not in clauses[0].version
    return clauses[0].version if exact else ""


def _read(package: Package) -> Requirements | None:
    if REQUIREMENTS not in package.names:
        return None
    return Requirements.parse((package.folder / REQUIREMENTS).read_text(errors="replace"))


def look_at_pins(package: Package) -> Finding:
    """Requirements without an exact version."""
    if Requirement is None:
        return _UNREADABLE
    found = _read(package)
    if found is None:
        return skipped(f"no {REQUIREMENTS}")
    loose = [str(r) for r in found.parsed if not _pin(r)] + list(found.others)
    if loose:
        return warning(f"not pinned: {', '.join(loose[:6])}")
    return ok(f"{len(found.parsed)} requirements, all pinned")


def look_at_conflicts(package: Package) -> Finding:
    """Pins that the serving runtime cannot live with."""
    if Requirement is None:
        return _UNREADABLE
    found = _read(package)
    if package.foreign or found is None:
        return skipped("another server serves it" if package.foreign else f"no {REQUIREMENTS}")
    try:
        own = [Requirement(line) for line in requires("headgate") or ()]
    except PackageNotFoundError:
        return skipped("Headgate itself is not installed as a package here")
    pins = found.pins()
    conflicts = [
        f"{need.name}=={pin}, but Headgate needs {need.specifier}"
        for need in own
        if (need.marker is None or need.marker.evaluate({"extra": "serve"}))
        and (pin := pins.get(_normal(need.name)))
        and not need.specifier.contains(pin, prereleases=True)
    ]
    return failed("; ".join(conflicts)) if conflicts else ok(f"{len(pins)} pins agree with the serving runtime")


def look_at_installed(package: Package) -> Finding:
    """Pinned and recorded versions against those installed here."""
    if Requirement is None:
        return _UNREADABLE
    if package.foreign:
        return skipped("the command has an environment of its own")
    found = _read(package)
    recorded = {_normal(name): at for name, at in package.recorded.items()}
    expected = {name: at for name, at in recorded.items() if _installed(name)} | (found.pins() if found else {})
    if not expected:
        return skipped("neither pins nor recorded versions")
    here = {name: _installed(name) or "none" for name in expected}
    differing = [f"{name} {at} (here {here[name]})" for name, at in expected.items() if here[name] != at]
    if differing:
        return warning(", ".join(differing[:6]))
    return ok(", ".join(f"{name} {at}" for name, at in list(expected.items())[:6]))


def _installed(name: str) -> str:
    if name == "python":
        return sys.version.split()[0]
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


CHECKS: tuple[Check[Package], ...] = (
    Check(
        "pins",
        f"every line of {REQUIREMENTS} names one version (==)",
        "Headgate",
        "Pin it: write `name==version`, as `pip freeze` prints it.",
        look_at_pins,
    ),
    Check(
        "pins-conflict",
        "the pins fit the serving runtime",
        "Headgate",
        "Pin a version within the bounds, or serve with a container of your own.",
        look_at_conflicts,
    ),
    Check(
        "versions",
        "what is installed here is what the model was made with",
        "Headgate",
        "Install the same versions here, or train and package again; parity was measured with the others.",
        look_at_installed,
    ),
)
