"""The project's `code/inference.py`: answers with the kind of a flower and its size.

Versions 1 and 2 have it as it is; the demo spoils it for versions 3 and 4.
"""

from typing import Any

import numpy as np
import onnxruntime

Row = dict[str, float]


def model_fn(model_dir: str) -> onnxruntime.InferenceSession:
    """Load the model that lies beside this code, and warm it up."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = onnxruntime.InferenceSession(f"{model_dir}/model.onnx", options, providers=["CPUExecutionProvider"])
    predict_fn([{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}], model)
    return model


def predict_fn(rows: list[Row], model: onnxruntime.InferenceSession) -> list[dict[str, Any]]:
    """The kind (0, 1, 2) and the size of each flower."""
    features = np.array([list(row.values()) for row in rows], np.float32)
    _, probabilities = model.run(None, {"features": features})
    kinds = probabilities.argmax(axis=1).tolist()
    return [{"kind": kind, "size": size_of(row["petal_length"])} for kind, row in zip(kinds, rows, strict=True)]


def size_of(petal_length: float) -> str:
    """In words; lengths in cm."""
    return "small" if petal_length < 3 else "medium" if petal_length < 6 else "large"
