# mypy: ignore-errors
"""Flask without pandas: the request becomes a float32 array."""

import os

import numpy as np
from flask import Flask, jsonify, request
from xgboost import XGBRegressor

NAMES = os.environ["FEATURES"].split(",")
app = Flask(__name__)
model = XGBRegressor(n_jobs=1)
model.load_model(os.environ["MODEL"])


@app.post("/invocations")
def invocations():
    """One row of names and values, or a CSV file with a header line."""
    if request.mimetype == "text/csv":
        lines = request.get_data(as_text=True).splitlines()
        rows = np.loadtxt(lines, np.float32, delimiter=",", skiprows=1, ndmin=2)
    else:
        row = request.get_json()
        rows = np.array([[row[name] for name in NAMES]], np.float32)
    return jsonify(predictions=model.predict(rows).tolist())
