"""Version 3's `code/inference.py`: answers with the size of the flower as well.

It has a bug that no gate can find: none of the flowers that were ever measured has petals of 9 cm or more.
"""

from typing import Any

import numpy as np
import onnxruntime

SIZES = ("small", "medium", "large")


def model_fn(model_dir: str) -> onnxruntime.InferenceSession:
    """Load the model that lies beside this code."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(f"{model_dir}/model.onnx", options, providers=["CPUExecutionProvider"])


def predict_fn(rows: list[dict[str, float]], model: onnxruntime.InferenceSession) -> list[dict[str, Any]]:
    """The kind and the size of each flower."""
    (given,) = model.get_inputs()
    probabilities = model.run(None, {given.name: np.array([list(row.values()) for row in rows], np.float32)})[-1]
    sizes = [SIZES[int(row["petal_length"] / 3)] for row in rows]
    return [{"class": int(p.argmax()), "size": size} for p, size in zip(probabilities, sizes, strict=True)]
