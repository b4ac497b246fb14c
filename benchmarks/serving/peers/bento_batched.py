# mypy: ignore-errors
"""BentoML, one worker: requests that wait become one call of the model."""

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

    @bentoml.api(route="/invocations", batchable=True, batch_dim=0, max_batch_size=64, max_latency_ms=1000)
    def invocations(self, rows: list[dict[str, float]]) -> list[float]:
        """Rows of names and values."""
        table = np.array([[row[name] for name in NAMES] for row in rows], np.float32)
        return self.model.predict(table).tolist()
