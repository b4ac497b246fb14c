"""From what a model computes, in float32, to predictions.

Numbers leave as the shortest decimals that read back the same float32: 74.2, not 74.19999694824219. `str` of a NumPy
float32 does that for one number. For an answer of a thousand rows it would take a third of the whole request, so there
all numbers are rounded at once to 6, 7, 8 and 9 digits, and the first that reads back the same is taken (ten times
faster, measured). That needs powers of ten that are exact in float64; other magnitudes go to `str`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from headgate.serving.codecs import Prediction
from headgate.serving.failure import NOT_FINITE, ModelFailure

_FEW = 16


def labelled(values: Any, labels: Sequence[str], probabilities: bool) -> list[Prediction]:
    """The label of the highest of the probabilities `values`, float32 [n, classes]. Raises ModelFailure."""
    if values.ndim != 2 or values.shape[1] != len(labels):
        raise ModelFailure(
            f"The model gives probabilities of shape {list(values.shape)}, the schema has {len(labels)} labels."
        )
    best = values.argmax(axis=1)
    if not probabilities:
        highest = shortest(values[numpy.arange(len(best)), best])
        return [{"label": labels[b], "probability": p} for b, p in zip(best.tolist(), highest, strict=True)]
    flat, width = shortest(values.reshape(-1)), len(labels)
    rows = (flat[start : start + width] for start in range(0, len(flat), width))
    return [label_row(b, labels, row) for b, row in zip(best.tolist(), rows, strict=True)]


def label_row(best: int, labels: Sequence[str], row: Sequence[float]) -> Prediction:
    """A prediction with the probabilities of all classes."""
    return {
        "label": labels[best],
        "probability": row[best],
        "probabilities": dict(zip(labels, row, strict=True)),
    }


def valued(values: Any, rows: int) -> list[Prediction]:
    """`values` float32 [n] or [n, 1]; more columns make a list each. Raises ModelFailure."""
    if values.ndim == 0 or len(values) != rows:
        raise ModelFailure(f"The model gave {list(values.shape)} values for {rows} rows.")
    flat = shortest(values.reshape(-1))
    width = len(flat) // rows
    if width == 1:
        return [{"value": value} for value in flat]
    return [{"value": flat[start : start + width]} for start in range(0, len(flat), width)]


def shortest(values: Any) -> list[float]:
    """float32 [n] as Python numbers. Raises ModelFailure for NaN and infinity."""
    if not numpy.isfinite(values).all():
        raise not_finite()
    if len(values) <= _FEW:
        return [float(str(value)) for value in values]
    exact = values.astype(numpy.float64)
    size = numpy.abs(exact)
    open_ = (size >= 1e-13) & (size < 1e6)
    scale_of_one = numpy.floor(numpy.log10(numpy.where(open_, size, 1.0)))
    rounded = exact.copy()
    for digits in (6, 7, 8, 9):
        scale = 10.0 ** (digits - 1 - scale_of_one)
        tried = numpy.rint(exact * scale) / scale
        same = open_ & (tried.astype(numpy.float32) == values)
        rounded[same] = tried[same]
        open_ &= ~same
    result: list[float] = rounded.tolist()
    for index in numpy.flatnonzero((size != 0) & ((size < 1e-13) | (size >= 1e6) | open_)).tolist():
        result[index] = float(str(values[index]))
    return result


def not_finite() -> ModelFailure:
    """What is raised where a model answers NaN or infinity."""
    return ModelFailure("The model answered NaN or infinity.", kind=NOT_FINITE)


def one_number(value: Any) -> float:
    """One float32 as the shortest Python number. Raises ModelFailure for NaN and infinity."""
    number = float(str(value))
    if not math.isfinite(number):
        raise not_finite()
    return number
