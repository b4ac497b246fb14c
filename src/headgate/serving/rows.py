"""Answers for rows: decode, check, run, encode.

A `Model` answers checked values; which model that is (ONNX, XGBoost, text) does not matter here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from headgate.core.schema import Feature, InputSchema
from headgate.errors import HeadgateError, InvalidInput
from headgate.serving.codecs import Answer, Batch, Prediction, decode_batch, encode_predictions
from headgate.serving.failure import NOT_FINITE, ModelFailure
from headgate.serving.media import CSV, JSON, choose_media
from headgate.serving.predictor import NO_HEADERS, Call, Headers, Mode, answer_or_error
from headgate.serving.validation import Validator, Value


class Model(Protocol):
    """A model of checked rows."""

    def run(self, rows: Sequence[Sequence[Value | None]], *, probabilities: bool = False) -> list[Prediction]:
        """One prediction for each row, of a classifier with all `probabilities` where asked. Raises ModelFailure."""


def _usual(feature: Feature) -> Value:
    """Some value that the feature may have."""
    if feature.kind == "string":
        return feature.categories[0] if feature.categories else "some text"
    return False if feature.kind == "boolean" else 0


class RowPredictor:
    """Decode, check, run, encode."""

    backend = "onnx"
    mode: Mode = "inline"
    max_batch = 1

    def __init__(self, model: Model, schema: InputSchema, *, project: str = "") -> None:
        self.project = project
        self.schema = schema
        self._model = model
        self._validator = Validator(schema.features)

    def predict(
        self,
        body: bytes,
        content_type: str | None,
        accept: str | None,
        headers: Headers = NO_HEADERS,  # noqa: ARG002 only user code looks at them
    ) -> Answer:
        """Answer one request. Raises InvalidInput, PayloadTooLarge, UnsupportedMedia, ModelFailure."""
        media = choose_media(accept, (JSON, CSV))
        batch = decode_batch(body, content_type)
        return encode_predictions(self._run(batch), many=batch.many, media=media)

    def predict_many(self, calls: Sequence[Call]) -> list[Answer | HeadgateError]:
        """One result for each call."""
        return [answer_or_error(self.predict, call) for call in calls]

    def predict_rows(self, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> list[Prediction]:
        """One prediction for each row of named or ordered values. Raises as `predict` does."""
        return self._run(Batch(rows, many=True))

    def warm_up(self) -> None:
        """Predict once. Raises InvalidInput where the model cannot."""
        row = {f.name: _usual(f) for f in self.schema.features}
        try:
            self.predict(json.dumps(row).encode(), JSON, JSON)
        except ModelFailure as error:
            if error.kind != NOT_FINITE:  # a row of zeros need not make sense to the model
                raise InvalidInput(f"The model does not predict: {error.message}", hint="Package it again.") from None

    def _run(self, batch: Batch) -> list[Prediction]:
        return self._model.run(self._validator.check(batch))
