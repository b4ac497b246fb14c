import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from headgate.core.digest import sha256_file
from headgate.data.runs import MODEL_NAME, VALIDATION_NAME, Runs
from headgate.data.trained import Trained
from headgate.data.validation import Validation
from headgate.evaluation import check
from headgate.spec import load, template
from headgate.training import train
from headgate.training.metrics import score_classes
from tests.data.projects import BUNDLED, bundled, make
from tests.data.test_rows import STUDENTS

FEW = {"params": {"n_estimators": 30}}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_equal_inputs_give_equal_models(tmp_path: Path, name: str) -> None:
    train_section = {"params": {"n_estimators": 30, "subsample": 0.8, "colsample_bytree": 0.7}}
    first = train(bundled(tmp_path / "a", name, train=train_section))
    again = train(bundled(tmp_path / "b", name, train=train_section))
    assert first.read(MODEL_NAME) == again.read(MODEL_NAME)
    assert first.read(VALIDATION_NAME) == again.read(VALIDATION_NAME)
    other = train(bundled(tmp_path / "c", name, train={**train_section, "seed": 8}))
    assert other.read(MODEL_NAME) != first.read(MODEL_NAME)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "metric", "least"),
    [
        ("iris", "f1_macro", 0.85),
        ("wine", "f1_macro", 0.9),
        ("breast_cancer", "f1_macro", 0.9),
        ("diabetes", "r2", 0.2),
    ],
)
def test_the_models_have_learnt_something(tmp_path: Path, name: str, metric: str, least: float) -> None:
    run = train(bundled(tmp_path, name))
    value = run.record.metrics[metric]
    assert value is not None
    assert value > least


@pytest.mark.slow
def test_the_iris_template_passes_its_own_gates(tmp_path: Path) -> None:
    template.write("iris", tmp_path)
    project = load(tmp_path)
    run = train(project)
    assert check(run.record.metrics, project.spec.gates, None).passed


@pytest.mark.slow
def test_the_record_says_what_was_made_from_what(tmp_path: Path) -> None:
    project = bundled(tmp_path, "iris", train=FEW)
    run = train(project, now=datetime(2026, 11, 20, 12, tzinfo=UTC))
    record = Runs(project.store).latest().record
    assert record == run.record
    assert run.id.startswith("20261120T120000000Z-")
    assert (record.rows_train, record.rows_test, record.target) == (120, 30, "y")
    assert record.labels == ("setosa", "versicolor", "virginica")
    assert record.params["n_estimators"] == 30
    assert record.spec_sha256 == project.spec.digest
    assert set(record.versions) == {"headgate", "numpy", "python", "scikit-learn", "xgboost"}
    assert (record.commit, record.dirty) == (None, None)


@pytest.mark.slow
def test_held_out_rows_are_the_same_only_where_their_target_is(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("".join(f"{n},{n % 3},{n % 4}\n" for n in range(30)))

    def held(*columns: str, **data: object) -> str:
        section = {"columns": list(columns), **data}
        few = {"params": {"n_estimators": 2}}
        return train(make(tmp_path, "rows.csv", "regression", data=section, train=few)).record.held_out_sha256

    assert held("a", "b", "y") == held("a", "b", "y", features=["a"])
    assert held("a", "b", "y") != held("a", "y", "b")  # the same bytes, another column under the same name
    assert held("a", "b", "y") != held("a", "b", "z", target="z")


@pytest.mark.slow
def test_probabilities_stand_in_the_order_of_the_labels(tmp_path: Path) -> None:
    run = train(bundled(tmp_path, "breast_cancer", train=FEW))
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    trained = Trained.of(run)
    probabilities = trained.predict(held.X)
    assert trained.labels == ("benign", "malignant")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert score_classes(trained.labels, held.y, probabilities) == run.record.metrics


@pytest.mark.slow
def test_missing_values_are_learnt_from_and_noted(tmp_path: Path) -> None:
    random = np.random.RandomState(1)
    lines = [f"{'' if n % 5 == 0 else n % 7},{random.random_sample():.6f},{n % 7 + 0.5}" for n in range(200)]
    project = make(tmp_path, "rows.csv", "regression", train=FEW)
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *lines]))
    run = train(project)
    assert run.record.features_with_missing == ("a",)
    assert run.record.data_sha256 == sha256_file(tmp_path / "rows.csv")


@pytest.mark.slow
@pytest.mark.skipif(not STUDENTS.is_file(), reason=f"{STUDENTS} is not on this machine")
def test_a_real_file(tmp_path: Path) -> None:
    features = ["study_hours_per_day", "sleep_hours", "attendance_percentage", "mental_health_rating"]
    data = {"target": "exam_score", "features": features}
    value = train(make(tmp_path, str(STUDENTS), "regression", data=data)).record.metrics["r2"]
    assert value is not None
    assert value > 0.5


@pytest.mark.slow
def test_progress_goes_up_to_one_and_stopping_leaves_nothing(tmp_path: Path) -> None:
    project = bundled(tmp_path, "iris", train=FEW)
    seen: list[float] = []

    def note(message: str, fraction: float | None) -> None:
        if message == "boosting" and fraction is not None:
            seen.append(fraction)

    train(project, progress=note)
    assert seen == sorted(seen)
    assert (len(seen), seen[-1]) == (30, 1.0)

    def stop(message: str, _: float | None) -> None:
        if message == "saving":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(project, progress=stop)
    assert len(Runs(project.store).ids()) == 1


LONG = """
import sys
from pathlib import Path
from headgate.spec import load
from headgate.training import train
train(load(Path(sys.argv[1])), progress=lambda message, share: print(message, 'optuna' in sys.modules, flush=True))
"""


@pytest.mark.slow
def test_control_c_stops_a_long_training_and_leaves_nothing(tmp_path: Path) -> None:
    project = bundled(tmp_path, "breast_cancer", train={"params": {"n_estimators": 10_000}})
    command = [sys.executable, "-c", LONG, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert any(line == "boosting False\n" for line in child.stdout)  # Optuna is for searches alone
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    assert child.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert not project.store.exists()


@pytest.mark.parametrize(
    ("module", "ours"),
    [
        ("numpy", "headgate.data.table"),
        ("xgboost", "headgate.data.trained"),
        ("optuna", "headgate.training.search"),
    ],
)
def test_without_the_extra_the_remedy_is_named(module: str, ours: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None\nimport {ours}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra" in done.stderr
