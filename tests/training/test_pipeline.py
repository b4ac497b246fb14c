"""The recipe `gradient-boosting`: missing values in rows and in requests."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from headgate.core.archive import extract
from headgate.data.fitted import Fitted
from headgate.data.runs import ESTIMATOR_NAME, VALIDATION_NAME
from headgate.data.validation import Validation
from headgate.errors import InvalidInput
from headgate.evaluation import check
from headgate.packaging import package
from headgate.serving.load import load as served
from headgate.spec import load, template
from headgate.training import train
from tests.data.projects import bundled, make

pytestmark = pytest.mark.slow

BOOSTING = {"recipe": "gradient-boosting", "params": {"n_estimators": 20}}


def test_the_iris_template_offers_it_by_taking_comments_away(tmp_path: Path) -> None:
    template.write("iris", tmp_path)
    path = tmp_path / "headgate.yaml"
    text = path.read_text()
    offered = re.search(r"^# train:\n(?:#   .*\n)+", text, re.MULTILINE)
    assert offered
    plain = re.sub(r"^# ", "", offered[0], flags=re.MULTILINE)
    path.write_text(re.sub(r"^train:\n(?:  .*\n)+", "", text.replace(offered[0], plain), count=1, flags=re.MULTILINE))
    project = load(tmp_path)
    assert project.spec.train.recipe == "gradient-boosting"

    run = train(project)
    assert check(run.record.metrics, project.spec.gates, None).passed
    assert run.read(ESTIMATOR_NAME) == train(project).read(ESTIMATOR_NAME)
    made = package(run, project)
    assert made.record.run == run.id
    assert (made.record.data_sha256, made.record.parity["labels_changed"]) == (run.record.data_sha256, 0)
    assert (
        made.record.parity["rows"] > 60 + 3 * 300
    )  # held-out, shuffled, far and lacking ones, and those on thresholds

    # No flower lacks a measure, yet a request may: the median stands in for it.
    extract(made.path, tmp_path / "model")
    predictor = served(tmp_path / "model")
    row = {"sepal_length": 5.1, "sepal_width": None, "petal_length": 1.4, "petal_width": None}
    answer = json.loads(predictor.predict(json.dumps(row).encode(), None, None).body)["prediction"]
    expected = Fitted.of(run).predict(np.array([[5.1, np.nan, 1.4, np.nan]], np.float32))[0]
    assert answer["label"] == run.record.labels[int(expected.argmax())]
    assert answer["probability"] == pytest.approx(expected.max(), abs=1e-5)


def test_numbers_are_predicted_and_compared_with_the_mean(tmp_path: Path) -> None:
    project = bundled(tmp_path, "diabetes", train=BOOSTING, gates={"naive": {"metric": "rmse", "better_by": 5}})
    run = train(project)
    record = run.record
    assert record.naive["answer"] == pytest.approx(150, abs=10)
    assert abs(record.naive["metrics"]["r2"]) < 0.05
    assert check(record.metrics, project.spec.gates, None, naive=record.naive["metrics"]).passed
    assert package(run, project).record.parity["difference"] < 0.01
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    assert Fitted.of(run).predict(held.X).shape == held.y.shape


def test_columns_with_missing_values_and_without_any(tmp_path: Path) -> None:
    lines = [f"{'' if n % 3 else n % 7},,{n % 5},{(n % 7 > 3) + 0}" for n in range(90)]
    project = make(tmp_path, "rows.csv", "classification", train=BOOSTING)
    (tmp_path / "rows.csv").write_text("\n".join(["a,empty,b,y", *lines]))
    run = train(project)
    assert run.record.features_with_missing == ("a", "empty")
    assert package(run, project).record.parity["labels_changed"] == 0


def test_categories_have_no_median(tmp_path: Path) -> None:
    lines = [f"{n % 7},{('red', 'blue')[n % 2]},{n % 3}" for n in range(90)]
    project = make(tmp_path, "rows.csv", "classification", train=BOOSTING)
    (tmp_path / "rows.csv").write_text("\n".join(["a,colour,y", *lines]))
    with pytest.raises(InvalidInput, match="learns from numbers; colour hold text") as caught:
        train(project)
    assert "xgboost" in caught.value.hint


def test_all_held_out_rows_are_compared_and_how_many_is_said(tmp_path: Path) -> None:
    few = {"recipe": "gradient-boosting", "params": {"n_estimators": 2, "max_depth": 1}}
    project = make(tmp_path, "rows.csv", "regression", data={"split": {"test": 0.5}}, train=few)
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *[f"{n % 97},{n % 13}" for n in range(4200)]]))
    parity = package(train(project), project).record.parity
    assert parity["real_rows"] == 2100
    assert parity["rows"] > 2100
