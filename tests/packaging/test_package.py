import json
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from headgate.core.archive import extract
from headgate.core.digest import sha256_file
from headgate.core.manifest import Manifest
from headgate.core.schema import InputSchema, Policy
from headgate.data.packages import Packages
from headgate.data.runs import MODEL_NAME, VALIDATION_NAME
from headgate.data.validation import Validation
from headgate.errors import InvalidInput, NotFound
from headgate.packaging import package
from headgate.serving.load import load
from headgate.spec import load as load_project
from headgate.training import train
from tests.data.projects import BUNDLED, bundled, make
from tests.packaging.test_estimator import digests
from tests.system.engine import ROOT

FEW = {"params": {"n_estimators": 20}}
HOOKS = "def model_fn(model_dir):\n    return 1\n\n\ndef predict_fn(data, model):\n    return data\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_what_is_in_a_package(tmp_path: Path, name: str) -> None:
    project = bundled(tmp_path, name, train=FEW)
    run = train(project)
    made = package(run, project, now=datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert made.path == project.store / "packages" / made.digest / "model.tar.gz"
    assert (sha256_file(made.path), made.path.stat().st_size) == (made.digest, made.size)
    assert Packages(project.store).latest() == made
    assert (made.record.run, made.record.created) == (run.id, "2026-11-20T12:00:00.000+00:00")
    assert made.record.parity["difference"] <= made.record.parity["tolerance"]

    content = tmp_path / "content"
    assert extract(made.path, content) == ["headgate.json", "model.onnx", "schema.json"]
    manifest = Manifest.from_json(json.loads((content / "headgate.json").read_text()))
    assert (manifest.project, manifest.backend) == ("test", "onnx")
    assert manifest.files == {name: sha256_file(content / name) for name in ("model.onnx", "schema.json")}
    schema = InputSchema.from_json(json.loads((content / "schema.json").read_text()))
    assert (schema.task, schema.target, schema.labels) == (run.record.task, "y", run.record.labels)
    assert tuple(feature.name for feature in schema.features) == run.record.features
    assert not any(feature.nullable for feature in schema.features)

    session = onnxruntime.InferenceSession(content / "model.onnx")
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    answers = session.run(None, {"features": held.X})[-1]
    if schema.task == "classification":
        accuracy = (np.array(schema.labels)[answers.argmax(axis=1)] == held.y).mean()
        assert accuracy == pytest.approx(run.record.metrics["accuracy"])
    else:
        assert np.abs(answers.reshape(-1) - held.y).mean() == pytest.approx(run.record.metrics["mae"], rel=1e-5)


AGAIN = """
import sys
from pathlib import Path
from headgate.packaging import package
from headgate.spec import load
from headgate.training import train
from tests.packaging.test_estimator import digests
project = load(Path(sys.argv[1]))
print(package(train(project), project).digest, *digests(project.store))
"""


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes_in_any_process(tmp_path: Path) -> None:
    for name in ("here", "there"):
        bundled(tmp_path / name, "wine", train=FEW, package={"code": "code"})
        (tmp_path / name / "code").mkdir()
        (tmp_path / name / "code" / "inference.py").write_text(HOOKS)
    environment = {**os.environ, "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "there")]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    project = load_project(tmp_path / "here")
    assert done.stdout.split() == [package(train(project), project).digest, *digests(project.store)]


@pytest.mark.slow
def test_a_large_model_is_packaged_for_large_batches_too(tmp_path: Path) -> None:
    project = bundled(tmp_path, "diabetes", train={"params": {"n_estimators": 300}})
    made = package(train(project), project)
    assert made.digest == package(train(project), project).digest
    assert [engine["engine"] for engine in made.record.engines] == ["onnx", "xgboost"]
    assert all(engine["parity"]["difference"] <= engine["parity"]["tolerance"] for engine in made.record.engines)
    content = tmp_path / "content"
    assert extract(made.path, content) == ["headgate.json", "model.onnx", "model.ubj", "schema.json"]
    predictor = load(content)
    row = json.dumps([0.01] * 10)
    answers = [
        json.loads(predictor.predict(f"[{','.join([row] * count)}]".encode(), None, None).body)["predictions"]
        for count in (100, 200)
    ]
    assert [len(answer) for answer in answers] == [100, 200]
    assert answers[1][0]["value"] == pytest.approx(answers[0][0]["value"], rel=1e-5)


@pytest.mark.slow
def test_members_tell_neither_time_nor_place(tmp_path: Path) -> None:
    project = bundled(tmp_path, "iris", train=FEW)
    made = package(train(project), project)
    assert made.path.read_bytes()[3:8] == bytes(5)  # gzip: no name, no time
    with tarfile.open(made.path) as tar:
        assert tar.getnames() == sorted(tar.getnames())
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
            assert (member.mode, member.pax_headers) == (0o644, {})


@pytest.mark.slow
def test_the_schema_says_what_may_be_missing_and_how_requests_are_taken(tmp_path: Path) -> None:
    project = make(tmp_path, "rows.csv", "regression", train=FEW, serving={"nan": "missing", "max_rows": 10})
    lines = [f"{'' if n % 5 == 0 else n % 7},{n % 11},{n % 7 + 0.5}" for n in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *lines]))
    extract(package(train(project), project).path, tmp_path / "content")
    schema = InputSchema.from_json(json.loads((tmp_path / "content" / "schema.json").read_text()))
    assert [(feature.name, feature.nullable) for feature in schema.features] == [("a", True), ("b", False)]
    assert schema.policy == Policy(nan="missing", max_rows=10)


@pytest.mark.slow
def test_the_users_code_is_packaged_and_serves(tmp_path: Path) -> None:
    project = bundled(tmp_path, "iris", train=FEW, package={"code": "serve"})
    run = train(project)
    with pytest.raises(NotFound, match=r"There is no .*inference\.py"):
        package(run, project)
    (tmp_path / "serve" / "__pycache__").mkdir(parents=True)
    (tmp_path / "serve" / "__pycache__" / "inference.pyc").write_bytes(b"")
    (tmp_path / "serve" / "inference.py").write_text(HOOKS)
    (tmp_path / "serve" / "requirements.txt").write_text("")
    made = package(run, project)
    names = ["code/inference.py", "code/requirements.txt", "headgate.json", "model.onnx", "schema.json"]
    assert extract(made.path, tmp_path / "content") == names
    manifest = Manifest.from_json(json.loads((tmp_path / "content" / "headgate.json").read_text()))
    assert manifest.backend == "code"
    assert sorted(manifest.files) == [name for name in names if name != "headgate.json"]


@pytest.mark.slow
def test_a_run_changed_by_hand_is_not_packaged(tmp_path: Path) -> None:
    project = bundled(tmp_path, "iris", train=FEW)
    run = train(project)
    (run.folder / MODEL_NAME).write_bytes(b"x")
    with pytest.raises(InvalidInput, match="was changed after training"):
        package(run, project)
    assert not (project.store / "packages").exists()
