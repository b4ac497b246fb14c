import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headgate.core.digest import sha256
from headgate.data.packages import PackageRecord, Packages
from headgate.data.runs import MODEL_NAME, RECORD_NAME, VALIDATION_NAME, Record, Run, Runs
from headgate.data.validation import Validation
from headgate.errors import InvalidInput, NotFound, Refused, Unavailable

RECORD = Record(
    project="iris",
    task="classification",
    target="species",
    features=("a", "b"),
    features_with_missing=("b",),
    labels=("x", "y"),
    created="2026-11-20T13:55:07.123+00:00",
    spec_sha256="1",
    data_source="sklearn:iris",
    data_sha256="2",
    held_out_sha256="3",
    rows_train=8,
    rows_test=2,
    recipe="xgboost",
    params={"max_depth": 3},
    seed=7,
    metrics={"f1_macro": 0.9, "log_loss": None},
    commit=None,
    dirty=None,
    versions={"python": "3.11"},
)
HELD = Validation(np.array([[1, np.nan]], np.float32), np.array(["x"]))


def save(store: Path, created: str = RECORD.created) -> Run:
    return Runs(store).save(replace(RECORD, created=created), b"model", HELD.to_bytes())


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    run = save(tmp_path)
    assert run.id.startswith("20261120T135507123Z-")
    again = Runs(tmp_path).load(run.id)
    assert again == run
    assert again.read(MODEL_NAME) == b"model"
    held = Validation.from_bytes(again.read(VALIDATION_NAME))
    np.testing.assert_array_equal(held.X, HELD.X)
    assert held.y.tolist() == ["x"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [run.id]


def test_ids_sort_by_time_whatever_the_zone(tmp_path: Path) -> None:
    assert Runs(tmp_path).list() == []
    with pytest.raises(NotFound, match="no training run yet"):
        Runs(tmp_path).latest()
    early, late = save(tmp_path, "2026-11-20T15:30:00+01:00"), save(tmp_path, "2026-11-20T15:00:00+00:00")
    assert [run.id for run in Runs(tmp_path).list()] == [early.id, late.id]
    assert Runs(tmp_path).latest() == late


def test_the_run_that_was_made_last_is_the_newest_whatever_the_clock_says(tmp_path: Path) -> None:
    ahead = save(tmp_path, "2099-12-31T23:59:59.999+00:00")
    back = save(tmp_path, "2026-11-20T15:00:00+00:00")
    assert Runs(tmp_path).latest() == back
    assert back.record.created == "2026-11-20T15:00:00+00:00"
    assert Runs(tmp_path).list() == [ahead, back]


@pytest.mark.parametrize("kind", ["file", "dangling", "loop"])
def test_a_store_that_is_no_folder_is_told_before_the_training(tmp_path: Path, kind: str) -> None:
    store = tmp_path / ".headgate"
    Runs(store).check_writable()
    if kind == "file":
        store.touch()
    else:
        store.symlink_to(store if kind == "loop" else tmp_path / "nowhere")
    with pytest.raises(Unavailable, match="is no folder"):
        Runs(store).check_writable()


def test_a_file_among_the_runs_is_none(tmp_path: Path) -> None:
    run = save(tmp_path)
    (tmp_path / "runs" / "20991120T143904259Z-f6aac422").touch()
    assert Runs(tmp_path).latest() == run


def test_a_run_is_written_once(tmp_path: Path) -> None:
    save(tmp_path)
    with pytest.raises(Refused, match="written once"):
        save(tmp_path)
    assert len(list((tmp_path / "runs").iterdir())) == 1


@pytest.mark.parametrize("name", [MODEL_NAME, VALIDATION_NAME])
def test_a_file_changed_by_hand_is_refused(tmp_path: Path, name: str) -> None:
    run = save(tmp_path)
    (run.folder / name).write_bytes(b"other")
    with pytest.raises(InvalidInput, match="was changed after training"):
        run.read(name)
    (run.folder / name).unlink()
    with pytest.raises(InvalidInput, match="cannot be read"):
        run.read(name)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "files": {}, "features": []}']
)
def test_a_damaged_record_is_refused(tmp_path: Path, content: bytes) -> None:
    run = save(tmp_path)
    (run.folder / RECORD_NAME).write_bytes(content)
    with pytest.raises(InvalidInput, match="is damaged"):
        Runs(tmp_path).list()


def test_metrics_written_by_hand_are_not_judged(tmp_path: Path) -> None:
    path = save(tmp_path).folder / RECORD_NAME
    path.write_bytes(path.read_bytes().replace(b"0.9", b"1.0"))
    with pytest.raises(InvalidInput, match="changed after training"):
        Runs(tmp_path).latest()


@pytest.mark.parametrize("content", [b"[]", b'{"format": 2}', b'{"format": 1, "files": {}}'])
def test_a_record_of_another_version_is_refused(tmp_path: Path, content: bytes) -> None:
    run = save(tmp_path)
    (run.folder / RECORD_NAME).write_bytes(content)
    other = run.folder.rename(run.folder.with_name(f"{run.id[:-8]}{sha256(content)[:8]}"))
    with pytest.raises(InvalidInput, match="another version of Headgate"):
        Runs(tmp_path).load(other.name)


def test_a_run_without_its_record_is_refused(tmp_path: Path) -> None:
    (save(tmp_path).folder / RECORD_NAME).unlink()
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        Runs(tmp_path).latest()


def test_unknown_ids_are_not_found(tmp_path: Path) -> None:
    run = save(tmp_path)
    for identity in ("x", "../runs", "20261120T135507123Z-00000000"):
        with pytest.raises(NotFound) as caught:
            Runs(tmp_path).load(identity)
        assert run.id in caught.value.hint


def test_what_a_killed_writer_left_is_removed_and_others_are_left_at_work(tmp_path: Path) -> None:
    for name in (".new-old", ".new-young"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    os.utime(tmp_path / "runs" / ".new-old", (0, 0))
    run = save(tmp_path)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {".new-young", run.id}
    assert Runs(tmp_path).list() == [run]


@pytest.mark.parametrize("data", [b"", b"PK", HELD.to_bytes()[:100]])
def test_damaged_validation_rows(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="validation rows are damaged"):
        Validation.from_bytes(data)


PACKAGE = PackageRecord("iris", "classification", "run-1", "2026-11-20T14:00:00+00:00", {}, "2", "3", None, {})


def test_equal_archives_are_one_package(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "store")
    with pytest.raises(NotFound, match="no package yet"):
        packages.latest()
    first = packages.add(b"one", PACKAGE)
    second = packages.add(b"other", replace(PACKAGE, created="2026-11-20T15:00:00+00:00"))
    assert packages.latest() == second
    again = packages.add(b"one", replace(PACKAGE, created="2026-11-20T16:00:00+00:00", run="run-2"))
    assert (again.digest, again.size, again.record.run) == (first.digest, 3, "run-2")
    assert packages.latest() == again
    assert packages.load(second.digest).path.read_bytes() == b"other"
    with pytest.raises(NotFound):
        packages.load("0" * 64)


def test_the_package_that_was_made_last_is_the_latest_whatever_the_clock_says(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    packages.add(b"one", replace(PACKAGE, created="2099-11-20T15:00:00+00:00"))
    other = packages.add(b"other", PACKAGE)
    assert packages.latest() == other


def test_a_damaged_package_is_refused_and_mended_by_packaging_again(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    made = packages.add(b"one", PACKAGE)
    made.verify()
    made.path.write_bytes(b"0ne")
    with pytest.raises(InvalidInput, match="changed after packaging"):
        packages.latest().verify()
    packages.add(b"one", PACKAGE).verify()
    made.path.unlink()
    with pytest.raises(NotFound):
        packages.latest()
    packages.add(b"one", PACKAGE).verify()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 1}', b'{"format": 2}', None])
def test_a_damaged_package_record_is_refused(tmp_path: Path, content: bytes | None) -> None:
    made = Packages(tmp_path).add(b"one", replace(PACKAGE, metrics={"accuracy": 0.5}))
    record = made.path.with_name("package.json")
    record.write_bytes(record.read_bytes().replace(b"0.5", b'"x"') if content is None else content)
    with pytest.raises(InvalidInput, match="is damaged"):
        Packages(tmp_path).latest()
