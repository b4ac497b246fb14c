"""Which engine serves a model: several are tried as they would serve, measured, and one is chosen.

A candidate is the members it puts into the package and how they are opened. It is refused where its answers are not the
trained model's (`parity`), or where it fails on a row that the trained model answers. Of those that are left the first
is chosen, the order being that of preference, unless a later one takes less than half its time for one row. Times vary
from one packaging to the next, so a preference gives way to a clear difference only: the same model is to give the same
package. What was tried and measured stands in the package's record, and `describe` words it.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.core.manifest import Backend
from headgate.errors import GateFailed, HeadgateError
from headgate.packaging.parity import Parity
from headgate.serving.rows import Model

SIZES = (1, 100, 1000)
CLEARLY_FASTER = 2.0
_SECONDS = 0.02

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that may serve. `open` gives the model that `members`, written to a folder, make."""

    name: str
    backend: Backend
    members: Mapping[str, bytes]
    open: Callable[[Path], Model]


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of a candidate; there is none where the engine could not even make one.

    `micros`: for one row, in requests of that many rows. `refused`: why, or empty.
    """

    name: str
    candidate: Candidate | None
    parity: Parity | None
    micros: Mapping[int, float]
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        """A JSON document."""
        return {
            "engine": self.name,
            "parity": self.parity.to_json() if self.parity else None,
            "micros_per_row": {str(size): micros for size, micros in self.micros.items()},
            "refused": self.refused,
        }


def describe(engine: Mapping[str, Any]) -> str:
    """One line for people about an engine in a package's record, which is a `Measured` as JSON."""
    if engine["refused"]:
        return f"{engine['engine']}: refused, {engine['refused']}"
    times = ", ".join(f"{micros:.3g} us a row at {int(size):,}" for size, micros in engine["micros_per_row"].items())
    parity = engine["parity"]
    return f"{engine['engine']}: {parity['rows']:,} rows, largest difference {parity['difference']:.2g}; {times}"


def measure(candidate: Candidate, compare: Callable[[Model], Parity], rows: Rows) -> Measured:
    """Open a candidate, compare it, and time it on `rows`, repeated as often as needed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in candidate.members.items():
            (Path(folder) / name).write_bytes(content)
        try:
            model = candidate.open(Path(folder))
            parity = compare(model)
        except HeadgateError as error:
            return Measured(candidate.name, candidate, None, {}, error.message)
        return Measured(candidate.name, candidate, parity, {size: _time(model, rows, size) for size in SIZES})


def choose(tried: Sequence[Measured]) -> Measured:
    """The one that serves. Raises GateFailed, saying why, where all were refused."""
    left = [one for one in tried if not one.refused]
    if not left:
        raise GateFailed(
            "\n  ".join(["No engine answers like this model:", *(describe(one.to_json()) for one in tried)]),
            hint="Nothing was packaged. Serve it with hooks of your own: package/code in headgate.yaml.",
        )
    fastest = min(left, key=lambda one: one.micros[1])
    return fastest if left[0].micros[1] > CLEARLY_FASTER * fastest.micros[1] else left[0]


def _time(model: Model, rows: Rows, size: int) -> float:
    """Microseconds a row, the best of some runs."""
    batch = [rows[at % len(rows)] for at in range(size)]
    best, ends = float("inf"), time.perf_counter() + _SECONDS
    begun = 0.0
    while begun < ends:
        begun = time.perf_counter()
        model.run(batch)
        best = min(best, time.perf_counter() - begun)
    return round(best / size * 1e6, 3)
