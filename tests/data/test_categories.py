"""Columns of text: which are categories, in which order, and how they go back into requests."""

import math
from pathlib import Path

import numpy as np
import pytest

from headgate.core.schema import Task
from headgate.data.categories import MAX_CATEGORIES, as_sent, by_target
from headgate.data.rows import read_csv
from headgate.data.table import Table
from headgate.errors import InvalidInput


def read(tmp_path: Path, *lines: str, task: Task = "regression") -> Table:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    return read_csv(path, task, "y", None)


def ordered(tmp_path: Path, *lines: str, task: Task = "regression", held: int = 0) -> Table:
    """The table in the order of the target; the last `held` rows are not learnt from."""
    table = read(tmp_path, *lines, task=task)
    return by_target(table, task, np.arange(len(table.y) - held))


def test_a_column_of_text_is_read_as_places_in_the_alphabet(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,y", "red,1,1", "blue,2,2", ",3,3", "red,NA,4", "None,5,5")
    assert table.categories == {"a": ("None", "blue", "red")}
    assert table.X.dtype == np.float32
    np.testing.assert_array_equal(table.X[:, 0], np.array([2, 1, np.nan, 2, 0], np.float32))
    assert table.with_missing == ("a", "b")


def test_a_number_to_predict_orders_categories_by_its_mean(tmp_path: Path) -> None:
    lines = ["a,y", "low,1", "high,9", "middle,5", "low,2", "high,7", ",4", "low,900", "middle,900", "new,1", "also,2"]
    table = ordered(tmp_path, *lines, held=4)
    assert table.categories == {"a": ("low", "middle", "high", "also", "new")}  # what is held out has no say
    expected = [0, 2, 1, 0, 2, math.nan, 0, 1, 4, 3]
    np.testing.assert_array_equal(table.X[:, 0], np.array(expected, np.float32))


def test_two_classes_order_by_the_share_of_the_second_and_more_by_the_alphabet(tmp_path: Path) -> None:
    lines = ["a,y", "x,yes", "y,no", "z,yes", "z,no", "x,yes", "y,no"]
    assert ordered(tmp_path, *lines, task="classification").categories == {"a": ("y", "z", "x")}
    assert ordered(tmp_path, *lines, "y,maybe", task="classification").categories == {"a": ("x", "y", "z")}


def test_equal_means_go_by_the_alphabet_and_numbers_are_left_alone(tmp_path: Path) -> None:
    table = ordered(tmp_path, "a,b,y", "z,1,1", "k,2,1", "z,3,3", "k,4,3", "z,5,2", "k,6,2")
    assert table.categories == {"a": ("k", "z")}
    assert table.X[:, 1].tolist() == [1, 2, 3, 4, 5, 6]
    numbers = read(tmp_path, "a,y", "1,1", "2,2")
    assert by_target(numbers, "regression", np.arange(2)) is numbers


def test_rows_go_back_into_what_callers_send(tmp_path: Path) -> None:
    table = ordered(tmp_path, "a,b,y", "z,1,1", "k,2,9", "z,,1", ",4,3")
    rows = as_sent(table.features, table.categories, table.X)
    assert [row[0] for row in rows] == ["z", "k", "z", None]
    assert math.isnan(rows[2][1])
    assert rows[1] == ["k", 2.0]


MANY = [f"c{n % (MAX_CATEGORIES + 1)},1" for n in range(400)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"id{n},{n}" for n in range(12)], r"free text or an id, not categories: 'a' \(line 2: 'id0'\), 12 different"),
        ([f"x{n % 6},{n}" for n in range(10)], "6 different values in 10 rows"),
        ([f"x{n % 6},{n}" for n in range(10)] + [",1"] * 20, "6 different values in 10 rows"),
        (MANY, "101 different values in 400 rows"),
        ([f"{'long ' * 41}{n % 2},1" for n in range(9)], "a text of more than 200 characters"),
        (["x,1", "5,2", "x,3"], r"'a' is text in 2 rows and a number in 1 \(line 3: '5'\)"),
    ],
)
def test_what_is_no_category_is_refused_with_what_to_do(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        read(tmp_path, "a,y", *lines)
    assert "data/features in headgate.yaml" in caught.value.hint


def test_as_many_categories_as_are_allowed(tmp_path: Path) -> None:
    table = read(tmp_path, "a,y", *[f"c{n % MAX_CATEGORIES},1" for n in range(400)])
    assert len(table.categories["a"]) == MAX_CATEGORIES
