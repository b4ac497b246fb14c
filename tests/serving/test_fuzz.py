"""Whatever comes in, a request gets a valid answer or an error that blames the request: never a 500."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.schema import Feature, InputSchema
from headgate.errors import HeadgateError
from headgate.serving.codecs import to_json
from headgate.serving.load import load
from headgate.serving.predictor import Predictor
from tests.serving.models import write_code, write_package

ECHO = "def model_fn(model_dir): pass\ndef predict_fn(data, model): return 'fine'\n"
FEATURES = (Feature("x"), Feature("y", "integer"))
MIXED = (Feature("x"), Feature("n", "integer", nullable=True), Feature("t", "string"), Feature("b", "boolean"))

values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["x", "y", "1", ""])
documents = st.recursive(
    values,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["x", "y", "instances", "columns", "data"]) | st.text(), inner)
    ),
    max_leaves=25,
)
cells = st.sampled_from(["x", "y", "1", "-2.5", "", "nan", '"', "\x00", "1e400", " 3", "true"]) | st.text(max_size=4)
tables = st.lists(st.lists(cells, max_size=4).map(",".join)).map("\n".join)
media = st.sampled_from(
    [
        None,
        "",
        "application/json",
        "text/csv",
        "text/csv; header=present",
        "application/jsonlines",
        "application/x-npy",
        "application/x-parquet",
        "*/*; probabilities=true",
        "text/csv; charset=utf-16",
    ]
) | st.text(max_size=40)

npy_headers = st.builds(
    "{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}\n".format,
    st.sampled_from(["<f4", "|b1", "?", "<i8", "f3", ">u2", "|O", "b"]),
    st.booleans(),
    st.sampled_from(["", "3,", "2, 2", "0,", "9999999999999999999999, 9", ", ,", "1 1", "1, 0, 3"]),
)


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> list[Predictor]:
    def folder() -> Path:
        return tmp_path_factory.mktemp("package")

    mixed = InputSchema("regression", "z", MIXED)
    return [
        load(write_package(folder(), features=FEATURES)),
        load(write_code(folder(), ECHO)),
        load(write_code(folder(), ECHO, schema=mixed)),
    ]


def check(predictors: list[Predictor], body: bytes, content_type: str | None, accept: str | None) -> None:
    for predictor in predictors:
        with suppress_refusals():
            answer = predictor.predict(body, content_type, accept)
            assert answer.body
            if answer.content_type == "application/json":
                json.loads(answer.body)


@contextmanager
def suppress_refusals() -> Iterator[None]:
    """Errors that blame the request, and whose text can be sent, are as good as an answer."""
    try:
        yield
    except HeadgateError as error:
        if error.http_status >= 500 or not json.loads(to_json(error.message)):
            raise


@given(body=st.binary(), content_type=media, accept=media)
@settings(deadline=None, max_examples=200)
def test_any_bytes(predictors: list[Predictor], body: bytes, content_type: str | None, accept: str | None) -> None:
    check(predictors, body, content_type, accept)


@given(document=documents)
@settings(deadline=None, max_examples=300)
def test_any_json(predictors: list[Predictor], document: Any) -> None:
    check(predictors, json.dumps(document).encode(), None, None)


@given(table=tables)
@settings(deadline=None, max_examples=300)
def test_any_csv(predictors: list[Predictor], table: str) -> None:
    check(predictors, table.encode("utf-8", "surrogatepass"), "text/csv", "text/csv")


@given(tail=st.binary(max_size=200), header=st.text("{}':,()<>f48i|OUSdescr", max_size=90) | npy_headers)
@settings(deadline=None, max_examples=200)
def test_any_npy(predictors: list[Predictor], tail: bytes, header: str) -> None:
    head = header.encode()
    body = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + tail
    check(predictors, body, "application/x-npy", None)


@given(
    x=st.floats(width=32, allow_nan=False, allow_infinity=False),
    y=st.integers(-1_000_000, 1_000_000),
    many=st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_every_good_row_is_answered(predictors: list[Predictor], x: float, y: int, many: bool) -> None:
    row = {"x": x, "y": y}
    answer = json.loads(predictors[0].predict(json.dumps([row] if many else row).encode(), None, None).body)
    prediction = answer["predictions"][0] if many else answer["prediction"]
    assert prediction["label"] in ("low", "high")
    assert 0.5 <= prediction["probability"] <= 1
