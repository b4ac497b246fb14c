"""The picture: well-formed, whole, in words too, and within its borders."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.traffic.axes import Scale, latency_range, latency_text, latency_ticks, time_text, time_ticks
from headgate.traffic.plot import HEIGHT, LEFT, RIGHT, STYLE, WIDTH, plot, words
from headgate.traffic.result import Event, Result, Second
from tests.system.engine import ROOT
from tests.traffic.results import BEGAN, eventful, result

SVG = "{http://www.w3.org/2000/svg}"


def drawn(found: Result) -> ElementTree.Element:
    return ElementTree.fromstring(plot(found))


def paths(picture: ElementTree.Element, kind: str) -> list[str]:
    return [path.attrib["d"] for path in picture.iter(f"{SVG}path") if path.get("class") == kind]


def test_it_says_in_words_what_it_shows() -> None:
    picture = drawn(eventful())
    title, words = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    assert title is not None
    assert words is not None
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-labelledby"].split() == [title.attrib["id"], words.attrib["id"]]
    assert title.text == "Latency under load: POST /predict-iris"
    assert words.text == (
        "903 requests in 10 s by up to 30 users; 2 failed. Latency of all that were answered: p50 1 ms, p90 1 ms, "
        "p99 5 ms, max 9 ms. Meanwhile: at 2 s Updating; at 6 s version 2 <in> force."
    )


def test_one_request_is_no_requests() -> None:
    assert words(result(Second(1.0, 1, [1000]))).startswith("1 request in 1 s by ")


def test_a_second_without_an_answer_breaks_the_lines_and_is_marked() -> None:
    picture = drawn(eventful())
    for kind in ("p50", "p99"):
        line = paths(picture, kind)[1]  # the first one is the legend
        assert (line.count("M"), line.count("L")) == (2, 7)
    (marked,) = (group for group in picture.iter(f"{SVG}g"))
    (title,) = marked.iter(f"{SVG}title")
    assert title.text == "5 s: 1 x 424 ModelError, 1 x <b>&\"'"
    assert len(paths(picture, "failed")) == 2, "one in the picture, one in the legend"


def test_events_stand_where_they_happened() -> None:
    lines = paths(drawn(eventful()), "event")
    across = Scale(0, 10.02, LEFT, RIGHT)
    assert [float(line[1:].split()[0]) for line in lines] == [across.at(2.5), across.at(6.0)]


def test_both_schemes_have_every_colour() -> None:
    light, dark = plot(eventful()).partition("@media (prefers-color-scheme: dark)")[::2]
    kinds = re.compile(r"^ +(\.\w+|text) {[^}]*#[0-9a-f]{6}", re.MULTILINE)
    assert kinds.findall(light) == kinds.findall(dark)


def test_the_picture_of_the_page_is_one_of_these() -> None:
    picture = (ROOT / "docs" / "load.svg").read_text()
    assert f"<style>{STYLE}</style>" in picture
    assert "users, 0 failed</text>" in picture


@pytest.mark.parametrize(
    "found",
    [
        result(),
        result(Second(1.0, 1, [])),
        result(Second(1.0, 1, [0, 0])),
        result(Second(1.0, 1, [5000])),
        result(Second(1.0, 0, [], {"connection refused": 3})),
        result(Second(1.0, 1, [1, 60_000_000])),
        result(Second(1.0, 1, [100]), events=(Event(BEGAN - 5, "before"), Event(BEGAN + 500, "after"))),
        result(*(Second(float(i), 500, [100] * 3) for i in range(1, 3601))),
    ],
    ids=["nothing", "silence", "no time", "one", "refused", "extremes", "outside", "an hour"],
)
def test_whatever_was_measured_stays_within_the_borders(found: Result) -> None:
    picture = drawn(found)
    for kind in ("p50", "p99", "event", "users", "traffic"):
        for path in paths(picture, kind):
            for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path):
                assert LEFT <= float(x) <= RIGHT
                assert 0 <= float(y) <= HEIGHT
    assert len(list(picture.iter(f"{SVG}text"))) < 40
    assert picture.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"


@given(st.lists(st.floats(0.001, 1e5), min_size=1, max_size=20))
def test_latency_axes_hold_all_values_and_a_few_round_ticks(values: list[float]) -> None:
    low, high = latency_range(values)
    assert low <= min(values)
    assert high >= max(values)
    assert 2 <= len(latency_ticks(low, high)) <= 9


def test_ticks_and_their_words() -> None:
    assert time_ticks(60) == [0, 10, 20, 30, 40, 50, 60]
    assert time_ticks(0.5) == [0]
    assert len(time_ticks(3600)) == 7
    assert [time_text(seconds) for seconds in (0, 59, 60, 125)] == ["0 s", "59 s", "1:00", "2:05"]
    assert [latency_text(ms) for ms in (0.5, 20, 23.417, 2150)] == ["0.5 ms", "20 ms", "23.4 ms", "2.15 s"]
