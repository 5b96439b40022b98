"""Arguments that are single numbers: the usual types have a way of their own, and must not be told from the others."""

import math

import numpy as np
import pytest

from gilfree.kernels._scalars import finite_float, integer


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
