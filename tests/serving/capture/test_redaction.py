"""No value of a redacted feature leaves the server, in whatever form it came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.core.schema import Feature, InputSchema
from headgate.serving.capture.redaction import REDACTED, Redactor
from headgate.serving.codecs import decode_batch
from headgate.serving.validation import Validator

FEATURES = ("age", "name", "city")
ROW = {"age": 7, "name": "Alice", "city": "Bonn"}


def redacted(
    body: str | bytes, content_type: str | None = "application/json", features: tuple[str, ...] = FEATURES
) -> str:
    data = body if isinstance(body, bytes) else body.encode()
    return Redactor(["name"], features).input(data, content_type).decode()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"city": "Bonn", "name": "Alice", "age": 7}', None),
        ('[7, "Alice", "Bonn"]', "application/json"),
        ('[[7, "Alice", "Bonn"]]', "application/json"),
        ('[{"city": "Bonn", "name": "Alice", "age": 7}]', "application/json"),
        ('{"instances": [[7, "Alice", "Bonn"]]}', "application/json"),
        ('{"instances": [{"city": "Bonn", "name": "Alice", "age": 7}]}', "application/json"),
        ('{"city": ["Bonn"], "name": ["Alice"], "age": [7]}', "application/json"),
        ('{"columns": ["city", "age", "name"], "data": [["Bonn", 7, "Alice"]]}', "application/json"),
        ('{"columns": ["city", "age", "name"], "index": ["Alice"], "data": [["Bonn", 7, "Alice"]]}', None),
        ('{"city": "Bonn", "name": "Alice", "age": 7}\n', "application/jsonlines"),
        ('[7, "Alice", "Bonn"]\n', "application/x-ndjson"),
        ("7,Alice,Bonn\n", "text/csv"),
        ("city,age,name\nBonn,7,Alice\n", "text/csv"),
        ("city,age,name\nBonn,7,Alice\n", "text/csv; header=present"),
    ],
)
def test_each_form_that_is_read_is_redacted(body: str, content_type: str | None) -> None:
    schema = InputSchema("regression", "y", (Feature("age"), Feature("name", "string"), Feature("city", "string")))
    assert Validator(schema).check(decode_batch(body.encode(), content_type)) == [[7, "Alice", "Bonn"]]
    kept = redacted(body, content_type)
    assert "Alice" not in kept
    assert "Bonn" in kept
    assert "7" in kept


def test_objects_by_name_at_any_depth() -> None:
    hidden = {**ROW, "name": REDACTED}
    for body, expected in [
        (ROW, hidden),
        ([ROW, ROW], [hidden, hidden]),
        ({"instances": [ROW]}, {"instances": [hidden]}),
        ({"data": {"deep": [{"row": ROW}]}}, {"data": {"deep": [{"row": hidden}]}}),
        ({"age": [ROW]}, {"age": [hidden]}),
        ({"age": [7, 8], "name": ["Alice", "Bob"]}, {"age": [7, 8], "name": REDACTED}),
    ]:
        assert json.loads(redacted(json.dumps(body))) == expected


def test_rows_without_names_by_place() -> None:
    row, hidden = [7, "Alice", "Bonn"], [7, REDACTED, "Bonn"]
    for body, expected in [
        (row, hidden),
        ([row, row], [hidden, hidden]),
        ({"instances": [row]}, {"instances": [hidden]}),
    ]:
        assert json.loads(redacted(json.dumps(body))) == expected


def test_json_lines() -> None:
    lines = f'{json.dumps(ROW)}\n[7,"Alice","Bonn"]\n'
    assert redacted(lines, "application/jsonlines").split("\n") == [
        '{"age":7,"name":"[redacted]","city":"Bonn"}',
        '[7,"[redacted]","Bonn"]',
        "",
    ]


def test_csv_by_header_or_place() -> None:
    assert redacted("city,name,age\nBonn,Alice,7\n", "text/csv") == "city,name,age\nBonn,[redacted],7\n"
    assert redacted('7,"Al, ice",Bonn\n', "text/csv") == "7,[redacted],Bonn\n"
    assert redacted("x,name\n1,Alice\n", "text/csv", ()) == "x,name\n1,[redacted]\n"
    assert redacted("n,m,o\n1,Alice,2\n", "text/csv; header=present") == "n,m,o\n1,Alice,2\n"
    assert redacted("7;Alice".encode("utf-16"), "text/csv; charset=utf-16") == REDACTED


@pytest.mark.parametrize(
    ("body", "content_type", "features"),
    [
        ("{", "application/json", FEATURES),
        ("[" * 100_000, "application/json", FEATURES),
        ('[7, "Alice"]', "application/json", FEATURES),
        ('[7, "Alice", "Bonn"]', "application/json", ()),
        ('{"columns": [0, 1, 2], "data": [[7, "Alice", "Bonn"]]}', "application/json", FEATURES),
        ('{"columns": ["name", "age"], "data": [["Alice"]]}', "application/json", FEATURES),
        ('{"columns": ["name", "age"], "data": [[["Alice"], 7]]}', "application/json", FEATURES),
        ('{"columns": ["name", "age", "city"], "values": [["Alice", 7, "Bonn"]]}', "application/json", FEATURES),
        ('{"data": ["Alice"]}', "application/json", FEATURES),
        ('"Alice"', "application/json", FEATURES),
        ('[{"age": 7}, "Alice"]', "application/json", FEATURES),
        ("Alice,7\n", "text/csv", FEATURES),
        ("7,Alice,Bonn\n", "text/csv", ()),
        ("name,age,city\nshifted,Alice,7,Bonn\n", "text/csv", FEATURES),
        ('{"name": "Alice"}\nAlice', "application/jsonlines", FEATURES),
        ("Alice", "text/plain", FEATURES),
        ("\x93NUMPY Alice", "application/x-npy", FEATURES),
        ("PAR1 Alice", "application/x-parquet", FEATURES),
        ('{"name": "Alice"', None, FEATURES),
    ],
)
def test_what_cannot_be_redacted_is_not_kept(body: str, content_type: str | None, features: tuple[str, ...]) -> None:
    assert redacted(body, content_type, features).strip('"') == REDACTED


def test_a_request_without_a_content_type_is_json() -> None:
    assert json.loads(redacted(json.dumps(ROW), None))["name"] == REDACTED


def test_answers_keep_predictions_and_lose_what_they_echo() -> None:
    redactor = Redactor(["name"], FEATURES)
    answer = {"prediction": {"label": "x", "probability": 0.5}, "request": [ROW, [7, "Alice", "Bonn"]]}
    found = json.loads(redactor.output(json.dumps(answer).encode(), "application/json"))
    assert found["prediction"] == answer["prediction"]
    assert "Alice" not in json.dumps(found)
    assert redactor.output(b"[0.1,0.9]", "application/json") == b"[0.1,0.9]"
    assert redactor.output(b"setosa,0.98\n", "text/csv; charset=utf-8") == b"setosa,0.98\n"


SECRET = "s3cr3t"
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
SECRETS = (
    st.dictionaries(st.sampled_from([*FEATURES, "instances", "x"]), SCALARS, max_size=4).map(
        lambda row: {**row, "name": SECRET}
    )
    | st.tuples(SCALARS, SCALARS).map(lambda row: [row[0], SECRET, row[1]])
    | st.permutations(FEATURES).map(
        lambda names: {"columns": names, "data": [[SECRET if name == "name" else 1 for name in names]]}
    )
)
DOCUMENTS = st.recursive(
    SECRETS,
    lambda inner: st.lists(inner | SCALARS, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(DOCUMENTS)
def test_no_document_lets_it_through(document: object) -> None:
    assert SECRET not in redacted(json.dumps(document))
