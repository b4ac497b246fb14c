"""Media types and what a caller accepts."""

import pytest

from headgate.errors import InvalidInput, NotAcceptable
from headgate.serving.media import CSV, JSON, choose_media, decode_text, parse_media_type


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("Text/CSV; charset=utf-8", CSV),
        ("text/*", CSV),
        ("image/png, */*;q=0.1", JSON),
        ("application/json;q=0.5, text/csv", CSV),
        ("application/json;q=0, text/csv;q=0.1", CSV),
        ("text/csv;q=many", CSV),
        ("*/*, application/json;q=0", CSV),
        ("*/*;q=0.8, text/csv", CSV),
        ("text/*;q=0.1, application/*;q=0.2, text/csv;q=0.9", CSV),
    ],
)
def test_the_best_accepted_type_is_chosen(accept: str | None, chosen: str) -> None:
    assert choose_media(accept, (JSON, CSV)) == chosen


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", ",", "json", "*/*, text/*;q=0, application/json;q=0"])
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        choose_media(accept, (JSON, CSV))


def test_parameters() -> None:
    assert parse_media_type('Text/CSV ; Charset="UTF-8"; header=present') == (
        CSV,
        {"charset": "utf-8", "header": "present"},
    )


def test_text_in_its_character_set() -> None:
    assert decode_text("é".encode("latin-1"), {"charset": "iso-8859-1"}) == "é"
    assert decode_text("\ufeffé".encode(), {}) == "é"
    with pytest.raises(InvalidInput, match="not ascii: byte 1 does not fit"):
        decode_text("aé".encode(), {"charset": "ascii"})
