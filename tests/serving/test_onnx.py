"""ONNX models: one row and many, one input and several, what is missing, what does not fit."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from onnx import TensorProto, helper

from headgate.core.schema import Feature, InputSchema
from headgate.errors import InvalidInput
from headgate.serving.backends.onnx import OnnxModel
from headgate.serving.failure import ModelFailure
from tests.serving.models import FEATURES, LABELS, linear_model

CLASSIFIER = InputSchema("classification", "size", FEATURES, LABELS)
ROWS = [(x / 7, (5 - x) / 3) for x in range(40)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    path.write_bytes(linear_model().SerializeToString())
    return OnnxModel(path, CLASSIFIER)


@pytest.mark.parametrize("probabilities", [False, True])
def test_one_row_gets_the_answer_that_it_gets_among_many(model: OnnxModel, probabilities: bool) -> None:
    together = model.run(ROWS, probabilities=probabilities)
    assert [model.run([row], probabilities=probabilities)[0] for row in ROWS] == together
    assert {prediction["label"] for prediction in together} == set(LABELS)
    assert ("probabilities" in together[0]) is probabilities


def test_threads_do_not_see_each_others_rows(model: OnnxModel) -> None:
    expected = [[one] for one in model.run(ROWS)]
    wrong: list[Any] = []
    start = threading.Barrier(4)

    def ask(rows: Sequence[int]) -> None:
        start.wait(30)
        for _ in range(50):
            wrong.extend(at for at in rows if model.run([ROWS[at]]) != expected[at])

    threads = [threading.Thread(target=ask, args=(range(first, 40, 4),)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


@pytest.mark.parametrize("many", [1, 2])
def test_a_missing_number_is_nan(tmp_path: Path, many: int) -> None:
    nodes = [
        helper.make_node("IsNaN", ["X"], ["is_missing"]),
        helper.make_node("Cast", ["is_missing"], ["variable"], to=TensorProto.FLOAT),
    ]
    model = built(tmp_path, [("X", TensorProto.FLOAT, [None, 1])], nodes, [Feature("x", nullable=True)])
    assert model.run([(None,)] * many) == [{"value": 1.0}] * many
    assert model.run([(1,)] * many) == [{"value": 0.0}] * many


def built(folder: Path, inputs: Sequence[tuple[str, int, Any]], nodes: Sequence[Any], features: Any) -> OnnxModel:
    """A regressor of these nodes, whose output is `variable` [n, 1]."""
    ends = [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])]
    begins = [helper.make_tensor_value_info(*one) for one in inputs]
    graph = helper.make_graph(list(nodes), "built", begins, ends)
    path = folder / "model.onnx"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return OnnxModel(path, InputSchema("regression", "y", tuple(features)))


def as_float(name: str) -> Any:
    return helper.make_node("Cast", [name], [f"{name}_"], to=TensorProto.FLOAT)


def lengths(name: str) -> Any:
    """1 for a missing text, 2 for "a", else 3."""
    keys: dict[str, Any] = {"keys_strings": ["", "a"], "values_floats": [1.0, 2.0], "default_float": 3.0}
    return helper.make_node("LabelEncoder", [name], [f"{name}_"], domain="ai.onnx.ml", **keys)


def total(*names: str) -> Any:
    return helper.make_node("Sum", [f"{name}_" for name in names], ["variable"])


MIXED = (
    ("t", TensorProto.STRING, [None, 1]),
    ("d", TensorProto.DOUBLE, [None, 1]),
    ("i", TensorProto.INT64, [None, 1]),
    ("b", TensorProto.BOOL, [None, 1]),
)
KINDS = (Feature("d"), Feature("i", "integer"), Feature("b", "boolean"), Feature("t", "string", nullable=True))


def test_inputs_by_name_of_every_type(tmp_path: Path) -> None:
    nodes = [lengths("t"), as_float("d"), as_float("i"), as_float("b"), total("t", "d", "i", "b")]
    model = built(tmp_path, MIXED, nodes, KINDS)
    rows = [(0.5, 10, True, "a"), (0.25, 20, False, None), (0.0, 0, False, "x")]
    assert model.run(rows) == [{"value": 13.5}, {"value": 21.25}, {"value": 3.0}]
    assert [model.run([row])[0] for row in rows] == model.run(rows)
    with pytest.raises(InvalidInput, match="beyond what the model takes"):
        model.run([(0.5, 10**30, True, "a")])


def test_other_names_take_the_features_in_order(tmp_path: Path) -> None:
    inputs = [("numbers", TensorProto.FLOAT, [None, 2]), ("texts", TensorProto.STRING, [None, 1])]
    nodes = [
        helper.make_node("Constant", [], ["axes"], value_ints=[1]),
        helper.make_node("ReduceSum", ["numbers", "axes"], ["numbers_"], keepdims=1),
        lengths("texts"),
        total("numbers", "texts"),
    ]
    model = built(tmp_path, inputs, nodes, (Feature("x"), Feature("y"), Feature("z", "string", nullable=True)))
    assert model.run([(1, 2, "a"), (3, 4, None)]) == [{"value": 5.0}, {"value": 8.0}]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (KINDS[:3], "takes 4 features, schema.json has 3"),
        ((Feature("d", "string"), *KINDS[1:]), r"has text features \(d\), but model.onnx takes numbers only there"),
        ((*KINDS[:3], Feature("t")), r"has numbers features \(t\), but model.onnx takes text only there"),
        ((KINDS[0], Feature("i", nullable=True), *KINDS[2:]), "lets i be missing, but model.onnx takes integers there"),
    ],
)
def test_features_that_do_not_fit(tmp_path: Path, features: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        built(tmp_path, MIXED, [lengths("t"), helper.make_node("Identity", ["t_"], ["variable"])], features)


def test_a_model_of_one_row_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="takes exactly 1 row"):
        built(
            tmp_path, [("X", TensorProto.FLOAT, [1, 2])], [helper.make_node("Identity", ["X"], ["variable"])], FEATURES
        )


def test_a_value_of_float64_is_answered_by_the_general_path(tmp_path: Path) -> None:
    model = linear_model("regression", bias=0.2)
    model.graph.node.append(helper.make_node("Cast", ["variable"], ["wide"], to=TensorProto.DOUBLE))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("wide", TensorProto.DOUBLE, [None, 1]))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    loaded = OnnxModel(tmp_path / "model.onnx", InputSchema("regression", "y", FEATURES))
    assert loaded.run([(70, 4)]) == [{"value": 74.2}]


@pytest.mark.parametrize("many", [1, 2])
def test_nan_is_no_answer(model: OnnxModel, many: int) -> None:
    with pytest.raises(ModelFailure, match="NaN or infinity"):
        model.run([(numpy.nan, 1.0)] * many)
