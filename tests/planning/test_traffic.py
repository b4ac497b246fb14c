import pytest

from headgate.errors import UsageError
from headgate.planning.traffic import per_second


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("10/s", 10.0),
        ("600/min", 10.0),
        ("0.5/s", 0.5),
        ("3600/h", 1.0),
        ("86400/day", 1.0),
        ("2,628,000/month", 1.0),
        ("1_000/min", 1000 / 60),
        ("0/s", 0.0),
    ],
)
def test_a_rate_as_people_write_it(written: str, rate: float) -> None:
    assert per_second(written) == pytest.approx(rate)


@pytest.mark.parametrize("written", ["", "600", "/min", "-1/s", "1e3/s", "nan/s", "600/fortnight", "9999999/s"])
def test_what_is_no_rate(written: str) -> None:
    with pytest.raises(UsageError, match="Traffic is written like 600/min"):
        per_second(written)
