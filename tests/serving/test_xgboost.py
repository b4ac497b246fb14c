"""XGBoost's library, called without its package, against the package."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy
import pytest
import xgboost

from headgate.core.manifest import UBJ_NAME
from headgate.core.schema import Feature, InputSchema
from headgate.errors import InvalidInput
from headgate.serving.backends.xgboost import Booster, SizedModel
from headgate.serving.codecs import Prediction
from headgate.serving.failure import ModelFailure
from tests.serving.models import write_manifest, write_package

FEATURES = tuple(Feature(f"f{n}", nullable=True) for n in range(4))
OBJECTIVES = {"binary:logistic": ("a", "b"), "multi:softprob": ("a", "b", "c"), "reg:squarederror": ()}


def some_rows(count: int) -> Any:
    rows = numpy.random.RandomState(0).standard_normal((count, 4)).astype(numpy.float32)
    rows[::3, 1] = numpy.nan
    return rows


@pytest.fixture(scope="module", params=OBJECTIVES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, InputSchema]:
    labels = OBJECTIVES[request.param]
    rows = some_rows(300)
    y = rows[:, 0] + rows[:, 2] if not labels else numpy.digitize(rows[:, 0], [0, 0.7][: len(labels) - 1])
    parameters = {"objective": request.param, "nthread": 1} | ({"num_class": 3} if len(labels) == 3 else {})
    booster = xgboost.train(parameters, xgboost.DMatrix(rows, y), num_boost_round=8)
    path = tmp_path_factory.mktemp("xgboost") / UBJ_NAME
    booster.save_model(path)
    return booster, path, InputSchema("classification" if labels else "regression", "y", FEATURES, labels)


class Small:
    """Stands for the model of small requests."""

    def run(self, rows: Any, *, probabilities: bool = False) -> list[Prediction]:
        """The number of rows."""
        return [{"small": len(rows), "probabilities": probabilities}]


def test_it_answers_as_xgboost_does_also_where_values_are_missing(trained: Any) -> None:
    booster, path, schema = trained
    rows = some_rows(1000)
    expected = booster.predict(xgboost.DMatrix(rows, nthread=1))
    found = Booster(path).predict(rows)
    assert found.reshape(expected.shape).tolist() == expected.tolist()

    values = [[None if number != number else number for number in row] for row in rows.tolist()]  # noqa: PLR0124 NaN
    predictions = SizedModel(Small(), path, schema, 1000).run(values, probabilities=True)
    if not schema.labels:
        assert [p["value"] for p in predictions] == pytest.approx(expected, rel=1e-6)
        return
    table = numpy.stack([1 - expected, expected], axis=1) if len(schema.labels) == 2 else expected
    assert [list(p["probabilities"].values()) for p in predictions] == pytest.approx(table, abs=1e-7)
    assert [p["label"] for p in predictions] == [schema.labels[best] for best in table.argmax(axis=1)]


def test_small_requests_stay_where_they_are(trained: Any) -> None:
    _, path, schema = trained
    model = SizedModel(Small(), path, schema, 50)
    assert model.run(some_rows(49), probabilities=True) == [{"small": 49, "probabilities": True}]
    assert len(model.run(some_rows(50))) == 50


def test_threads_do_not_see_each_others_answers(trained: Any) -> None:
    _, path, _ = trained
    booster, start = Booster(path), threading.Barrier(4)
    wrong: list[int] = []

    def ask(rows: Any, expected: Any) -> None:
        start.wait(30)
        wrong.extend(1 for _ in range(50) if (booster.predict(rows) != expected).any())

    parts = [some_rows(400)[first::4] for first in range(4)]
    threads = [threading.Thread(target=ask, args=(part, booster.predict(part))) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_model_that_it_cannot_read_is_answered_by_the_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / UBJ_NAME
    path.write_bytes(b"{damaged")
    with pytest.raises(InvalidInput, match=r"model.ubj cannot be loaded: XGBoost failed: "):
        Booster(path)
    model = SizedModel(Small(), path, InputSchema("regression", "y", FEATURES), 2)
    for _ in range(2):
        assert model.run([[0] * 4] * 3) == [{"small": 3, "probabilities": False}]
    assert [record.message for record in caplog.records] == ["large batches without XGBoost"]


def test_rows_of_a_wrong_width_are_a_failure_of_the_model(trained: Any) -> None:
    _, path, _ = trained
    with pytest.raises(ModelFailure, match="XGBoost failed: "):
        Booster(path).predict(numpy.zeros((3, 5), numpy.float32))


ASK = """
import sys
from pathlib import Path
from headgate.serving.load import load
predictor = load(Path(sys.argv[1]))
few, many = predictor.predict(b"[[1,2]]", None, None), predictor.predict(b"[[1,2],[3,4]]", None, None)
print(few.body.decode(), many.body.decode(), "xgboost" in sys.modules)
"""


@pytest.mark.slow
def test_a_package_names_the_batches_that_go_there(tmp_path: Path) -> None:
    write_package(tmp_path, task="regression")  # adds; the other always answers 0.5
    nothing = xgboost.DMatrix(numpy.zeros((4, 2), numpy.float32), numpy.full(4, 0.5))
    xgboost.train({"base_score": 0.5}, nothing, num_boost_round=1).save_model(tmp_path / UBJ_NAME)
    write_manifest(tmp_path, "onnx", large_batch=2)
    done = subprocess.run([sys.executable, "-c", ASK, str(tmp_path)], capture_output=True, text=True, check=True)
    few, many, imported = done.stdout.split()
    assert few == '{"predictions":[{"value":3.0}]}'
    assert many == '{"predictions":[{"value":0.5},{"value":0.5}]}'
    assert imported == "False"
