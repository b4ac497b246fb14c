import math

import numpy as np
import pytest

from headgate.training.metrics import score_classes, score_values


def test_classes() -> None:
    y = np.array(["a", "a", "b", "b"])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]], np.float32)
    scores = score_classes(("a", "b"), y, probabilities)
    assert scores["accuracy"] == 0.75
    assert scores["f1_macro"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert scores["log_loss"] == pytest.approx(-sum(map(math.log, (0.9, 0.4, 0.8, 0.9))) / 4, rel=1e-6)


def test_a_class_that_is_neither_held_out_nor_predicted_counts_as_zero() -> None:
    scores = score_classes(("a", "b"), np.array(["a"]), np.array([[1.0, 0.0]], np.float32))
    assert scores["f1_macro"] == 0.5


def test_values() -> None:
    scores = score_values(np.array([1.0, 2.0, 3.0]), np.array([1, 2, 5], np.float32))
    assert scores == pytest.approx({"rmse": math.sqrt(4 / 3), "mae": 2 / 3, "mse": 4 / 3, "r2": -1.0})


def test_what_cannot_be_computed_is_none() -> None:
    assert score_values(np.array([1.0]), np.array([2], np.float32))["r2"] is None


def test_values_at_the_end_of_float32_can_be_computed() -> None:
    scores = score_values(np.array([1.0, 2.0]), np.array([1e38, 3e38], np.float32))
    assert None not in scores.values()
