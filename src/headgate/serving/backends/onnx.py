"""ONNX models of one float32 input [n, features], as the converters of scikit-learn and XGBoost write them.

A classifier gives a tensor of probabilities [n, classes]; where the schema names the labels, the answer is the label of
the highest probability (the model's own label output is not asked: it may be an index or a class, and costs time).
Without a schema the model's label output names the class. A regressor gives values [n] or [n, 1].

Everything that can be known at load time is checked there, so that a package that starts can also answer.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from headgate.core.schema import Feature, InputSchema
from headgate.errors import InvalidInput
from headgate.serving.codecs import Prediction
from headgate.serving.failure import NOT_FINITE, ModelFailure
from headgate.serving.validation import Value

_ERRORS = (
    runtime.EPFail,
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NoModel,
    runtime.NoSuchFile,
    runtime.NotImplemented,
    runtime.RuntimeException,
    RuntimeError,
    ValueError,
)


class OnnxModel:
    """A loaded ONNX model. `schema` is the given one, or made up from the width of the input (features f0, f1, ...)."""

    def __init__(self, path: Path, schema: InputSchema | None, *, threads: int = 1) -> None:
        """Raises InvalidInput where the model cannot be loaded or does not fit the schema."""
        self._session = _open_session(path, threads)
        self._input, width = _only_input(self._session, path.name)
        self.schema = schema or _made_up_schema(width, path.name)
        _check_fit(self.schema, width, path.name)
        labels, values = _find_outputs(self._session, path.name)
        self._labels = None if schema is None else schema.labels
        self._classifies = bool(labels) if schema is None else schema.task == "classification"
        self._outputs = [values, labels] if schema is None and labels else [values]

    def run(self, rows: Sequence[Sequence[Value | None]], *, probabilities: bool = False) -> list[Prediction]:  # noqa: ARG002
        """One prediction for each row of checked values. Raises ModelFailure."""
        array = numpy.array(rows, dtype=numpy.float32)  # None becomes NaN
        try:
            values, *rest = self._session.run(self._outputs, {self._input: array})
        except _ERRORS as error:
            raise ModelFailure(f"The ONNX model failed: {str(error)[:300]}") from error
        if self._classifies:
            return self._label(values, rest[0].tolist() if rest else None)
        return _values(values, len(rows))

    def _label(self, probabilities: Any, given: list[Any] | None) -> list[Prediction]:
        """`probabilities` [n, classes]; `given` labels [n] where there is no schema."""
        labels = self._labels
        if probabilities.ndim != 2 or (labels is not None and probabilities.shape[1] != len(labels)):
            raise ModelFailure(
                f"The model gives probabilities of shape {list(probabilities.shape)}, "
                f"the schema has {len(labels or ())} labels."
            )
        best = probabilities.argmax(axis=1).tolist()
        highest = _exact(probabilities[row, column] for row, column in enumerate(best))
        names = given if given is not None else [(labels or ())[column] for column in best]
        return [{"label": name, "probability": p} for name, p in zip(names, highest, strict=True)]


def _open_session(path: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # an instance is a process: more threads only get in each other's way
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions; stderr belongs to our log lines
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _ERRORS as error:
        raise InvalidInput(
            f"{path.name} is not an ONNX model that can be loaded: {' '.join(str(error).split())[:300]}",
            hint="Package the model again.",
        ) from None


def _only_input(session: Any, name: str) -> tuple[str, int | None]:
    """The name of the one input and its width, where that is fixed."""
    inputs = session.get_inputs()
    found = ", ".join(f"{i.name}: {i.type}{i.shape}" for i in inputs)
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        raise InvalidInput(
            f"{name} takes ({found}); expected one input tensor(float) [rows, features].",
            hint="Convert the model with one FloatTensorType input, or serve it with code/inference.py.",
        )
    rows, width = inputs[0].shape
    if isinstance(rows, int):
        raise InvalidInput(
            f"{name} takes exactly {rows} row(s) at a time.", hint="Export it with a dynamic first dimension."
        )
    return inputs[0].name, width if isinstance(width, int) else None


def _made_up_schema(width: int | None, name: str) -> InputSchema:
    if width is None:
        raise InvalidInput(f"{name} does not say how many features it takes.", hint="Add a schema.json beside it.")
    return InputSchema("regression", "", tuple(Feature(f"f{i}") for i in range(width)))


def _check_fit(schema: InputSchema, width: int | None, name: str) -> None:
    texts = [f.name for f in schema.features if f.kind == "string"]
    if texts:
        raise InvalidInput(
            f"schema.json has text features ({', '.join(texts)}), but {name} takes numbers only.",
            hint="Encode them as numbers, or serve the model with code/inference.py.",
        )
    if width is not None and width != len(schema.features):
        raise InvalidInput(
            f"{name} takes {width} features, schema.json has {len(schema.features)}.", hint="Package the model again."
        )


def _find_outputs(session: Any, name: str) -> tuple[str | None, str]:
    """The outputs with the label, where there is one, and with the probabilities or values."""
    outputs = session.get_outputs()
    labels = next((o.name for o in outputs if o.type in ("tensor(int64)", "tensor(string)")), None)
    values = next((o.name for o in outputs if o.type == "tensor(float)"), None)
    if values is None:
        found = ", ".join(f"{o.name}: {o.type}" for o in outputs)
        raise InvalidInput(
            f"{name} gives ({found}); expected a tensor(float) of probabilities or values.",
            hint="Convert classifiers with zipmap off.",
        )
    return labels, values


def _values(values: Any, rows: int) -> list[Prediction]:
    """`values` [n] or [n, 1]; more columns make a list each."""
    if values.ndim == 0 or len(values) != rows:
        raise ModelFailure(f"The model gave {list(values.shape)} values for {rows} rows.")
    flat = _exact(values.reshape(-1))
    width = len(flat) // rows
    if width == 1:
        return [{"value": value} for value in flat]
    return [{"value": flat[start : start + width]} for start in range(0, len(flat), width)]


def _exact(values: Iterable[Any]) -> list[float]:
    """float32 values as the shortest numbers that read back the same: 74.2, not 74.19999694824219."""
    exact = [float(str(value)) for value in values]
    if not all(map(math.isfinite, exact)):
        raise ModelFailure("The model answered NaN or infinity.", kind=NOT_FINITE)
    return exact
