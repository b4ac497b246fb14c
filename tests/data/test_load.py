from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.data.load import divide, load
from headgate.errors import InvalidInput
from tests.data.projects import BUNDLED, bundled, make

SHAPES = {"iris": (150, 4), "wine": (178, 13), "breast_cancer": (569, 30), "diabetes": (442, 10)}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets(tmp_path: Path, name: str) -> None:
    project = bundled(tmp_path, name)
    table = load(project)
    assert table.X.shape == SHAPES[name]
    assert table.X.dtype == np.float32
    assert table.with_missing == ()
    assert load(project).sha256 == table.sha256
    if name == "iris":
        assert table.labels == ("setosa", "versicolor", "virginica")
        assert table.features[0] == "sepal_length"


def test_digits_become_classes_of_text(tmp_path: Path) -> None:
    assert load(make(tmp_path, "sklearn:digits", "classification")).labels == tuple("0123456789")


def test_features_of_a_bundled_set_can_be_chosen(tmp_path: Path) -> None:
    table = load(bundled(tmp_path, "diabetes", data={"features": ["bmi", "age"]}))
    assert table.features == ("bmi", "age")
    with pytest.raises(InvalidInput, match="no column 'bmj'; its features are age, sex"):
        load(bundled(tmp_path, "diabetes", data={"features": ["bmj"]}))
    with pytest.raises(InvalidInput, match="a feature called 'bmi' already"):
        load(bundled(tmp_path, "diabetes", data={"target": "bmi"}))


@pytest.mark.parametrize(
    ("rows", "task", "message"),
    [
        (["1,a"] * 5 + ["1,b"] * 4, "classification", "has 9 rows; at least 10"),
        (["1,a"] * 20, "classification", "every row has the same 'y', a"),
        (["1,2"] * 20, "regression", r"every row has the same 'y', 2\.0"),
        (["1,a"] * 20 + ["1,b"], "classification", "classes of a single row: b"),
        ([f"1,{n}" for n in range(101)] * 2, "classification", "101 different values"),
    ],
)
def test_rows_that_nothing_can_be_learnt_from(tmp_path: Path, rows: list[str], task: str, message: str) -> None:
    project = make(tmp_path, "rows.csv", task)
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *rows]))
    with pytest.raises(InvalidInput, match=message):
        load(project)


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(2, 40), min_size=2, max_size=5), share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_a_division_shares_none_misses_none_and_keeps_every_class(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], share: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("division")
    lines = [f"{row},c{label}" for label, count in enumerate(counts) for row in range(count + 5)]
    project = make(folder, "rows.csv", "classification", data={"split": {"test": share, "seed": seed}})
    (folder / "rows.csv").write_text("\n".join(["a,y", *lines]))
    table = load(project)
    division = divide(project, table)
    assert sorted([*division.train, *division.test]) == list(range(len(lines)))
    for rows in (division.train, division.test):
        assert set(table.y[rows]) == set(table.labels)
    assert divide(project, table).test.tolist() == division.test.tolist()


def test_a_stratified_division_takes_the_same_share_of_each_class(tmp_path: Path) -> None:
    project = bundled(tmp_path, "iris", data={"split": {"test": 0.2, "seed": 1}})
    table = load(project)
    _, counts = np.unique(table.y[divide(project, table).test], return_counts=True)
    assert counts.tolist() == [10, 10, 10]
    other = bundled(tmp_path, "iris", data={"split": {"test": 0.2, "seed": 2}})
    assert divide(other, table).test.tolist() != divide(project, table).test.tolist()


def test_a_class_that_is_held_out_entirely_is_refused(tmp_path: Path) -> None:
    split = {"test": 0.9, "stratify": False}
    project = make(tmp_path, "rows.csv", "classification", data={"split": split})
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *["1,a"] * 30, *["2,b"] * 2]))
    with pytest.raises(InvalidInput, match="no row to learn from is left of class b"):
        divide(project, load(project))
