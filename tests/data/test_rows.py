from pathlib import Path

import numpy as np
import pytest

from headgate.data.rows import read_csv
from headgate.errors import InvalidInput, NotFound

STUDENTS = Path(__file__).parents[3] / "shared" / "data" / "student_habits_performance.csv"


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return path


def test_a_plain_file(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf"a", b ,c,y\r\n1,2.5,"3",left\r\n,,,\r\n\r\n4,NA,-1e3,"right, or so"\n'
    table = read_csv(write(tmp_path, content), "classification", "y", None)
    assert table.features == ("a", "b", "c")
    assert table.X.dtype == np.float32
    np.testing.assert_array_equal(table.X, np.array([[1, 2.5, 3], [4, np.nan, -1000]], np.float32))
    assert table.y.tolist() == ["left", "right, or so"]
    assert table.with_missing == ("b",)
    assert table.labels == ("left", "right, or so")


def test_listed_features_keep_their_order_and_the_rest_is_not_looked_at(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, b"a,name,b,y\n1,x,2,0.5\n"), "regression", "y", ["b", "a"])
    assert table.X.tolist() == [[2, 1]]
    assert table.y.tolist() == [0.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,y\n1\n", "line 2: 1 fields, the header has 2"),
        (b"a,y\n1,2,3\n", "line 2: 3 fields"),
        (b"a,y\n1,2\n\nx,3\n", r"not numeric: 'a' \(line 4: 'x'\)"),
        (b"a,b,y\n1,2,3\nx,1_000,3\n", r"'a' \(line 3: 'x'\), 'b' \(line 3: '1_000'\)"),
        (b"a,y\ninf,2\n", "not numeric"),
        (b"a,y\n1e39,2\n", "not numeric"),
        (b"a,y\n1,\n", "line 2: no value for the target 'y'"),
        (b"a,y\n1,high\n", "line 2: the target 'y' is not a number: 'high'"),
        (b"a,a,y\n1,2,3\n", "several columns are called 'a'"),
        (b"a,,y\n1,2,3\n", "column 2 has no name"),
        (b"a;y\n1;2\n", "separated by semicolons"),
        (b"a,b\n1,2\n", "has no column 'y'; it has a, b"),
        (b"y\n1\n", "no column to learn from"),
        (b'a,y\n"1,2\n', "unexpected end of data"),
        (b'a,y\n"1"x,2\n', "line 2"),
        (b"a,y\n1,\xff\n", "line 2: it is not UTF-8"),
        (b"a,y\n" + b"1" * 200_000 + b",2\n", "field larger than field limit"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_csv(path, "regression", "y", None)
    assert str(path) in caught.value.message


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(NotFound, match="There is no file"):
            read_csv(path, "regression", "y", None)


def test_row_numbers_without_a_name_are_passed_over_where_features_are_listed(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, b'"","",a,y\n"1",x,2,3\n'), "regression", "y", ["a"])
    assert table.X.tolist() == [[2]]


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    first = read_csv(write(tmp_path, b"a,y\n1,2\n"), "regression", "y", None).sha256
    assert first != read_csv(write(tmp_path, b"a,y\n1,2.0\n"), "regression", "y", None).sha256


@pytest.mark.skipif(not STUDENTS.is_file(), reason=f"{STUDENTS} is not on this machine")
def test_a_real_file_with_columns_of_text() -> None:
    numeric = ["age", "study_hours_per_day", "sleep_hours", "attendance_percentage", "mental_health_rating"]
    table = read_csv(STUDENTS, "regression", "exam_score", numeric)
    assert table.X.shape == (1000, 5)
    with pytest.raises(InvalidInput, match=r"'student_id' \(line 2: 'S1000'\), 1,000 different values") as caught:
        read_csv(STUDENTS, "regression", "exam_score", None)
    assert "data/features" in caught.value.hint
