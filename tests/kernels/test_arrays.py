"""What the faces share about arrays: which are used in place, and that nobody moves them during a call."""

import ctypes
import mmap

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS
from kernel_calls import seeing

import gilfree
from gilfree import _kernels
from gilfree.kernels import KERNELS, _arrays, _lazy


def try_to_resize(array):
    array.resize(array.size + 1000, refcheck=False)


def test_an_array_that_is_held_cannot_be_resized():
    array = np.zeros(10)
    held = _kernels.hold((3, array, "text"), np.ndarray)
    with pytest.raises(ValueError, match="resize"):
        try_to_resize(array)
    del held
    try_to_resize(array)
    assert array.size == 1010


def test_nor_can_the_one_that_it_is_a_view_of():
    owner = np.zeros((10, 10))
    held = _kernels.hold((owner[2:].T[1:],), np.ndarray)
    with pytest.raises(ValueError, match="resize"):
        try_to_resize(owner)
    del held
    try_to_resize(owner)


def test_a_map_under_an_array_cannot_be_closed():
    memory = mmap.mmap(-1, 4096)
    held = _kernels.hold((np.frombuffer(memory, np.uint8)[5:],), np.ndarray)
    with pytest.raises(BufferError):
        memory.close()
    del held
    memory.close()


def test_what_exports_no_buffer_is_kept_alive():
    class Owner:
        def __init__(self):
            self.memory = (ctypes.c_double * 4)()
            address = ctypes.addressof(self.memory)
            self.__array_interface__ = {"shape": (4,), "typestr": "<f8", "data": (address, False), "version": 3}

    owner = Owner()
    held = _kernels.hold((np.asarray(owner),), np.ndarray)
    assert owner in held


def test_other_classes_of_arrays_are_none_of_its_business():
    assert _kernels.hold((np.ma.zeros(3), np.zeros(3).view(np.matrix), None, range(3)), np.ndarray) == []


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.thread_unsafe(reason="patches")
def test_arguments_are_held_during_a_call(name):
    call = PROBLEMS[name].make("tiny")
    parts = [part for value in call.args for part in (value if isinstance(value, tuple) else [value])]
    arrays = [part for part in parts if type(part) is np.ndarray and part.base is None]
    if not arrays:
        pytest.skip("takes no array")
    refused = []

    def see(given):
        for array in arrays:
            if any(value is array for value in given):
                with pytest.raises(ValueError, match="resize"):
                    try_to_resize(array)
                refused.append(array)

    for options in ({}, {"workers": 2}):
        with seeing(see):
            call(KERNELS[name].functions[0], **options)
        assert refused
        refused.clear()


DOUBLE = np.dtype(np.float64)


@pytest.mark.parametrize(
    ("value", "usable"),
    [
        (np.zeros((2, 3)), True),
        (np.zeros((0, 3)), True),
        (np.zeros((2, 3)).view(), True),
        (np.zeros((3, 2)).T, False),
        (np.zeros((4, 3))[::2], False),
        (np.zeros(3), False),
        (np.zeros((2, 3), np.float32), False),
        (np.zeros((2, 3), ">f8"), False),
        (np.zeros(49, np.uint8)[1:].view(np.float64).reshape(2, 3), False),
        (np.zeros((2, 3)).view(np.matrix), False),
        ([[1.0, 2.0]], False),
    ],
    ids=[
        "as it is",
        "empty",
        "view",
        "transposed",
        "strided",
        "1-D",
        "float32",
        "swapped",
        "misaligned",
        "matrix",
        "list",
    ],
)
def test_which_are_usable(value, usable):
    assert _arrays.usable(value, 2, (DOUBLE,)) == usable
    assert (_arrays.float_array("value", value, np.ndim(value), DOUBLE) is value) == (usable or np.ndim(value) == 1)


def test_one_that_is_read_only_is_usable():
    array = np.zeros((2, 3))
    array.flags.writeable = False
    assert _arrays.float_array("value", array, 2) is array


@pytest.mark.parametrize("release_gil", [True, False])
def test_call_passes_everything_on(release_gil):
    inputs = range(3), 4, 3, -0.75, 0.0, 0.75, 50
    counts, expected = np.empty((3, 4), np.int32), np.empty((3, 4), np.int32)
    _kernels.mandelbrot(*inputs, expected, release_gil=release_gil)
    assert _kernels.call("mandelbrot", inputs, (counts,), release_gil) is None
    assert np.array_equal(counts, expected)
    assert _kernels.call("edit_distance", ("kitten", "sitting"), (), release_gil) == 3


def test_call_passes_errors_on():
    with pytest.raises(TypeError, match="counts"):
        _kernels.call("mandelbrot", (range(3), 4, 3, -0.75, 0.0, 0.75, 50), (b"",), release_gil=False)
    with pytest.raises(TypeError, match="less than 16"):
        _kernels.call("mandelbrot", (1,) * 10, (2,) * 6, release_gil=False)
    with pytest.raises(KeyError):
        _kernels.call("no such core", (), (), release_gil=False)


@pytest.mark.parametrize("release_gil", [True, False])
def test_fill_makes_an_array_for_each_spec(release_gil):
    inputs = range(3), 4, 3, -0.75, 0.0, 0.75, 50
    wanted = np.empty((3, 4), np.int32)
    _kernels.mandelbrot(*inputs, wanted)
    specs = (("counts", (3, 4), np.dtype(np.int32)),)
    counts = _kernels.fill("mandelbrot", inputs, specs, release_gil, np.empty, np.ndarray)
    assert counts.dtype == np.int32
    assert np.array_equal(counts, wanted)
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    specs = ("distances", (3, 1), np.dtype(np.float64)), ("indices", (3, 1), np.dtype(np.int64))
    distances, indices = _kernels.fill(
        "nearest_neighbors", (points, points, 1), specs, release_gil, np.empty, np.ndarray
    )
    assert distances.tolist() == [[0.0]] * 3
    assert indices.tolist() == [[0], [1], [2]]
    try_to_resize(points)  # it is let go


def test_fill_passes_errors_on():
    inputs = range(3), 4, 3, -0.75, 0.0, 0.75, 50
    with pytest.raises(TypeError, match="counts"):
        _kernels.fill("mandelbrot", inputs, (("counts", (3, 4), np.int64),), False, np.empty, np.ndarray)  # noqa: FBT003
    with pytest.raises(ValueError, match="counts"):
        _kernels.fill("mandelbrot", inputs, (("counts", (4, 4), np.int32),), False, np.empty, np.ndarray)  # noqa: FBT003
    with pytest.raises(MemoryError):
        _kernels.fill("mandelbrot", inputs, (("counts", (2**40, 2**20), np.int32),), False, np.empty, np.ndarray)  # noqa: FBT003
    with pytest.raises(TypeError, match="less than 16"):
        _kernels.fill("mandelbrot", (1,) * 15, (("counts", (3, 4), np.int32),), False, np.empty, np.ndarray)  # noqa: FBT003
    with pytest.raises(ValueError, match="unpack"):
        _kernels.fill("mandelbrot", inputs, (((3, 4), np.int32),), False, np.empty, np.ndarray)  # noqa: FBT003


def test_what_is_lazy_is_the_real_thing():
    assert _lazy.np.ndarray is np.ndarray
    assert _lazy._arrays.compute is _arrays.compute
    with pytest.raises(AttributeError):
        _lazy.np.no_such_function  # noqa: B018


def test_values_held_by_the_default_are_let_go_afterwards():
    points = np.zeros((5, 2))
    gilfree.nearest_neighbors(points, points)
    try_to_resize(points)
    assert points.size == 1010
