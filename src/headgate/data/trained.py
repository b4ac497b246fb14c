"""A trained model as training judges it and packaging compares it: XGBoost's own predictions, in one shape."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.core.schema import Task
from headgate.data.runs import MODEL_NAME, Run
from headgate.errors import MissingExtra

try:
    import xgboost
except ImportError:
    raise MissingExtra("XGBoost", "train") from None


@dataclass(frozen=True, slots=True)
class Trained:
    """A booster and what its outputs mean."""

    booster: Any
    task: Task
    labels: tuple[str, ...]

    @classmethod
    def of(cls, run: Run) -> "Trained":
        """The model of a run. Raises InvalidInput where its file was changed."""
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(run.read(MODEL_NAME)))
        return cls(booster, run.record.task, run.record.labels)

    def predict(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities [n, classes] in the order of `labels`, or values [n]. X: float32 [n, f], NaN where missing."""
        raw = np.asarray(self.booster.predict(xgboost.DMatrix(X, nthread=1)), np.float32)
        if self.task == "classification" and len(self.labels) == 2:
            return np.stack([1 - raw, raw], axis=1)  # XGBoost gives the second class's probability alone
        return raw

    def to_bytes(self) -> bytes:
        """As `of` reads it: XGBoost's own UBJSON."""
        return bytes(self.booster.save_raw("ubj"))
