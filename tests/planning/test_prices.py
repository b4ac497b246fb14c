"""The file of prices: what it says of itself, which is taken, and what is refused."""

import json
from pathlib import Path

import pytest

from headgate.errors import InvalidInput, NotFound
from headgate.planning.prices import Price, known_regions, load, packaged, read, write

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
    assert "It has none for eu-central-1" in found.note
    assert "It has none" not in read("packaged", packaged(), "us-east-1").note
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
    ],
)
def test_what_is_no_file_of_prices(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read("x.json", content, "us-east-1")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        load("us-east-1", tmp_path / "none.json", tmp_path / "prices.json")
