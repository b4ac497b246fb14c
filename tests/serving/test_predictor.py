"""The predictor without a transport: formats in and out, what is refused, which folders are packages."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from headgate.core.manifest import MANIFEST_NAME
from headgate.core.schema import Feature, InputSchema
from headgate.errors import HeadgateError, InvalidInput, NotAcceptable, NotFound, PayloadTooLarge, UnsupportedMedia
from headgate.serving.failure import ModelFailure
from headgate.serving.load import load
from headgate.serving.predictor import Predictor
from headgate.serving.rows import RowPredictor
from tests.serving.models import linear_model, write_archive, write_code, write_manifest, write_package

HIGH = {"label": "high", "probability": 0.95257413}  # 1 / (1 + exp(-3))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return load(write_package(tmp_path_factory.mktemp("classifier")))


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return load(write_package(tmp_path_factory.mktemp("regressor"), task="regression", bias=0.2))


def ask(predictor: Predictor, body: Any, accept: str | None = None) -> Any:
    answer = predictor.predict(json.dumps(body).encode(), "application/json", accept)
    assert answer.content_type == "application/json"
    return json.loads(answer.body)


def test_one_row_by_name_gets_one_prediction(classifier: Predictor) -> None:
    answer = classifier.predict(b'{"x": 1, "y": 2.0}', None, None)
    assert answer.body == b'{"prediction":{"label":"high","probability":0.95257413}}'


def test_a_regressor_answers_a_value_without_float32_noise(regressor: Predictor) -> None:
    assert regressor.predict(b'{"x": 70, "y": 4}', None, "*/*").body == b'{"prediction":{"value":74.2}}'


@pytest.mark.parametrize(
    "body",
    [[{"y": 2, "x": 1}], {"instances": [{"x": 1, "y": 2}]}, [[1, 2]], {"instances": [[1, 2]]}],
)
def test_a_list_gets_a_list_even_of_one(classifier: Predictor, body: Any) -> None:
    assert ask(classifier, body) == {"predictions": [HIGH]}


def test_one_row_in_schema_order(classifier: Predictor) -> None:
    assert ask(classifier, [1, 2]) == {"prediction": HIGH}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"1,2\n", "text/csv"),
        (b"x,y\n1,2\n", "text/csv"),
        (b"y,x\r\n2,1\r\n", "text/csv"),
        (b'\xef\xbb\xbf"y","x"\n"2"," 1"\n\n', "text/csv; charset=utf-8"),
        ("y,x\n2,1".encode("utf-16"), 'Text/CSV; charset="UTF-16"'),
        (b"y,x\n2,1", "text/csv; header=present; charset=iso-8859-1"),
    ],
)
def test_csv_with_and_without_header(classifier: Predictor, body: bytes, content_type: str) -> None:
    answer = classifier.predict(body, content_type, "application/json")
    assert json.loads(answer.body) == {"predictions": [HIGH]}


def test_answers_as_csv(classifier: Predictor, regressor: Predictor) -> None:
    rows = b"1,2\n-1,-2\n"
    answer = classifier.predict(rows, "text/csv", "text/html, text/csv;q=0.9, application/json;q=0.1")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.body == b"high,0.95257413\nlow,0.95257413\n"
    assert regressor.predict(rows, "text/csv", "text/*").body == b"3.2\n-2.8\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'[{"x":1,"y":2},{"x":"abc","y":2}]', "row 2, feature 'x': expected a number, got 'abc'."),
        (b'{"x":1}', "row 1: missing feature 'y'."),
        (b'{"x":1,"y":2,"z":3}', "row 1: unknown feature 'z'."),
        (b'{"x":true,"y":2}', "row 1, feature 'x': expected a number, got True."),
        (b'{"x":NaN,"y":2}', "row 1, feature 'x': expected a finite number within float32, got nan."),
        (b'{"x":1,"y":-Infinity}', "row 1, feature 'y': expected a finite number within float32, got -inf."),
        (b'{"x":1,"y":1e39}', "row 1, feature 'y': expected a finite number within float32, got 1e+39."),
        (b'{"x":1,"y":%s}' % (b"9" * 4000), "row 1, feature 'y': expected a finite number within float32, got a huge"),
        (b'{"x":1,"y":%s}' % (b"9" * 5000), "The body holds a number that is too long."),
        (b'{"x":null,"y":2}', "row 1, feature 'x': a value is required."),
        (b'{"x":[1],"y":2}', "row 1, feature 'x': expected a number, got a list."),
        (b"[[1,2],[1,2,3]]", "row 2: expected 2 values, got 3."),
        (b"[[1,2],7]", "row 2: expected an object or a list, got 7."),
        (b"[]", "The request has no rows."),
        (b"7", "The body is neither a row nor a list of rows."),
        (b"{", "The body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
        (b"\xff\xfe\xfd", "The body is not JSON"),
        (b"[" * 100_000, "The body is nested too deeply."),
        (b"", "The body is not JSON"),
    ],
)
def test_bad_json_is_refused_by_row_and_feature(classifier: Predictor, body: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        classifier.predict(body, None, None)
    assert caught.value.message.startswith(message)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"x,y\n1,2\n3,abc\n", "row 2, feature 'y': expected a number, got 'abc'."),
        (b"x,z\n1,2\n", "CSV header: unknown feature 'z'."),
        (b"x,x\n1,2\n", "CSV header: a column is named twice."),
        (b"x\n1\n", "CSV header: missing feature 'y'."),
        (b"1,\n", "row 1, feature 'y': a value is required."),
        (b"1,inf\n", "row 1, feature 'y': expected a number, got 'inf'."),
        (b"1,1_0\n", "row 1, feature 'y': expected a number, got '1_0'."),
        (b"x,y\n1,2,3\n", "row 1: expected 2 values, got 3."),
        (b'x,y\n"1"2,3\n', "The body is not CSV"),
        (b"x,y\n", "The request has no rows."),
        (b"\xff", "The body is not utf-8: byte 0 does not fit."),
    ],
)
def test_bad_csv_is_refused_by_row_and_feature(classifier: Predictor, body: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        classifier.predict(body, "text/csv", None)
    assert caught.value.message.startswith(message)


def test_a_misspelt_feature_gets_a_suggestion(tmp_path: Path) -> None:
    features = (Feature("sepal_length"), Feature("sepal_width"))
    predictor = load(write_package(tmp_path, features=features))
    with pytest.raises(InvalidInput) as caught:
        ask(predictor, {"sepal_lenght": 1, "sepal_width": 2})
    assert caught.value.hint == "Did you mean 'sepal_length'?"


def test_kinds_and_missing_values(tmp_path: Path) -> None:
    features = (Feature("x", "integer"), Feature("y", "boolean", nullable=True))
    predictor = load(write_package(tmp_path, task="regression", features=features))
    assert ask(predictor, {"x": 2.0, "y": True}) == {"prediction": {"value": 3.0}}
    assert predictor.predict(b"2,FALSE", "text/csv", "text/csv").body == b"2.0\n"
    with pytest.raises(InvalidInput, match=r"expected an integer, got 2\.5"):
        ask(predictor, {"x": 2.5, "y": True})
    with pytest.raises(InvalidInput, match="expected true or false, got 1"):
        ask(predictor, {"x": 2, "y": 1})
    for body, content_type in ((b'{"x": 2, "y": null}', None), (b"2,", "text/csv")):
        with pytest.raises(ModelFailure, match="NaN"):  # NaN reaches the model, which here passes it on
            predictor.predict(body, content_type, None)


def test_too_many_rows(classifier: Predictor) -> None:
    with pytest.raises(PayloadTooLarge, match="100001 rows; the limit is 100000"):
        classifier.predict(b"1,2\n" * 100_001, "text/csv", None)
    assert classifier.predict(b"x,y\n" + b"1,2\n" * 100_000, "text/csv", "text/csv").body.count(b"\n") == 100_000


@pytest.mark.parametrize("content_type", ["image/png", "text/csv; charset=klingon", "text/csv; charset=zip"])
def test_media_that_nobody_understands(classifier: Predictor, content_type: str) -> None:
    with pytest.raises(UnsupportedMedia):
        classifier.predict(b"[1, 2]", content_type, None)


def test_an_answer_that_nobody_can_give(classifier: Predictor) -> None:
    with pytest.raises(NotAcceptable, match="Cannot answer as 'image/png'"):
        classifier.predict(b"[1, 2]", None, "image/png")


def test_rows_as_values(classifier: Predictor) -> None:
    assert isinstance(classifier, RowPredictor)
    assert classifier.predict_rows([{"x": 1.0, "y": 2}]) == [HIGH]


def test_a_bare_onnx_model_takes_positional_rows(tmp_path: Path) -> None:
    (tmp_path / "any.onnx").write_bytes(linear_model().SerializeToString())
    predictor = load(tmp_path)
    assert ask(predictor, [[1, 2]]) == {"predictions": [{"label": 1, "probability": 0.95257413}]}
    assert predictor.predict(b"1,2", "text/csv", "text/csv").body == b"1,0.95257413\n"
    (tmp_path / "any.onnx").write_bytes(linear_model("regression", bias=1).SerializeToString())
    assert ask(load(tmp_path), [1, 2]) == {"prediction": {"value": 4.0}}


def test_an_unpacked_archive_is_a_package(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "model.tar.gz", bias=3)
    assert archive.read_bytes() == write_archive(tmp_path / "again.tar.gz", bias=3).read_bytes()
    with tarfile.open(archive) as members:
        members.extractall(tmp_path / "model", filter="data")
    assert ask(load(tmp_path / "model"), [-1, -1])["prediction"]["label"] == "high"


def break_member(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"other")


def break_model(folder: Path) -> None:
    break_member(folder)
    write_manifest(folder, "onnx")


def break_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text("{")


def drop_member(folder: Path) -> None:
    (folder / "schema.json").unlink()


def escape(folder: Path) -> None:
    document = json.loads((folder / MANIFEST_NAME).read_text())
    document["files"]["../outside"] = "0"
    (folder / MANIFEST_NAME).write_text(json.dumps(document))


def unlist(folder: Path) -> None:
    document = json.loads((folder / MANIFEST_NAME).read_text())
    del document["files"]["model.onnx"]
    (folder / MANIFEST_NAME).write_text(json.dumps(document))


def widen(folder: Path) -> None:
    schema = InputSchema("classification", "size", (Feature("x"),), ("a", "b"))
    (folder / "schema.json").write_text(json.dumps(schema.to_json()))
    write_manifest(folder, "onnx")


def relabel(folder: Path) -> None:
    schema = InputSchema("classification", "size", (Feature("x"), Feature("y")), ("a", "b", "c"))
    (folder / "schema.json").write_text(json.dumps(schema.to_json()))
    write_manifest(folder, "onnx")


def add_text(folder: Path) -> None:
    schema = InputSchema("classification", "size", (Feature("x"), Feature("y", "string")), ("a", "b"))
    (folder / "schema.json").write_text(json.dumps(schema.to_json()))
    write_manifest(folder, "onnx")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_member, "model.onnx is not what was packaged"),
        (break_model, "model.onnx is not an ONNX model"),
        (break_manifest, "headgate.json is not JSON"),
        (drop_member, "The package lacks schema.json"),
        (escape, "headgate.json names '../outside'"),
        (unlist, "headgate.json does not list model.onnx"),
        (widen, "model.onnx takes 2 features, schema.json has 1"),
        (relabel, "The model does not predict: "),
        (add_text, r"schema.json has text features \(y\)"),
    ],
)
def test_damaged_packages_say_what_is_wrong(tmp_path: Path, damage: Any, message: str) -> None:
    damage(write_package(tmp_path))
    with pytest.raises(InvalidInput, match=message):
        load(tmp_path)


def test_folders_that_are_no_packages(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no model folder"):
        load(tmp_path / "absent")
    with pytest.raises(InvalidInput, match="holds nothing"):
        load(tmp_path)
    (tmp_path / "model.tar.gz").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"holds model\.tar\.gz") as caught:
        load(tmp_path)
    assert "unpacked" in caught.value.hint


def test_a_code_package_of_ours_is_verified_too(tmp_path: Path) -> None:
    write_code(tmp_path, "def model_fn(model_dir): return 1\ndef predict_fn(data, model): return data\n", manifest=True)
    assert load(tmp_path).project == "linear"
    (tmp_path / "code" / "inference.py").write_text("import os\n")
    with pytest.raises(HeadgateError, match=r"code/inference\.py is not what was packaged"):
        load(tmp_path)
