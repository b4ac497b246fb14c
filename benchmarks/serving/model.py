"""The model that every server serves: 300 trees of depth 6 over 15 features, trained and packaged as any project is.

The rows come from one seed; what XGBoost itself answers for a row is what every server must answer.
"""

import csv
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

SEED = 2026
FEATURES = tuple(f"x{number}" for number in range(1, 16))
TREES, DEPTH = 300, 6
LEARNT, ASKED = 4_000, 256
SPEC = f"""\
project: benchmark
task: regression
data: {{source: rows.csv, target: y}}
train: {{params: {{n_estimators: {TREES}, max_depth: {DEPTH}}}}}
"""


@dataclass(frozen=True, slots=True)
class Model:
    """`base` is SAGEMAKER_BASE_DIR of the unpacked package, `booster` the file of the trained model.

    X: float64 [n, 15], the rows to ask, with as many digits as a request carries; y: float32 [n], XGBoost's answers.
    """

    base: Path
    booster: Path
    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.float32]


def make(folder: Path) -> Model:
    """Train and package into `folder`, by the command line."""
    random = np.random.default_rng(SEED)
    learnt, asked = draw(random, LEARNT), draw(random, 1_000)
    project = folder / "project"
    project.mkdir()
    (project / "headgate.yaml").write_text(SPEC)
    with (project / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*FEATURES, "y"])
        writer.writerows(np.column_stack([learnt, target(random, learnt)]).tolist())
    run = headgate(project, "train")
    package = headgate(project, "package")
    base = folder / "ml"
    with tarfile.open(package["path"]) as archive:
        archive.extractall(base / "model", filter="data")
    booster = Path(run["folder"]) / "model.ubj"
    return Model(base, booster, asked, answers(booster, asked))


def draw(random: np.random.Generator, rows: int) -> npt.NDArray[np.float64]:
    """Rows [n, 15] with four digits after the point."""
    return np.round(random.normal(size=(rows, len(FEATURES))) * 10, 4)


def target(random: np.random.Generator, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Something to learn: waves, a product and noise, [n]."""
    waves = (np.sin(X[:, :8] / 4) * np.arange(1, 9)).sum(axis=1)
    found: npt.NDArray[np.float64] = np.round(70 + waves + X[:, 8] * X[:, 9] / 20 + random.normal(size=len(X)), 4)
    return found


def answers(booster: Path, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """XGBoost's own, [n]."""
    trained = xgboost.Booster({"nthread": 1}, model_file=booster)
    return np.asarray(trained.predict(xgboost.DMatrix(X.astype(np.float32))), np.float32)


def headgate(project: Path, *command: str) -> dict[str, Any]:
    """One command of Headgate in the project, and what it says."""
    words = [sys.executable, "-m", "headgate", *command, "-C", str(project), "--json"]
    said: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return said
