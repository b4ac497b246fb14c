"""The user's code: hooks, defaults, failures."""

import io
import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from headgate.core.schema import Feature, InputSchema
from headgate.errors import InvalidInput, NotAcceptable, UnsupportedMedia
from headgate.serving.codecs import Answer
from headgate.serving.failure import ModelFailure
from headgate.serving.load import load
from headgate.serving.predictor import Predictor
from tests.serving.models import write_code

LOAD = "def model_fn(model_dir): return 10\n"
ECHO = LOAD + "def predict_fn(data, model): return data\n"
SHOW = LOAD + "def predict_fn(data, model): return {'type': type(data).__name__, 'data': repr(data)}\n"


def package(folder: Path, source: str, schema: InputSchema | None = None) -> Predictor:
    return load(write_code(folder, source, schema=schema))


def shown(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_all_hooks_with_and_without_context(tmp_path: Path) -> None:
    source = """
import shared

def model_fn(model_dir, context):
    assert context.system_properties["model_dir"] == model_dir
    return shared.FACTOR

def input_fn(body, content_type):
    assert isinstance(body, str) and content_type == "text/csv"
    return [float(x) for x in body.split(",")]

def predict_fn(data, model, context):
    return [x * model for x in data]

def output_fn(prediction, accept):
    return ";".join(map(str, prediction)), "text/plain"
"""
    write_code(tmp_path, source)
    (tmp_path / "code" / "shared.py").write_text("FACTOR = 2\n")
    answer = load(tmp_path).predict(b"1,2", "text/csv", None)
    assert (answer.body, answer.content_type) == (b"2.0;4.0", "text/plain")
    assert not list(tmp_path.rglob("__pycache__"))


def test_transform_fn_does_it_all(tmp_path: Path) -> None:
    source = LOAD + "def transform_fn(model, body, content_type, accept):\n    return body * 2\n"
    answer = package(tmp_path, source).predict(b"\x00", "application/octet-stream", "application/octet-stream")
    assert answer == Answer(b"\x00\x00", "application/octet-stream")


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "data"),
    [
        (b"[[1, 2], [3, 4]]", None, "ndarray", "array([[1, 2],\n       [3, 4]])"),
        (b'{"instances": [1.5]}', None, "ndarray", "array([1.5])"),
        (b'{"a": [1]}', None, "dict", "{'a': [1]}"),
        (b'[{"a": 1}]', None, "list", "[{'a': 1}]"),
        (b'[1, "a"]', None, "list", "[1, 'a']"),
        (b"[[1], [2, 3]]", None, "list", "[[1], [2, 3]]"),
        (b'"text"', None, "str", "'text'"),
        (b"a,b\n1,\n3,4\n", "text/csv", "ndarray", "array([[ 1., nan],\n       [ 3.,  4.]])"),
    ],
)
def test_default_input_without_schema(
    tmp_path: Path, body: bytes, content_type: str | None, kind: str, data: str
) -> None:
    assert shown(package(tmp_path, SHOW).predict(body, content_type, None)) == {"type": kind, "data": data}


def test_default_input_with_schema_is_checked_rows(tmp_path: Path) -> None:
    schema = InputSchema("classification", "spam", (Feature("text", "string"), Feature("n", nullable=True)), ("a", "b"))
    predictor = package(tmp_path, ECHO, schema)
    assert shown(predictor.predict(b'{"n": null, "text": "hi"}', None, None)) == [{"text": "hi", "n": None}]
    assert shown(predictor.predict(b"hi,3\n", "text/csv", None)) == [{"text": "hi", "n": 3.0}]
    with pytest.raises(InvalidInput, match="feature 'text': expected a string, got 7"):
        predictor.predict(b'{"n": 1, "text": 7}', None, None)


def test_arrays_in_and_out(tmp_path: Path) -> None:
    predictor = package(tmp_path, ECHO)
    array = numpy.arange(6.0).reshape(2, 3)
    buffer = io.BytesIO()
    numpy.save(buffer, array)
    back = predictor.predict(buffer.getvalue(), "application/x-npy", "application/x-npy")
    assert (numpy.load(io.BytesIO(back.body)) == array).all()
    assert predictor.predict(b"[[1, 2], [3, 4]]", None, "text/csv").body == b"1,2\n3,4\n"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"a,b\nc,d", "text/csv"), (b"1,2\n3", "text/csv"), (b"\x93NUMPY", "application/x-npy"), (b"{", None)],
)
def test_default_input_refuses_what_it_cannot_read(tmp_path: Path, body: bytes, content_type: str | None) -> None:
    with pytest.raises(InvalidInput):
        package(tmp_path, ECHO).predict(body, content_type, None)


def test_media_without_a_default(tmp_path: Path) -> None:
    predictor = package(tmp_path, ECHO)
    with pytest.raises(UnsupportedMedia, match="content type 'image/png'"):
        predictor.predict(b"", "image/png", None)
    with pytest.raises(NotAcceptable, match="Cannot answer as 'image/png'"):
        predictor.predict(b"[1]", None, "image/png")


def test_what_user_code_raises_keeps_its_type_and_cause(tmp_path: Path) -> None:
    source = LOAD + "def predict_fn(data, model): return 1 / 0\n"
    with pytest.raises(ModelFailure, match="division by zero") as caught:
        package(tmp_path, source).predict(b"[1]", None, None)
    assert caught.value.kind == "ZeroDivisionError"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_user_code_may_refuse_a_request(tmp_path: Path) -> None:
    source = LOAD + "from headgate.errors import InvalidInput\ndef predict_fn(data, model): raise InvalidInput('no')\n"
    with pytest.raises(InvalidInput, match="no"):
        package(tmp_path, source).predict(b"[1]", None, None)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("object()", "predict_fn answered with object"),
        ("float('nan')", "cannot be written as application/json"),
    ],
)
def test_predictions_that_cannot_be_written(tmp_path: Path, returned: str, message: str) -> None:
    source = LOAD + f"def predict_fn(data, model): return {returned}\n"
    with pytest.raises(ModelFailure, match=message):
        package(tmp_path, source).predict(b"[1]", None, None)


@pytest.mark.parametrize("returned", ["7", "('a', 7)", "('a', 'text/plain\\r\\nx: y')"])
def test_answers_that_are_none(tmp_path: Path, returned: str) -> None:
    source = ECHO + f"def output_fn(prediction, accept): return {returned}\n"
    with pytest.raises(ModelFailure, match="The user's code answered with"):
        package(tmp_path, source).predict(b"[1]", None, None)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def predict_fn(data, model): pass\n", "lacks model_fn"),
        (LOAD, "lacks predict_fn"),
        ("async def model_fn(model_dir): pass\n" + "def predict_fn(data, model): pass\n", "model_fn is async"),
        ("def f(:\n", "cannot be imported: SyntaxError"),
        ("raise SystemExit(3)\n", "cannot be imported: SystemExit: 3"),
        ("def model_fn(d): return 1 / 0\ndef predict_fn(d, m): pass\n", "model_fn in code/inference.py failed: Zero"),
    ],
)
def test_code_that_cannot_be_loaded(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises((InvalidInput, ModelFailure), match=message):
        package(tmp_path, source)
