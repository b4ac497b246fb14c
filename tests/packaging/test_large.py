"""From how many rows on XGBoost itself answers."""

from typing import Any

import numpy as np
import pytest
import xgboost

from headgate.data.trained import Trained
from headgate.packaging.large import LARGE_BATCH, large_batch, visits

ROWS = np.random.RandomState(0).standard_normal((300, 3)).astype(np.float32)


def trained(rounds: int, **parameters: Any) -> Trained:
    data = xgboost.DMatrix(ROWS, ROWS[:, 0] + ROWS[:, 1] ** 2)
    return Trained(xgboost.train({"nthread": 1, **parameters}, data, rounds), "regression", ())


def test_visits_are_the_depth_of_the_leaves() -> None:
    assert visits(trained(5, max_depth=1)) == 5.0
    assert 10.0 < visits(trained(5, max_depth=3)) <= 15.0
    assert visits(trained(5, max_depth=1, booster="dart")) == 5.0
    assert visits(trained(5, booster="gblinear")) == 0


@pytest.mark.parametrize(("rounds", "expected"), [(30, 0), (300, LARGE_BATCH)])
def test_large_models_have_large_batches(rounds: int, expected: int) -> None:
    assert large_batch(trained(rounds, max_depth=4)) == expected
