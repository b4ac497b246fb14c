"""The held-out rows of a run, kept beside the model so that packaging can compare on them. No pickle.

Numbers are kept as they are; texts as JSON, since an array of them would be as wide as the longest is long.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Validation:
    """X: float32 [n, f], or texts, object [n, 1]. y: text [n] (classification) or float64 [n] (regression)."""

    X: npt.NDArray[Any]
    y: npt.NDArray[Any]

    def to_bytes(self) -> bytes:
        """As an uncompressed .npz; equal rows give equal bytes."""
        buffer = io.BytesIO()
        if self.X.dtype == object:
            texts = np.frombuffer(json.dumps(self.X[:, 0].tolist()).encode(), np.uint8)
            np.savez(buffer, allow_pickle=False, texts=texts, y=self.y)
        else:
            np.savez(buffer, allow_pickle=False, X=self.X, y=self.y)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Validation":
        """Read what `to_bytes` wrote. Raises InvalidInput."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                if "texts" not in arrays:
                    return cls(arrays["X"], arrays["y"])
                return cls(column(json.loads(arrays["texts"].tobytes())), arrays["y"])
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InvalidInput(f"The validation rows are damaged: {error}.", hint="Train again.") from None


def column(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Texts as rows of one feature: object [n, 1]."""
    rows = np.empty((len(texts), 1), object)
    rows[:, 0] = texts
    return rows
