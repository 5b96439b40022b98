"""NaN, infinities, zeros of both signs and the largest and smallest of numbers, anywhere among the arguments."""

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS
from hypothesis import given
from hypothesis import strategies as st
from kernel_calls import PLACES, at, function_of, identical, identify, make, place_id, put

from gilfree.kernels import KERNELS

SPECIAL = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, -5e-324, 1e-310, 1.7e308, -1.7e308, 2.0**31, 2.0**63]
FLOATS = [(name, place) for name, place in PLACES if at(make(name), place).dtype.kind == "f"]
INTEGERS = [(name, place) for name, place in PLACES if at(make(name), place).dtype.kind in "iu"]
CALLS = {name: make(name) for name in KERNELS}

every_float = pytest.mark.parametrize(("name", "place"), FLOATS, ids=place_id)


def outcome(call, name, **options):
    """The result, bit for bit, or what is wrong with the arguments."""
    try:
        return identify(call(function_of(name), **options))
    except ValueError as error:
        return str(error)


def with_values(name, place, values):
    """The call with these values at these (relative) positions."""
    array = at(CALLS[name], place).copy()
    flat = array.reshape(-1)
    for position, value in values:
        with np.errstate(over="ignore", invalid="ignore"):
            flat[int(position * (flat.size - 1))] = value
    return put(CALLS[name], place, array)


positions = st.floats(0, 1)


@every_float
@given(values=st.lists(st.tuples(positions, st.sampled_from(SPECIAL)), min_size=1, max_size=6))
def test_one_outcome(name, place, values):
    """Whatever it is, it does not depend on who computes it, and an error tells which argument it is about."""
    call = with_values(name, place, values)
    first = outcome(call, name)
    assert outcome(call, name, release_gil=False) == first
    assert outcome(call, name, release_gil=True, workers=3) == first
    assert not isinstance(first, str) or "wanted" in first


@every_float
def test_the_sign_of_zero_and_subnormal_numbers_are_as_small_as_they_are(name, place):
    """In place of a number as small as a positive one of 1e-300, they change no result by more than rounding does."""
    for value in (0.0, -0.0, 5e-324, 1e-310):
        call, same = (with_values(name, place, [(0.5, number)]) for number in (value, 1e-300))
        results = []
        for one in (call, same):
            try:
                results.append(one(function_of(name)))
            except ValueError as error:
                results.append(str(error))
        if isinstance(results[1], str) or isinstance(results[0], str):
            assert "wanted" in str(results[0]) or "wanted" in str(results[1])
        else:
            assert PROBLEMS[name].same(results[1], results[0])


@pytest.mark.parametrize(("name", "place"), INTEGERS, ids=place_id)
@given(values=st.lists(st.tuples(positions, st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=6))
def test_integers_out_of_range(name, place, values):
    call = CALLS[name]
    array = at(call, place).astype(np.int64) if at(call, place).dtype.kind == "i" else at(call, place).copy()
    low, high = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
    for position, value in values:
        array[tuple(int(position * (length - 1)) for length in array.shape)] = max(low, min(high, value))
    call = put(call, place, array)
    first = outcome(call, name)
    assert outcome(call, name, release_gil=False) == first
    assert outcome(call, name, release_gil=True, workers=3) == first
    assert not isinstance(first, str) or "wanted" in first


def test_the_calls_were_left_as_they_are():
    for name in KERNELS:
        assert identical(CALLS[name](function_of(name)), make(name)(function_of(name)))
