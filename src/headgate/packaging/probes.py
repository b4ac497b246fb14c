"""The rows on which the portable model is compared with the trained one.

Real rows show how it answers in use; they seldom lie where a conversion goes wrong. So there are also rows exactly on
the thresholds of the trees and one float32 to either side (`<` against `<=`), rows with missing values (which way a
tree sends them is stored per node) and rows far outside of anything seen. Equal runs give equal rows.

A category is a whole number to the model: each has a row of its own. The rows on thresholds lie between categories,
where no request can be; they show the conversion, and those that can be `sent` show the serving as well.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headgate.data.trained import Trained

MAX_THRESHOLDS = 2000
MAX_COLUMNS = 200
FAR = np.float32(1e30)


@dataclass(frozen=True, slots=True)
class Probes:
    """X: float32 [n, f]. `kinds`: where each row comes from, in words. `sent` [n]: whether a request can be so."""

    X: npt.NDArray[np.float32]
    kinds: tuple[str, ...]
    sent: npt.NDArray[np.bool_]


def probe_rows(trained: Trained, held: npt.NDArray[np.float32], categories: Mapping[int, int]) -> Probes:
    """Rows made from the held-out ones, float32 [m, f] with m >= 1, and from the thresholds of the trained trees.

    `categories`: how many there are, by column.
    """
    parts = {
        "a held-out row": held,
        "a held-out row moved onto a split threshold": on_thresholds(held, thresholds(trained)),
        "a held-out row with missing values": _missing(held),
        "a held-out row with a value far outside": _far(held),
        "a held-out row with another category": _each_category(held, categories),
    }
    kinds = tuple(kind for kind, rows in parts.items() for _ in rows)
    X = np.concatenate(list(parts.values())).astype(np.float32)
    return Probes(X, kinds, _can_be_sent(X, categories))


def thresholds(trained: Trained) -> list[tuple[int, float]]:
    """Every (column, threshold) that some tree splits at, sorted."""
    document = json.loads(bytes(trained.booster.save_raw("json")))
    found: set[tuple[int, float]] = set()
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        nodes = zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True)
        found.update((column, value) for left, column, value in nodes if left >= 0)  # a leaf has no child (-1)
    return sorted(found)


def on_thresholds(held: npt.NDArray[np.float32], splits: Sequence[tuple[int, float]]) -> npt.NDArray[np.float32]:
    """Rows made from the held-out ones with a value exactly at a split, or one float32 to either side of it."""
    chosen = splits[:: max(1, -(-len(splits) // MAX_THRESHOLDS))]
    rows = []
    for number, (column, threshold) in enumerate(chosen):
        exact = np.float32(threshold)
        for value in (exact, np.nextafter(exact, np.float32(-np.inf)), np.nextafter(exact, np.float32(np.inf))):
            row = held[number % len(held)].copy()
            row[column] = value
            rows.append(row)
    return np.array(rows, np.float32).reshape(-1, held.shape[1])


def _missing(held: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    columns = min(held.shape[1], MAX_COLUMNS)
    single = np.tile(held[:1], (columns, 1))
    single[np.arange(columns), np.arange(columns)] = np.nan
    some = held[:200].copy()
    some[np.random.RandomState(0).random_sample(some.shape) < 0.3] = np.nan
    return np.concatenate([single, some, np.full_like(held[:1], np.nan)])


def _each_category(held: npt.NDArray[np.float32], categories: Mapping[int, int]) -> npt.NDArray[np.float32]:
    rows: list[npt.NDArray[np.float32]] = []
    for column, count in categories.items():
        for code in range(count):
            row = held[len(rows) % len(held)].copy()
            row[column] = code
            rows.append(row)
    return np.array(rows, np.float32).reshape(-1, held.shape[1])


def _can_be_sent(X: npt.NDArray[np.float32], categories: Mapping[int, int]) -> npt.NDArray[np.bool_]:
    """Whether each category is one of those that there are, or missing."""
    sent = np.ones(len(X), bool)
    for column, count in categories.items():
        code = X[:, column]
        sent &= np.isnan(code) | ((code >= 0) & (code < count) & (code == np.floor(code)))
    return sent


def _far(held: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    columns = min(held.shape[1], MAX_COLUMNS)
    rows = [np.full_like(held[:1], value) for value in (FAR, -FAR, np.float32(0), np.float32(-0.0))]
    for value in (FAR, -FAR):
        single = np.tile(held[-1:], (columns, 1))
        single[np.arange(columns), np.arange(columns)] = value
        rows.append(single)
    return np.concatenate(rows)
