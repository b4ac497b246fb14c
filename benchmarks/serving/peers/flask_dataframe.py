# mypy: ignore-errors
"""Flask as tutorials have it: the request becomes a DataFrame, the scikit-learn wrapper predicts."""

import os

import pandas as pd
from flask import Flask, jsonify, request
from xgboost import XGBRegressor

NAMES = os.environ["FEATURES"].split(",")
app = Flask(__name__)
model = XGBRegressor(n_jobs=1)
model.load_model(os.environ["MODEL"])


@app.post("/invocations")
def invocations():
    """One row of names and values, or a CSV file with a header line."""
    rows = pd.read_csv(request.stream) if request.mimetype == "text/csv" else pd.DataFrame([request.get_json()])
    return jsonify(predictions=model.predict(rows[NAMES]).tolist())
