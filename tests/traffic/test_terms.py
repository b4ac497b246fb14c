"""A load is bounded in every way."""

from typing import Any

import pytest

from headgate.errors import UsageError
from headgate.traffic.terms import Terms


def terms(**more: Any) -> Terms:
    return Terms(**{"url": "http://127.0.0.1/x", "rows": ("{}",), **more})


def test_what_is_written_is_read_back() -> None:
    made = terms(rows=("1", "[2]"), users=3, api_key="k")
    assert Terms.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"users": 0}, "0 users"),
        ({"users": 501}, "501 users"),
        ({"seconds": 36_000.0}, "A load of 10 h is not possible"),
        ({"seconds": 0.0, "ramp": 0.0}, "A load of 0 s"),
        ({"ramp": 61.0}, "cannot come in over"),
        ({"rate": 0.0}, "0 requests a second"),
        ({"rate": 2001.0}, "2001 requests a second"),
        ({"rate": float("nan")}, "nan requests a second"),
        ({"rows": ()}, "0 rows"),
        ({"rows": ("1",) * 10_001}, "10,001 rows"),
    ],
)
def test_what_is_beyond_the_bounds_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        terms(**more)
    assert caught.value.hint
