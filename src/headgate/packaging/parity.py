"""Parity: does the portable model answer like the trained one?

Classification: every label is the same, and no probability differs by more than 0.0001. Regression: no value differs by
more than 0.00001 of the largest. The two sum the same float32 leaves in different orders, which was seen to make up to
0.00003 of difference; a wrong conversion makes far more. Where the trained model itself is undecided between two labels
(their probabilities are within 0.000001, the float32 rounding of a probability) either of them counts as the same: a
tie. What is not shown to agree is refused: a difference that is no number is larger than any tolerance.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from headgate.core.schema import InputSchema
from headgate.data.trained import Trained
from headgate.errors import GateFailed
from headgate.packaging.convert import INPUT_NAME
from headgate.packaging.probes import Probes
from headgate.serving.rows import Model

PROBABILITY_TOLERANCE = 1e-4
RELATIVE_TOLERANCE = 1e-5
TIE = 1e-6

Answers = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Parity:
    """What was compared and how far apart the two models are at most. Absolute, in the unit of the answer."""

    rows: int
    tolerance: float
    difference: float
    labels_changed: int
    ties: int

    def to_json(self) -> dict[str, Any]:
        """A JSON document."""
        return asdict(self)


def check_parity(trained: Trained, onnx: bytes, probes: Probes) -> Parity:
    """Compare on all rows. Raises GateFailed, with the worst row and both answers, where they differ too much."""
    ours, theirs = trained.predict(probes.X), predict_onnx(onnx, probes.X, trained)
    if theirs.shape != ours.shape:
        raise GateFailed(
            f"The ONNX model answers in the shape {list(theirs.shape)}, the trained one in {list(ours.shape)}.",
            hint="Nothing was packaged.",
        )
    return compare(ours, theirs, probes.kinds, trained.labels)


def predict_onnx(onnx: bytes, X: npt.NDArray[np.float32], trained: Trained) -> Answers:
    """What the ONNX model answers, in the shape of `Trained.predict`: probabilities [n, classes] or values [n]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    answer = session.run(None, {INPUT_NAME: X})[-1]  # a classifier gives labels first
    return np.asarray(answer if trained.task == "classification" else answer.reshape(-1), np.float32)


def served(model: Model, values: Sequence[Sequence[Any]], schema: InputSchema) -> Answers:
    """What a model server answers: values [n], probabilities [n, classes], or 1 for the label where there are none.

    Raises ModelFailure.
    """
    predictions = model.run(values, probabilities=True)
    if schema.task == "regression":
        return np.array([prediction["value"] for prediction in predictions])
    if "probabilities" in predictions[0]:
        return np.array([list(prediction["probabilities"].values()) for prediction in predictions])
    return np.array([[float(prediction["label"] == label) for label in schema.labels] for prediction in predictions])


def compare(
    ours: Answers, theirs: Answers, kinds: Sequence[str], labels: tuple[str, ...], *, engine: str = "ONNX"
) -> Parity:
    """`labels` empty: values [n]; else probabilities [n, classes]. `kinds` says of each row where it comes from.

    Raises GateFailed where they differ too much.
    """
    away = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    away = np.where(np.isfinite(away), away, np.inf)
    per_row = away if away.ndim == 1 else away.max(axis=1)
    changed = tied = np.zeros(len(per_row), bool)
    if labels:
        rows = np.arange(len(ours))
        mine, other = ours.argmax(axis=1), theirs.argmax(axis=1)
        near = ours[rows, mine] - ours[rows, other] <= TIE
        changed, tied = (mine != other) & ~near, (mine != other) & near
    tolerance = (
        PROBABILITY_TOLERANCE
        if labels
        else RELATIVE_TOLERANCE * float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0))
    )
    difference = float(per_row.max())
    if difference <= tolerance and not changed.any():
        return Parity(len(ours), tolerance, difference, 0, int(tied.sum()))
    worst = int(np.lexsort((per_row, changed))[-1])  # a changed label is worse than any difference of numbers
    counts = int(changed.sum()), int((per_row > tolerance).sum())
    raise GateFailed(
        f"The {engine} model does not answer like the trained one. "
        f"Of {len(ours):,} rows {counts[0]:,} get another label, {counts[1]:,} differ by more than {tolerance:.3g}. "
        f"Worst is {kinds[worst]} ({worst}): trained {_shown(ours[worst], labels)}, "
        f"{engine} {_shown(theirs[worst], labels)}, difference {per_row[worst]:.3g}.",
        hint="Nothing was packaged. Other parameters, or another version of xgboost or onnxmltools, may convert.",
    )


def _shown(answer: Any, labels: tuple[str, ...]) -> str:
    if not labels:
        return f"{float(answer):.7g}"
    best = int(np.argmax(answer))
    return f"{labels[best]} {float(answer[best]):.6f}"
