# mypy: ignore-errors
"""FastAPI as its users have it: a pydantic model of the row, a float32 array, uvicorn with uvloop and httptools."""

import os

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, create_model
from xgboost import XGBRegressor

NAMES = os.environ["FEATURES"].split(",")
Row = create_model("Row", **dict.fromkeys(NAMES, (float, ...)))
app = FastAPI()
model = XGBRegressor(n_jobs=1)
model.load_model(os.environ["MODEL"])


class Prediction(BaseModel):
    """The answer."""

    value: float


@app.post("/invocations")
async def invocations(row: Row) -> Prediction:
    """One row of names and values."""
    rows = np.array([[getattr(row, name) for name in NAMES]], np.float32)
    return Prediction(value=float(model.predict(rows)[0]))
