"""From how many rows on XGBoost itself answers faster than ONNX, by how much work a row is.

XGBoost spends about a tenth of a millisecond on any call, ONNX little; for that a node of a tree costs XGBoost less
than half of what it costs ONNX. So what decides is the number of nodes that a row visits. Measured for models of 20 to
300 trees of depth 3 to 6: below 800 visits a request of 1,000 rows is not even half as fast again, and the model need
not be packaged twice; from there on 128 rows are faster by half and 1,000 rows at least twice as fast. The rule is
fixed and not measured anew each time, because the same model is to give the same package; the times of both are in its
record.
"""

import json

from headgate.data.trained import Trained

LARGE_BATCH = 128
MIN_VISITS = 800


def large_batch(trained: Trained) -> int:
    """The number of rows, or 0 where ONNX should answer all."""
    return LARGE_BATCH if visits(trained) >= MIN_VISITS else 0


def visits(trained: Trained) -> float:
    """How many nodes a row visits: the mean depth of the leaves, summed over the trees."""
    document = json.loads(bytes(trained.booster.save_raw("json")))
    booster = document["learner"]["gradient_booster"]
    trees = booster.get("model", booster.get("gbtree", {}).get("model", {})).get("trees", [])  # dart wraps gbtree
    return sum(_mean_depth(tree["left_children"], tree["right_children"]) for tree in trees)


def _mean_depth(left: list[int], right: list[int]) -> float:
    leaves = depths = 0
    waiting = [(0, 0)]
    while waiting:
        node, depth = waiting.pop()
        if left[node] < 0:  # a leaf has no child
            leaves, depths = leaves + 1, depths + depth
        else:
            waiting += [(left[node], depth + 1), (right[node], depth + 1)]
    return depths / leaves
