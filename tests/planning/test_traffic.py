import pytest

from headgate.errors import UsageError
from headgate.planning.traffic import per_second, refused
from tests.planning.environments import environment


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
        ("1,000.5/s", 1000.5),
        ("999_999/month", 999_999 / 2_628_000),
    ],
)
def test_a_rate_as_people_write_it(written: str, rate: float) -> None:
    assert per_second(written) == pytest.approx(rate)


@pytest.mark.parametrize(
    "written",
    [
        *("", "600", "/min", "-1/s", "1e3/s", "nan/s", "600/fortnight", "9999999/s"),
        *("1,5/s", "1,00/s", "1,0000/s", "1_5/s", "1,000_000/s", ",5/s", "1000,000/month"),
    ],
)
def test_what_is_no_rate(written: str) -> None:
    with pytest.raises(UsageError, match="Traffic is written like 600/min"):
        per_second(written)


def test_traffic_that_headgate_yaml_refuses_is_told() -> None:
    """50 ms each: a slot takes 20 a second."""

    def said(rate: float, **keys: object) -> list[str]:
        return [line.partition("the rest")[0] for line in refused(environment(**keys), rate, 0.05)]

    assert said(1000.0) == [], "what instances carry is not known"
    assert said(20.0, front={}) == []
    assert said(21.0, front={}) == ["`front/rate` lets 20 requests a second pass; "]
    assert said(300.0, front={"rate": 1000}) == ["`front/concurrency` lets 200 requests a second pass, of 50 ms each; "]
    assert said(101.0, hosting={"serverless": {"concurrency": 5}}) == [
        "`hosting/serverless/concurrency` lets 100 requests a second pass, of 50 ms each; "
    ]
    assert len(said(1000.0, hosting={"lambda": {"concurrency": 1}}, front={})) == 2
