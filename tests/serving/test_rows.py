"""Answers for rows."""

import csv
import io
import json
from typing import Any

import numpy
import pytest

from headgate.core.schema import Feature, InputSchema, Policy
from headgate.errors import InvalidInput
from headgate.serving.codecs import Answer
from headgate.serving.codecs.npy import parse_npy
from headgate.serving.failure import ModelFailure
from headgate.serving.predictor import Call
from headgate.serving.rows import RowPredictor
from tests.serving.sums import LABELS, Sums, sums

ROW = b'{"x":1,"y":2}'
HIGH = b'{"label":"high","probability":0.75}'
EVERY = HIGH[:-1] + b',"probabilities":{"low":0.25,"high":0.75}}'
TABLE = b"1,2\n-3,-4\n"


def test_one_row_gets_one_prediction() -> None:
    assert sums().predict(ROW, "application/json", "application/json") == Answer(
        b'{"prediction":%b}' % HIGH, "application/json"
    )
    assert sums(classifies=False).predict(ROW, None, None).body == b'{"prediction":{"value":3.0}}'


@pytest.mark.parametrize(
    "accept",
    [
        "application/json; probabilities=true",
        "*/*;probabilities=true",
        "text/csv;q=0.1,application/json;Probabilities=TRUE",
    ],
)
def test_all_probabilities_come_where_they_are_asked_for(accept: str) -> None:
    assert sums().predict(ROW, None, accept) == Answer(b'{"prediction":%b}' % EVERY, "application/json")
    assert sums().predict(b"[%b]" % ROW, None, accept).body == b'{"predictions":[%b]}' % EVERY
    assert sums(classifies=False).predict(ROW, None, accept).body == b'{"prediction":{"value":3.0}}'


def test_all_probabilities_come_where_the_policy_says_so() -> None:
    assert sums(policy=Policy(probabilities=True)).predict(ROW, None, None).body == b'{"prediction":%b}' % EVERY


def test_an_echo_repeats_the_rows_as_understood() -> None:
    echoing = sums(Feature("x"), Feature("t", "string", nullable=True), policy=Policy(echo=True))
    answer = json.loads(echoing.predict(b"[-0, null]", None, None).body)
    assert answer == {"prediction": {"label": "low", "probability": 0.75}, "request": {"x": 0.0, "t": None}}
    many = json.loads(echoing.predict(b"t,x\n\xc3\xa9,1\n", "text/csv", None).body)
    assert many["request"] == [{"x": 1.0, "t": "é"}]
    assert echoing.predict(b"[1,null]", None, "text/csv").body == b"high,0.75\n"


@pytest.mark.parametrize("media", ["application/jsonlines", "application/x-ndjson"])
def test_answers_on_lines_of_json(media: str) -> None:
    answer = sums().predict(TABLE, "text/csv", media)
    assert answer == Answer(HIGH + b'\n{"label":"low","probability":0.75}\n', media)
    assert sums().predict(ROW, None, media).body == HIGH + b"\n"


def test_answers_in_csv() -> None:
    answer = sums().predict(TABLE, "text/csv", "text/csv")
    assert answer == Answer(b"high,0.75\nlow,0.75\n", "text/csv; charset=utf-8")
    assert sums().predict(TABLE, "text/csv", "text/csv; probabilities=true").body == (
        b"high,0.75,0.25,0.75\nlow,0.75,0.75,0.25\n"
    )
    assert sums(classifies=False).predict(ROW, None, "text/csv").body == b"3.0\n"


def test_answers_in_npy() -> None:
    probabilities = parse_npy(sums().predict(TABLE, "text/csv", "application/x-npy").body)
    assert probabilities.tolist() == [[0.25, 0.75], [0.75, 0.25]]
    answer = sums(classifies=False).predict(TABLE, "text/csv", "application/x-npy")
    assert answer.content_type == "application/x-npy"
    assert numpy.load(io.BytesIO(answer.body)).tolist() == [3.0, -7.0]


def test_labels_are_written_so_that_they_can_be_read() -> None:
    odd = 'a,"é"\n\U0001f600'

    class Odd(Sums):
        def run(self, rows: object, *, probabilities: bool = False) -> list[Any]:  # noqa: ARG002
            return [{"label": odd, "probability": 1e-07}]

    predictor = RowPredictor(Odd(), InputSchema("classification", "z", (Feature("x"), Feature("y")), LABELS))
    assert json.loads(predictor.predict(ROW, None, None).body)["prediction"] == {"label": odd, "probability": 1e-07}
    text = predictor.predict(ROW, None, "text/csv").body.decode()
    assert next(csv.reader(io.StringIO(text, newline=""))) == [odd, "1e-07"]


def test_many_calls_are_one_run_of_the_model() -> None:
    model = Sums()
    predictor = RowPredictor(model, sums().schema)
    results = predictor.predict_many(
        [
            Call(ROW, None, None),
            Call(b'{"x":1}', None, None),
            Call(TABLE, "text/csv", "text/csv"),
            Call(ROW, "image/png", None),
            Call(ROW, None, "image/png"),
            Call(ROW, None, "application/json;probabilities=true"),
        ]
    )
    assert [r.body if isinstance(r, Answer) else r.http_status for r in results] == [
        b'{"prediction":%b}' % HIGH,
        400,
        b"high,0.75\nlow,0.75\n",
        415,
        406,
        b'{"prediction":%b}' % EVERY,
    ]
    assert model.runs == [3, 1]
    assert predictor.predict_many([]) == []


def test_a_call_that_the_model_fails_on_does_not_harm_the_others() -> None:
    good, bad = Call(ROW, None, None), Call(b'{"x":13,"y":0}', None, None)
    results = sums().predict_many([good, bad, good])
    assert [isinstance(result, Answer) for result in results] == [True, False, True]
    assert isinstance(results[1], ModelFailure)
    assert isinstance(sums().predict_many([bad])[0], ModelFailure)


def test_warming_up_takes_the_way_that_requests_take() -> None:
    model = Sums()
    features = (
        Feature("x"),
        Feature("n", "integer", nullable=True),
        Feature("b", "boolean"),
        Feature("c", "string", categories=("red",)),
        Feature("t", "string"),
    )
    RowPredictor(model, InputSchema("classification", "z", features, LABELS)).warm_up()
    assert model.runs == [1]


def test_a_model_that_cannot_predict_fails_to_warm_up() -> None:
    class Broken(Sums):
        def run(self, rows: object, *, probabilities: bool = False) -> list[Any]:  # noqa: ARG002
            raise ModelFailure("No.")

    predictor = RowPredictor(Broken(), sums().schema)
    with pytest.raises(InvalidInput, match="The model does not predict: No"):
        predictor.warm_up()


def test_requests_are_answered_together_as_each_alone() -> None:
    predictor = sums()
    rows = [predictor.read_one(body, None, "application/json") for body in (ROW, b'{"x":-1,"y":-2}')]
    assert predictor.answer_each([row for row in rows if row]) == [
        predictor.predict(ROW, None, None),
        predictor.predict(b'{"x":-1,"y":-2}', None, None),
    ]


def test_a_row_that_the_model_fails_on_fails_alone() -> None:
    first, second, third = sums().answer_each([(1.0, 2.0), (6.0, 7.0), (-1.0, 0.0)])
    assert isinstance(second, ModelFailure)
    assert isinstance(first, Answer)
    assert isinstance(third, Answer)
    assert (first.body, third.body) == (
        b'{"prediction":%b}' % HIGH,
        b'{"prediction":%b}' % HIGH.replace(b"high", b"low"),
    )


@pytest.mark.parametrize(
    ("body", "content_type", "accept"),
    [
        (b"[1,2]", None, "text/csv"),
        (b"1,2", "text/csv", None),
        (ROW, None, "application/json; probabilities=true"),
        (b'[{"x":1,"y":2}]', None, None),
        (b'{"x":1}', None, None),
        (b'{"x":1,"y":NaN}', None, None),
    ],
)
def test_what_is_not_one_plain_row_goes_its_own_way(body: bytes, content_type: str | None, accept: str | None) -> None:
    assert sums().read_one(body, content_type, accept) is None
