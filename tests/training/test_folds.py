import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.training.folds import folds


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=4), parts=st.integers(2, 10), seed=st.integers(0, 9))
def test_each_row_is_held_out_once_and_classes_are_dealt_evenly(counts: list[int], parts: int, seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    found = folds(y, parts, seed, by_class=True)
    assert sorted(np.concatenate([fold.held for fold in found]).tolist()) == list(range(len(y)))
    sizes = [len(fold.held) for fold in found]
    assert max(sizes) - min(sizes) <= 1
    for fold in found:
        assert sorted([*fold.fit, *fold.held]) == list(range(len(y)))
    for label in range(len(counts)):
        of_class = [int((y[fold.held] == label).sum()) for fold in found]
        assert max(of_class) - min(of_class) <= 1


@pytest.mark.parametrize("by_class", [True, False])
def test_seeds_decide(by_class: bool) -> None:
    y = np.arange(40) % 2
    one, again, other = (folds(y, 3, seed, by_class=by_class) for seed in (1, 1, 2))
    assert [fold.held.tolist() for fold in one] == [fold.held.tolist() for fold in again]
    assert [fold.held.tolist() for fold in one] != [fold.held.tolist() for fold in other]
