"""The search for better parameters: Optuna's TPE on folds of the rows to learn from.

A search has a folder of its own, named by the digest of what decides its trials (the rows as they are learnt from,
seed, parameters, folds, metric, versions): `<store>/searches/<digest>/journal.log`, lines of JSON that are synced one
by one. So it can be stopped anywhere, by a kill too, and the next training goes on where it was: trials that are
finished count, one that was cut short is made again. Each trial draws from a seed of its own and sees only finished
ones, so that a search that was stopped a hundred times ends as one that was not, unless the timeout ends it: how many
trials fit into a time is the machine's business. `trials` and `timeout` are no part of the digest: more of either
continues, fewer trials look at the first ones only.

The parameters of headgate.yaml are the first trial. After each fold a trial that is worse than the median of those
before it, at the same fold, is given up. A trial that the timeout cuts short is no trial.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from headgate.training.metrics import score

try:
    import optuna
    from optuna.trial import FrozenTrial, TrialState

    from headgate.training.journal import PARAMS, USED, alone_in, open_study
    from headgate.training.space import suggest
except ImportError:
    raise MissingExtra("A search for parameters", "train") from None

NOTED_SECONDS = 1.0
"""How much of the time a kill may give back."""
RANDOM_TRIALS = 8
"""So many are drawn at random before those that are finished say where to look."""
DEFAULT_METRICS: dict[Task, str] = {"classification": "log_loss", "regression": "rmse"}
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


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
    labels = table.classes(project.spec.task)
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
    """The timeout came, perhaps in the middle of a trial."""


class _Clock:
    """What is left of the timeout. The seconds that were used stand in the journal: a kill does not give them back."""

    def __init__(self, study: optuna.Study, timeout: float) -> None:
        self._study = study
        self._timeout = timeout
        self._began = self._noted = time.monotonic()
        self._before: float = study.user_attrs.get(USED, 0.0)

    @property
    def left(self) -> float:
        """Seconds, no more than none."""
        return max(0.0, self._timeout - self._used)

    @property
    def _used(self) -> float:
        return self._before + time.monotonic() - self._began

    def check(self) -> None:
        """Raises _OutOfTime; notes now and then what was used."""
        if not self.left:
            self.note()
            raise _OutOfTime
        if time.monotonic() - self._noted >= NOTED_SECONDS:
            self.note()

    def note(self) -> None:
        """Write down what was used."""
        self._noted = time.monotonic()
        self._study.set_user_attr(USED, self._used)


@dataclass(frozen=True, slots=True)
class _Trials:
    """Makes trials. `labels`: a classifier's classes, sorted; empty for regression."""

    train: XGBoost
    task: Task
    labels: tuple[str, ...]
    metric: str
    parts: Sequence[_Part]

    def make(self, trial: optuna.Trial, clock: _Clock, tell: Callable[[float], None]) -> float | None:
        """The mean of the metric over the folds; None where the trial is given up. Raises _OutOfTime.

        `tell` is called with the share of the trial that is done.
        """
        params = suggest(trial, self.train.params)
        trial.set_user_attr(PARAMS, params)
        scores: list[float] = []
        for number, part in enumerate(self.parts):

            def look_at_the_clock(_message: str, fraction: float | None, /, number: int = number) -> None:
                clock.check()
                tell((number + (fraction or 0.0)) / len(self.parts))

            score = self._judge(part, params, look_at_the_clock)
            if score is None:  # it is no number, and nothing can be better than that
                return None
            scores.append(score)
            trial.report(float(np.mean(scores)), number)
            if number + 1 < len(self.parts) and trial.should_prune():
                return None
        return float(np.mean(scores))

    def _judge(self, part: _Part, params: Mapping[str, float], progress: Progress) -> float | None:
        trained = boost(self.task, self.labels, part.X, part.y, params=params, seed=self.train.seed, progress=progress)
        return score(self.labels, part.held_y, trained.predict(part.held_X))[self.metric]


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
    clock = _Clock(study, wanted.timeout)
    if done:
        progress(f"going on from {min(len(done), wanted.trials)} trials that are done", None)
    while len(done) < wanted.trials:
        try:
            clock.check()
            _next(study, trials, done, clock, _teller(study, trials.metric, wanted.trials, clock, progress))
        except _OutOfTime:
            return "timeout"
        clock.note()
        done = _finished(study)
    return "trials"


def _next(
    study: optuna.Study, trials: _Trials, done: Sequence[FrozenTrial], clock: _Clock, tell: Callable[[float], None]
) -> None:
    """Make the next trial. Raises _OutOfTime where it does not come to its end."""
    seed = trials.train.seed + len(done)
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed)
    if not done and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(trials.train.params.model_dump())
    trial = study.ask()
    try:
        value = trials.make(trial, clock, tell)
    except _OutOfTime:
        study.tell(trial, state=TrialState.FAIL)
        raise
    study.tell(trial, value, state=TrialState.PRUNED if value is None else TrialState.COMPLETE)


def _teller(
    study: optuna.Study, metric: str, trials: int, clock: _Clock, progress: Progress
) -> Callable[[float], None]:
    """Tells the progress of the next trial as that of the search; it is called after every tree."""
    done = len(_finished(study))
    best = _best(study, done)
    so_far = f"best {metric} {best.value:.4g}, " if best else ""

    def tell(share: float) -> None:
        left = durations.text(round(clock.left))
        progress(f"trial {done + 1} of {trials}, {so_far}at most {left} left", (done + share) / trials)

    return tell


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    """In the order in which they were made."""
    return study.get_trials(deepcopy=False, states=_FINISHED)


def _best(study: optuna.Study, count: int) -> FrozenTrial | None:
    """The best of the first `count` trials, the earlier one of equals; None where none came to its end."""
    complete = [trial for trial in _finished(study)[:count] if trial.state == TrialState.COMPLETE]
    sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
    return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)


def _found(project: Project, study: optuna.Study, metric: str, wanted: Search, stopped: str) -> Found:
    done = _finished(study)[: wanted.trials]
    best = _best(study, wanted.trials)
    given: dict[str, float] = project.spec.train.params.model_dump()
    params = dict(best.user_attrs[PARAMS]) if best else given
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
