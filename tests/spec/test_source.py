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
        (b"a: !!python/object:os.system x", r"line 1, column 4: tags \(`!...`\) are not read"),
        (b"--- a\n--- b", "expected a single document in the stream, but found another document"),
        (b"? [a, b]\n: 3", "unhashable key"),
        (b"a: \x00", r"is not text: character 4 is U\+0000"),
        (b"a: \x00\x01", "is not text"),
        (b"hello", "got a single value"),
        (b"a: " + b"x" * 1024**2, "larger than 1 MiB"),
    ],
)
def test_what_is_no_sound_yaml_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse("x", content)


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("1e-3", 0.001), ("-2.5E+1", -25.0), (".5", 0.5), ("3.", 3.0), ("-7", -7), ("0", 0), ("true", True), ("", None),
        ("~", None), ("null", None), ("no", "no"), ("on", "on"), ("yes", "yes"), ("010", "010"), ("1:30", "1:30"),
        ("1_000", "1_000"), ("0x10", "0x10"), ("2026-99-99", "2026-99-99"), ("9" * 5000, "9" * 5000), ("<<", "<<"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_editors_take_them_for(plain: str, value: object) -> None:
    found = parse("x", f"a: {plain}".encode())["a"]
    assert (found, type(found)) == (value, type(value))


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse("x", b"\xef\xbb\xbfa: 1") == {"a": 1}


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!?|>\"'#%@` \n\t0123._~", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(SpecError):
        assert isinstance(parse("x", content), dict)
