"""The call of each kernel that tests make, taken apart and put together again.

`gilfree.benchmarks.problems` has the calls. A place is where an array is among the arguments: the name of a keyword,
the number of an argument, or that and the number of its part where the argument is a tuple (a graph, a matrix).
"""

import dataclasses
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
from gilfree.benchmarks.problems import PROBLEMS

from gilfree import _kernels
from gilfree.kernels import KERNELS

__all__ = [
    "PLACES",
    "arrays_of",
    "at",
    "core_call",
    "function_of",
    "identical",
    "identify",
    "make",
    "place_id",
    "put",
    "seeing",
]


def make(name, size="tiny"):
    return PROBLEMS[name].make(size)


def function_of(name):
    return KERNELS[name].functions[0]


def places(call):
    for number, value in enumerate(call.args):
        if isinstance(value, np.ndarray):
            yield (number,)
        elif isinstance(value, tuple):
            yield from ((number, part) for part, inner in enumerate(value) if isinstance(inner, np.ndarray))
    yield from ((word,) for word, value in call.kwargs.items() if isinstance(value, np.ndarray))


# Every array argument of every kernel.
PLACES = [(name, place) for name in KERNELS for place in places(make(name))]


def place_id(value):
    """The id of a parameter of tests."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def at(call, place):
    first, *rest = place
    value = call.kwargs[first] if isinstance(first, str) else call.args[first]
    return value[rest[0]] if rest else value


def put(call, place, new):
    """The same call with another value in that place."""
    first, *rest = place
    if isinstance(first, str):
        return dataclasses.replace(call, kwargs={**call.kwargs, first: new})
    if rest:
        parts = list(call.args[first])
        parts[rest[0]] = new
        new = tuple(parts)
    return dataclasses.replace(call, args=(*call.args[:first], new, *call.args[first + 1 :]))


def arrays_of(result):
    """A result as a tuple of arrays."""
    return tuple(map(np.asarray, result if isinstance(result, tuple) else (result,)))


def identify(result):
    """What two results have in common when they are the same, bit for bit."""
    return tuple((part.dtype.str, part.shape, part.tobytes()) for part in arrays_of(result))


def identical(result, expected):
    return identify(result) == identify(expected)


@contextmanager
def seeing(see):
    """Has ``see`` called with what each kernel's compiled function is given, before it begins.

    It patches: tests that use it cannot run in several threads at once.
    """

    def seen(function):
        def call(*args, **kwargs):
            see(args)
            return function(*args, **kwargs)

        return call

    with ExitStack() as stack:
        mesh = "mesh_neighbors", "smooth_faces", "smooth_together"
        for core in (*KERNELS, *mesh, "edit_distances", "pattern_set_count", "pattern_set_find_all"):
            stack.enter_context(mock.patch.object(_kernels, core, seen(getattr(_kernels, core))))
        yield


class CapturedError(Exception):
    pass


def core_call(name):
    """The compiled function that a call ends in, and what it is given: the inputs, then the outputs.

    It patches: tests that use it cannot run in several threads at once.
    """

    size = "medium" if name == "exact_cover" else "tiny"  # whose tiny search is done before it is cut

    def capture(work, *_, **__):
        raise CapturedError(work)

    # Which of the two it is depends on what the kernel returns; and short calls of some do without either, unless
    # others are to do the work.
    with (
        mock.patch("gilfree.kernels._arrays.share", capture),
        mock.patch(f"gilfree.kernels.{name}.share", capture, create=True),
    ):
        try:
            make(name, size)(function_of(name), workers=map)
        except CapturedError as error:
            work = error.args[0]
    inputs = work.part(0, 1) if name == "exact_cover" else work.inputs  # one of its subtrees is enough
    return getattr(_kernels, work.core), (*inputs, *work.outputs)
