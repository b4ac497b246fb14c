"""The file of prices: what it says of itself, which is taken, and what is refused."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from headgate.errors import InvalidInput, NotFound
from headgate.planning.prices import Price, Prices, kept, known_regions, load, packaged, read, write

TODAY = date(2026, 11, 28)
ONE = Price(0.1, "hour", "Offer", "Usage", "2026-01-02", "somewhere")


def test_every_packaged_figure_has_its_source() -> None:
    document = json.loads(packaged())
    assert document["currency"] == "USD"
    assert document["date"] == "2026-11-28"
    assert "Not read from AWS itself" in document["note"]
    for region, figures in known_regions("packaged", packaged()).items():
        assert region == "us-east-1"
        for key, price in figures.items():
            assert price.usd > 0, key
            assert price.offer.startswith(("Amazon", "AWS", "aws")), key
            assert price.usage, key
            assert "2026-01-01" <= price.read <= document["date"], key
            assert price.source.startswith(("AWS public price list", "https://")), key


def test_a_region_without_figures_gets_those_of_us_east_1_and_is_told_so() -> None:
    found = read("packaged", packaged(), "eu-central-1")
    assert (found.region, found.wanted) == ("us-east-1", "eu-central-1")
    assert "It has none for eu-central-1. `headgate plan --refresh-prices` fetches new ones." in found.note(TODAY)
    assert "It has none" not in read("packaged", packaged(), "us-east-1").note(TODAY)
    assert found.usd("sagemaker.instance.ml.p99.large") is None


def test_the_refreshed_file_is_taken_where_it_has_the_region(tmp_path: Path) -> None:
    refreshed = tmp_path / "prices.json"
    assert load("eu-central-1", None, refreshed).name == "the figures that come with Headgate"
    refreshed.write_bytes(write({"eu-central-1": {"kms.key": ONE}}, "2026-11-28"))
    assert load("eu-central-1", None, refreshed).figures == {"kms.key": ONE}
    assert load("eu-west-1", None, refreshed).name == "the figures that come with Headgate"
    other = tmp_path / "other.json"
    other.write_bytes(write({"eu-west-1": {"kms.key": ONE}}, "2026-11-28"))
    assert load("eu-west-1", other, refreshed).name == str(other)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON"),
        (b"[]", "has no prices by region"),
        (b'{"regions": {"us-east-1": 3}}', "has no prices by region"),
        (b'{"regions": {"eu-west-1": {}}}', "nor for us-east-1"),
        (b'{"regions": {"us-east-1": {}}}', "not one price"),
        (b'{"regions": {"us-east-1": {"kms.key": {"usd": -1}}}}', "kms.key should have a figure"),
        (b'{"regions": {"us-east-1": {"kms.key": {"usd": "1"}}}}', "kms.key should have a figure"),
        (b'{"regions": {"us-east-1": {"kms.key": {"usd": NaN}}}}', "kms.key should have a figure"),
        (b'{"regions": {"us-east-1": {"kms.key": 1}}}', "kms.key should have a figure"),
        (b'{"regions": {"us-east-1": {"kms.key": {"usd": 1e308}}}}', "from 0 to 1,000,000, got 1e.308"),
        (b'{"regions": {"us-east-1": {"kms.key": {"usd": %s}}}}' % (b"9" * 400), "from 0 to 1,000,000, got 9{80}[.]"),
        (b'{"regions": {"us-east-1": {"kms.key": {"usd": %s}}}}' % (b"9" * 9_000), "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
    ],
)
def test_what_is_no_file_of_prices(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read("x.json", content, "us-east-1")


@pytest.mark.parametrize(
    ("read_on", "said", "warned"),
    [
        (["2026-11-01"], "read 2026-11-01;", ""),
        (["2026-11-01", "2026-10-01"], "read 2026-10-01 to 2026-11-01;", ""),
        (["2019-01-01", ""], "read 2019-01-01;", "Some do not say when they were read. Some are older than 180 days."),
        (["", "soon"], "read nobody knows when;", ""),
        (
            ["2026-05-31", "2026-06-02"],
            "read 2026-05-31 to 2026-06-02;",
            "older than 180 days. `headgate plan --refresh",
        ),
    ],
)
def test_the_note_says_how_old_the_figures_are(read_on: list[str], said: str, warned: str) -> None:
    figures = {str(number): replace(ONE, read=day) for number, day in enumerate(read_on)}
    note = Prices("us-east-1", "us-east-1", "a test", figures).note(TODAY)
    assert said in note
    assert warned in note
    assert ("Some" in note) == bool(warned)


def test_what_an_earlier_refresh_left(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    assert kept(file) == {}
    file.write_bytes(write({"eu-central-1": {"kms.key": ONE}}, "2026-11-28"))
    assert kept(file) == {"eu-central-1": {"kms.key": ONE}}
    for damaged in (b"{", b" " * 5 * 1024**2):
        file.write_bytes(damaged)
        assert kept(file) is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        load("us-east-1", tmp_path / "none.json", tmp_path / "prices.json")
