"""Units are counted once, and folds are kept within bounds."""

from collections.abc import Sequence

from headgate.engine.evidence.tally import Units
from headgate.engine.evidence.units import Fold, Folds, Question


def units(hashes: Sequence[int], failing: int = 0, largest: int = 10, requests: Sequence[int] = ()) -> Units:
    return Units(hashes, failing, [largest] * len(hashes), len(requests), requests)


def test_units_survive_their_encoding() -> None:
    made = units([2**64 - 1, 3, 0], 2, 2**32 - 1, [1, 5, 5])
    decoded = Units.decode(made.encode())
    assert list(decoded.hashes) == [2**64 - 1, 3, 0]
    assert (decoded.failing, decoded.requests, decoded.slowest) == (2, 3, 2**32 - 1)
    assert (list(decoded.largest), list(decoded.microseconds)) == ([2**32 - 1] * 3, [1, 5, 5])
    assert decoded.slow(1) == ([2**64 - 1, 3, 0], 2)


def test_open_seconds_are_counted_on_top_and_remembered_nowhere() -> None:
    fold = Fold(Question("iris", "failing", 10))
    fold.add([(10, {"stable": units([1, 2], 1)})], 11)
    upcoming = [(11, {"stable": units([1, 3], 2), "canary": units([3, 4], 2)}), (12, {"stable": units([4, 5], 2)})]
    expected = {"canary": {11: 2}, "stable": {12: 1}}
    assert fold.open(upcoming, 1) == expected
    assert fold.open(upcoming, 2) == expected
    assert fold.counts == {"stable": {10: 1}}
    fold.add(upcoming, 13)
    assert fold.counts == {"canary": {11: 2}, "stable": {10: 1, 12: 1}}


def test_a_fold_that_is_interrupted_goes_on_where_it_was() -> None:
    fold = Fold(Question("iris", "seen", 10))
    fold.add([(10, {"stable": units([1])}), (14, {"stable": units([2])})], 15)
    assert fold.upto == 15
    fold.add(iter([(15, {"stable": units([1, 3], requests=[7])})]), 20)
    assert fold.counts == {"stable": {10: 1, 14: 1, 15: 2}}


def test_the_folds_not_asked_for_longest_go_first() -> None:
    folds = Folds(folds=3)
    asked = [Question("iris", "seen", since) for since in range(4)]
    first = [folds.get(question) for question in asked[:3]]
    assert folds.get(asked[0]) is first[0]
    folds.get(asked[3])
    assert folds.get(asked[0]) is first[0]
    assert folds.get(asked[1]) is not first[1]


def test_folds_of_many_units_go_too_but_never_the_one_asked_for() -> None:
    folds = Folds(units=5)
    for since in (0, 1):
        fold = folds.get(Question("iris", "seen", since))
        fold.add([(since, {"stable": units(range(4))})], since + 1)
    kept = folds.get(Question("iris", "seen", 1))
    assert list(folds) == [kept]
    assert len(kept) == 4
