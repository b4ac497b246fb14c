"""Files that Headgate writes into somebody else's repository: sealed, so that an edit by hand is seen and not lost.

The first line holds the digest of all others. A file whose digest holds is ours to replace; any other is not, unless
the user says so.
"""

import re
from dataclasses import dataclass
from typing import Literal

from headgate.core.digest import sha256

Change = Literal["create", "update", "unchanged", "edited"]
_SEAL = re.compile(r"# Written by `headgate ci github` from headgate\.yaml\. sha256 of the rest: ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Written:
    """One file: its name, its whole text, and what writing it would do."""

    name: str
    text: str
    change: Change


def sealed(text: str) -> str:
    """The text with its seal on top."""
    return f"# Written by `headgate ci github` from headgate.yaml. sha256 of the rest: {sha256(text.encode())}\n{text}"


def compare(name: str, text: str, present: str | None) -> Written:
    """What writing `text` (sealed) over what is `present` would do; None where there is no such file."""
    return Written(name, text, _change(text, present))


def _change(text: str, present: str | None) -> Change:
    if present is None:
        return "create"
    if present == text:
        return "unchanged"
    seal = _SEAL.match(present)
    return "update" if seal and sha256(present[seal.end() :].encode()) == seal[1] else "edited"
