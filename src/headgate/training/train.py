"""One training run: read, divide, learn, judge on the held-out rows, keep.

Nothing is written before everything is known, and the run then appears as a whole: stopping at any point (Ctrl-C, a
crash) leaves the store as it was, but for the trials of a search, which the next training goes on from. Equal data,
spec and versions give a model of equal bytes, unless the timeout ended the search: a busy machine makes fewer trials.
"""

import platform
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import sklearn
import xgboost

import headgate
from headgate.core.digest import digest_json
from headgate.core.progress import Progress, silent
from headgate.data.categories import by_target
from headgate.data.fitted import Fitted
from headgate.data.git import commit_of
from headgate.data.load import Division, divide, load
from headgate.data.runs import ESTIMATOR_NAME, MODEL_NAME, Record, Run, Runs
from headgate.data.table import Table
from headgate.data.trained import Trained
from headgate.data.validation import Validation
from headgate.errors import InvalidInput
from headgate.spec import Project
from headgate.spec.train import GradientBoosting, Text, XGBoost
from headgate.training.boost import boost
from headgate.training.metrics import score
from headgate.training.naive import naive
from headgate.training.pipeline import learn_pipeline
from headgate.training.text import learn_texts

if TYPE_CHECKING:
    from headgate.training.search import Found


def train(project: Project, *, progress: Progress = silent, now: datetime | None = None) -> Run:
    """Train as the project's spec says and keep the run in its store.

    `now` is the time of the run (aware; the present by default). Raises NotFound or InvalidInput for the data, and
    Unavailable where the store cannot be written to.
    """
    Runs(project.store).check_writable()
    progress("reading", None)
    table = load(project, progress)
    division = divide(project, table)
    found = _search(project, table, division, progress)
    table = by_target(table, project.spec.task, division.train)
    trained, how = _learn(project, table, division, found, progress)
    progress("judging", None)
    held = Validation(table.X[division.test], table.y[division.test])
    metrics = score(trained.labels, held.y, trained.predict(held.X))
    record = replace(
        _record(project, table, division, held, metrics=metrics, now=now or datetime.now(UTC)),
        naive=naive(trained.labels, table.y[division.train], held.y),
        **how,
    )
    progress("saving", None)
    name = ESTIMATOR_NAME if isinstance(trained, Fitted) else MODEL_NAME
    return Runs(project.store).save(record, trained.to_bytes(), held.to_bytes(), model_name=name)


def _search(project: Project, table: Table, division: Division, progress: Progress) -> "Found | None":
    """Better parameters than those of the spec, where it asks to look for some."""
    recipe = project.spec.train
    if not isinstance(recipe, XGBoost) or recipe.search is None:
        return None
    from headgate.training.search import search  # Optuna takes as long to import as all the rest

    return search(project, recipe.search, table, division.train, progress)


def _learn(
    project: Project, table: Table, division: Division, found: "Found | None", progress: Progress
) -> tuple[Trained | Fitted, dict[str, Any]]:
    """The model of the recipe, and what the record says of how its parameters were found."""
    task, recipe = project.spec.task, project.spec.train
    labels = table.classes(task)
    X, y = table.X[division.train], table.y[division.train]
    match recipe:
        case XGBoost(params=given, seed=seed):
            params = found.params if found else given.model_dump()
            how = {"params": params, "search": found.record} if found else {}
            return boost(task, labels, X, y, params=params, seed=seed, progress=progress), how
        case GradientBoosting(params=few, seed=seed):
            _refuse_categories(table)
            return learn_pipeline(task, labels, X, y, params=few, seed=seed, progress=progress), {}
        case Text(params=terms, seed=seed):
            fitted, report = learn_texts(labels, X[:, 0].tolist(), y, params=terms, seed=seed, progress=progress)
            return fitted, {"cross_validation": report}
    assert_never(recipe)


def _refuse_categories(table: Table) -> None:
    """The median of categories means nothing."""
    if table.categories:
        raise InvalidInput(
            f"The recipe gradient-boosting learns from numbers; {', '.join(table.categories)} hold text.",
            hint="Set `train: {recipe: xgboost}`, or list the numeric columns under data/features in headgate.yaml.",
        )


def _record(
    project: Project,
    table: Table,
    division: Division,
    held: Validation,
    *,
    metrics: dict[str, float | None],
    now: datetime,
) -> Record:
    spec, commit = project.spec, commit_of(project.root)
    return Record(
        project=spec.project,
        task=spec.task,
        target=table.target,
        features=table.features,
        features_with_missing=table.with_missing,
        labels=table.classes(spec.task),
        created=now.astimezone(UTC).isoformat(timespec="milliseconds"),
        spec_sha256=spec.digest,
        data_source=spec.data.source,
        data_sha256=table.sha256,
        held_out_sha256=digest_json([table.sha256, division.test.tolist(), table.target, held.y.tolist()]),
        rows_train=len(division.train),
        rows_test=len(division.test),
        recipe=spec.train.recipe,
        params=spec.train.params.model_dump(),
        seed=spec.train.seed,
        metrics=metrics,
        commit=commit.sha if commit else None,
        dirty=commit.dirty if commit else None,
        versions={
            "headgate": headgate.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "xgboost": xgboost.__version__,
        },
        categories=table.categories,
    )
