"""Durations: written `1h30m` in files, said as `1 h 30 min` to people, seconds everywhere else."""

import re

from headgate.errors import InvalidInput

_UNITS = (("d", "d", 86_400), ("h", "h", 3_600), ("m", "min", 60), ("s", "s", 1))
PATTERN = r"^(?=[0-9])([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$"
"""How a duration is written, as a regular expression that JSON schemas understand too."""


def parse(written: str) -> float:
    """The seconds of `30s`, `10m`, `2h`, `1d` or `1h30m`: whole numbers, larger units first.

    Raises InvalidInput for anything else.
    """
    found = re.fullmatch(PATTERN, written, re.ASCII)
    if found is None:
        raise InvalidInput(f"A duration is written like 30s, 10m, 2h, 1d or 1h30m, got {written!r}.")
    return float(sum(int(part[:-1]) * unit[2] for part, unit in zip(found.groups(), _UNITS, strict=True) if part))


def write(seconds: float) -> str:
    """The shortest text that `parse` reads as `seconds`, rounded to whole ones: 5,400 is `1h30m`."""
    return "".join(f"{count}{written}" for count, written, _ in _parts(seconds)) or "0s"


def text(seconds: float) -> str:
    """For people: 600 is `10 min`, 5,400 is `1 h 30 min`; below ten seconds with two digits, as in `0.25 s`."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    return " ".join(f"{count} {said}" for count, _, said in _parts(seconds))


def _parts(seconds: float) -> list[tuple[int, str, str]]:
    """The counts that are not zero, largest unit first, each with the unit as it is written and said."""
    left, parts = round(seconds), []
    for written, said, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append((count, written, said))
    return parts
