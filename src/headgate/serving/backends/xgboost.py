"""XGBoost itself, for large batches, without its Python package.

One row is answered by ONNX ten times faster than by XGBoost; with a large model XGBoost is the faster one from some
tens of rows on (the manifest says from how many; `packaging.large` has the figures). Its package costs a second and a
half to import and a hundred megabytes; the library inside it 30 ms and 15 MB, which a process pays at its first large
batch and most processes never. So the library is called through its C interface, where the package is installed;
elsewhere ONNX answers batches of any size, as it does where the library cannot be loaded: that is slower, and a line in
the log. Both answer within the parity that was checked at packaging.

The library may be called by many threads at once for predictions; what it answers with is memory of the calling
thread's, overwritten by its next call, and copied before that.
"""

import ctypes
import importlib.util
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from headgate.core.schema import InputSchema
from headgate.errors import InvalidInput
from headgate.serving.backends.answers import labelled, valued
from headgate.serving.backends.categories import Codes
from headgate.serving.codecs import Prediction
from headgate.serving.failure import ModelFailure
from headgate.serving.logs import log_error
from headgate.serving.rows import Model
from headgate.serving.validation import Value

Rows = Sequence[Sequence[Value | None]]

_CONFIG = json.dumps(
    {
        "type": 0,  # what the objective makes of the margin: probabilities or values
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,  # all of them
        "strict_shape": True,
        "missing": float("nan"),
    }
).encode()


class SizedModel:
    """Two models that answer alike: `small` for few rows, XGBoost for at least `large_batch`."""

    def __init__(self, small: Model, path: Path, schema: InputSchema, large_batch: int, *, threads: int = 1) -> None:
        self._small = small
        self._path = path
        self._schema = schema
        self._codes = Codes(schema.features)
        self._large_batch = large_batch
        self._threads = threads
        self._large: Booster | None = None
        self._failed = False
        self._loading = threading.Lock()

    def run(self, rows: Rows, *, probabilities: bool = False) -> list[Prediction]:
        """One prediction for each row of checked values. Raises ModelFailure."""
        booster = self._booster() if len(rows) >= self._large_batch else None
        if booster is None:
            return self._small.run(rows, probabilities=probabilities)
        numbers = self._codes.rows(rows) if self._codes else rows
        values = booster.predict(numpy.array(numbers, numpy.float32))  # None becomes NaN
        if self._schema.task == "regression":
            return valued(values, len(rows))
        if values.shape[1] == 1:
            values = numpy.concatenate([1 - values, values], axis=1)  # XGBoost gives the second class's alone
        return labelled(values, self._schema.labels, probabilities)

    def _booster(self) -> "Booster | None":
        with self._loading:
            if self._large is None and not self._failed:
                try:
                    self._large = Booster(self._path, threads=self._threads)
                except InvalidInput as error:
                    self._failed = True
                    log_error("large batches without XGBoost", message=error.message)
            return self._large


def find_library() -> Path | None:
    """The library of the installed package, which is not imported; None where there is none."""
    spec = importlib.util.find_spec("xgboost")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for name in ("libxgboost.so", "libxgboost.dylib"):
            path = Path(folder) / "lib" / name
            if path.is_file():
                return path
    return None


class Booster:
    """A model loaded into XGBoost's library."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Raises InvalidInput where the library is not installed or does not read the model."""
        library = find_library()
        if library is None:
            raise InvalidInput("XGBoost's library is not installed.", hint="pip install xgboost-cpu")
        try:
            self._library = _declare(ctypes.CDLL(str(library)))
        except (OSError, AttributeError) as error:  # it needs another library, or lacks a function
            raise InvalidInput(f"XGBoost's library is unfit: {error}.", hint="pip install xgboost-cpu") from None
        self._handle = ctypes.c_void_p()
        try:
            self._call("XGBoosterCreate", None, 0, ctypes.byref(self._handle))
            self._call("XGBoosterLoadModel", self._handle, str(path).encode())
            self._call("XGBoosterSetParam", self._handle, b"nthread", str(threads).encode())
        except ModelFailure as error:
            raise InvalidInput(
                f"{path.name} cannot be loaded: {error.message}", hint="Package the model again."
            ) from None

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.XGBoosterFree(self._handle)

    def predict(self, rows: Any) -> Any:
        """float32 [n, outputs] for `rows` float32 [n, features]. Raises ModelFailure."""
        rows = numpy.ascontiguousarray(rows, numpy.float32)
        interface = {"data": [rows.ctypes.data, True], "shape": rows.shape, "typestr": "<f4", "version": 3}
        shape, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        answer = ctypes.POINTER(ctypes.c_float)()
        self._call(
            "XGBoosterPredictFromDense",
            self._handle,
            json.dumps(interface).encode(),
            _CONFIG,
            None,
            ctypes.byref(shape),
            ctypes.byref(dimensions),
            ctypes.byref(answer),
        )
        found = tuple(shape[axis] for axis in range(dimensions.value))
        if len(found) != 2 or found[0] != len(rows):
            raise ModelFailure(f"XGBoost gave the shape {list(found)} for {len(rows)} rows.")
        return numpy.ctypeslib.as_array(answer, shape=found).copy()

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, name)(*arguments):
            said = (self._library.XGBGetLastError() or b"").decode(errors="replace").strip()
            raise ModelFailure(f"XGBoost failed: {' '.join(said.split())[:300]}")


def _declare(library: Any) -> Any:
    """State what the functions take; without that, ctypes would pass pointers as 32-bit integers."""
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    library.XGBGetLastError.argtypes, library.XGBGetLastError.restype = [], text
    taken = {
        "XGBoosterCreate": [pointer, ctypes.c_uint64, pointer],
        "XGBoosterFree": [pointer],
        "XGBoosterLoadModel": [pointer, text],
        "XGBoosterSetParam": [pointer, text, text],
        "XGBoosterPredictFromDense": [pointer, text, text, pointer, pointer, pointer, pointer],
    }
    for name, types in taken.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, ctypes.c_int
    return library
