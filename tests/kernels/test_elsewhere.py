"""Chunks that are sent to workers who share no memory with the caller."""

import pickle

import numpy as np
import pytest
from gilfree.benchmarks.cell import identical
from gilfree.benchmarks.problems import PROBLEMS

from gilfree.kernels import KERNELS

moved = []


def at_odd_addresses(value):
    """What arrives if arrays are left in the middle of a message, as Dask does over TCP."""
    buffers = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    whole = [np.zeros(buffer.raw().nbytes + 1, np.uint8) for buffer in buffers]
    for place, buffer in zip(whole, buffers, strict=True):
        place[1:] = np.frombuffer(buffer.raw(), np.uint8)
    moved.extend(whole)
    return pickle.loads(data, buffers=[memoryview(place)[1:] for place in whole])


def far_away(function, chunks):
    function, chunks = pickle.loads(pickle.dumps(function)), list(chunks)
    return [function(at_odd_addresses(chunk)) for chunk in chunks]


@pytest.mark.parametrize("name", KERNELS)
def test_arrays_that_arrive_misaligned_give_the_same(name):
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    assert identical(call(function, workers=far_away), call(function))


def test_some_arrays_were_misaligned():
    at_odd_addresses(np.zeros(5))
    assert all(place[1:].ctypes.data % 2 for place in moved)
