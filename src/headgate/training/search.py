"""The search for better parameters: Optuna's TPE on folds of the rows to learn from.

A search has a folder of its own, named by the digest of what decides its trials (the rows as they are learnt from, seed,
parameters, folds, metric, versions): `<store>/searches/<digest>/journal.log`, lines of JSON that are synced one by one.
So it can be stopped anywhere, by a kill too, and the next training goes on where it was: trials that are finished
count, one that was cut short is made again. Each trial draws from a seed of its own and sees only finished ones, so
that a search that was stopped a hundred times ends as one that was not. `trials` and `timeout` are no part of the
digest: more of either continues, fewer trials look at the first ones only.

The parameters of headgate.yaml are the first trial. After each fold a trial that is worse than the median of those
before it, at the same fold, is given up. A trial that the timeout cuts short is no trial.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

import headgate
from headgate.core import durations
from headgate.core.digest import canonical_json, digest_json, sha256
from headgate.core.files import write_atomic, writing
from headgate.core.progress import Progress
from headgate.core.schema import Task
from headgate.data.categories import by_target
from headgate.data.table import Table
from headgate.errors import InvalidInput, MissingExtra
from headgate.spec import Project
from headgate.spec.train import Search, XGBoost
from headgate.training.boost import boost
from headgate.training.folds import folds
from headgate.training.metrics import score_classes, score_values

try:
    import optuna
    from optuna.trial import FrozenTrial, TrialState

    from headgate.training.journal import alone_in, open_study
    from headgate.training.space import suggest
except ImportError:
    raise MissingExtra("A search for parameters", "train") from None

RANDOM_TRIALS = 8
"""So many are drawn at random before those that are finished say where to look."""
DEFAULT_METRICS: dict[Task, str] = {"classification": "log_loss", "regression": "rmse"}
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_OUT_OF_TIME = "out of time"
_PARAMS = "params"


@dataclass(frozen=True, slots=True)
class Found:
    """The best parameters, and how they were found, for run.json."""

    params: Mapping[str, float]
    record: Mapping[str, Any]


def search(project: Project, wanted: Search, table: Table, rows: npt.NDArray[np.intp], progress: Progress) -> Found:
    """Look for better parameters than the project's on `rows`, those to learn from.

    Raises InvalidInput where there are too few rows or the journal is damaged, Refused where another process searches
    the same, and Unavailable where the journal cannot be written.
    """
    metric = wanted.metric or DEFAULT_METRICS[project.spec.task]
    labels = table.labels if project.spec.task == "classification" else ()
    parts = _parts(project, table, rows, wanted.folds)
    recipe = project.spec.train
    assert isinstance(recipe, XGBoost)
    trials = _Trials(recipe, project.spec.task, labels, metric, parts)
    described = _described(project, metric, table, rows, wanted)
    folder = project.store / "searches" / digest_json(described)
    with writing(folder), alone_in(folder):
        write_atomic(folder / "search.json", canonical_json(described))
        study = open_study(folder / "journal.log", metric)
        stopped = _go_on(study, trials, wanted, progress)
    return _found(project, study, metric, wanted, stopped)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows to learn from and rows to judge by, the categories in the order of the former."""

    X: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    held_X: npt.NDArray[np.float32]
    held_y: npt.NDArray[Any]


def _parts(project: Project, table: Table, rows: npt.NDArray[np.intp], count: int) -> list[_Part]:
    if len(rows) < 2 * count:
        raise InvalidInput(
            f"{project.spec.data.source} leaves {len(rows)} rows to learn from, too few for {count} folds.",
            hint="Set train/search/folds lower, or take train/search out of headgate.yaml.",
        )
    task, parts = project.spec.task, []
    for fold in folds(table.y[rows], count, project.spec.train.seed, by_class=task == "classification"):
        fit, held = rows[fold.fit], rows[fold.held]
        ordered = by_target(table, task, fit)
        parts.append(_Part(ordered.X[fit], table.y[fit], ordered.X[held], table.y[held]))
    return parts


class _OutOfTime(Exception):
    """The timeout came in the middle of a trial."""


@dataclass(frozen=True, slots=True)
class _Trials:
    """Makes trials. `labels`: a classifier's classes, sorted; empty for regression."""

    train: XGBoost
    task: Task
    labels: tuple[str, ...]
    metric: str
    parts: Sequence[_Part]

    def make(self, trial: optuna.Trial, deadline: float, tell: Callable[[float], None]) -> float | None:
        """The mean of the metric over the folds; None where the trial is given up. Raises _OutOfTime.

        `tell` is called with the share of the trial that is done.
        """
        params = suggest(trial, self.train.params)
        trial.set_user_attr(_PARAMS, params)
        scores: list[float] = []
        for number, part in enumerate(self.parts):
            tell(number / len(self.parts))
            score = self._judge(part, params, deadline)
            if score is None:  # it is no number, and nothing can be better than that
                return None
            scores.append(score)
            trial.report(float(np.mean(scores)), number)
            if number + 1 < len(self.parts) and trial.should_prune():
                return None
        return float(np.mean(scores))

    def _judge(self, part: _Part, params: Mapping[str, float], deadline: float) -> float | None:
        def look_at_the_clock(_message: str, _fraction: float | None, /) -> None:
            if time.monotonic() >= deadline:
                raise _OutOfTime

        trained = boost(
            self.task, self.labels, part.X, part.y, params=params, seed=self.train.seed, progress=look_at_the_clock
        )
        answers = trained.predict(part.held_X)
        if self.task == "classification":
            return score_classes(self.labels, part.held_y, answers)[self.metric]
        return score_values(part.held_y, answers)[self.metric]


def _described(
    project: Project, metric: str, table: Table, rows: npt.NDArray[np.intp], wanted: Search
) -> dict[str, Any]:
    """All that decides what the n-th trial is and comes to."""
    train = project.spec.train
    return {
        "task": project.spec.task,
        "target": table.target,
        "features": list(table.features),
        "rows_sha256": _digest(table, rows),
        "params": train.params.model_dump(),
        "seed": train.seed,
        "metric": metric,
        "folds": wanted.folds,
        "versions": {
            "headgate": headgate.__version__,
            "numpy": np.__version__,
            "optuna": optuna.__version__,
            "xgboost": xgboost.__version__,
        },
    }


def _digest(table: Table, rows: npt.NDArray[np.intp]) -> str:
    """Of what is learnt from and not of the file: names of columns and classes make other rows of the same bytes."""
    said = {"y": table.y[rows].tolist(), "categories": {name: list(texts) for name, texts in table.categories.items()}}
    return sha256(canonical_json(said) + table.X[rows].astype("<f4").tobytes())


def _go_on(study: optuna.Study, trials: _Trials, wanted: Search, progress: Progress) -> str:
    """Make trials until there are enough or the time is up; which of the two it was."""
    done = _finished(study)
    deadline = time.monotonic() + wanted.timeout - sum(_seconds(trial) for trial in done)
    if done:
        progress(f"going on from {min(len(done), wanted.trials)} trials that are done", None)
    if study.user_attrs.get(_OUT_OF_TIME, 0.0) >= wanted.timeout:
        deadline = 0.0
    tell = _Told(progress, study, trials.metric, wanted.trials, deadline)
    while len(done) < wanted.trials:
        try:
            _next(study, trials, done, deadline, tell)
        except _OutOfTime:
            study.set_user_attr(_OUT_OF_TIME, wanted.timeout)
            return "timeout"
        done = _finished(study)
    return "trials"


def _next(
    study: optuna.Study,
    trials: _Trials,
    done: Sequence[FrozenTrial],
    deadline: float,
    tell: Callable[[int, float], None],
) -> None:
    """Make the next trial. Raises _OutOfTime where it does not come to its end."""
    if time.monotonic() >= deadline:
        raise _OutOfTime
    seed = trials.train.seed + len(done)
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed)
    if not done and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(trials.train.params.model_dump())
    trial = study.ask()
    try:
        value = trials.make(trial, deadline, partial(tell, len(done)))
    except _OutOfTime:
        study.tell(trial, state=TrialState.FAIL)
        raise
    study.tell(trial, value, state=TrialState.PRUNED if value is None else TrialState.COMPLETE)


@dataclass(frozen=True, slots=True)
class _Told:
    """The progress of trials as that of the search."""

    progress: Progress
    study: optuna.Study
    metric: str
    trials: int
    deadline: float

    def __call__(self, done: int, share: float) -> None:
        """So many trials are `done`, and so much of the next one."""
        best = _best(self.study, done)
        so_far = f"best {self.metric} {best.value:.4g}, " if best else ""
        left = durations.text(max(0, round(self.deadline - time.monotonic())))
        said = f"trial {done + 1} of {self.trials}, {so_far}at most {left} left"
        self.progress(said, (done + share) / self.trials)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    """In the order in which they were made."""
    return study.get_trials(deepcopy=False, states=_FINISHED)


def _best(study: optuna.Study, count: int) -> FrozenTrial | None:
    """The best of the first `count` trials, the earlier one of equals; None where none came to its end."""
    complete = [trial for trial in _finished(study)[:count] if trial.state == TrialState.COMPLETE]
    sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
    return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)


def _seconds(trial: FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration else 0.0


def _found(project: Project, study: optuna.Study, metric: str, wanted: Search, stopped: str) -> Found:
    done = _finished(study)[: wanted.trials]
    best = _best(study, wanted.trials)
    given: dict[str, float] = project.spec.train.params.model_dump()
    params = dict(best.user_attrs[_PARAMS]) if best else given
    record = {
        "metric": metric,
        "folds": wanted.folds,
        "asked": wanted.trials,
        "trials": len(done),
        "pruned": sum(trial.state == TrialState.PRUNED for trial in done),
        "timeout": wanted.timeout,
        "stopped_by": stopped,
        "best_trial": done.index(best) + 1 if best else None,
        "best_value": best.value if best else None,
        "first_value": done[0].value if done and done[0].state == TrialState.COMPLETE else None,
        "params": params,
    }
    return Found(params, record)
