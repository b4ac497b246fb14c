"""ONNX models, as the converters of scikit-learn and XGBoost write them.

Inputs are either one matrix [n, features], or several of them: each named as a feature and one column wide, as
`skl2onnx` writes for a pipeline over named columns, or any names and widths, which then take the features in the order
of the schema. An input is of float32, float64, int64, bool or text. A missing value is NaN in a float and "" in a text
input; that is what an imputer in the pipeline has to be converted to look for. int64 and bool have no missing value, so
a nullable feature does not fit them. Text with categories may go into a float, as their places (`categories`).

A classifier gives a tensor of probabilities [n, classes]; where the schema names the labels, the answer is the label of
the highest probability (the model's own label output is not asked: it may be an index or a class, and costs time).
Without a schema the model's label output names the class. A regressor gives values [n] or [n, 1].

One row into one float32 matrix is what most requests are. It goes through buffers bound once, one of the input and one
of the output, past the Python layer of the session (a quarter less time, measured). There is one such pair: whoever
finds it in use, because a large request runs on another thread, takes the general path instead of waiting.

Everything that can be known at load time is checked there, by predicting once, so that what loads can also answer.
"""

import math
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from headgate.core.schema import Feature, InputSchema
from headgate.errors import InvalidInput
from headgate.serving.backends.answers import label_row, labelled, not_finite, one_number, valued
from headgate.serving.backends.categories import Codes
from headgate.serving.codecs import Prediction
from headgate.serving.failure import ModelFailure
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

Rows = Sequence[Sequence[Value | None]]


class OnnxModel:
    """A loaded ONNX model. `schema` is the given one, or made up from the width of the input (features f0, f1, ...)."""

    def __init__(self, path: Path, schema: InputSchema | None, *, threads: int = 1) -> None:
        """Raises InvalidInput where the model cannot be loaded or does not fit the schema."""
        self._session = _open_session(path, threads)
        self.schema = schema or _made_up_schema(self._session, path.name)
        self._inputs = _match_inputs(self._session, self.schema, path.name)
        labels, values = _find_outputs(self._session, path.name)
        self._labels = None if schema is None else schema.labels
        self._classifies = bool(labels) if schema is None else schema.task == "classification"
        self._outputs = [values, labels] if schema is None and labels else [values]
        self._width = 0 if len(self._outputs) > 1 else len(self.schema.labels) if self._classifies else 1
        self._single = self._bind() if self._width else None

    def run(self, rows: Rows, *, probabilities: bool = False) -> list[Prediction]:
        """One prediction for each row of checked values. Raises ModelFailure."""
        if self._single is not None and len(rows) == 1:
            numbers = self._single.run(rows[0])
            if numbers is not None:
                return [self._one(numbers, probabilities)]
        values, *rest = self._compute(rows)
        if values.shape == (1, self._width):
            return [self._one(values[0], probabilities)]
        if not self._classifies:
            return valued(values, len(rows))
        if self._labels is not None:
            return labelled(values, self._labels, probabilities)
        given = rest[0].tolist()
        highest = labelled(values, [""] * values.shape[-1], False)
        return [{**found, "label": label} for found, label in zip(highest, given, strict=True)]

    def _one(self, numbers: Any, probabilities: bool) -> Prediction:
        """`numbers`: float32 [classes] or [1]. What `answers` does for many rows costs more than the model for one."""
        if not self._classifies:
            return {"value": one_number(numbers[0])}
        labels = self._labels or ()
        if probabilities:
            row = [one_number(number) for number in numbers]
            return label_row(row.index(max(row)), labels, row)
        values = numbers.tolist()
        if not math.isfinite(sum(values)):
            raise not_finite()
        best = values.index(max(values))
        return {"label": labels[best], "probability": float(str(numbers[best]))}

    def _compute(self, rows: Rows) -> list[Any]:
        try:
            feed = {one.name: one.array(rows) for one in self._inputs}
            values, *rest = self._session.run(self._outputs, feed)
            return [numpy.asarray(values, numpy.float32), *rest]
        except OverflowError as error:
            raise InvalidInput(f"A value is beyond what the model takes: {error}.") from None
        except _ERRORS as error:
            raise ModelFailure(f"The ONNX model failed: {str(error)[:300]}") from error

    def _bind(self) -> "_Single | None":
        """The short way for one row, where the model has the shape for it and answers by it as it does without."""
        only = self._inputs[0]
        if len(self._inputs) > 1 or only.dtype is not numpy.float32:
            return None
        row: list[Any] = [feature.categories[0] if feature.categories else 0.0 for feature in self.schema.features]
        try:
            (expected,) = self._compute([row])
        except ModelFailure:
            return None  # zeros need not make sense to the model; the general path will say so
        if expected.shape != (1, self._width):
            return None
        try:
            single = (_CodedSingle if only.codes else _Single)(self._session, only, self._outputs[0], self._width)
            found = single.run(row)
        except (ModelFailure, *_ERRORS):
            return None  # its output is float64, say
        return single if found is not None and numpy.array_equal(found, expected[0], equal_nan=True) else None


class _Single:
    """Bound buffers for one row of a float32 matrix."""

    def __init__(self, session: Any, only: "_Input", output: str, width: int) -> None:
        self._numbers = numpy.zeros((1, only.width), numpy.float32)
        self._bytes = memoryview(self._numbers.data).cast("B")
        self._pack = struct.Struct(f"={only.width}f").pack_into
        self._answer = numpy.zeros((1, width), numpy.float32)
        self._session = session._sess  # the C object: the Python layer around it costs as much as a small model
        self._binding = runtime.SessionIOBinding(self._session)
        self._binding.bind_input(only.name, self._numbers)
        cpu = runtime.OrtDevice(runtime.OrtDevice.cpu(), runtime.OrtDevice.default_memory(), 0)
        self._binding.bind_output(output, cpu, numpy.float32, (1, width), self._answer.ctypes.data)
        self._free = threading.Lock()

    def run(self, row: Sequence[Any]) -> Any:
        """What the model answers, float32 [width]; None where the buffers are in use. Raises ModelFailure."""
        if not self._free.acquire(blocking=False):
            return None
        try:
            try:
                self._pack(self._bytes, 0, *row)
            except struct.error:  # None is no number
                self._pack(self._bytes, 0, *(math.nan if value is None else value for value in row))
            self._session.run_with_iobinding(self._binding, None)
            return self._answer[0].copy()
        except _ERRORS as error:
            raise ModelFailure(f"The ONNX model failed: {str(error)[:300]}") from error
        finally:
            self._free.release()


class _CodedSingle(_Single):
    """The same for rows with categories, so that rows of numbers pay nothing for them."""

    def __init__(self, session: Any, only: "_Input", output: str, width: int) -> None:
        super().__init__(session, only, output, width)
        self._code = only.codes.row

    def run(self, row: Sequence[Any]) -> Any:
        """As `_Single.run`, of a row with categories."""
        return super().run(self._code(row))


@dataclass(frozen=True, slots=True)
class _Input:
    """An input of the model, and which columns of a row it takes: `width` of them from `start` on."""

    name: str
    dtype: Any
    start: int
    width: int
    flat: bool
    """Whether its shape is [n] and not [n, width]."""
    codes: Codes
    """For categories that go into a float; none in a text input."""

    def array(self, rows: Rows) -> Any:
        """The columns of `rows` that the input takes."""
        end = self.start + self.width
        part = rows if self.width == len(rows[0]) else [row[self.start : end] for row in rows]
        if self.codes:
            part = self.codes.rows(part)
        elif self.dtype is object:
            part = [["" if value is None else value for value in row] for row in part]
        array = numpy.array(part, dtype=self.dtype)  # None becomes NaN in a float
        return array.reshape(-1) if self.flat else array


_TYPES = {
    "tensor(float)": numpy.float32,
    "tensor(double)": numpy.float64,
    "tensor(int64)": numpy.int64,
    "tensor(bool)": numpy.bool_,
    "tensor(string)": object,
}
_FLOATS = ("tensor(float)", "tensor(double)")


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


def _made_up_schema(session: Any, name: str) -> InputSchema:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        raise _unfit(session, name, "without a schema.json one input tensor(float) [rows, features] is expected")
    width = inputs[0].shape[1]
    if not isinstance(width, int):
        raise InvalidInput(f"{name} does not say how many features it takes.", hint="Add a schema.json beside it.")
    return InputSchema("regression", "", tuple(Feature(f"f{i}") for i in range(width)))


def _match_inputs(session: Any, schema: InputSchema, name: str) -> list[_Input]:
    """Which features go into which input. Raises InvalidInput where they do not fit."""
    inputs = session.get_inputs()
    places = {feature.name: place for place, feature in enumerate(schema.features)}
    by_name = len(inputs) == len(places) > 1 and all(one.name in places for one in inputs)
    matched: list[_Input] = []
    start = 0
    for one in inputs:
        rows, *widths = one.shape or [1]
        if one.type not in _TYPES or len(widths) > 1:
            raise _unfit(session, name, "inputs of [rows, features] are expected, of numbers or text")
        if isinstance(rows, int):
            raise InvalidInput(
                f"{name} takes exactly {rows} row(s) at a time.", hint="Export it with a dynamic first dimension."
            )
        width = widths[0] if widths else 1
        if not isinstance(width, int):
            width = 1 if by_name or len(inputs) > 1 else len(places)
        begin = places[one.name] if by_name else start
        taken = () if one.type not in _FLOATS else schema.features[begin : begin + width]
        matched.append(_Input(one.name, _TYPES[one.type], begin, width, not widths, Codes(taken)))
        start += width
    if start != len(places):
        raise InvalidInput(
            f"{name} takes {start} features, schema.json has {len(places)}.", hint="Package the model again."
        )
    for found in matched:
        _check_kinds(found, schema.features[found.start : found.start + found.width], name)
    return matched


def _check_kinds(found: _Input, features: Sequence[Feature], name: str) -> None:
    wanted = "text" if found.dtype is object else "numbers"
    coded = found.codes
    wrong = [f.name for f in features if (f.kind == "string") != (wanted == "text") and not (f.categories and coded)]
    if wrong:
        given = "numbers" if wanted == "text" else "text"
        raise InvalidInput(
            f"schema.json has {given} features ({', '.join(wrong)}), but {name} takes {wanted} only there.",
            hint="Package the model again, or serve it with code/inference.py.",
        )
    exact = [f.name for f in features if found.dtype in (numpy.int64, numpy.bool_) and f.nullable]
    if exact:
        raise InvalidInput(
            f"schema.json lets {', '.join(exact)} be missing, but {name} takes integers there.",
            hint="Convert the model with a float input for it.",
        )


def _find_outputs(session: Any, name: str) -> tuple[str | None, str]:
    """The outputs with the label, where there is one, and with the probabilities or values."""
    outputs = session.get_outputs()
    labels = next((o.name for o in outputs if o.type in ("tensor(int64)", "tensor(string)")), None)
    values = next((o.name for o in outputs if o.type in ("tensor(float)", "tensor(double)")), None)
    if values is None:
        found = ", ".join(f"{o.name}: {o.type}" for o in outputs)
        raise InvalidInput(
            f"{name} gives ({found}); expected a tensor(float) of probabilities or values.",
            hint="Convert classifiers with zipmap off.",
        )
    return labels, values


def _unfit(session: Any, name: str, expected: str) -> InvalidInput:
    found = ", ".join(f"{i.name}: {i.type}{i.shape}" for i in session.get_inputs())
    return InvalidInput(
        f"{name} takes ({found}); {expected}.",
        hint="Convert the model with such inputs, or serve it with code/inference.py.",
    )
