"""A training job on SageMaker's folders, as the process that SageMaker starts."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.core.archive import extract
from headgate.packaging import package
from headgate.training import train
from tests.data.projects import make
from tests.serving.process import running

pytestmark = pytest.mark.slow

ROW = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}
GATES = {"f1_macro": {"min": 0.9}}


def flowers() -> str:
    """Iris as CSV."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    rows = [[*map(str, x), iris.target_names[y]] for x, y in zip(iris.data, iris.target, strict=True)]
    return "\n".join(",".join(row) for row in [[*ROW, "species"], *rows]) + "\n"


def describe(base: Path, *, rows: str = "", hyperparameters: Mapping[str, str] | None = None, **spec: Any) -> Path:
    """A job's folders, as SageMaker fills them; `rows` go into the channel `train`."""
    document = {
        "project": "iris",
        "task": "classification",
        "data": {"source": "flowers.csv", "target": "species", "split": {"test": 0.4}},
        "gates": GATES,
        **spec,
    }
    contents = {
        "data/project/headgate.yaml": yaml.safe_dump(document),
        "config/hyperparameters.json": json.dumps(hyperparameters or {}),
        "config/inputdataconfig.json": json.dumps({"project": {"TrainingInputMode": "File"}}),
        "config/resourceconfig.json": json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}),
    }
    if rows:
        contents["data/train/part-0001"] = rows
    for name, content in contents.items():
        path = base / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return base


def start(base: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "headgate.container", "train"],
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base), "TMPDIR": str(base)},  # a stopped job leaves its files
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def failure(base: Path) -> tuple[int, str]:
    """Run a job that fails: its exit code and what the failure file says."""
    job = start(base)
    _, complaint = job.communicate(timeout=60)
    told = (base / "output" / "failure").read_text()
    assert complaint == f"headgate: {told}\n"
    assert not (base / "model").exists()
    return job.returncode, told


def test_a_job_trains_what_the_command_line_trains_and_its_model_serves(tmp_path: Path) -> None:
    base = describe(tmp_path / "ml", rows=flowers(), hyperparameters={"n_estimators": "20", "train.seed": "3"})
    job = start(base)
    said, complaint = job.communicate(timeout=60)
    assert (job.returncode, complaint) == (0, "")
    metrics = dict(re.findall(r"metric (\w+)=([-+.0-9e]+)", said))
    assert metrics.keys() == {"accuracy", "f1_macro", "log_loss"}
    assert float(metrics["f1_macro"]) > 0.9
    assert "gate f1_macro >= 0.9: pass" in said

    project = make(
        tmp_path / "iris",
        "flowers.csv",
        "classification",
        **{"project": "iris", "data": {"target": "species", "split": {"test": 0.4}}, "gates": GATES},
        train={"params": {"n_estimators": 20}, "seed": 3},
    )
    (project.root / "flowers.csv").write_text(flowers())
    made = package(train(project), project)
    names = extract(made.path, tmp_path / "members")
    there = {path.relative_to(base / "model").as_posix() for path in (base / "model").rglob("*")}
    assert there == set(names)
    assert [(base / "model" / n).read_bytes() == (tmp_path / "members" / n).read_bytes() for n in names] == [True] * 3
    assert json.loads((base / "output/data/package.json").read_bytes())["package"] == made.digest

    with running(base / "model") as server, server.client() as client:
        answer = client.post("/invocations", json=ROW)
        assert answer.json()["prediction"]["label"] == "virginica"


def test_a_candidate_that_fails_a_gate_leaves_no_model(tmp_path: Path) -> None:
    base = describe(
        tmp_path,
        data={"source": "sklearn:iris", "target": "species"},
        gates={"log_loss": {"max": 1e-6}},
        hyperparameters={"n_estimators": "2", "sagemaker_region": '"eu-west-1"'},
    )
    code, told = failure(base)
    assert code == 1
    assert told.startswith("The candidate fails a gate: log_loss ")
    assert json.loads((base / "output/data/gates.json").read_bytes())["verdict"] == "fail"


def test_a_stopped_job_ends_at_once_and_leaves_no_model(tmp_path: Path) -> None:
    base = describe(tmp_path, rows=flowers(), hyperparameters={"n_estimators": "10000", "max_depth": "32"})
    job = start(base)
    assert job.stdout is not None
    assert next(line for line in job.stdout if line.startswith("boosting"))
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=30)
    assert job.returncode == 143
    assert not (base / "model").exists()
    assert not (base / "output" / "failure").exists()


def test_every_wrong_hyperparameter_is_told_at_once(tmp_path: Path) -> None:
    wrong = {
        "max_dept": "3",
        "train.params.n_estimators": "0",
        "learning_rate": "fast",
        "seed": '"7"',
        "train.sed": "1",
    }
    code, told = failure(describe(tmp_path, rows="a\n", hyperparameters=wrong))
    assert code == 2
    assert "params/max_dept: unknown key, did you mean max_depth?" in told
    assert "params/n_estimators: should be at least 1, got 0" in told
    assert 'params/learning_rate: should be a number, got "fast"' in told
    assert "params/sed: unknown key" in told
    assert "/seed" not in told


def test_the_recipe_is_the_specs(tmp_path: Path) -> None:
    code, told = failure(describe(tmp_path, rows=flowers(), hyperparameters={"recipe": "text", "C": "[1, 3]"}))
    assert (code, "recipe: should be xgboost, which headgate.yaml says, got text" in told) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config/inputdataconfig.json", '{"validation": {}}', "channel 'validation', which is not used"),
        ("config/inputdataconfig.json", '{"train": {"TrainingInputMode": "Pipe"}}', "Use File or FastFile."),
        ("config/inputdataconfig.json", "[]", "inputdataconfig.json cannot be read: it is no object."),
        ("config/resourceconfig.json", '{"hosts": ["a", "b"]}', "The job has 2 instances"),
        ("data/train/more.csv", "a\n", "should hold one CSV file with a header line; it holds more.csv, part-0001."),
        ("data/project/headgate.yaml", "project: Iris", "keys"),
        ("data/train/part-0001", "a,b\n1,2\n", "has no column 'species'; it has a, b"),
    ],
)
def test_what_is_wrong_with_the_job_is_the_failure(tmp_path: Path, name: str, content: str, said: str) -> None:
    base = describe(tmp_path, rows="a\n")
    (base / "input" / name).write_text(content)
    code, told = failure(base)
    assert code == 2
    assert said in told
    assert len(told) <= 1024


def test_a_job_without_a_project_says_which_channel_to_give(tmp_path: Path) -> None:
    code, told = failure(tmp_path)
    assert code == 3
    assert "channel `project` with headgate.yaml" in told
