"""Packages of estimators that somebody trained: what they answer is what the estimator does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

from headgate.core.archive import extract
from headgate.core.schema import InputSchema, Policy, Task
from headgate.data.packages import Package
from headgate.errors import GateFailed, InvalidInput
from headgate.packaging import package_estimator
from headgate.serving.load import load
from headgate.serving.predictor import Predictor

RANDOM = np.random.RandomState(0)
NUMBERS = RANDOM.standard_normal((240, 3))
NUMBERS[RANDOM.random_sample(NUMBERS.shape) < 0.1] = np.nan
TEXTS = RANDOM.choice(["a", "b", "ü c"], (240, 2)).astype(object)
TEXTS[::7, 1] = np.nan
MIXED = np.concatenate([NUMBERS.astype(object), TEXTS], axis=1)
NAMES = ("n1", "n 2", "n3", "colour", "size")
LABELS = np.where(np.nan_to_num(NUMBERS[:, 0]) + (TEXTS[:, 0] == "a") > 0.3, "yes", "no")
VALUES = np.nan_to_num(NUMBERS[:, 0]) * 3 + (TEXTS[:, 0] == "b")
DOCUMENTS = [f"film {'good хороший' if n % 2 else 'bad плохой'} {'été' * (n % 3)} {n % 7}" for n in range(60)]


def columns(**options: Any) -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1, 2]),
            ("colour", OneHotEncoder(), [3]),
            ("size", make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), [4]),
        ],
        **options,
    )


def packaged(folder: Path, estimator: Any, rows: Any, y: Any, task: Task = "classification", **more: Any) -> Package:
    estimator.fit(rows[:-40], y[:-40])
    return package_estimator(estimator, rows[-40:], project="p", target="y", task=task, store=folder, **more)


def served(package: Package, folder: Path) -> Predictor:
    extract(package.path, folder)
    return load(folder)


def ask(predictor: Predictor, row: Any, accept: str | None = None) -> Any:
    return json.loads(predictor.predict(json.dumps(row).encode(), None, accept).body)["prediction"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "last", [LogisticRegression(), RandomForestClassifier(10, random_state=0), xgboost.XGBClassifier(n_estimators=10)]
)
def test_a_pipeline_over_columns_with_missing_values(tmp_path: Path, last: Any) -> None:
    pipeline = make_pipeline(columns(sparse_threshold=0), last)
    y = LABELS == "yes" if isinstance(last, xgboost.XGBClassifier) else LABELS
    package = packaged(tmp_path, pipeline, MIXED, y, features=NAMES, policy=Policy(extra="ignore"))
    assert package.record.parity["labels_changed"] == 0
    predictor = served(package, tmp_path / "content")
    schema = predictor.schema
    assert isinstance(schema, InputSchema)
    assert schema.policy.extra == "ignore"
    assert [(f.name, f.kind, f.nullable) for f in schema.features] == [
        *((name, "number", True) for name in NAMES[:3]),
        ("colour", "string", False),
        ("size", "string", True),
    ]
    assert schema.features[3].categories == ("a", "b", "ü c")
    row = {"n1": 0.5, "n 2": None, "n3": -1, "colour": "ü c", "size": None}
    expected = pipeline.predict_proba(np.array([[0.5, np.nan, -1.0, "ü c", np.nan]], object))[0]
    found = ask(predictor, row, "application/json; probabilities=true")
    assert list(found["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-6)
    with pytest.raises(InvalidInput, match="colour"):
        ask(predictor, {**row, "colour": "d"})


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [LinearRegression(), GradientBoostingRegressor(n_estimators=10)])
def test_numbers_alone_are_one_matrix(tmp_path: Path, estimator: Any) -> None:
    rows = np.nan_to_num(NUMBERS)
    predictor = served(packaged(tmp_path, estimator, rows, VALUES, "regression"), tmp_path / "content")
    assert predictor.mode == "turn"
    row = [0.25, -1.5, 2.0]
    assert ask(predictor, row)["value"] == pytest.approx(estimator.predict([row])[0], rel=1e-5)


@pytest.mark.slow
def test_texts_are_scored_without_onnx(tmp_path: Path) -> None:
    pipeline = make_pipeline(TfidfVectorizer(strip_accents="unicode"), LogisticRegression())
    package = packaged(tmp_path, pipeline, DOCUMENTS, ["good" if n % 2 else "bad" for n in range(60)])
    assert package.record.parity["difference"] < 1e-12
    tried = {engine["engine"]: engine for engine in package.record.engines}
    assert set(tried) == {"text (sigmoid)", "text (softmax)", "onnx"}
    assert tried["text (softmax)"]["refused"].startswith("The text model does not answer like the trained one.")
    assert tried["onnx"]["refused"]  # other tokens, or no locale to make them with
    assert tried["text (sigmoid)"]["micros_per_row"]["1000"] > 0
    predictor = served(package, tmp_path / "content")
    assert predictor.backend == "text"
    assert ask(predictor, {"text": "ХОРОШИЙ film"})["label"] == "good"


@pytest.mark.slow
def test_no_engine_at_all_is_a_refusal_that_names_each(tmp_path: Path) -> None:
    pattern = make_pipeline(TfidfVectorizer(token_pattern=r"(?i)\w+@?"), LogisticRegression())
    with pytest.raises(GateFailed, match=r"(?s)text: refused, the token pattern .*\n  onnx: refused, "):
        packaged(tmp_path, pattern, DOCUMENTS, [n % 2 for n in range(60)])
    with pytest.raises(GateFailed, match="onnx: refused, it has no probabilities"):
        packaged(tmp_path, LinearSVC(), np.nan_to_num(NUMBERS), LABELS)
    # XGBoost takes the zeros of a sparse matrix for missing values, of which ONNX knows nothing
    sparse = ColumnTransformer([("c", OneHotEncoder(), [3])], remainder="passthrough", sparse_threshold=1.0)
    model = make_pipeline(sparse, xgboost.XGBRegressor(n_estimators=10))
    with pytest.raises(GateFailed, match="onnx: refused, The onnx model does not answer like the trained one"):
        packaged(tmp_path, model, MIXED[:, :4], VALUES, "regression")
    assert not (tmp_path / "packages").exists()


def digests(folder: Path) -> list[str]:
    """Of the packages of a table's and of a text's estimator; the same in any process."""
    table = make_pipeline(columns(), LogisticRegression())
    text = make_pipeline(TfidfVectorizer(), LogisticRegression())
    made = [packaged(folder, table, MIXED, LABELS), packaged(folder, text, DOCUMENTS, [n % 2 for n in range(60)])]
    return [package.digest for package in made]


class Contrary(LogisticRegression):  # type: ignore[misc]
    """A classifier that says another label than its probabilities do."""

    def predict(self, X: Any) -> Any:
        """The label of the lowest probability."""
        return self.classes_[self.predict_proba(X).argmin(axis=1)]


def test_rows_and_estimators_that_do_not_fit(tmp_path: Path) -> None:
    rows = np.nan_to_num(NUMBERS)
    with pytest.raises(InvalidInput, match=r"is not the label of its highest probability in .* of .* rows"):
        packaged(tmp_path, Contrary(), rows, LABELS)
    with pytest.raises(InvalidInput, match="not a fitted classifier of one target"):
        packaged(tmp_path, LinearRegression(), rows, VALUES)
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(DOCUMENTS, [n % 2 for n in range(60)])
    with pytest.raises(InvalidInput, match="no texts to compare on"):
        package_estimator(pipeline, [], project="p", target="y", task="classification", store=tmp_path)
