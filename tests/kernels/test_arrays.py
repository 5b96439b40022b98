"""What the faces share about arrays: which are used in place, and that nobody moves them during a call."""

import ctypes
import mmap
import time
from functools import partial
from unittest import mock

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


@pytest.mark.parametrize("size", [1, 5_000_000])
@pytest.mark.parametrize("view", [np.ndarray.view, lambda a: a[1:], lambda a: a[::-2], lambda a: a[None]])
def test_a_view_of_what_an_array_was_before_it_was_resized_is_refused(view, size):
    owner = np.zeros(1000)
    part = view(owner)
    held = _kernels.hold((part, owner), np.ndarray)
    with pytest.raises(ValueError, match="resize"):
        try_to_resize(owner)
    del held
    owner.resize(size, refcheck=False)
    with pytest.raises(ValueError, match="resized"):
        _kernels.hold((part,), np.ndarray)
    assert _kernels.hold((owner, view(owner)[:0]), np.ndarray)


def test_a_view_whose_owner_is_in_no_buffer_is_held():
    days = np.zeros(9, "M8[D]")
    held = _kernels.hold((days.view(np.int64),), np.ndarray)
    assert len(held) == 2


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
    assert _arrays.usable(value, "f", 2, 8) == usable
    assert (_arrays.float_array("value", value, np.ndim(value), 8) is value) == (usable or np.ndim(value) == 1)
    assert (_arrays.float_arrays(0, ("value", value, np.ndim(value)))[0] is value) == (
        usable or getattr(value, "dtype", None) == np.float32 or np.ndim(value) == 1
    )


DTYPES = [np.dtype(letter) for letter in "?bBhHiIlLqQefdgFDmMOSUV"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_which_dtypes_are_usable(dtype):
    array = np.zeros((2, 3), dtype)
    for letter, sizes in (("f", (0, 4, 8)), ("i", (0, 4, 8)), ("u", (1,))):
        for size in sizes:
            wanted = dtype.kind == letter and dtype.itemsize in ((size,) if size else (4, 8)) and dtype.char != "g"
            assert _kernels.usable(array, np.ndarray, letter, 2, size) == wanted


def test_letters_are_those_of_numpy():
    with pytest.raises(ValueError, match="letter: wanted"):
        _kernels.usable(np.zeros(1), np.ndarray, "d", 1)


@pytest.mark.parametrize("kinds", ["dd", "ff", "fd", "df", "dfd", "ii", "di", "fi", "ee"])
def test_several_become_alike(kinds):
    given = [np.arange(3).astype(kind) for kind in kinds]
    found = _arrays.float_arrays(0, *[("x", array, 1) for array in given])
    assert [array.dtype for array in _arrays.float_arrays(8, *[("x", array, 1) for array in given])] == [
        np.float64
    ] * len(kinds)
    dtype = np.float32 if set(kinds) <= {"e", "f"} else np.float64
    assert [array.dtype for array in found] == [dtype] * len(kinds)
    assert all(array.tolist() == [0, 1, 2] for array in found)
    for array, one in zip(found, given, strict=True):
        assert (array is one) == (one.dtype == dtype)
    with pytest.raises(ValueError, match="last: wanted 2 dimension"):
        _arrays.float_arrays(0, *[("x", array, 1) for array in given], ("last", given[0], 2))


def test_a_buffer_takes_hardly_longer_than_by_others():
    # In free-threaded Python 3.13 it would take two hundred times as long, were the array locked twice.
    array = np.zeros((4, 3))
    ours, others = [], []
    for _ in range(200):
        began = time.thread_time_ns()
        for _ in range(5):
            assert _kernels.usable(array, np.ndarray, "f", 2, 8)
        between = time.thread_time_ns()
        for _ in range(5):
            memoryview(array).release()
        others.append(time.thread_time_ns() - between)
        ours.append(between - began)
    assert min(ours) < 20 * max(min(others), 1)


def test_only_what_is_not_usable_is_converted():
    asked = []

    def otherwise(*given):
        asked.append(given)
        return 5

    array, single = np.zeros((2, 3)), np.zeros((2, 3), np.float32)
    as_it_is = partial(_kernels.as_it_is, np.ndarray, "f", otherwise, "x")
    assert as_it_is(array, 2) is array
    assert as_it_is(single, 2) is single
    assert as_it_is(array, 2, 8) is array
    assert not asked
    assert [as_it_is(single, 2, 8), as_it_is(array, 1), as_it_is("text", 2)] == [5] * 3
    assert [given[2:] for given in asked] == [(2, 8), (1, 0), (2, 0)]
    assert all(
        given[0] == "x" and given[1] is value for given, value in zip(asked, (single, array, "text"), strict=True)
    )


DATA, INDICES, OFFSETS = np.array([1.0, 2, 3]), np.array([0, 1, 1], np.int32), np.array([0, 2, 3], np.int32)


class Csr:
    """A sparse matrix to those who ask for its parts."""

    format = "csr"

    def __init__(self, *parts, **more):
        self.data, self.indices, self.indptr, self.shape = parts
        vars(self).update(more)


@pytest.mark.parametrize(
    ("value", "usual"),
    [
        ((DATA, INDICES, OFFSETS, (2, 2)), True),
        ((DATA.astype(np.float32), INDICES.astype(np.int64), OFFSETS.astype(np.int64), (2, 2)), True),
        ((DATA[:0], INDICES[:0], OFFSETS[:1], (0, 9)), True),
        (Csr(DATA, INDICES, OFFSETS, (2, 2)), True),
        (Csr(DATA, INDICES, OFFSETS, (2, 2), format="csc"), False),
        (Csr(DATA, INDICES, OFFSETS, [2, 2]), False),
        (([1.0, 2, 3], INDICES, OFFSETS, (2, 2)), False),
        ((DATA, INDICES, OFFSETS.tolist(), (2, 2)), False),
        ((DATA, INDICES.astype(np.int64), OFFSETS, (2, 2)), False),
        ((DATA[:2], INDICES, OFFSETS, (2, 2)), False),
        ((DATA[::-1], INDICES, OFFSETS, (2, 2)), False),
        ((DATA[None], INDICES, OFFSETS, (2, 2)), False),
        ((DATA, INDICES, OFFSETS, (3, 2)), False),
        ((DATA, INDICES, OFFSETS, (2, -1)), False),
        ((DATA, INDICES, OFFSETS, (2.0, 2)), False),
        ((DATA, INDICES, OFFSETS, (True, 2)), False),
        ((DATA, INDICES, OFFSETS, (np.int64(2), 2)), False),
        ((DATA, INDICES, OFFSETS, (2,)), False),
        ((DATA[:0], INDICES[:0], OFFSETS[:0], (-1, 2)), False),
        ((DATA, INDICES, OFFSETS), False),
        (np.eye(2), False),
        (None, False),
    ],
)
def test_which_sparse_matrices_are_usable(value, usual):
    found = _kernels.csr_as_it_is(value, np.ndarray, with_data=True)
    assert (found is not None) == usual
    if found is not None:
        parts = value if isinstance(value, tuple) else (value.data, value.indices, value.indptr, value.shape)
        assert all(one is other for one, other in zip(found, parts, strict=True))
        without = _kernels.csr_as_it_is(value, np.ndarray, with_data=False)
        assert without[0] is None
        assert all(one is other for one, other in zip(without[1:], parts[1:], strict=True))


def test_a_sparse_matrix_needs_no_data_where_none_are_asked_for():
    assert _kernels.csr_as_it_is((None, INDICES, OFFSETS, (2, 2)), np.ndarray, with_data=False) is not None
    assert _kernels.csr_as_it_is((None, INDICES, OFFSETS, (2, 2)), np.ndarray, with_data=True) is None


def test_what_an_attribute_raises_goes_through():
    class Broken(Csr):
        @property
        def indices(self):
            raise ZeroDivisionError

        @indices.setter
        def indices(self, value):
            pass

    with pytest.raises(ZeroDivisionError):
        gilfree.sparse_matvec(Broken(DATA, INDICES, OFFSETS, (2, 2)), DATA[:2])


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


def computed(core, inputs, specs, *, watches=(), seconds=0.0, out=None, workers=1, release_gil=None, **options):
    """What `compute` returns, or what it hands on."""

    class Kind:
        pass

    Kind.core = core
    handed = (Kind, inputs, 3, seconds, specs, out, workers, release_gil)

    def otherwise(*given, **more):
        assert given == handed
        return "otherwise", more

    return _kernels.compute(np.ndarray, np.empty, set(watches), otherwise, *handed, **options)


PICTURE = range(3), 4, 3, -0.75, 0.0, 0.75, 50
COUNTS = (("counts", (3, 4), np.dtype(np.int32)),)


@pytest.mark.parametrize("release_gil", [True, False, None])
@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_compute_makes_an_array_for_each_spec(release_gil, seconds):
    wanted = np.empty((3, 4), np.int32)
    _kernels.mandelbrot(*PICTURE, wanted)
    counts = computed("mandelbrot", PICTURE, COUNTS, seconds=seconds, release_gil=release_gil)
    assert counts.dtype == np.int32
    assert np.array_equal(counts, wanted)
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    specs = ("distances", (3, 1), np.dtype(np.float64)), ("indices", (3, 1), np.dtype(np.int64))
    distances, indices = computed("nearest_neighbors", (points, points, 1), specs, release_gil=release_gil)
    assert distances.tolist() == [[0.0]] * 3
    assert indices.tolist() == [[0], [1], [2]]
    try_to_resize(points)  # it is let go


@pytest.mark.parametrize(
    ("seconds", "wanted", "release"),
    [(0.0, None, False), (49e-6, None, False), (50e-6, None, True), (0.0, True, True), (1.0, False, False)],
)
@pytest.mark.thread_unsafe(reason="patches")
def test_long_calls_release_unless_told_otherwise(seconds, wanted, release):
    assert _kernels.releases(wanted, seconds) is release
    found = []
    with mock.patch.object(_kernels, "mandelbrot", lambda *_, release_gil: found.append(release_gil)):
        computed("mandelbrot", PICTURE, COUNTS, seconds=seconds, release_gil=wanted)
    assert found == [release]


@pytest.mark.parametrize(
    "change", [{"watches": [1]}, {"out": ()}, {"workers": 2}, {"workers": True}, {"workers": map}, {"workers": 1.0}]
)
def test_compute_leaves_to_others_what_is_not_the_usual_case(change):
    assert computed("mandelbrot", PICTURE, COUNTS, **change) == ("otherwise", {"single": False})
    assert computed("mandelbrot", PICTURE, COUNTS, **change, single=True) == ("otherwise", {"single": True})


def test_compute_passes_errors_on():
    with pytest.raises(TypeError, match="counts"):
        computed("mandelbrot", PICTURE, (("counts", (3, 4), np.int64),))
    with pytest.raises(ValueError, match="counts"):
        computed("mandelbrot", PICTURE, (("counts", (4, 4), np.int32),))
    with pytest.raises(MemoryError):
        computed("mandelbrot", PICTURE, (("counts", (2**40, 2**20), np.int32),))
    with pytest.raises(TypeError, match="less than 16"):
        computed("mandelbrot", (1,) * 15, COUNTS)
    with pytest.raises(ValueError, match="unpack"):
        computed("mandelbrot", PICTURE, (((3, 4), np.int32),))


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
