"""Answers for rows: decode, check, run, encode.

A `Model` answers checked values; which model that is (ONNX, XGBoost, text) does not matter here.

Most requests are one JSON object with a JSON answer. Those take a way of their own at the top of `predict`, without
the calls and the values in between that the others need: with a small model these cost more than the model. In two
steps, `read_one` and `answer_each`, it is the way of requests that go through the model together.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import msgspec

from headgate.core.schema import Feature, InputSchema
from headgate.errors import HeadgateError, InvalidInput
from headgate.serving.codecs import OUTPUTS, Answer, Batch, Prediction, decode_batch, encode_predictions, to_json
from headgate.serving.compiled import Compiled, form_of
from headgate.serving.failure import NOT_FINITE, ModelFailure
from headgate.serving.media import JSON, NPY, choose_range
from headgate.serving.predictor import NO_HEADERS, Call, Headers, Mode
from headgate.serving.validation import Validator, Value

Rows = Sequence[Sequence[Value | None]]

_encode = msgspec.json.Encoder().encode


class Model(Protocol):
    """A model of checked rows."""

    def run(self, rows: Rows, *, probabilities: bool = False) -> list[Prediction]:
        """One prediction for each row, of a classifier with all `probabilities` where asked. Raises ModelFailure."""


class Plan(NamedTuple):
    """What the headers of a request ask for. `plain`: JSON in and out, and nothing besides."""

    media: str
    probabilities: bool
    plain: bool


class Request(NamedTuple):
    """Checked rows, and how they are to be answered."""

    rows: Rows
    many: bool
    plan: Plan


class RowPredictor:
    """Decode, check, run, encode."""

    mode: Mode = "inline"
    max_batch = 1

    def __init__(self, model: Model, schema: InputSchema, *, backend: str = "onnx", project: str = "") -> None:
        self.backend = backend
        self.project = project
        self.schema = schema
        self._model = model
        self._validator = Validator(schema)
        self._compiled = Compiled(schema)
        self._plan = lru_cache(64)(self._make_plan)  # callers send the same few headers again and again

    def predict(
        self,
        body: bytes,
        content_type: str | None,
        accept: str | None,
        headers: Headers = NO_HEADERS,  # noqa: ARG002 only user code looks at them
    ) -> Answer:
        """Answer one request. Raises InvalidInput, PayloadTooLarge, UnsupportedMedia, NotAcceptable, ModelFailure."""
        plan = self._plan(content_type, accept)
        if plan.plain:
            row = self._compiled.row(body)
            if row is not None:
                (prediction,) = self._model.run((row,), probabilities=plan.probabilities)
                return Answer(_encode({"prediction": prediction}), JSON)
        return self._answer(self._read(body, content_type, plan))

    def read_one(self, body: bytes, content_type: str | None, accept: str | None) -> Sequence[Value | None] | None:
        """The row of a request that is one JSON object and wants JSON; None for one that has to be given to `predict`.
        Raises NotAcceptable.
        """
        plan = self._plan(content_type, accept)
        return self._compiled.row(body) if plan.plain and not plan.probabilities else None

    def answer_each(self, rows: Rows) -> list[Answer | HeadgateError]:
        """One result for each row of a request of its own."""
        try:
            predictions = self._model.run(rows)
        except HeadgateError as error:
            if len(rows) == 1:
                return [error]
            return [self.answer_each([row])[0] for row in rows]  # only those whose row it was shall fail
        return [Answer(_encode({"prediction": prediction}), JSON) for prediction in predictions]

    def predict_many(self, calls: Sequence[Call]) -> list[Answer | HeadgateError]:
        """One result for each call. Their rows go through the model together."""
        read = [self._read_or_error(call) for call in calls]
        answers: dict[int, Answer | HeadgateError] = {}
        for probabilities in (False, True):
            alike = {
                place: request
                for place, request in enumerate(read)
                if isinstance(request, Request) and request.plan.probabilities is probabilities
            }
            answers |= zip(alike, self._answer_together(list(alike.values())), strict=True)
        return [request if isinstance(request, HeadgateError) else answers[n] for n, request in enumerate(read)]

    def predict_rows(self, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> list[Prediction]:
        """One prediction for each row of named or ordered values. Raises as `predict` does."""
        return self._model.run(self._validator.check(Batch(rows, many=True)))

    def warm_up(self) -> None:
        """Predict once. Raises InvalidInput where the model cannot."""
        row = {feature.name: _any_value(feature) for feature in self.schema.features}
        try:
            self.predict(to_json(row).encode(), JSON, JSON)
        except ModelFailure as error:
            if error.kind != NOT_FINITE:  # a row of zeros need not make sense to the model
                raise InvalidInput(f"The model does not predict: {error.message}", hint="Package it again.") from None

    def _make_plan(self, content_type: str | None, accept: str | None) -> Plan:
        media, parameters = choose_range(accept, OUTPUTS)
        policy = self.schema.policy
        asked = policy.probabilities or media == NPY or parameters.get("probabilities") == "true"
        return Plan(media, asked, plain=media == JSON and not policy.echo and form_of(content_type) == "json")

    def _read(self, body: bytes, content_type: str | None, plan: Plan) -> Request:
        found = self._compiled.rows(body, content_type)
        if found is not None:
            return Request(*found, plan)
        batch = decode_batch(body, content_type, max_rows=self.schema.policy.max_rows)
        return Request(self._validator.check(batch), batch.many, plan)

    def _read_or_error(self, call: Call) -> Request | HeadgateError:
        try:
            return self._read(call.body, call.content_type, self._plan(call.content_type, call.accept))
        except HeadgateError as error:
            return error

    def _answer(self, request: Request) -> Answer:
        predictions = self._model.run(request.rows, probabilities=request.plan.probabilities)
        return self._encode(request, predictions)

    def _answer_together(self, requests: Sequence[Request]) -> Iterable[Answer | HeadgateError]:
        """The answers of requests that all ask for probabilities, or all do not."""
        if not requests:
            return
        rows = [row for request in requests for row in request.rows]
        try:
            predictions = self._model.run(rows, probabilities=requests[0].plan.probabilities)
        except HeadgateError as error:
            if len(requests) == 1:
                yield error
            else:  # only those whose rows it was shall fail
                for request in requests:
                    yield from self._answer_together([request])
            return
        start = 0
        for request in requests:
            stop = start + len(request.rows)
            yield self._encode_or_error(request, predictions[start:stop])
            start = stop

    def _encode(self, request: Request, predictions: Sequence[Prediction]) -> Answer:
        media = request.plan.media
        echo = self._validator.by_name(request.rows) if self.schema.policy.echo and media == JSON else None
        return encode_predictions(predictions, many=request.many, media=media, request=echo)

    def _encode_or_error(self, request: Request, predictions: Sequence[Prediction]) -> Answer | HeadgateError:
        try:
            return self._encode(request, predictions)
        except HeadgateError as error:
            return error


def _any_value(feature: Feature) -> Value:
    """A value that the schema takes."""
    if feature.kind == "string":
        return feature.categories[0] if feature.categories else "text"
    return False if feature.kind == "boolean" else 0
