"""Arrays laid out in every way that NumPy knows: used in place, converted, or refused, and never misread."""

from array import array

import numpy as np
import pytest
from kernel_calls import PLACES, arrays_of, at, core_call, function_of, identical, identify, make, place_id, put

from gilfree.kernels import KERNELS

every_place = pytest.mark.parametrize(("name", "place"), PLACES, ids=place_id)


def misaligned(array):
    memory = np.empty(array.nbytes + 1, np.uint8)[1:]
    memory[:] = np.frombuffer(array.tobytes(), np.uint8)
    return memory.view(array.dtype).reshape(array.shape)


def swapped(array):
    return array.astype(array.dtype.newbyteorder())


def strided(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def apart(array):
    """The rows, but not the numbers in them, lie apart."""
    return np.repeat(array, 3, axis=0)[1::3]


def backwards(array):
    return np.flip(np.flip(array).copy())


def in_columns(array):
    return np.array(array, order="F")


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def over_bytes(array):
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


class Sub(np.ndarray):
    pass


def of_a_subclass(array):
    return array.copy().view(Sub)


def masked(array):
    return np.ma.array(array)


LAYOUTS = [misaligned, swapped, strided, apart, backwards, in_columns, read_only, over_bytes, of_a_subclass, masked]


def test_the_layouts_are_what_they_are_called():
    array = np.arange(12.0).reshape(3, 4)
    for layout in LAYOUTS:
        assert np.array_equal(layout(array), array)
        assert layout(array).shape == array.shape
    assert not misaligned(array).flags.aligned
    assert not swapped(array).dtype.isnative
    assert strided(array).strides == (64, 16)
    assert apart(array).strides == (96, 8)
    assert backwards(array).strides == (-32, -8)
    assert in_columns(array).strides == (8, 24)
    assert not read_only(array).flags.writeable
    assert not over_bytes(array).flags.writeable
    assert isinstance(of_a_subclass(array), Sub)


@every_place
def test_gives_the_same_result(name, place):
    call, function = make(name), function_of(name)
    expected = call(function)
    for layout in LAYOUTS:
        array = layout(at(call, place))
        before = array.tobytes()
        assert identical(put(call, place, array)(function), expected), layout
        assert array.tobytes() == before


@every_place
def test_without_strides(name, place):
    """One number, or one row, that all others are."""
    call = make(name)
    array = at(call, place)
    for alike in (np.broadcast_to(array.reshape(-1)[0], array.shape), np.broadcast_to(array[0], array.shape)):
        assert outcome(put(call, place, alike), name) == outcome(put(call, place, alike.copy()), name)


def outcome(call, name):
    try:
        return identify(call(function_of(name)))
    except ValueError as error:
        return str(error)


@every_place
def test_of_other_numbers_of_dimensions(name, place):
    """Refused, or one row of a result (where there may be many), or a result of one row (where there may be one)."""
    call = make(name)
    expected = arrays_of(call(function_of(name)))
    array = at(call, place)
    for value in (array.reshape(-1)[0], np.array(array.reshape(-1)[0]), array[None], array[..., None]):
        try:
            result = put(call, place, value)(function_of(name))
        except (TypeError, ValueError):
            continue
        for got, wanted in zip(arrays_of(result), expected, strict=True):
            assert wanted.tobytes().startswith(got.tobytes())


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.thread_unsafe(reason="patches")
def test_compiled_functions_refuse_what_they_cannot_use(name):
    """They convert nothing. What they take, they take right: some layouts are no different for some arrays."""
    core, arguments = core_call(name)
    expected = written(core, arguments)
    assert expected != "refused"
    tried = 0
    for index, value in enumerate(arguments):
        if not isinstance(value, np.ndarray | array) or not len(value):
            continue
        for layout in LAYOUTS:
            other = layout(np.asarray(value))
            result = written(core, (*arguments[:index], other, *arguments[index + 1 :]))
            usable = other.flags.c_contiguous and other.flags.aligned and other.dtype.isnative
            assert result == "refused" or (usable and result == expected), layout
        tried += 1
    assert tried or name == "pattern_set"  # it takes immutable bytes and text


def written(core, arguments):
    """What a compiled function writes to its arguments and returns."""
    try:
        returned = core(*arguments)
    except (TypeError, ValueError):
        return "refused"
    return returned, [np.asarray(value).tobytes() for value in arguments if isinstance(value, np.ndarray | array)]
