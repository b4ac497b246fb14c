"""What the fast path takes, the slow way takes too, and makes the same of it."""

import json
from typing import Any

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from headgate.core.schema import Feature, InputSchema, Policy
from headgate.serving.codecs import decode_batch
from headgate.serving.codecs.npy import encode_npy
from headgate.serving.compiled import Compiled
from headgate.serving.media import JSON
from headgate.serving.validation import Validator

MIXED = (
    Feature("x"),
    Feature("n", "integer", nullable=True),
    Feature("t", "string"),
    Feature("c", "string", categories=("red", "é", 'a"b')),
    Feature("b", "boolean", nullable=True),
)
NUMBERS = (Feature("x"), Feature("n", "integer", nullable=True))
SCHEMAS = [
    InputSchema("regression", "z", features, policy=policy)
    for features in (
        MIXED,
        NUMBERS,
        (Feature("1"),),
        (Feature('"\n'),),
        (Feature("x", nullable=True),),
        (Feature("instances"),),
    )
    for policy in (Policy(max_rows=3), Policy(extra="ignore", nan="missing"))
]
READERS = [(Compiled(schema), Validator(schema)) for schema in SCHEMAS]


def check(body: bytes, content_type: str) -> None:
    """Raises where a fast path takes what the slow way refuses, or makes something else of it."""
    for compiled, validator in READERS:
        row = compiled.row(body) if content_type == JSON else None
        for taken in (compiled.rows(body, content_type), row and ([row], False)):
            if taken:
                batch = decode_batch(body, content_type)
                fast, slow = [list(values) for values in taken[0]], validator.check(batch)
                assert (fast, taken[1]) == (slow, batch.many)
                assert [list(map(type, values)) for values in fast] == [list(map(type, values)) for values in slow]


NUMBERS_IN_TEXT = """
0 -0 1 -1 2.0 -0.0 1e2 1E+2 1e-400 1e400 -1e999 3.4028234663852886e38 3.4028234663852889e38 -3.5e38 5e-324 01 +1 1. .5 -
NaN Infinity -Infinity 9007199254740993 9007199254740993.0 9223372036854775807 9223372036854775808 -9223372036854775809
18446744073709551616 340282346638528859811704183484516925441
0.1000000000000000055511151231257827 123456789012345678901234567890 1_0 2.5 0x1 \u0661
"""
numbers = st.sampled_from(NUMBERS_IN_TEXT.split()) | st.builds(repr, st.floats() | st.integers())
texts = st.sampled_from(
    [
        '"red"',
        '"é"',
        '"a\\"b"',
        '"\\u00e9"',
        '"\\ud83d\\ude00"',
        '"\\ud800"',
        '"\\udc00x"',
        '"\\u0000"',
        '"a\tb"',
        '"\\x"',
    ]
) | st.text(max_size=5).map(json.dumps)
scalars = numbers | texts | st.sampled_from(["true", "false", "null", "[]", "{}", "[1]", '{"x":1}', "", "nul", "1"])
keys = st.sampled_from(
    ['"x"', '"n"', '"t"', '"c"', '"b"', '"z"', '"\\u0078"', '"instances"', '"1"', '"\\"\\n"', '"\ud800"', "x"]
)
space = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n", "\x0b", "\u00a0", ","])
loose = st.lists(st.tuples(keys, scalars), max_size=7)


def spelt(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"


near = st.tuples(
    numbers,
    numbers | st.just("null"),
    texts,
    st.sampled_from(['"red"', '"\\u00e9"']),
    st.sampled_from(["true", "null"]),
)
few = st.tuples(numbers, numbers | st.just("null"))
named = st.one_of(
    near.map(lambda v: list(zip(('"x"', '"n"', '"t"', '"c"', '"b"'), v, strict=True))),
    few.map(lambda v: list(zip(('"x"', '"n"'), v, strict=True))),
)
objects = st.tuples(named | loose, loose.map(lambda p: p[:1]) | st.just([])).map(lambda p: spelt([*p[0], *p[1]]))
lists = (near | few | st.lists(scalars, max_size=6)).map(lambda v: "[" + ",".join(v) + "]")
rows = objects | lists | scalars
many = st.lists(rows, max_size=5).map(lambda r: "[" + ",".join(r) + "]")
wrapped = many.map('{{"instances":{}}}'.format) | st.tuples(many, scalars).map(
    '{{"instances":{0[0]},"z":{0[1]}}}'.format
)
documents = st.tuples(space, rows | many | wrapped, space).map("".join)
cuts = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])


@given(document=documents, encoding=cuts)
@settings(deadline=None, max_examples=400)
@example('{"x":1,"n":2,"z":"\udcff"}', "utf-8")
@example('[{"x":1,"n":2},[1,2]]', "utf-8")
@example('{"instances":[[1,2],[3,4]]}', "utf-8")
@example('{"x":1,"x":2,"n":2}', "utf-8")
@example("[" * 5000, "utf-8")
def test_json_is_taken_as_by_the_slow_way(document: str, encoding: str) -> None:
    errors = "replace" if encoding == "latin-1" else "surrogateescape" if "\udcff" in document else "surrogatepass"
    check(document.encode(encoding, errors), JSON)


@given(lines=st.lists(st.tuples(rows, space), max_size=4), end=st.sampled_from(["\n", "\r\n", " ", ""]))
@settings(deadline=None, max_examples=200)
@example([("[1,2][3,4]", ""), ("[5,\n6]", "")], "\n")
def test_lines_are_taken_as_by_the_slow_way(lines: list[tuple[str, str]], end: str) -> None:
    check("".join(row + blank + end for row, blank in lines).encode("utf-8", "surrogatepass"), "application/jsonlines")


@given(
    array=arrays(
        st.sampled_from([numpy.dtype(name) for name in ("f8", ">f4", "f2", "i8", "?", "longdouble")]),
        array_shapes(min_dims=1, max_dims=3, max_side=3),
    )
)
@settings(deadline=None, max_examples=200)
def test_npy_is_taken_as_by_the_slow_way(array: Any) -> None:
    check(encode_npy(array), "application/x-npy")


fields = numbers | st.sampled_from(["", " ", "nan", '"1"', "null", "true", "[1", "2]", "]", '"', "x", "n", " 3", "1;2"])
breaks = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\x0b", "\u2028", "],["])


@given(
    lines=st.lists(st.tuples(st.lists(fields, max_size=3).map(",".join), breaks), max_size=4),
    header=st.sampled_from(["", "; header=absent", "; header=present", "; charset=utf-8", "; charset=ascii"]),
)
@settings(deadline=None, max_examples=400)
@example([("1,2],[3,4", "\n")], "")
@example([("1,", "\r"), ("2", "")], "")
@example([("1", "\n"), ("2", "")], "")
@example([("x,n", "\n"), ("1,2", "")], "")
@example([("x,n", "\n"), ("1,2", "")], "; header=absent")
@example([("1", "\r\n"), ("2", "")], "; header=present")
@example([("1,9007199254740993", "\n")], "")
def test_csv_is_taken_as_by_the_slow_way(lines: list[tuple[str, str]], header: str) -> None:
    check("".join(line + end for line, end in lines).encode(), f"text/csv{header}")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"x": 1, "n": None, "t": "é", "c": "red", "b": True}, ([(1.0, None, "é", "red", True)], False)),
        ([1.5, 2, "", "é", None], ([(1.5, 2, "", "é", None)], False)),
        ([[1.5, 2, "", "é", None]], ([(1.5, 2, "", "é", None)], True)),
        ({"instances": [{"b": False, "x": 1, "n": 2, "t": "", "c": 'a"b'}]}, ([(1.0, 2, "", 'a"b', False)], True)),
    ],
)
def test_what_most_callers_send_goes_the_fast_way(body: Any, expected: Any) -> None:
    compiled, _ = READERS[0]
    for indent in (None, 2):
        assert compiled.rows(json.dumps(body, indent=indent).encode(), None) == expected


def test_csv_of_numbers_goes_the_fast_way() -> None:
    compiled, _ = READERS[2]
    assert compiled.rows(b"1.5,2\r\n-1e3,3\r\n", "text/csv; charset=utf-8") == ([(1.5, 2), (-1000.0, 3)], True)
    for header in ("", "; header=present"):
        assert compiled.rows(b"x,n\r\n1,2\r\n", f"text/csv{header}") == ([(1.0, 2)], True)
        assert compiled.rows(b"n,x\n2,1\n", f"text/csv{header}") is None
    assert compiled.rows(b"1,2\n" * 4, "text/csv") is None  # more than the policy's rows: the slow way says so


def test_lines_and_arrays_go_the_fast_way() -> None:
    compiled, _ = READERS[2]
    named = b'{"n":2,"x":1}\r\n{"x":3,"n":null}\n'
    assert compiled.rows(named, "application/jsonlines") == ([(1.0, 2), (3.0, None)], True)
    assert compiled.rows(b"[1,2]", "application/x-ndjson") == ([(1.0, 2)], True)
    single, _ = READERS[6]
    assert single.rows(encode_npy([[1.5], [2.5]]), "application/x-npy") == ([[1.5], [2.5]], True)


def test_a_header_of_numbers_is_not_taken_for_a_row() -> None:
    compiled = Compiled(InputSchema("regression", "z", (Feature("1"), Feature("2"))))
    assert compiled.rows(b"1,2\n3,4\n", "text/csv") == ([(3.0, 4.0)], True)
    assert compiled.rows(b"2,1\n3,4\n", "text/csv") is None
    assert compiled.rows(b"1,2\n3,4\n", "text/csv; header=absent") == ([(1.0, 2.0), (3.0, 4.0)], True)
