"""Rows in folds: each row is held out once, and learnt from in all the other folds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Fold:
    """Sorted row numbers that share none."""

    fit: Indices
    held: Indices


def folds(y: npt.NDArray[Any], count: int, seed: int, *, by_class: bool) -> list[Fold]:
    """Rows 0 to len(y) - 1 in `count` folds of nearly equal size; `by_class`, with nearly equal shares of each class.

    RandomState, because NumPy promises that its streams never change.
    """
    random = np.random.RandomState(seed)
    groups = [np.flatnonzero(y == label) for label in np.unique(y)] if by_class else [np.arange(len(y))]
    dealt = np.concatenate([random.permutation(group) for group in groups])  # like cards, one class after the other
    fold_of = np.empty(len(y), np.intp)
    fold_of[dealt] = np.arange(len(y)) % count
    return [Fold(np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)) for number in range(count)]
