"""How good predictions are, by scikit-learn's own metrics. A metric that is no finite number is None, never 0."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk


def score(labels: tuple[str, ...], y: npt.NDArray[Any], answers: npt.NDArray[Any]) -> dict[str, float | None]:
    """Of classes, or of values where there are no `labels`."""
    return score_classes(labels, y, answers) if labels else score_values(y, answers)


def score_classes(
    labels: tuple[str, ...], y: npt.NDArray[np.str_], probabilities: npt.NDArray[Any]
) -> dict[str, float | None]:
    """accuracy, f1_macro and log_loss. y: text [n]; probabilities: [n, classes] in the order of `labels`."""
    predicted = np.array(labels)[probabilities.argmax(axis=1)]
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)  # float32 sums to 1 within 1e-7, which log_loss warns about
    return _finite(
        {
            "accuracy": sk.accuracy_score(y, predicted),
            # Over all classes, also those that the held-out rows lack: a smaller set would change the mean's meaning.
            "f1_macro": sk.f1_score(y, predicted, labels=list(labels), average="macro", zero_division=0),
            "log_loss": sk.log_loss(y, exact, labels=list(labels)),
        }
    )


def score_values(y: npt.NDArray[np.float64], values: npt.NDArray[Any]) -> dict[str, float | None]:
    """rmse, mae, mse and r2. Both [n], in the target's unit. r2 is None for fewer than two rows."""
    exact = values.astype(np.float64)
    mse = sk.mean_squared_error(y, exact)
    return _finite(
        {
            "rmse": math.sqrt(mse),
            "mae": sk.mean_absolute_error(y, exact),
            "mse": mse,
            "r2": sk.r2_score(y, exact) if len(y) > 1 else math.nan,
        }
    )


def _finite(scores: dict[str, Any]) -> dict[str, float | None]:
    return {name: float(value) if math.isfinite(value) else None for name, value in scores.items()}
