import os
import tracemalloc
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
        (b"a,y\n1,2\n\nx,3\n", r"'a' is a number in 1 row and text in 1 \(line 4: 'x'\)"),
        (b"a,b,y\n1,2,3\nx,1_000,3\n", r"text in 1 \(line 3: 'x'\). 'b' has 1 number that .* \(line 3: '1_000'\)"),
        (b"a,y\ninf,2\n", r"'a' has 1 number that cannot be read \(line 2: 'inf'\)"),
        (b"a,y\n1e39,2\n", r"'a' has 1 number that cannot be read"),
        (b"a,y\n1,\n", "line 2: no value for the target 'y'"),
        (b"a,y\n1,None\n", "line 2: no value for the target 'y'"),
        (b"a,y\n1,high\n", "line 2: the target 'y' is not a number: 'high'"),
        (b"a,a,y\n1,2,3\n", "several columns are called 'a'"),
        (b"a,,y\n1,2,3\n", "column 2 has no name"),
        (b"a;y\n1;2\n", "separated by semicolons"),
        (b"a,b\n1,2\n", "has no column 'y'; it has a, b"),
        (b"y\n1\n", "no column to learn from"),
        (b'a,y\n1,2\n"1,2\n3,4\n5,6\n', "line 3: unexpected end of data"),
        (b'a,y\n1,2\n"1,2\n3",4,5\n', "line 3: 3 fields"),
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
    assert caught.value.hint


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
    table = read_csv(STUDENTS, "regression", "exam_score", ["parental_education_level"])
    assert table.categories["parental_education_level"] == ("Bachelor", "High School", "Master", "None")
    assert np.count_nonzero(table.X == 3) == 91
    assert table.with_missing == ()


def test_in_numbers_na_is_missing_and_in_text_a_word_like_others(tmp_path: Path) -> None:
    lines = [b"a,b,c,y", b"1,None,x,NA", b"NA,EU,x,None", b"None,,,null", b"nan,None,x,nan"]
    table = read_csv(write(tmp_path, b"\n".join(lines)), "classification", "y", None)
    assert table.categories == {"b": ("EU", "None"), "c": ("x",)}
    expected = [[1, 1, 0], [np.nan, 0, 0], [np.nan, np.nan, np.nan], [np.nan, 1, 0]]
    np.testing.assert_array_equal(table.X, np.array(expected, np.float32))
    assert table.y.tolist() == ["NA", "None", "null", "nan"]


LATE = 5000
"""More rows than are read at a time."""


@pytest.mark.parametrize(
    ("usual", "odd", "message", "hint"),
    [
        (b"x", b"5", r"'a' is text in 5,001 rows and a number in 1 \(line 5002: '5'\)", "mend the numbers"),
        (b"5", b"x", r"'a' is a number in 5,001 rows and text in 1 \(line 5002: 'x'\)", "as a number or leave it"),
        (b"5", b'"1,5"', r"'a' has 1 number that cannot be read \(line 5002: '1,5'\)", "with a decimal point"),
        (b'"1,5"', b'"2,5"', r"'a' has 5,002 numbers that cannot be read \(line 2: '1,5'\)", "with a decimal point"),
        (b"1 000", b"5", r"5,001 numbers that cannot be read \(line 2: '1 000'\)", "with a decimal point"),
        (b"5", b"7 %", r"1 number that cannot be read \(line 5002: '7 %'\)", "with a decimal point"),
        (b"x", b"50%", r"'a' is text in 5,001 rows and a number in 1 \(line 5002: '50%'\)", "mend the numbers"),
    ],
)
def test_in_a_column_of_two_kinds_the_rarer_is_named(
    tmp_path: Path, usual: bytes, odd: bytes, message: str, hint: str
) -> None:
    lines = [b"a,y", *[usual + b",1"] * LATE, odd + b",1", usual + b",1"]
    with pytest.raises(InvalidInput, match=message) as caught:
        read_csv(write(tmp_path, b"\n".join(lines)), "regression", "y", None)
    assert hint in caught.value.hint


def test_what_only_looks_a_little_like_a_number_is_a_category(tmp_path: Path) -> None:
    lines = [b"a,y", *[b"18-25,1", b"1.2.3,1", b"12:30,1", b"2024-01-05,1", b'"1, 2",1'] * 2]
    assert len(read_csv(write(tmp_path, b"\n".join(lines)), "regression", "y", None).categories["a"]) == 5


def test_a_target_that_is_a_comma_number_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a number: '1,5'") as caught:
        read_csv(write(tmp_path, b'a,y\n1,"1,5"\n'), "regression", "y", None)
    assert "with a decimal point" in caught.value.hint


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ("w" * 20_000, r"'y' is text, not classes: line 2 has 20,000 characters \(at most 200\)"),
        ("title", r"'y' is text, not classes: 3,001 different values in 3,001 rows \(at most 100\)"),
    ],
)
def test_free_text_as_the_target_is_refused_before_it_fills_the_memory(tmp_path: Path, odd: str, message: str) -> None:
    path = write(tmp_path, "\n".join(["a,y", f"1,{odd}", *[f"1,id {n}" for n in range(3000)]]).encode())
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=message) as caught:
            read_csv(path, "classification", "y", None)
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024**2  # an array of texts would have 240 MB
    finally:
        tracemalloc.stop()
    assert "data/target" in caught.value.hint


def test_reading_says_how_far_it_is(tmp_path: Path) -> None:
    told: list[float] = []

    def tell(message: str, share: float | None) -> None:
        assert (message, share is not None) == ("reading", True)
        told.append(share or 0)

    path = write(tmp_path, b"a,b,y\n" + (b"1," + b"w" * 300 + b",2\n") * 13_000)
    read_csv(path, "regression", "y", ["a"], progress=tell)
    assert told == sorted(told)
    assert 0 < told[0] < 0.8 < told[-1] < 1


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    loop, pipe = tmp_path / "loop.csv", tmp_path / "pipe.csv"
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    for path in (loop, pipe):
        with pytest.raises(InvalidInput, match="is no file"):
            read_csv(path, "regression", "y", None)
