"""The search for parameters: what it finds, what it keeps, and that being stopped changes nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.data.load import load
from headgate.data.runs import MODEL_NAME, Run
from headgate.errors import InvalidInput, Refused
from headgate.spec import Project
from headgate.spec.train import XGBoost
from headgate.training import train
from headgate.training.folds import folds
from headgate.training.journal import alone_in, open_study
from tests.data.projects import bundled, make
from tests.data.test_rows import STUDENTS

pytestmark = pytest.mark.slow

FEW = {"n_estimators": 20}
LONG = {"n_estimators": 200}


def project_in(folder: Path, name: str = "diabetes", params: Mapping[str, float] = FEW, **search: Any) -> Project:
    return bundled(folder, name, train={"params": dict(params), "search": {"trials": 8, "folds": 2, **search}})


def found(run: Run) -> dict[str, Any]:
    assert run.record.search is not None
    return dict(run.record.search)


def journal_of(project: Project) -> Path:
    (journal,) = project.store.glob("searches/*/journal.log")
    return journal


def trials_made(project: Project) -> int:
    """How many trials were begun, over all attempts."""
    return journal_of(project).read_text().count('"op_code":4')


def test_it_finds_what_is_better_gives_up_what_is_worse_and_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    shares: list[float] = []

    def tell(message: str, share: float | None) -> None:
        told.append(message)
        shares.extend([share] if message.startswith("trial 1 of") and share is not None else [])

    project = project_in(tmp_path, trials=25)
    run = train(project, progress=tell)
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (2 * FEW["n_estimators"], 1 / 25)
    search = found(run)
    assert (search["trials"], search["asked"], search["stopped_by"], search["metric"]) == (25, 25, "trials", "rmse")
    assert 0 < search["pruned"] < 20
    assert search["best_value"] < search["first_value"]
    assert run.record.params == search["params"] != project.spec.train.params.model_dump()
    assert set(run.record.params) == set(project.spec.train.params.model_dump())
    assert any(line.startswith("trial 25 of 25, best rmse ") for line in told)
    tried = [str(trial.params) for trial in open_study(journal_of(project), "rmse").get_trials(deepcopy=False)]
    assert len(set(tried)) == 25, "each trial draws for itself"
    assert sorted(file.name for file in journal_of(project).parent.iterdir()) == ["journal.log", "lock", "search.json"]


@pytest.mark.parametrize(
    ("name", "metric", "said"), [("iris", None, "log_loss"), ("iris", "f1_macro", "f1_macro"), ("diabetes", "r2", "r2")]
)
def test_the_metric_and_which_way_is_better(tmp_path: Path, name: str, metric: str | None, said: str) -> None:
    wanted: dict[str, Any] = {"metric": metric} if metric else {}
    search = found(train(project_in(tmp_path, name, trials=7, **wanted)))
    assert search["metric"] == said
    gain = search["best_value"] - search["first_value"]
    assert gain <= 0 if said == "log_loss" else gain >= 0


def test_the_first_trial_is_what_the_spec_says_even_outside_of_the_usual_ranges(tmp_path: Path) -> None:
    odd = {"n_estimators": 5, "max_depth": 1, "learning_rate": 0.9, "subsample": 0.2, "min_child_weight": 30.0}
    project = project_in(tmp_path, params=odd | {"gamma": 1.5}, trials=1)
    search = found(train(project))
    assert (search["best_trial"], search["best_value"]) == (1, search["first_value"])
    assert search["params"] == project.spec.train.params.model_dump()


def test_a_search_goes_on_from_its_trials_and_ends_as_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole = train(project_in(tmp_path / "whole", trials=12))
    in_parts = [train(project_in(tmp_path / "parts", trials=trials)) for trials in (1, 3, 12)]
    assert in_parts[-1].record.search == whole.record.search
    assert in_parts[-1].read(MODEL_NAME) == whole.read(MODEL_NAME)
    project = project_in(tmp_path / "parts", trials=3)
    again = train(project)  # fewer: only the first three count, and none is made
    assert again.record.search == in_parts[1].record.search
    assert trials_made(project) == 12
    assert len(list(project.store.glob("searches/*"))) == 1
    train(project_in(tmp_path / "parts", trials=1, folds=3))
    assert len(list(project.store.glob("searches/*"))) == 2


def test_whatever_decides_a_trial_decides_whose_trial_it_is(tmp_path: Path) -> None:
    """A model would be chosen by scores of other rows otherwise."""
    rows = "\n".join(["a,y,z", *[f"{n},{n % 7},{n % 5}" for n in range(40)]])

    def searches(content: str = rows, target: str = "y", split: int = 0, seed: int = 0, **params: float) -> int:
        """How many there are after this one."""
        (tmp_path / "rows.csv").write_text(content)
        section = {"params": {"n_estimators": 2, **params}, "seed": seed, "search": {"trials": 1, "folds": 2}}
        data = {"target": target, "features": ["a"], "split": {"seed": split}}
        project = make(tmp_path, "rows.csv", "regression", data=data, train=section)
        train(project)
        return len([*project.store.glob("searches/*")])

    assert [searches(), searches()] == [1, 1]
    assert searches(rows.replace("39,4,4", "39,5,4")) == 2, "other data"
    assert searches(split=1) == 3, "other rows of the data"
    assert searches(target="z") == 4, "another target"
    assert searches(seed=1) == 5, "another seed"
    assert searches(max_depth=2) == 6, "other parameters"


def test_held_out_rows_have_no_say_in_the_order_of_categories(tmp_path: Path) -> None:
    from headgate.training.search import _parts

    project = make(tmp_path, "rows.csv", "regression")
    rows = np.arange(20)
    held = folds(rows, 2, project.spec.train.seed, by_class=False)[0].held
    seen = []
    for sign in (1, -1):
        y = [sign * n if n in held else n for n in range(20)]
        (tmp_path / "rows.csv").write_text("\n".join(["a,y", *[f"{'pqrs'[n % 4]},{y[n]}" for n in range(20)]]))
        seen.append(_parts(project, load(project), rows, 2)[0])
    np.testing.assert_array_equal(seen[0].X, seen[1].X)
    np.testing.assert_array_equal(seen[0].held_X, seen[1].held_X)


def test_other_columns_of_the_same_bytes_are_another_search(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("".join(f"{n},{n % 3},{n % 5}\n" for n in range(30)))
    few = {"params": {"n_estimators": 3}, "search": {"trials": 1, "folds": 2}}

    def names(columns: list[str]) -> set[str]:
        project = make(tmp_path, "rows.csv", "regression", data={"columns": columns}, train=few)
        train(project)
        return {folder.name for folder in project.store.glob("searches/*")}

    first = names(["a", "b", "y"])
    assert names(["a", "b", "y"]) == first
    assert len(names(["a", "y", "b"])) == 2


def started(project: Project) -> "subprocess.Popen[str]":
    environment = {**os.environ, "HEADGATE_HOME": str(project.root / "home")}
    command = [sys.executable, "-m", "headgate", "train", "-C", str(project.root)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_trials(project: Project, count: int) -> None:
    deadline = time.monotonic() + 60
    while not list(project.store.glob("searches/*/journal.log")) or trials_made(project) < count:
        assert time.monotonic() < deadline, f"{count} trials were not begun within a minute"
        threading.Event().wait(0.01)  # leave the processor to the child


def test_a_killed_training_goes_on_and_makes_as_many_trials_as_asked(tmp_path: Path) -> None:
    project = project_in(tmp_path / "killed", params=LONG, trials=12)
    with started(project) as child:
        wait_for_trials(project, 3)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert trials_made(project) < 12
    with journal_of(project).open("a") as journal:
        journal.write('{"op_code":5,"worker_id":"cut of')
    killed = train(project)
    whole = train(project_in(tmp_path / "whole", params=LONG, trials=12))
    assert killed.record.search == whole.record.search
    assert killed.read(MODEL_NAME) == whole.read(MODEL_NAME)
    assert 12 <= trials_made(project) <= 12 + 1  # the kill may have cut one short, which was made again


def test_control_c_keeps_the_trials_and_says_so(tmp_path: Path) -> None:
    project = project_in(tmp_path, params=LONG, trials=10_000)
    with started(project) as child:
        wait_for_trials(project, 2)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "The trials that are done are kept; `headgate train` goes on from them." in said
    assert not (project.store / "runs").exists()
    assert found(train(project_in(tmp_path, params=LONG, trials=2)))["trials"] == 2


def test_the_timeout_is_kept_also_within_a_trial_and_by_the_next_training(tmp_path: Path) -> None:
    long = {"n_estimators": 10_000, "max_depth": 8}
    began = time.monotonic()
    project = project_in(tmp_path, params=long, trials=10_000, timeout="1s")
    run_search(project)
    assert time.monotonic() - began < 15  # two seconds, on a machine that is not busy
    made = trials_made(project)
    run_search(project)
    assert trials_made(project) == made


def test_the_time_of_a_trial_that_was_cut_short_counts(tmp_path: Path) -> None:
    long = {"n_estimators": 10_000, "max_depth": 8}
    project = project_in(tmp_path, params=long, trials=10_000, timeout="1h")

    def stop(message: str, _: float | None) -> None:
        if message.startswith("trial") and "seconds used" in journal_of(project).read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(project, progress=stop)
    run_search(project_in(tmp_path, params=long, trials=10_000, timeout="1s"))
    assert trials_made(project) == 1


def test_training_says_that_the_timeout_ended_the_search(tmp_path: Path) -> None:
    with started(project_in(tmp_path, trials=10_000, timeout="1s")) as child:
        said, _ = child.communicate(timeout=60)
    assert "trials until the timeout of 1 s" in said
    assert "Another training may find time for more or fewer of them, and give another model." in said


def run_search(project: Project) -> None:
    """The search alone: a model of 10,000 deep trees would take longer than the search."""
    from headgate.data.load import divide
    from headgate.training.search import search

    assert isinstance(project.spec.train, XGBoost)
    assert project.spec.train.search is not None
    table = load(project)
    result = search(project, project.spec.train.search, table, divide(project, table).train, lambda *_: None)
    assert result.record["stopped_by"] == "timeout"
    if not result.record["trials"]:
        assert result.params == project.spec.train.params.model_dump()


def test_a_search_that_is_under_way_is_left_alone(tmp_path: Path) -> None:
    project = project_in(tmp_path, trials=1)
    train(project)
    with alone_in(journal_of(project).parent), pytest.raises(Refused, match="Another `headgate train` searches"):
        train(project)


@pytest.mark.parametrize("damage", ["no json\n", '{"op_code":0}\n', '{"op_code":99,"worker_id":""}\n', "[]\n"])
def test_a_damaged_journal_is_told_with_the_remedy(tmp_path: Path, damage: str) -> None:
    project = project_in(tmp_path, trials=1)
    train(project)
    journal = journal_of(project)
    journal.write_text(damage + journal.read_text())
    with pytest.raises(InvalidInput, match=r"journal.log is damaged") as caught:
        train(project)
    assert str(journal.parent) in caught.value.hint


@pytest.mark.parametrize(("written", "damage"), [('"params":{', '"other":{'), ('"values":[', '"values":[NaN,')])
def test_a_journal_that_lacks_what_is_read_of_it_is_told_with_the_remedy(
    tmp_path: Path, written: str, damage: str
) -> None:
    project = project_in(tmp_path, trials=2)
    train(project)
    journal = journal_of(project)
    assert written in journal.read_text()
    journal.write_text(journal.read_text().replace(written, damage))
    with pytest.raises(InvalidInput, match=r"journal.log is damaged"):
        train(project)


def test_too_few_rows_for_the_folds(tmp_path: Path) -> None:
    project = make(tmp_path, "rows.csv", "regression", train={"search": {"folds": 10}})
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *[f"{n},{n}" for n in range(12)]]))
    with pytest.raises(InvalidInput, match="leaves 10 rows to learn from, too few for 10 folds"):
        train(project)


@pytest.mark.skipif(not STUDENTS.is_file(), reason=f"{STUDENTS} is not on this machine")
def test_real_students_with_categories_and_a_search(tmp_path: Path) -> None:
    header = STUDENTS.read_text(encoding="utf-8-sig").partition("\n")[0].strip().split(",")
    data = {"target": "exam_score", "features": [name for name in header if name not in ("student_id", "exam_score")]}
    section = {"params": {"n_estimators": 150}, "search": {"trials": 6, "timeout": "30s"}}
    run = train(make(tmp_path, str(STUDENTS), "regression", data=data, train=section))
    assert set(run.record.categories) >= {"gender", "diet_quality", "parental_education_level"}
    assert "None" in run.record.categories["parental_education_level"]
    assert run.record.features_with_missing == ()
    r2 = run.record.metrics["r2"]
    assert r2 is not None
    assert r2 > 0.8
