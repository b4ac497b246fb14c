"""Rows from a file."""

from pathlib import Path

import pytest

from headgate.errors import InvalidInput, NotFound
from headgate.traffic.rows import LARGEST, read_rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('[{"a": 1}, [2]]', ('{"a": 1}', "[2]")),
        ('{"a": 1}', ('{"a": 1}',)),
        ('{"a": 1}\n\n{"a": "é"}\n', ('{"a": 1}', '{"a": "\\u00e9"}')),
        ("[]", ()),
    ],
)
def test_a_list_or_a_value_a_line(tmp_path: Path, text: str, rows: tuple[str, ...]) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text, encoding="utf-8")
    assert read_rows(path) == rows


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with pytest.raises(NotFound, match="There is no file"):
        read_rows(path)
    with pytest.raises(NotFound, match="cannot be read: File name too long"):
        read_rows(tmp_path / ("x" * 300))
    for content in (b"a,b\n1,2\n", b"\xff\xfe", b'{"a": 1}\nx', b"[" * 200_000, b"1\n" + b"[" * 200_000):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="is no JSON"):
            read_rows(path)
    path.write_bytes(b" " * (LARGEST + 1))
    with pytest.raises(InvalidInput, match="is larger than"):
        read_rows(path)
