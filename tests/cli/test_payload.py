"""A request's body as given on the command line."""

from pathlib import Path

import pytest

from headgate.cli.payload import read_payload
from headgate.errors import InvalidInput, NotFound
from tests.cli.conftest import Run


def test_json_is_taken_as_it_is() -> None:
    assert read_payload('{"a": 1}', None) == (b'{"a": 1}', "application/json")


def test_a_file_tells_its_content_type_by_its_name(tmp_path: Path) -> None:
    rows = tmp_path / "rows.CSV"
    rows.write_bytes(b"1,2\n")
    assert read_payload(f"@{rows}", None) == (b"1,2\n", "text/csv")
    assert read_payload(f"@{rows}", "application/x-npy") == (b"1,2\n", "application/x-npy")


@pytest.mark.parametrize("given", ["{x", "", "NaN,"])
def test_what_is_not_json_is_told_before_anything_is_asked(given: str) -> None:
    with pytest.raises(InvalidInput, match="not JSON"):
        read_payload(given, None)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        read_payload(f"@{tmp_path / 'none.json'}", None)
    with pytest.raises(NotFound):
        read_payload(f"@{tmp_path}", None)


def test_standard_input_is_read_as_bytes(headgate: Run) -> None:
    ran = headgate("invoke", "some-endpoint", "-", stdin="{oops")
    assert ran.returncode == 2
    assert "The input is not JSON" in ran.stderr
