"""Results written over the arguments, or over each other: as if there were no overlap."""

import inspect

import numpy as np
import pytest
from kernel_calls import PLACES, arrays_of, at, function_of, identical, make, place_id, put

with_out = [(name, place) for name, place in PLACES if "out" in inspect.signature(function_of(name)).parameters]


def overlapping(array, shape, dtype, offset):
    """A copy of the array, and room for a result that begins so many bytes after (or before) it in the same memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(array.nbytes + size + abs(offset), np.uint8)
    first, second = max(0, -offset), max(0, offset)
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    out = memory[second : second + size].view(dtype).reshape(shape)
    return copy, out


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("name", "place"), with_out, ids=place_id)
def test_of_out_with_an_argument(name, place, workers):
    call, function = make(name), function_of(name)
    expected = call(function)
    results = arrays_of(expected)
    array = at(call, place)
    for number, result in enumerate(results):
        for offset in (0, 8, -8, 1, -3, array.nbytes // 16 * 8, array.nbytes - 1, -result.nbytes // 2):
            copy, out = overlapping(array, result.shape, result.dtype, offset)
            assert np.shares_memory(copy, out) or offset < 0
            outs = [np.empty_like(part) for part in results]
            outs[number] = out
            given = tuple(outs) if isinstance(expected, tuple) else out
            assert identical(put(call, place, copy)(function, out=given, workers=workers), expected)
            assert identical(given, expected)


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in with_out))
def test_of_one_result_with_the_other(name):
    """There is nothing that both could hold; what counts is that nothing else is written, and that it returns."""
    call, function = make(name), function_of(name)
    expected = call(function)
    if not isinstance(expected, tuple):
        pytest.skip("returns one array")
    memory = np.full(sum(part.nbytes for part in expected) + 64, 7, np.uint8)
    outs, end = [], 0
    for number, part in enumerate(expected):
        start = 8 * number
        end = max(end, start + part.nbytes)
        outs.append(memory[start : start + part.nbytes].view(part.dtype).reshape(part.shape))
    call(function, out=tuple(outs))
    assert identical(outs[-1], expected[-1])  # the one that is copied last
    assert (memory[end:] == 7).all()
