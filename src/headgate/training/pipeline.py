"""The recipe `gradient-boosting`: scikit-learn's boosted trees behind an imputer.

The median of what was learnt from stands in for a missing value. scikit-learn's other boosting, by histograms, takes
missing values as they are but has no translation to ONNX.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from headgate.core.progress import Progress
from headgate.core.schema import Task
from headgate.data.fitted import Fitted
from headgate.spec.train import GradientBoostingParams


def learn_pipeline(
    task: Task,
    labels: tuple[str, ...],
    X: npt.NDArray[np.float32],
    y: npt.NDArray[Any],
    *,
    params: GradientBoostingParams,
    seed: int,
    progress: Progress,
) -> Fitted:
    """Learn from X (float32 [n, f], NaN where missing) and y (text [n] or float64 [n]). Equal inputs, equal models."""
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)  # columns stay where they are
    rows = imputer.fit_transform(X)
    kind = GradientBoostingRegressor if task == "regression" else GradientBoostingClassifier
    trees = kind(**params.model_dump(), random_state=seed)

    def told(number: int, _model: Any, _locals: Any) -> bool:
        progress("boosting", (number + 1) / params.n_estimators)
        return False

    trees.fit(rows, y, monitor=told)
    return Fitted(Pipeline([("imputer", imputer), ("trees", trees)]), task, labels)
