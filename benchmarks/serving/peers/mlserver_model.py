# mypy: ignore-errors
"""MLServer: a runtime of one's own over the V2 protocol, in the server's process (no parallel workers)."""

import os

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from xgboost import XGBRegressor


class Predictor(MLModel):
    """The model."""

    async def load(self) -> bool:
        """Load it."""
        self.model = XGBRegressor(n_jobs=1)
        self.model.load_model(os.environ["MODEL"])
        return True

    async def predict(self, payload):
        """One tensor of rows."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("predict", self.model.predict(rows))
        return InferenceResponse(model_name=self.name, outputs=[output])
