"""What the project's store remembers of its last registration: `registered.json`.

The registry is the truth. This is for the time in which no engine answers: gates can then still name a champion.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from headgate.core.digest import canonical_json
from headgate.data.store import Store
from headgate.errors import InvalidInput

KEY = "registered.json"


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration: the version's number, the package's digest, the run behind it and its metrics."""

    version: int
    package: str
    run: str
    metrics: Mapping[str, float]
    held_out: str
    """Which rows the metrics were measured on."""


def remember(store: Path, registered: Registered) -> None:
    """Replace what is remembered."""
    Store.open(store).put(KEY, canonical_json(asdict(registered)))


def recall(store: Path) -> Registered | None:
    """What is remembered, if anything. Raises InvalidInput where it is damaged."""
    if not (store / KEY).is_file():
        return None
    try:
        known = Registered(**json.loads((store / KEY).read_bytes()))
        if not all(math.isfinite(value) for value in known.metrics.values()):
            raise ValueError("not metrics")
        return known
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput(
            f"{store / KEY} is damaged.", hint="Delete it; `headgate register` writes it again."
        ) from None
