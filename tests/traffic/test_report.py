"""Reports as files, and what a failure's text may not do to a page."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from headgate.errors import NotFound, UsageError
from headgate.traffic.report import check_outputs, page, write
from tests.traffic.results import eventful


class Tags(HTMLParser):
    """Every element that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not [name for name, _ in attrs if name in ("src", "href") or name.startswith("on")]


def test_a_page_needs_nothing_and_runs_nothing() -> None:
    text = page(eventful())
    tags = Tags()
    tags.feed(text)
    assert {"svg", "table", "h1"} <= set(tags.found)
    assert not {"script", "b", "link", "in"} & set(tags.found)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_each_name_gives_its_kind(tmp_path: Path) -> None:
    paths = [tmp_path / f"load.{suffix}" for suffix in ("html", "json", "SVG")]
    check_outputs(paths)
    for path in paths:
        write(eventful(), path)
    assert paths[0].read_text().startswith("<!doctype html>")
    assert json.loads(paths[1].read_text())["requests"] == 903
    assert paths[2].read_text().startswith("<svg ")


def test_what_could_not_be_written_is_told_before_the_load(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a kind of report"):
        check_outputs([tmp_path / "load.pdf"])
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "absent" / "load.json", tmp_path / "folder.json"):
        with pytest.raises(NotFound, match="cannot be written"):
            check_outputs([path])
