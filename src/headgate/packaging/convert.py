"""From XGBoost to ONNX, by onnxmltools.

Equal models give equal bytes: the graph's name is fixed (converters make up a random one) and nodes' attributes are
sorted. Whether the result answers like the original is never assumed; `parity` finds out.
"""

import warnings

from headgate.data.trained import Trained
from headgate.errors import HeadgateError, MissingExtra

try:
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
except ImportError:
    raise MissingExtra("Packaging", "train") from None

GRAPH_NAME = "headgate"
INPUT_NAME = "features"


def to_onnx(trained: Trained, features: int) -> bytes:
    """The model as ONNX: one float32 input `features` [n, f]; probabilities [n, classes] or values [n, 1].

    Raises HeadgateError where the converter gives up.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter's own deprecations are not the user's
            model = convert_xgboost(
                trained.booster, name=GRAPH_NAME, initial_types=[(INPUT_NAME, FloatTensorType([None, features]))]
            )
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise HeadgateError(
            f"This model cannot be converted to ONNX: {error}.",
            hint="Look at run.json for the versions; other parameters, or another version of xgboost, may convert.",
        ) from error
    for node in model.graph.node:
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    return bytes(model.SerializeToString(deterministic=True))
