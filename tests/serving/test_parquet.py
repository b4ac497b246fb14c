"""Parquet, small and hostile."""

import io
import json
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from headgate.core.schema import Feature, Policy
from headgate.errors import InvalidInput, PayloadTooLarge
from tests.serving.sums import sums

MIXED = (Feature("x"), Feature("n", "integer", nullable=True), Feature("b", "boolean"), Feature("t", "string"))
TABLE = {"t": ["é", "é"], "x": [1.5, 2.0], "b": [True, False], "n": [2, None]}


def written(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer, **options)
    return buffer.getvalue()


BODIES = [written(TABLE, compression=compression) for compression in ("none", "zstd")]


def ask(body: bytes, *features: Feature, content_type: str = "application/x-parquet") -> Any:
    return json.loads(sums(*features, policy=Policy(echo=True)).predict(body, content_type, None).body)


@pytest.mark.parametrize("content_type", ["application/x-parquet", "application/vnd.apache.parquet"])
@pytest.mark.parametrize("compression", ["zstd", "snappy", "none"])
def test_rows_in_parquet(content_type: str, compression: str) -> None:
    body = written(TABLE, compression=compression, row_group_size=1)
    answer = ask(body, *MIXED, content_type=content_type)
    assert answer["request"] == [
        {"x": 1.5, "n": 2, "b": True, "t": "é"},
        {"x": 2.0, "n": None, "b": False, "t": "é"},
    ]


def test_text_may_be_a_dictionary() -> None:
    words = pyarrow.array(["a", None, "b", "a"]).dictionary_encode()
    answer = ask(written({"t": words}), Feature("t", "string", nullable=True))
    assert [row["t"] for row in answer["request"]] == ["a", None, "b", "a"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1.0], "z": [1.0]}, "columns: unknown feature 'z'."),
        ({"x": [1.0]}, "columns: missing feature 'y'."),
        ({"x": [1.0], "y": ["a"]}, "row 1, feature 'y': expected a number, got 'a'."),
        ({"x": [1.0], "y": [float("nan")]}, "row 1, feature 'y': expected a finite number"),
        ({"x": [1.0], "y": [None]}, "row 1, feature 'y': a value is required."),
        ({"x": [1.0], "y": [[1.0]]}, "Column 'y' holds list<"),
        ({"x": [1.0], "y": [b"1"]}, "Column 'y' holds binary."),
    ],
)
def test_what_is_wrong_is_named(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask(written(columns))
    assert caught.value.message.startswith(message)


def test_bytes_that_are_no_parquet_are_refused() -> None:
    whole = written({"x": [1.0], "y": [2.0]})
    for body in (b"", b"PAR1", b"PAR1" * 100, whole[:-20], whole[:8], b"\xff" * 30 + whole[30:]):
        with pytest.raises(InvalidInput, match="The body is not Parquet that can be read"):
            ask(body)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [(200_000, 2, "200000 rows"), (100_000, 60, "6000000 values"), (1, 0, "unfolds to")],
)
def test_a_small_file_that_unfolds_to_much_is_refused_unread(rows: int, columns: int, message: str) -> None:
    same = pyarrow.array([1.0]).take(pyarrow.array([0] * rows))
    table = {f"f{n}": same for n in range(columns)} or {"x": ["a" * 70_000_000]}
    body = written(table, compression="zstd")
    assert len(body) < 100_000
    with pytest.raises(PayloadTooLarge, match=message):
        ask(body)


@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4), packed=st.booleans())
@settings(deadline=None, max_examples=300)
def test_damaged_files_are_refused_or_read(changes: list[tuple[int, int]], packed: bool) -> None:
    body = bytearray(BODIES[packed])
    for place, byte in changes:
        body[place % len(body)] = byte
    with suppress(InvalidInput, PayloadTooLarge):
        ask(bytes(body), *MIXED)


def test_a_text_in_every_row_is_held_once() -> None:
    words = pyarrow.DictionaryArray.from_arrays([0] * 10_000, ["a" * 1_000_000])
    body = written({"t": words}, compression="zstd")
    answer = sums(Feature("t", "string")).predict(body, "application/x-parquet", "text/csv")
    assert answer.body.count(b"\n") == 10_000  # 10 GB if each had a text of its own


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from headgate.errors import UnsupportedMedia
from tests.serving.sums import sums
try:
    sums().predict(b"PAR1", "application/x-parquet", None)
except UnsupportedMedia as error:
    print(error.http_status, error.hint)
"""


def test_without_pyarrow_the_hint_names_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_PYARROW], capture_output=True, text=True, check=True)
    assert done.stdout == "415 pip install 'headgate[parquet]' there, or send CSV or JSON.\n"
