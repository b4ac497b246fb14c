"""Rows of named columns: what they say of the features, and the rows made of them."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from headgate.core.schema import Feature
from headgate.errors import InvalidInput
from headgate.packaging.categories import known_categories
from headgate.packaging.table import MADE, Table

ROWS = np.array([[1.5, "a", True, np.int64(7)], [np.nan, "b", False, 8], [2.5, None, True, 9]], object)


class Frame:
    """What pandas' and Polars' data frames have in common."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.columns = columns

    def __getitem__(self, name: str) -> "Column":
        return Column(self.columns[name])


class Column:
    """One column of it."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def to_list(self) -> list[Any]:
        """The values."""
        return self.values


def test_features_of_an_array() -> None:
    table = Table.of(ROWS, ["n", "c", "b", "i"])
    assert table.features({"c": ("a", "b"), "n": ()}) == (
        Feature("n", nullable=True),
        Feature("c", "string", nullable=True, categories=("a", "b")),
        Feature("b", "boolean"),
        Feature("i"),
    )
    assert table.as_values() == [(1.5, "a", True, 7), (None, "b", False, 8), (2.5, None, True, 9)]
    assert table.as_given().shape == ROWS.shape


@pytest.mark.parametrize("frame", [False, True])
def test_rows_made_of_rows_are_the_same_each_time_and_as_difficult(frame: bool) -> None:
    columns: dict[str, list[Any]] = {"n": [1.5, float("nan"), 2.5], "c": ["a", "b", "c"], "i": [7, 8, 9]}
    rows: Any = Frame(columns) if frame else np.array(list(zip(*columns.values(), strict=True)), object)
    table = Table.of(rows, list(columns))
    probes = table.probes()
    values = probes.as_values()
    assert values == table.probes().as_values()
    assert len(values) == len(table) + 3 * MADE
    assert values[:3] == table.as_values()
    assert min(row[0] for row in values if row[0] is not None) < 1.5
    assert max(row[2] for row in values) > 9
    assert all(isinstance(row[2], int) and row[1] in "abc" for row in values)
    assert isinstance(probes.as_given(), type(rows))


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        ([1, 2], (), r"an array of shape \[2\]"),
        ([[1, 2]], ("a",), "have 2 columns, 1 names were given"),
        (np.empty((0, 2)), (), "no rows to compare on"),
        (np.array([["a"], [1]], object), (), "column 'f0' holds 'a'; expected"),
        (np.array([[None]], object), (), "column 'f0' holds nothing"),
        (np.array([[date(2026, 11, 20)]], object), (), r"column 'f0' holds datetime.date\(2026"),
    ],
)
def test_rows_that_are_none(rows: Any, names: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Table.of(rows, names).features({})


def test_categories_outside_of_which_an_encoder_fails() -> None:
    rows = np.array([[1.0, "a", "x", "p", "s"], [2.0, "b", "y", "q", "t"]], object)
    columns = ColumnTransformer(
        [
            ("n", StandardScaler(), [0]),
            ("one", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), slice(1, 2)),
            ("any", OneHotEncoder(handle_unknown="ignore"), [2]),
            ("two", OrdinalEncoder(), [False, False, False, True, True]),
        ]
    )
    names = ["n", "c", "d", "e", "f"]
    expected = {"c": ("a", "b"), "e": ("p", "q"), "f": ("s", "t")}
    assert known_categories(columns.fit(rows), names) == expected
    assert known_categories(make_pipeline(columns, StandardScaler()).fit(rows), names) == expected
    assert known_categories(StandardScaler().fit([[1.0]]), ["n"]) == {}
