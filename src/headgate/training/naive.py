"""What a model has to beat: always giving the same answer.

For classes that is the most frequent one of the rows to learn from, the majority baseline, with their shares as
probabilities; for numbers it is the mean. A model that is hardly better has learnt hardly anything, whatever its
metrics look like: 95 % accuracy is nothing where 95 % of the rows are of one class.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.training.metrics import score_classes, score_values


def naive(labels: tuple[str, ...], learnt: npt.NDArray[Any], held: npt.NDArray[Any]) -> dict[str, Any]:
    """`answer` and its `metrics` on the targets `held`; `learnt` are the targets to learn from.

    `labels`: the classes, sorted; empty for regression.
    """
    if not labels:
        mean = float(np.mean(learnt))
        return {"answer": mean, "metrics": score_values(held, np.full(len(held), mean))}
    shares = np.array([np.mean(learnt == label) for label in labels])
    answers = np.tile(shares, (len(held), 1))
    return {"answer": labels[int(shares.argmax())], "metrics": score_classes(labels, held, answers)}
