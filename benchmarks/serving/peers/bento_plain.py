# mypy: ignore-errors
"""BentoML, one worker: each request is a call of the model."""

import os

import bentoml
import numpy as np
from xgboost import XGBRegressor

NAMES = os.environ["FEATURES"].split(",")


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Predictor:
    """The model."""

    def __init__(self):
        self.model = XGBRegressor(n_jobs=1)
        self.model.load_model(os.environ["MODEL"])

    @bentoml.api(route="/invocations")
    def invocations(self, row: dict[str, float]) -> dict[str, float]:
        """One row of names and values."""
        rows = np.array([[row[name] for name in NAMES]], np.float32)
        return {"value": float(self.model.predict(rows)[0])}
