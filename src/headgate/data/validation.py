"""The held-out rows of a run, kept beside the model so that packaging can compare on them. No pickle."""

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Validation:
    """X: float32 [n, f]. y: text [n] (classification) or float64 [n] (regression)."""

    X: npt.NDArray[np.float32]
    y: npt.NDArray[Any]

    def to_bytes(self) -> bytes:
        """As an uncompressed .npz; equal rows give equal bytes."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, X=self.X, y=self.y)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Validation":
        """Read what `to_bytes` wrote. Raises InvalidInput."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls(arrays["X"], arrays["y"])
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InvalidInput(f"The validation rows are damaged: {error}.", hint="Train again.") from None
