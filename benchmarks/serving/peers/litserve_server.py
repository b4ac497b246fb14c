# mypy: ignore-errors
"""LitServe: one worker, one API server; BATCH requests at most in one call of the model.

python litserve_server.py PORT BATCH
"""

import os
import sys

import litserve as ls
import numpy as np
from xgboost import XGBRegressor

NAMES = os.environ["FEATURES"].split(",")


class Predictor(ls.LitAPI):
    """The model."""

    def setup(self, device):  # noqa: ARG002 LitServe's signature
        """Load it, in the worker."""
        self.model = XGBRegressor(n_jobs=1)
        self.model.load_model(os.environ["MODEL"])

    def decode_request(self, request):
        """One row of names and values."""
        return np.array([request[name] for name in NAMES], np.float32)

    def batch(self, inputs):
        """Rows to a table."""
        return np.stack(inputs)

    def unbatch(self, output):
        """A table's answers to those of its rows."""
        return list(output)

    def predict(self, x):
        """A row [f] or a table [n, f]."""
        return self.model.predict(np.atleast_2d(x))

    def encode_response(self, output):
        """The answer for one row."""
        return {"value": float(np.ravel(output)[0])}


if __name__ == "__main__":
    port, batch = map(int, sys.argv[1:])
    api = Predictor(max_batch_size=batch, batch_timeout=0.005, api_path="/invocations")
    server = ls.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1, timeout=30)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, log_level="warning", generate_client_file=False)
