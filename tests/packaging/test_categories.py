"""Categories from the rows of a CSV file to answers, by both engines."""

import json
from pathlib import Path

import numpy as np
import pytest

from headgate.core.archive import extract
from headgate.core.manifest import SCHEMA_NAME, UBJ_NAME
from headgate.core.schema import Feature, InputSchema, Task
from headgate.data.categories import as_sent
from headgate.data.load import divide
from headgate.data.load import load as read
from headgate.data.runs import VALIDATION_NAME, Runs
from headgate.data.trained import Trained
from headgate.data.validation import Validation
from headgate.packaging import package
from headgate.packaging.large import LARGE_BATCH
from headgate.packaging.probes import probe_rows
from headgate.serving.load import load
from headgate.training import train
from tests.data.projects import make

EFFECT = {"north": 3.0, "south": -2.0, "east": 0.5, "": 1.0}


def rows(count: int, task: Task) -> list[str]:
    random = np.random.RandomState(3)
    lines = ["where,size,kind,y"]
    for n in range(count):
        where, size, kind = list(EFFECT)[random.randint(4)], random.random_sample(), "ab"[random.randint(2)]
        value = EFFECT[where] + 2 * size + random.standard_normal() * 0.1
        y = f"{value:.4f}" if task == "regression" else "no" if value < 1.5 else "yes"
        lines.append(f"{'rare' if n == 0 else where},{size:.4f},{kind},{y}")
    return lines


@pytest.mark.slow
@pytest.mark.parametrize(("task", "rounds"), [("regression", 300), ("classification", 40)])
def test_from_text_to_the_same_answers(tmp_path: Path, task: Task, rounds: int) -> None:
    project = make(tmp_path, "rows.csv", task, train={"params": {"n_estimators": rounds}})
    (tmp_path / "rows.csv").write_text("\n".join(rows(400, task)))
    run = train(project)
    assert Runs(project.store).latest().record == run.record
    assert [where for where in run.record.categories["where"] if where != "rare"] == ["south", "east", "north"]

    made = package(run, project)
    assert [engine["engine"] for engine in made.record.engines] == (["onnx", "xgboost"] if rounds == 300 else ["onnx"])
    assert [engine["refused"] for engine in made.record.engines] == [""] * len(made.record.engines)
    folder = tmp_path / "model"
    members = extract(made.path, folder)
    assert (UBJ_NAME in members) is (rounds == 300)
    schema = InputSchema.from_json(json.loads((folder / SCHEMA_NAME).read_text()))
    assert schema.features[:2] == (Feature("where", "string", True, run.record.categories["where"]), Feature("size"))

    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    values = as_sent(run.record.features, run.record.categories, held.X) * (LARGE_BATCH // len(held.X) + 1)
    predictor, trained = load(folder), Trained.of(run)
    many = predictor.predict(json.dumps(values).encode(), "application/json", None).body
    singly = [predictor.predict(json.dumps([row]).encode(), "application/json", None).body for row in values[:20]]
    expected = trained.predict(held.X)
    for n, found in enumerate(json.loads(many)["predictions"][: len(held.X)]):
        if task == "regression":
            assert found["value"] == pytest.approx(float(expected[n]), abs=1e-4)
        else:
            assert found["label"] == trained.labels[int(expected[n].argmax())]
    for n, body in enumerate(singly):
        (found,) = json.loads(body)["predictions"]
        assert found.get("label") == json.loads(many)["predictions"][n].get("label")


@pytest.mark.slow
def test_none_is_a_class_and_a_category_and_a_column_of_booleans_takes_booleans(tmp_path: Path) -> None:
    project = make(tmp_path, "rows.csv", "classification", train={"params": {"n_estimators": 5}})
    level = [("None", "True"), ("Master", "True"), ("Master", "False")]
    lines = [f"{degree},{job},{n},{'NA' if job == 'True' else 'None'}" for n in range(20) for degree, job in level]
    (tmp_path / "rows.csv").write_text("\n".join(["degree,job,n,y", *lines]))
    run = train(project)
    assert run.record.labels == ("NA", "None")
    assert run.record.categories == {"degree": ("None", "Master"), "job": ("True", "False")}
    extract(package(run, project).path, tmp_path / "model")
    predictor = load(tmp_path / "model")

    def label(body: str, media: str = "application/json") -> str:
        answer = json.loads(predictor.predict(body.encode(), media, None).body)
        return str((answer["predictions"][0] if "predictions" in answer else answer["prediction"])["label"])

    for truth, expected in ((True, "NA"), (False, "None")):
        assert label(json.dumps({"degree": "None", "job": truth, "n": 3})) == expected
        assert label(json.dumps({"degree": "None", "job": str(truth), "n": 3})) == expected
        assert label(f"None,{str(truth).lower()},3\n", "text/csv") == expected


@pytest.mark.slow
def test_a_value_may_be_missing_where_only_held_out_rows_lack_one(tmp_path: Path) -> None:
    project = make(tmp_path, "rows.csv", "regression", train={"params": {"n_estimators": 5}})

    def write(lacking: set[int]) -> None:
        lines = [f"{'' if n in lacking else n % 7},{'' if n in lacking else 'ab'[n % 2]},{n % 7}" for n in range(60)]
        (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *lines]))

    write(set())
    write(set(divide(project, read(project)).test.tolist()[:2]))
    run = train(project)
    assert run.record.features_with_missing == ("a", "b")
    extract(package(run, project).path, tmp_path / "model")
    asked = json.dumps({"a": None, "b": None}).encode()
    answer = json.loads(load(tmp_path / "model").predict(asked, None, None).body)["prediction"]["value"]
    assert answer == pytest.approx(float(Trained.of(run).predict(np.full((1, 2), np.nan, np.float32))[0]))


@pytest.mark.slow
def test_probes_have_every_category_and_say_which_rows_can_be_sent(tmp_path: Path) -> None:
    project = make(tmp_path, "rows.csv", "regression", train={"params": {"n_estimators": 20}})
    (tmp_path / "rows.csv").write_text("\n".join(rows(200, "regression")))
    run = train(project)
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    probes = probe_rows(Trained.of(run), held.X, {0: 4, 2: 2})
    sent = probes.X[probes.sent]
    assert set(sent[~np.isnan(sent[:, 0]), 0]) == {0, 1, 2, 3}
    assert set(sent[~np.isnan(sent[:, 2]), 2]) == {0, 1}
    assert np.isnan(sent).any(axis=0).all()
    assert 0 < probes.sent.sum() < len(probes.sent)
    assert set(probes.X[~probes.sent, 0]) - {0, 1, 2, 3}
    as_sent(run.record.features, run.record.categories, sent)
