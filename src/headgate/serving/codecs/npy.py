"""NumPy's own format, for arrays of numbers.

It is read by its plain form only, without numpy's reader: that one evaluates the header as Python, believes any size it
is told, and warns and guesses about old files.
"""

import math
import re
from typing import Any, Literal

import numpy

from headgate.errors import InvalidInput
from headgate.serving.codecs.batch import Batch

_HEAD = re.compile(
    rb"\x93NUMPY(?:\x01\x00..|[\x02\x03]\x00....)"
    rb"\{\s*'descr':\s*'(?P<dtype>[<>|=]?[?biuf][0-9]{0,2})',\s*'fortran_order':\s*(?P<fortran>True|False),"
    rb"\s*'shape':\s*\((?P<shape>[0-9, ]{0,200})\),?\s*\}[ ]*\n",
    re.DOTALL,
)


def parse_npy(body: bytes) -> Any:
    """The array in `body`. Raises InvalidInput."""
    head = _HEAD.match(body)
    try:
        if head is None:
            raise ValueError("its header is not one of numbers")
        shape = tuple(int(n) for n in head["shape"].split(b",") if n.strip())
        dtype = numpy.dtype(head["dtype"].decode())
        if math.prod(shape) * dtype.itemsize != len(body) - head.end():
            raise ValueError(f"shape {shape} does not fit {len(body) - head.end()} bytes")
        order: Literal["C", "F"] = "F" if head["fortran"] == b"True" else "C"
        return numpy.frombuffer(body, dtype, offset=head.end()).reshape(shape, order=order).copy()
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"The body is not an NPY array: {str(error)[:200]}.", hint="Write it with numpy.save."
        ) from None


def as_batch(array: Any) -> Batch:
    """The rows in an array [features] or [rows, features]. Raises InvalidInput."""
    if array.ndim not in (1, 2) or not array.size:  # [10**9, 0] takes no bytes, but as lists it takes gigabytes
        raise InvalidInput(
            f"The NPY array has the shape {list(array.shape)}.", hint="Send one row [features] or [rows, features]."
        )
    rows = array.tolist()
    return Batch(rows, many=True, form="array") if array.ndim == 2 else Batch([rows], many=False, form="array")


def encode_npy(values: Any) -> bytes:
    """An array, or lists of numbers, in NumPy's format. Raises ValueError, TypeError."""
    import io

    buffer = io.BytesIO()
    numpy.lib.format.write_array(buffer, numpy.asarray(values), allow_pickle=False)
    return buffer.getvalue()
