"""What bodies may look like."""

import json
from typing import Any

import numpy
import pytest

from headgate.core.schema import Feature, Policy
from headgate.errors import InvalidInput, UnsupportedMedia
from headgate.serving.codecs.npy import encode_npy
from tests.serving.sums import sums

MIXED = (
    Feature("x"),
    Feature("n", "integer", nullable=True),
    Feature("b", "boolean"),
    Feature("t", "string", nullable=True),
)
ROWS: list[list[Any]] = [[1.5, 2, True, "a"], [3.0, None, False, None]]
NAMED = [dict(zip("xnbt", row, strict=True)) for row in ROWS]
COLUMNS = {name: [row[name] for row in NAMED] for name in "txnb"}
SPLIT = {"index": [0, 1], "columns": ["b", "t", "x", "n"], "data": [[True, "a", 1.5, 2], [False, None, 3, None]]}
LINES = '{"x":1.5,"n":2,"b":true,"t":"a"}\r\n\n [3,null,false,null]\n'


def understood(body: bytes, content_type: str | None, *features: Feature) -> Any:
    """The rows of a request as they were understood."""
    answer = json.loads(sums(*features, policy=Policy(echo=True)).predict(body, content_type, None).body)
    assert ("predictions" in answer) is isinstance(answer["request"], list)
    return answer["request"]


@pytest.mark.parametrize("document", [ROWS, NAMED, {"instances": ROWS}, {"instances": NAMED}, COLUMNS, SPLIT])
def test_rows_in_json(document: Any) -> None:
    assert understood(json.dumps(document).encode(), None, *MIXED) == NAMED


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/jsonlines", "utf-8"),
        ("application/x-ndjson; charset=utf-8", "utf-8-sig"),
        ("application/jsonlines; charset=utf-16", "utf-16"),
    ],
)
def test_rows_on_lines_of_json(content_type: str, encoding: str) -> None:
    assert understood(LINES.encode(encoding), content_type, *MIXED) == NAMED


def test_line_separators_of_unicode_do_not_end_a_line() -> None:
    body = '{"t":"a\u2028b"}\n'.encode()
    assert understood(body, "application/jsonlines", Feature("t", "string")) == [{"t": "a\u2028b"}]


@pytest.mark.parametrize(
    "body",
    ["1.5,2,true,a\n3,,FALSE,\n", 'n,"b",t,x\r\n2,1,"a"," 1.5"\r\n\r\n"",0,,3', "b,x,t,n\ntrue,1.5,a,2\nfalse,3,,\n"],
)
def test_rows_in_csv(body: str) -> None:
    assert understood(body.encode(), "text/csv", *MIXED) == NAMED


def test_names_may_be_any_text() -> None:
    for name in ('a "b"\n', "", "é,ü", "columns"):
        assert understood(json.dumps({name: 1}).encode(), None, Feature(name)) == {name: 1.0}


def test_the_type_says_whether_there_is_a_header() -> None:
    text = Feature("t", "string")
    assert understood(b"t\n", "text/csv; header=absent", text) == [{"t": "t"}]
    assert understood(b"t\nt\n", "text/csv; header=present", text) == [{"t": "t"}]
    with pytest.raises(InvalidInput, match="CSV header: unknown feature 'a'"):
        understood(b"a\nb\n", "text/csv; header=present", text)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i8", "|i1"])
def test_rows_in_npy(dtype: str) -> None:
    table = numpy.array([[1, 2], [3, 4]], dtype)
    assert understood(encode_npy(table), "application/x-npy") == [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    assert understood(encode_npy(numpy.asfortranarray(table)), "application/x-npy")[0] == {"x": 1, "y": 2}
    assert understood(encode_npy(table[1]), "application/x-npy") == {"x": 3, "y": 4}


def test_an_array_has_numbers_for_booleans() -> None:
    features = (Feature("x"), Feature("b", "boolean"))
    assert understood(encode_npy([[2.5, 1.0]]), "application/x-npy", *features) == [{"x": 2.5, "b": True}]
    with pytest.raises(InvalidInput, match=r"row 1, feature 'b': expected true or false, got 0\.5"):
        understood(encode_npy([2.5, 0.5]), "application/x-npy", *features)
    with pytest.raises(InvalidInput, match="row 1, feature 'x': expected a number, got True"):
        understood(encode_npy([True, False]), "application/x-npy", *features)


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b'{"x":[1,2],"y":[3]}', None, "The columns differ in length: 'y' has 1 values, 'x' has 2."),
        (b'{"x":[1],"z":[3]}', None, "columns: unknown feature 'z'."),
        (b'{"x":[1],"y":["a"]}', None, "row 1, feature 'y': expected a number, got 'a'."),
        (b'{"x":[1],"y":2}', None, "row 1, feature 'x': expected a number, got a list."),
        (b'{"x":[],"y":[]}', None, "The request has no rows."),
        (b'{"columns":["x"],"data":[[1]]}', None, "columns: missing feature 'y'."),
        (b'{"columns":["x","x"],"data":[[1,2]]}', None, "columns: a column is named twice."),
        (b'{"columns":["y","x"],"data":[{"x":1}]}', None, "row 1: expected a list, got an object."),
        (b'{"columns":["y","x"],"data":[[1]]}', None, "row 1: expected 2 values, got 1."),
        (b'{"columns":[1],"data":[[1]]}', None, "columns: unknown feature 'columns'."),
        (b'{"instances":[7]}', None, "row 1: expected an object or a list, got 7."),
        (b'{"instances":[[1,2]],"z":1}', None, "row 1: unknown feature 'instances'."),
        (b'{"x":1,"y":2}\n{"x":', "application/jsonlines", "Line 2 of the body is not JSON: Expecting value at"),
        (b'{"x":1,"y":2}{"x":1,"y":2}', "application/jsonlines", "Line 1 of the body is not JSON: Extra data"),
        (b"7\n", "application/jsonlines", "row 1: expected an object or a list, got 7."),
        (b"[" * 99_999, "application/jsonlines", "Line 1 of the body is nested too deeply."),
        (b"\n\n", "application/jsonlines", "The request has no rows."),
        (encode_npy(3.5), "application/x-npy", "The NPY array has the shape []."),
        (encode_npy([[[1.5]]]), "application/x-npy", "The NPY array has the shape [1, 1, 1]."),
        (encode_npy(numpy.empty([10**12, 0])), "application/x-npy", "The NPY array has the shape [1000000000000, 0]."),
        (encode_npy([[1.0, 2.0, 3.0]]), "application/x-npy", "row 1: expected 2 values, got 3."),
        (encode_npy([[1.0, numpy.nan]]), "application/x-npy", "row 1, feature 'y': expected a finite number"),
        (b"\x93NUMPY", "application/x-npy", "The body is not an NPY array: its header is not one of numbers."),
    ],
)
def test_what_is_wrong_is_named(body: bytes, content_type: str | None, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        understood(body, content_type)
    assert caught.value.message.startswith(message)
    assert caught.value.http_status == 400


def test_an_unknown_type_is_told_the_known_ones() -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        understood(b"x: 1", "application/yaml")
    assert caught.value.http_status == 415
    assert caught.value.hint.startswith("Send application/json, application/jsonlines, text/csv, application/x-npy or")
