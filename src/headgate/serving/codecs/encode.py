"""Predictions as JSON, JSON lines, CSV and NPY.

JSON is written by msgspec: the same values as by Python's own writer, in other words (`1e16` for `1e+16`, text as UTF-8
instead of ASCII escapes). It would write NaN as null; models raise before it comes to that.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from headgate.errors import NotAcceptable
from headgate.serving.codecs.csv import encode_csv
from headgate.serving.media import CSV, JSON, JSON_LINES, NPY

OUTPUTS = (JSON, *JSON_LINES, CSV, NPY)
"""The media types of answers."""

Prediction = Mapping[str, Any]
"""`{"label": str, "probability": float}` of a classifier (with `"probabilities": {label: float}` where they were asked
for), `{"value": float}` of a regressor."""

to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""Compact JSON in ASCII, so that text from outside (lone surrogates too) is always valid. Refuses NaN."""

_encoder = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back to the caller. A msgspec struct is made in a sixth of a frozen dataclass's time."""

    body: bytes
    content_type: str


def encode_predictions(
    predictions: Sequence[Prediction], *, many: bool, media: str, request: Sequence[Mapping[str, Any]] | None = None
) -> Answer:
    """The answer for `predictions` as one of `OUTPUTS`; NPY needs the probabilities of classifiers.

    `request`: the rows as they were understood, which JSON answers repeat.
    """
    if media == JSON:
        document: dict[str, Any] = {"predictions": predictions} if many else {"prediction": predictions[0]}
        if request is not None:
            document["request"] = request if many else request[0]
        return Answer(_encoder.encode(document), JSON)
    if media == CSV:
        return Answer(encode_csv(map(_fields, predictions)), f"{CSV}; charset=utf-8")
    if media == NPY:
        from headgate.serving.codecs.npy import encode_npy

        return Answer(encode_npy([_numbers(p) for p in predictions]), NPY)
    return Answer(_encoder.encode_lines(predictions), media)


def _fields(prediction: Prediction) -> Iterable[Any]:
    """Label, probability and, where they are there, the probabilities of all classes; or the value."""
    probabilities = prediction.get("probabilities")
    if probabilities is None:
        return prediction.values()
    return (prediction["label"], prediction["probability"], *probabilities.values())


def _numbers(prediction: Prediction) -> Any:
    if "value" in prediction:
        return prediction["value"]
    if "probabilities" not in prediction:
        raise NotAcceptable("This model answers with labels alone, which are no numbers.", hint=f"Accept {JSON}.")
    return list(prediction["probabilities"].values())
