"""A category goes into a model of numbers as its place. The model is x + place of y."""

import json
from pathlib import Path

import pytest

from headgate.core.schema import Feature
from headgate.errors import InvalidInput
from headgate.serving.load import load
from headgate.serving.predictor import Call, Predictor
from tests.serving.models import write_package

FEATURES = (Feature("x", nullable=True), Feature("y", "string", nullable=True, categories=("zero", "один", "two, too")))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return load(write_package(tmp_path_factory.mktemp("coded"), task="regression", features=FEATURES))


def ask(predictor: Predictor, body: str, content_type: str = "application/json") -> object:
    found = json.loads(predictor.predict(body.encode(), content_type, "application/json").body)
    return found.get("prediction", found.get("predictions"))


def test_one_row_by_the_short_way(predictor: Predictor) -> None:
    assert ask(predictor, '{"x": 1, "y": "zero"}') == {"value": 1.0}
    assert ask(predictor, '{"x": 1, "y": "один"}') == {"value": 2.0}
    assert ask(predictor, '{"y": "two, too", "x": 0.5}') == {"value": 2.5}


def test_many_rows_in_every_form(predictor: Predictor) -> None:
    expected = [{"value": 1.0}, {"value": 7.0}]
    assert ask(predictor, '[{"x": 0, "y": "один"}, {"x": 5, "y": "two, too"}]') == expected
    assert ask(predictor, '{"x": 0, "y": "один"}\n{"x": 5, "y": "two, too"}\n', "application/jsonlines") == expected
    assert ask(predictor, 'x,y\n0,один\n5,"two, too"\n', "text/csv") == expected
    calls = [Call(json.dumps({"x": x, "y": "один"}).encode(), "application/json", None) for x in (0, 1)]
    bodies = [json.loads(answer.body) for answer in predictor.predict_many(calls) if not isinstance(answer, Exception)]
    assert bodies == [{"prediction": {"value": 1.0}}, {"prediction": {"value": 2.0}}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"x": 1, "y": "two, also"}', "feature 'y': expected one of 'zero', 'один', 'two, too', got 'two, also'"),
        ('{"x": 1, "y": 1}', "feature 'y': expected a string, got 1"),
        ('[{"x": 1, "y": "zero"}, {"x": 1, "y": ""}]', "row 2, feature 'y': expected one of"),
    ],
)
def test_what_is_no_category_is_refused(predictor: Predictor, body: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ask(predictor, body)


def test_a_missing_one_is_nan_to_the_model(predictor: Predictor) -> None:
    for body in ('{"x": 1, "y": null}', '[{"x": 1, "y": null}, {"x": 1, "y": "zero"}]'):
        with pytest.raises(Exception, match="NaN or infinity"):  # which this linear model passes on
            ask(predictor, body)


def test_text_without_categories_does_not_fit_a_model_of_numbers(tmp_path: Path) -> None:
    features = (Feature("x", "string"), Feature("y", "string", categories=("a",)))
    with pytest.raises(InvalidInput, match=r"has text features \(x\), but model.onnx takes numbers only there"):
        load(write_package(tmp_path, task="regression", features=features))
