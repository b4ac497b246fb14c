from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import SpecError
from headgate.spec.source import parse


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x is empty"),
        (b"# only a comment", "x is empty"),
        (b"- a", "should be a mapping of keys"),
        (b"a: 1\na: 2", "line 2, column 1: the key a is given twice"),
        (b"a: {b: 1, b: 2}", "column 11: the key b is given twice"),
        (b"a: &x 1\nb: *x", "line 1, column 4: anchors and aliases are not read"),
        (b"\ta: 1", "line 1, column 1: found character"),
        (b"a: [1", "line 1, column 6: expected"),
        (b"a: b: c", "line 1, column 5: mapping values are not allowed here"),
        (b"[" * 100_000, "nested too deeply"),
        (b"a: \xff", "not UTF-8 text"),
        (b"a: 2026-99-99", "month must be in"),
        (b"a: !!python/object:os.system x", "could not determine a constructor"),
        (b"--- a\n--- b", "another document"),
        (b"? [a, b]\n: 3", "unhashable key"),
        (b"a: \x00", "special characters are not allowed"),
        (b"a: " + b"x" * 1024**2, "larger than 1 MiB"),
    ],
)
def test_what_is_no_sound_yaml_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse("x", content)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse("x", b"\xef\xbb\xbfa: 1") == {"a": 1}


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!?|>\"'#%@` \n\t0123._~", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(SpecError):
        assert isinstance(parse("x", content), dict)
