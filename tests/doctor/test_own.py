"""Our own server keeps the contract, whatever it serves."""

from pathlib import Path

import pytest

from headgate.core.schema import Feature, InputSchema
from headgate.doctor import Report, examine
from tests.serving.models import write_archive, write_code, write_package

pytestmark = pytest.mark.slow

MIXED = (Feature("x"), Feature("n", "integer", nullable=True), Feature("t", "string"), Feature("b", "boolean"))
UNPICKLING = """
import pickle
from fractions import Fraction

def model_fn(model_dir):
    with open(f"{model_dir}/model.pkl", "rb") as file:
        return pickle.load(file)

def predict_fn(data, model):
    return {"value": float(model) * len(data)}
"""


def found(report: Report, verdict: str) -> dict[str, str]:
    return {result.name: result.seen for result in report.results if result.verdict == verdict}


def test_a_model_of_ours_keeps_every_clause(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "model.tar.gz", write_package(tmp_path / "model"))
    report = examine(archive)
    assert found(report, "failed") == {}
    assert set(found(report, "warning")) <= {"late-callers"}  # the system resets who comes while the listener closes
    assert set(found(report, "skipped")) <= {"pins", "pins-conflict", "versions", "unpickling-code"}


def test_user_code_that_unpickles_is_told_of_what_it_unpickled(tmp_path: Path) -> None:
    folder = write_code(tmp_path / "model", UNPICKLING, schema=InputSchema("regression", "z", MIXED))
    (folder / "model.pkl").write_bytes(b"cfractions\nFraction\n(I3\nI4\ntR.")
    report = examine(folder, quick=True)
    assert found(report, "failed") == {}
    warned = found(report, "warning")
    assert set(warned) - {"late-callers"} == {"pickled-files", "unpickling-code", "unpickled"}
    assert warned["unpickling-code"] == "code/inference.py:7 pickle.load"
    assert warned["unpickled"] == "unpickled fractions.Fraction"
    assert (folder / "model.pkl").is_file()


def test_a_model_that_cannot_be_loaded_is_explained(tmp_path: Path) -> None:
    code = "import no_such_package\ndef model_fn(model_dir): pass\ndef predict_fn(data, model): pass\n"
    report = examine(write_code(tmp_path / "model", code), quick=True)
    (failure,) = [result for result in report.results if result.verdict == "failed"]
    assert failure.name == "cold-start"
    assert "No module named 'no_such_package'" in failure.seen
    assert "code/requirements.txt" in failure.remedy
