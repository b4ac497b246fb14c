# mypy: ignore-errors
"""Keeps the model as MLflow does, for `mlflow models serve`.

python mlflow_model.py FOLDER
"""

import os
import sys

import mlflow.xgboost
from xgboost import XGBRegressor

model = XGBRegressor(n_jobs=1)
model.load_model(os.environ["MODEL"])
mlflow.xgboost.save_model(model, sys.argv[1], pip_requirements=[])
