"""Calls every kernel with arrays and numbers of absurd sizes, and tells how each call ended.

In a process of its own, which is not given the memory that a mistake would take.
"""

import faulthandler
import json
import mmap
import resource
import sys
from pathlib import Path

import numpy as np
from gilfree.benchmarks.problems import Call
from kernel_calls import PLACES, at, function_of, make, put

import gilfree
from gilfree.kernels import KERNELS

SECONDS = 0.05  # some would be right to go on for ever
SPARE = 2 << 30
HUGE = (2**31, 2**42, 2**60 + 1, 2**62)


def shapes(array):
    """With one or two sides that are huge: of one number without strides, or of none at all."""
    for huge in HUGE:
        for axis in range(array.ndim):
            for other in {array.shape[axis - 1], 0, huge} if array.ndim > 1 else {None}:
                shape = [other, other]
                shape[axis] = huge
                yield tuple(shape[: array.ndim])


def filled(array, shape):
    try:
        return np.broadcast_to(array.reshape(-1)[0], shape) if 0 not in shape else np.empty(shape, array.dtype)
    except ValueError:  # NumPy's own limit
        return None


def ending(call, function):
    try:
        with gilfree.cancel_scope(SECONDS):
            call(function)
    except Exception as error:  # noqa: BLE001 - which one is what is asked
        return f"{type(error).__name__}: {error}"
    return "returned"


def calls(name):
    call = make(name)
    for kernel, place in PLACES:
        if kernel == name:
            for shape in shapes(at(call, place)):
                array = filled(at(call, place), shape)
                # Copies of a few gigabytes are slow, and prove nothing.
                if array is not None and not 2**31 <= array.nbytes < 2**40:
                    yield f"{place} {shape}", put(call, place, array)
    for place, value in (*enumerate(call.args), *call.kwargs.items()):
        if type(value) is int:
            yield from ((f"{place} {huge}", put(call, (place,), huge)) for huge in (*HUGE, 2**63, 2**200))
    for count in HUGE:
        yield from ((f"{name} {args}"[:60], Call(args)) for args in together(name, count))


def together(name, count):
    """Arguments that are huge together, and fit each other; or that no shape is seen of."""
    count = min(count, 2**59)  # above that, NumPy refuses even empty arrays of float64
    nothing = np.empty((count, 0))
    few = np.empty((3, 0))
    true = np.broadcast_to(np.True_, (min(count, 2**31),) * 2)
    zeros = np.zeros(3, np.int32)
    ones = np.ones(2)
    return {
        "nearest_neighbors": [(nothing, few), (few, nothing), (nothing, nothing)],
        "hamming_neighbors": [(nothing.astype(np.uint8), few.astype(np.uint8)), (few.astype(np.uint8),) * 2],
        "viterbi": [(np.empty(0), np.empty((0, 0)), nothing)],
        "convolve2d": [(nothing, np.ones((2, 2))), (nothing.T, np.ones((2, 2)))],
        "sparse_matvec": [
            ((ones, zeros[:2], zeros, (count, 2)), ones),
            ((ones, zeros[:2], zeros, (2, count)), np.broadcast_to(1.0, (count,))),
            ((ones, zeros[:2], zeros, (2, 2)), np.broadcast_to(1.0, (2, count // 32))),
        ],
        "shortest_paths": [((ones, zeros[:2], zeros, (count, count)), [0])],
        "edit_distance": [([LONG], [b"ab"]), ([b"ab"], [LONG])],
        "exact_cover": [(true,), (true[:0],), (true[:, :0],), (nothing.astype(bool),), (nothing.T.astype(bool),)],
        "pattern_set": [(gilfree.PatternSet([b"ab"]), LONG)],
    }.get(name, [])


faulthandler.enable()
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # new in Python 3.12; of Linux
LONG = mmap.mmap(-1, 2**33, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
gilfree.mandelbrot(2, 2, workers=2)
used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + SPARE, used + SPARE))
for name in KERNELS if len(sys.argv) == 1 else sys.argv[1:]:
    for what, call in calls(name):
        print(json.dumps([name, what, ending(call, function_of(name))]), flush=True)
