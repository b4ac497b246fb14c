import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.durations import parse, text, write
from headgate.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "seconds", "said"),
    [
        ("0s", 0, "0 s"),
        ("30s", 30, "30 s"),
        ("90s", 90, "1 min 30 s"),
        ("10m", 600, "10 min"),
        ("2h", 7200, "2 h"),
        ("1h30m", 5400, "1 h 30 min"),
        ("1d", 86_400, "1 d"),
        ("1d2h3m4s", 93_784, "1 d 2 h 3 min 4 s"),
    ],
)
def test_durations_are_read_and_said(written: str, seconds: float, said: str) -> None:
    assert parse(written) == seconds
    assert text(seconds) == said


@pytest.mark.parametrize(
    "written",
    ["", "10", "m", "10 m", "1m1h", "1.5h", "-1m", "1h1h", "10M", "10min", "1h ", "1h\n", "٣m", "9" * 10 + "s"],
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="written like 30s"):
        parse(written)


def test_short_durations_are_said_with_two_digits_and_long_ones_in_whole_seconds() -> None:
    assert [text(s) for s in (0.25, 1.0, 9.94, 9.96, 59.7, 29_999.9)] == [
        "0.25 s", "1 s", "9.9 s", "10 s", "1 min", "8 h 20 min",
    ]  # fmt: skip


@given(st.integers(0, 10**9))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse(write(seconds)) == seconds
