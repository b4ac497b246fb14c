"""From outcomes to figures: the results file, written once and read by tables, pictures and tests."""

import json
import math
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from benchmarks.rollouts.cells import Cell, Outcome

FILE = Path(__file__).parents[1] / "results" / "rollouts.json"
SEED = 2026
CHUNK = 250
"""Rollouts at a time: their arrays then fit into a processor's cache."""
Z = 1.959964


class Figures(TypedDict):
    """One rule in one cell. Requests, units and seconds are until the alarm; None where fewer rollouts had one."""

    alarms: int
    rate: float
    low: float
    high: float
    requests_median: int | None
    requests_p90: int | None
    units_median: int | None
    units_p90: int | None
    seconds_median: int | None
    seconds_p90: int | None


class CellFigures(TypedDict):
    """One cell."""

    title: str
    kind: str
    rollouts: int
    seconds: int
    rules: dict[str, Figures]


class Results(TypedDict):
    """All of them."""

    seed: int
    rollouts: int
    cells: dict[str, CellFigures]


def measure(cells: Iterable[Cell], rollouts: int, said: Callable[[str, CellFigures], None]) -> Results:
    """All figures; `said` is told each cell as it is ready."""
    found: dict[str, CellFigures] = {}
    for cell in cells:
        found[cell.name] = figures(cell, min(rollouts, cell.rollouts))
        said(cell.name, found[cell.name])
    return {"seed": SEED, "rollouts": rollouts, "cells": found}


def figures(cell: Cell, rollouts: int) -> CellFigures:
    """One cell, in chunks, each from a seed of its own, so that no cell hangs on another."""
    chunks = []
    length = 0
    for begin in range(0, rollouts, CHUNK):
        random = np.random.default_rng([SEED, zlib.crc32(cell.name.encode()), begin])
        outcome = cell.draw(random, min(CHUNK, rollouts - begin))
        length = outcome.canary_requests.shape[1]
        chunks.append({rule: until(outcome, rule) for rule in outcome.alarms})
    rules = {rule: summary(np.concatenate([chunk[rule] for chunk in chunks], axis=1)) for rule in chunks[0]}
    return {"title": cell.title, "kind": cell.kind, "rollouts": rollouts, "seconds": length, "rules": rules}


def until(outcome: Outcome, rule: str) -> NDArray[np.float64]:
    """Canary requests, canary units and seconds until the alarm; infinite where there was none. (3, rollouts)."""
    alarm = outcome.alarms[rule]
    rows = np.arange(len(alarm))
    last = outcome.canary_requests.shape[1] - 1
    at = np.minimum(alarm, last)
    had = [counts.cumsum(axis=1)[rows, at] for counts in (outcome.canary_requests, outcome.canary_units)]
    return np.where(alarm <= last, np.stack([*had, alarm + 1]).astype(float), np.inf)


def summary(found: NDArray[np.float64]) -> Figures:
    """The figures of (requests, units, seconds) until the alarm, (3, rollouts)."""
    alarms, rollouts = int(np.isfinite(found[0]).sum()), found.shape[1]
    low, high = interval(alarms, rollouts)
    middle, late = np.quantile(found, [0.5, 0.9], axis=1, method="higher")
    return {
        "alarms": alarms,
        "rate": alarms / rollouts,
        "low": round(low, 6),
        "high": round(high, 6),
        "requests_median": whole(middle[0]),
        "requests_p90": whole(late[0]),
        "units_median": whole(middle[1]),
        "units_p90": whole(late[1]),
        "seconds_median": whole(middle[2]),
        "seconds_p90": whole(late[2]),
    }


def whole(value: float) -> int | None:
    """None for what was never reached."""
    return int(value) if math.isfinite(value) else None


def interval(alarms: int, rollouts: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate."""
    rate = alarms / rollouts
    centre = (rate + Z * Z / (2 * rollouts)) / (1 + Z * Z / rollouts)
    half = Z * math.sqrt(rate * (1 - rate) / rollouts + (Z / (2 * rollouts)) ** 2) / (1 + Z * Z / rollouts)
    return max(0.0, centre - half), min(1.0, centre + half)


def read(file: Path = FILE) -> Results:
    """The figures that the documentation rests on."""
    found: Any = json.loads(file.read_text(encoding="utf-8"))
    return found  # type: ignore[no-any-return]


def write(results: Results, file: Path = FILE) -> None:
    """Keep them."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
