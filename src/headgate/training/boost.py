"""The recipe `xgboost`: gradient-boosted trees, by XGBoost's native interface.

One thread: sums of floats depend on how they are divided among threads, and a model that can be made again bit by bit
is worth more here than speed. Columns go by position (`f0`, `f1`, ...): the ONNX converter reads no other names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from headgate.core.progress import Progress
from headgate.core.schema import Task
from headgate.data.trained import Trained


def boost(
    task: Task,
    labels: tuple[str, ...],
    X: npt.NDArray[np.float32],
    y: npt.NDArray[Any],
    *,
    params: Mapping[str, float],
    seed: int,
    progress: Progress,
) -> Trained:
    """Learn from X (float32 [n, f], NaN where missing) and y (text [n] or float64 [n]). Equal inputs, equal models."""
    settings: dict[str, Any] = {**params, "seed": seed, "nthread": 1, "verbosity": 0, "tree_method": "hist"}
    rounds = int(settings.pop("n_estimators"))
    if task == "regression":
        settings["objective"] = "reg:squarederror"
        target = y.astype(np.float32)
    else:
        target = np.searchsorted(np.array(labels), y).astype(np.float32)  # labels are sorted
        settings["objective"] = "binary:logistic" if len(labels) == 2 else "multi:softprob"
        if len(labels) > 2:
            settings["num_class"] = len(labels)
    rows = xgboost.DMatrix(X, label=target, nthread=1)
    booster = xgboost.Booster(settings, [rows])
    for done in range(rounds):
        booster.update(rows, done)
        progress("boosting", (done + 1) / rounds)
    return Trained(booster, task, labels)
