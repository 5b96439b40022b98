"""Arguments that are single numbers: the usual types have a way of their own, and must not be told from the others."""

import math

import numpy as np
import pytest

from gilfree._kernels import finite_float, integer, numbers


class Whole:
    """An int to those who ask."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize("kind", [int, np.int64, Whole])
class TestIntegers:
    @pytest.mark.parametrize("value", [1, 2, 5])
    def test_within_bounds_become_ints(self, kind, value):
        number = integer("k", kind(value), 1, 5)
        assert (type(number), number) == (int, value)
        assert integer("k", kind(value), 1) == value

    @pytest.mark.parametrize("value", [0, 6, -(2**40), 2**40])
    def test_out_of_bounds_are_refused(self, kind, value):
        with pytest.raises(ValueError, match=rf"^k: wanted 1 to 5, the number of things, got {value}$"):
            integer("k", kind(value), 1, 5, ", the number of things")

    def test_below_the_least_are_refused(self, kind):
        with pytest.raises(ValueError, match=r"^k: wanted 3 or more, got 2$"):
            integer("k", kind(2), 3)


@pytest.mark.parametrize("value", [1.0, "1", None, np.float64(1)])
def test_others_are_no_ints(value):
    with pytest.raises(TypeError, match=rf"^k: wanted an int, got {type(value).__name__}$"):
        integer("k", value, 0)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
class TestFloats:
    @pytest.mark.parametrize("value", [-0.5, 0.0, 1.5])
    def test_within_bounds_become_floats(self, kind, value):
        for bounds in ((), (value,), (value, value - 1), (-math.inf, value - 1)):
            number = finite_float("x", kind(value), *bounds)
            assert (type(number), number) == (float, value)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_not_finite_are_refused(self, kind, value):
        with pytest.raises(ValueError, match="x: wanted a finite number, got"):
            finite_float("x", kind(value))

    def test_out_of_bounds_are_refused(self, kind):
        with pytest.raises(ValueError, match="x: wanted a finite number of 1 or more, got"):
            finite_float("x", kind(0.5), 1)
        with pytest.raises(ValueError, match="x: wanted a finite number above 0.5, got"):
            finite_float("x", kind(0.5), above=0.5)


def test_ints_are_floats():
    assert type(finite_float("x", 3)) is float
    assert finite_float("x", 3, 3) == 3


@pytest.mark.parametrize("value", ["one", None, [], 1j])
def test_others_are_no_floats(value):
    with pytest.raises(TypeError, match="^x: wanted a float, got "):
        finite_float("x", value)


TABLE = (("k", int, 1, 5), ("n", int, 0, None), ("x", float, 0.0, -math.inf), ("y", float, -math.inf, 2.0))


@pytest.mark.parametrize("values", [(1, 0, 0.0, 2.5), (Whole(5), np.int64(2**40), 3, np.float32(4))])
def test_several_at_once_become_what_each_becomes(values):
    (k, n, x, y), found = values, numbers(TABLE, *values)
    assert found == [integer("k", k, 1, 5), integer("n", n, 0), finite_float("x", x, 0), finite_float("y", y, above=2)]
    assert [type(value) for value in found] == [int, int, float, float]


@pytest.mark.parametrize(
    ("place", "value", "error", "words"),
    [
        (0, 6, ValueError, "k: wanted 1 to 5, got 6"),
        (0, 1.0, TypeError, "k: wanted an int, got float"),
        (1, -1, ValueError, "n: wanted 0 or more, got -1"),
        (2, -0.5, ValueError, "x: wanted a finite number of 0 or more, got -0.5"),
        (2, math.nan, ValueError, "x: wanted a finite number of 0 or more, got nan"),
        (3, 2.0, ValueError, "y: wanted a finite number above 2, got 2.0"),
        (3, "two", TypeError, "y: wanted a float, got 'two'"),
    ],
)
def test_one_of_several_is_refused_as_if_it_were_alone(place, value, error, words):
    values = [1, 0, 0.0, 2.5]
    values[place] = value
    with pytest.raises(error) as caught:
        numbers(TABLE, *values)
    assert str(caught.value) == words


def test_several_are_as_many_as_are_wanted():
    for values in ((), (1, 0, 0.0), (1, 0, 0.0, 2.5, 1)):
        with pytest.raises(TypeError, match="wanted 4, got"):
            numbers(TABLE, *values)
