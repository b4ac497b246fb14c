"""float32 numbers as the shortest decimals, one by one and many at once."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.serving.backends.answers import labelled, one_number, shortest, valued
from headgate.serving.failure import ModelFailure

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=17, max_size=60))
def test_many_at_once_read_back_the_same_and_are_as_short(values: list[float]) -> None:
    array = numpy.array(values, numpy.float32)
    found = shortest(array)
    assert (numpy.array(found, numpy.float32) == array).all()
    alone = [one_number(value) for value in array]
    # where a float32 is a power of two, the shortest decimal may have two forms of one length
    assert [len(repr(number)) for number in found] == [len(repr(number)) for number in alone]


def test_noise_is_gone_at_any_size() -> None:
    for size in (1, 100):
        assert shortest(numpy.full(size, 74.2, numpy.float32)) == [74.2] * size
    odd = [0.0, -0.0, 1e-30, 3.4028235e38, 1e6, 123456.7, -0.1, 1e-13, 5e-324, 16777216.0]
    array = numpy.array(odd * 3, numpy.float32)
    assert shortest(array) == [float(str(value)) for value in array]


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_no_number_is_a_failure(size: int, value: float) -> None:
    array = numpy.full(size, value, numpy.float32)
    with pytest.raises(ModelFailure, match="NaN or infinity"):
        valued(array, size)


def test_all_probabilities_where_asked() -> None:
    array = numpy.array([[0.25, 0.75], [0.5, 0.5]], numpy.float32)
    assert labelled(array, ("a", "b"), True) == [
        {"label": "b", "probability": 0.75, "probabilities": {"a": 0.25, "b": 0.75}},
        {"label": "a", "probability": 0.5, "probabilities": {"a": 0.5, "b": 0.5}},
    ]
    with pytest.raises(ModelFailure, match=r"shape \[2, 2\], the schema has 3 labels"):
        labelled(array, ("a", "b", "c"), False)


def test_several_values_a_row() -> None:
    assert valued(numpy.array([[1, 2], [3, 4]], numpy.float32), 2) == [{"value": [1.0, 2.0]}, {"value": [3.0, 4.0]}]
