"""From XGBoost to ONNX, by onnxmltools, and from scikit-learn, by skl2onnx.

Equal models give equal bytes: the graph's name is fixed (converters make up a random one), nodes' attributes and the
sets of operators are sorted. Whether the result answers like the original is never assumed; `parity` finds out.
"""

import warnings
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from headgate.data.trained import Trained
from headgate.errors import HeadgateError, InvalidInput, MissingExtra

try:
    import xgboost
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as XGBoostFloatTensorType
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as convert_operator
    from skl2onnx import convert_sklearn, update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
except ImportError:
    raise MissingExtra("Packaging", "train") from None

GRAPH_NAME = "headgate"
INPUT_NAME = "features"

_OPSETS = {"": 18, "ai.onnx.ml": 3}
"""The newest that the converters of XGBoost and scikit-learn both write."""

_FAILURES = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, NotImplementedError)
"""What converters raise where they give up."""


def to_onnx(trained: Trained, features: int) -> bytes:
    """The model as ONNX: one float32 input `features` [n, f]; probabilities [n, classes] or values [n, 1].

    Raises HeadgateError where the converter gives up.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter's own deprecations are not the user's
            model = convert_xgboost(
                trained.booster, name=GRAPH_NAME, initial_types=[(INPUT_NAME, XGBoostFloatTensorType([None, features]))]
            )
    except _FAILURES as error:
        raise HeadgateError(
            f"This model cannot be converted to ONNX: {error}.",
            hint="Look at run.json for the versions; other parameters, or another version of xgboost, may convert.",
        ) from error
    return _stable_bytes(model)


@dataclass(frozen=True, slots=True)
class Column:
    """An input of a pipeline over named columns: text, or float32."""

    name: str
    is_text: bool


def pipeline_to_onnx(estimator: Any, columns: Sequence[Column]) -> bytes:
    """A fitted scikit-learn estimator as ONNX: probabilities [n, classes] or values [n, 1].

    The input is one float32 matrix `features` where there are numbers only and the estimator takes a matrix; else each
    column has an input of its own. Raises InvalidInput where no converter is found for it.
    """
    _know_xgboost()
    ways = [[(c.name, (StringTensorType if c.is_text else FloatTensorType)([None, 1])) for c in columns]]
    if not any(column.is_text for column in columns):
        matrix = [(INPUT_NAME, FloatTensorType([None, len(columns)]))]
        by_name = any(hasattr(step, "transformers_") for step in _steps(estimator))
        ways = [matrix, *ways] if by_name else [matrix]
    for inputs in ways:
        try:
            return _stable_bytes(_convert_sklearn(_with_empty_texts(estimator), inputs))
        except _FAILURES as error:
            reason = " ".join(str(error).split())[:300]
    raise InvalidInput(f"skl2onnx cannot convert {type(estimator).__name__}: {reason}")


def _convert_sklearn(estimator: Any, inputs: Sequence[tuple[str, Any]]) -> Any:
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's own deprecations are not the user's
        return convert_sklearn(estimator, GRAPH_NAME, list(inputs), options=options, target_opset=_OPSETS)


def _with_empty_texts(estimator: Any) -> Any:
    """A copy whose imputers of text look for "", which is how the ONNX backend says that a text is missing."""
    copied = deepcopy(estimator)
    for imputer in _steps(copied):
        statistics = getattr(imputer, "statistics_", None)
        if statistics is not None and statistics.dtype == object and any(isinstance(s, str) for s in statistics):
            imputer.missing_values = ""
    return copied


def _steps(estimator: Any) -> Iterator[Any]:
    """An estimator and all that it is made of."""
    yield estimator
    named: Any = getattr(estimator, "transformers_", None) or getattr(estimator, "steps", ())
    for _, step, *_ in named:
        yield from _steps(step)


def _know_xgboost() -> None:
    """Let skl2onnx convert XGBoost's estimators inside of pipelines."""
    for kind, shapes, options in (
        ("Classifier", calculate_linear_classifier_output_shapes, {"nocl": [True, False], "zipmap": [True, False]}),
        ("Regressor", calculate_linear_regressor_output_shapes, {}),
    ):
        estimator = getattr(xgboost, f"XGB{kind}")
        update_registered_converter(
            estimator, f"XGBoostXGB{kind}", shapes, convert_operator, options=options, overwrite=True
        )


def _stable_bytes(model: Any) -> bytes:
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)  # they come in the order of a set
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    for node in model.graph.node:
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    return bytes(model.SerializeToString(deterministic=True))
