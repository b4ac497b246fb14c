"""Packages of runs of the recipe `text`: estimator, package and a server answer alike, in any script."""

# ruff: noqa: RUF001  letters that look like others are the point

import json
from pathlib import Path

import numpy as np
import pytest

from headgate.core.archive import extract
from headgate.data.fitted import Fitted
from headgate.data.packages import Package
from headgate.data.runs import ESTIMATOR_NAME, VALIDATION_NAME, Run
from headgate.data.validation import Validation, column
from headgate.errors import InvalidInput
from headgate.evaluation import check
from headgate.packaging import package
from headgate.serving.load import load
from headgate.spec import Project
from headgate.spec import load as read
from headgate.training import train
from tests.data.projects import make
from tests.data.test_rows import STUDENTS
from tests.serving.process import running
from tests.training.test_text import texts

pytestmark = pytest.mark.slow

STRANGE = [
    "Учёные нашли комету, «хороший» фильм; ПЛОХОЙ",
    "L'été à São Paulo: Müller & Dvořák déçus, cafe\u0301 naïve",
    "これはとても良い映画です",
    "don't <b>stop</b> o’clock 🙂 x",
    "",
]


AG_NEWS = STUDENTS.parent / "ag_news_test.csv"
LABELS = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}


def ag_news(folder: Path) -> Project:
    """AG News as it comes: no header, numbers for classes."""
    return make(
        folder,
        str(AG_NEWS),
        "classification",
        data={
            "columns": ["class", "title", "description"],
            "target": "class",
            "text": ["title", "description"],
            "labels": LABELS,
        },
        train={"recipe": "text", "params": {"C": [10, 30], "max_features": 20_000}},
        gates={"accuracy": {"min": 0.85}, "naive": {"metric": "accuracy", "better_by": 0.5}},
    )


def answers_alike(folder: Path, project: Project, run: Run) -> Package:
    """The package of a run, once estimator, package and a served process were seen to answer alike."""
    made = package(run, project)
    held = Validation.from_bytes(run.read(VALIDATION_NAME)).X[:200, 0].tolist()
    asked = [*held, *STRANGE]
    trained = Fitted.of(run)
    expected = trained.predict(column(asked))

    extract(made.path, folder / "model")
    body = json.dumps([{"text": text} for text in asked]).encode()
    answers = json.loads(load(folder / "model").predict(body, None, None).body)["predictions"]
    assert [answer["label"] for answer in answers] == [trained.labels[at] for at in expected.argmax(axis=1)]
    assert [answer["probability"] for answer in answers] == pytest.approx(expected.max(axis=1).tolist(), abs=1e-9)
    with running(folder / "model") as server, server.client() as client:
        served = client.post("/invocations", content=body, headers={"content-type": "application/json"}).json()
    assert served["predictions"] == answers
    return made


def test_estimator_package_and_server_answer_alike(tmp_path: Path) -> None:
    project = texts(tmp_path / "project")
    run = train(project)
    made = answers_alike(tmp_path, project, run)
    record = made.record
    assert (record.run, record.data_sha256, record.commit) == (run.id, run.record.data_sha256, run.record.commit)
    assert (record.held_out_sha256, record.metrics) == (run.record.held_out_sha256, run.record.metrics)
    assert record.parity["labels_changed"] == 0
    assert package(run, project).digest == made.digest


@pytest.mark.skipif(not AG_NEWS.is_file(), reason=f"{AG_NEWS} is not on this machine")
def test_ag_news_passes_its_gates_and_keeps_its_labels(tmp_path: Path) -> None:
    project = ag_news(tmp_path / "project")
    run = train(project)
    assert run.record.labels == ("Business", "Sci/Tech", "Sports", "World")
    assert (run.record.rows_train, run.record.rows_test) == (6080, 1520)
    assert run.record.naive["metrics"]["accuracy"] == pytest.approx(0.25, abs=0.01)
    report = check(run.record.metrics, project.spec.gates, None, naive=run.record.naive["metrics"])
    assert report.passed, report
    made = answers_alike(tmp_path, project, run)
    assert made.record.parity["rows"] > 1520
    assert made.record.parity["labels_changed"] == 0


def test_a_model_changed_after_training_is_not_packaged(tmp_path: Path) -> None:
    project = texts(tmp_path, C=[1])
    run = train(project)
    (run.folder / ESTIMATOR_NAME).write_bytes(run.read(ESTIMATOR_NAME) + b" ")
    with pytest.raises(InvalidInput, match="was changed after training"):
        package(run, project)
    assert not (project.store / "packages").exists()


def test_hooks_serve_and_the_model_lies_beside_them(tmp_path: Path) -> None:
    texts(tmp_path, C=[1])
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(
        "def model_fn(model_dir):\n    return model_dir\n\ndef predict_fn(data, model):\n    return model\n"
    )
    spec = tmp_path / "headgate.yaml"
    spec.write_text(spec.read_text() + "package: {code: code}\n")
    project = read(tmp_path)
    made = package(train(project), project)
    names = extract(made.path, tmp_path / "model")
    assert {"text.json", "code/inference.py", "schema.json"} <= set(names)
    assert load(tmp_path / "model").backend == "code"


def test_labels_are_those_of_training(tmp_path: Path) -> None:
    run = train(texts(tmp_path, C=[1]))
    trained = Fitted.of(run)
    assert trained.estimator.classes_.tolist() == list(run.record.labels)
    np.testing.assert_allclose(trained.predict(column(["été"])).sum(axis=1), 1)
