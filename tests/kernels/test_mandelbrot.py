import threading
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels.mandelbrot import escape_count, mandelbrot_pure

COORDINATES = st.floats(-2.5, 2.5, allow_nan=False)


def twin(*args, **kwargs):
    width, height = args
    return np.array(mandelbrot_pure(*args, **kwargs), dtype=np.int32).reshape(height, width)


@given(
    width=st.integers(0, 40),
    height=st.integers(0, 4),
    center=st.tuples(COORDINATES, COORDINATES),
    span=st.floats(1e-12, 10),
    max_iterations=st.integers(0, 300),
)
def test_equals_the_twin(width, height, center, span, max_iterations):
    options = {"center": center, "span": span, "max_iterations": max_iterations}
    np.testing.assert_array_equal(gilfree.mandelbrot(width, height, **options), twin(width, height, **options))


@pytest.mark.parametrize(
    ("center", "span"),
    [
        ((-0.75, 0.0), 3.0),  # the whole set
        ((-0.743643887037151, 0.131825904205330), 1e-6),  # the valley of the seahorses
        ((-1.7548776662466927, 0.0), 0.05),  # the largest copy of the set: cycles of period 3
        ((0.25, 0.0), 1e-3),  # the cusp: points that take very long to escape
        ((-1.25, 0.0), 1e-7),  # where two bulbs touch: cycles that take very long to close
        ((0.0, 0.0), 1e-300),  # z stays 0
        ((1e200, -1e200), 1e190),  # z² overflows at once
    ],
)
def test_equals_the_naive_loop_to_the_last_iteration(center, span):
    options = {"center": center, "span": span, "max_iterations": 20_000}
    np.testing.assert_array_equal(gilfree.mandelbrot(21, 5, **options), twin(21, 5, **options))


@pytest.mark.parametrize(
    ("c", "count"),
    [
        (0j, 1000),
        (-2 + 0j, 1000),  # |z| = 2 for ever, which is not above 2
        (0.25 + 0j, 1000),
        (0.26 + 0j, 30),
        (1j, 1000),  # i, −1+i, −i, −1+i, …
        (1 + 0j, 3),  # 0, 1, 2, 5
        (2 + 0j, 2),  # 0, 2, 6
        (2.5 + 0j, 1),
    ],
)
def test_known_counts(c, count):
    assert escape_count(c.real, c.imag, 1000) == count
    assert gilfree.mandelbrot(1, 1, center=(c.real, c.imag), max_iterations=1000)[0, 0] == count


def test_area_of_the_set():
    """Published value: 1.50659 (OEIS A098403)."""
    counts = gilfree.mandelbrot(1500, 1000, center=(-0.75, 0), span=3.0, max_iterations=5000)
    area = np.mean(counts == 5000) * 3.0 * 2.0
    assert area == pytest.approx(1.5066, abs=0.005)


def test_the_picture_is_upright_and_square():
    counts = gilfree.mandelbrot(64, 48, center=(-0.1, 0.9), span=0.5, max_iterations=100)
    # The bulb of period 3 hangs above the cardioid, so the bottom of this window is fuller than its top.
    assert np.sum(counts[-8:] == 100) > np.sum(counts[:8] == 100)
    whole = gilfree.mandelbrot(90, 60)
    np.testing.assert_array_equal(whole, whole[::-1])


def test_a_billion_iterations_of_a_bounded_point_are_cut_short():
    counts = gilfree.mandelbrot(64, 1, center=(0.0, 0.0), span=0.1, max_iterations=10**9)
    assert (counts == 10**9).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"width": 2.5}, TypeError, ["width", "int", "float"]),
        ({"height": "7"}, TypeError, ["height", "int", "str"]),
        ({"width": -1}, ValueError, ["width", "0 or more", "-1"]),
        ({"height": -3}, ValueError, ["height", "0 or more", "-3"]),
        ({"max_iterations": -1}, ValueError, ["max_iterations", "-1"]),
        ({"max_iterations": 2**31}, ValueError, ["max_iterations", str(2**31)]),
        ({"max_iterations": 1.5}, TypeError, ["max_iterations", "float"]),
        ({"center": (1.0,)}, TypeError, ["center", "(real, imaginary)"]),
        ({"center": 3}, TypeError, ["center", "3"]),
        ({"center": (float("nan"), 0.0)}, ValueError, ["center", "finite"]),
        ({"span": float("inf")}, ValueError, ["span", "finite"]),
        ({"span": 0.0}, ValueError, ["span", "above 0"]),
        ({"span": "wide"}, TypeError, ["span", "wide"]),
        ({"width": 10**12, "height": 10**12}, ValueError, ["width", "height"]),
        ({"out": [[0]]}, TypeError, ["out", "NumPy array", "list"]),
        ({"out": np.zeros((3, 7), np.int32)}, ValueError, ["out", "(3, 4)", "(3, 7)"]),
        ({"out": np.zeros((3, 4), np.int64)}, ValueError, ["out", "int32", "int64"]),
    ],
)
def test_bad_input(arguments, error, words):
    with pytest.raises(error) as caught:
        gilfree.mandelbrot(**{"width": 4, "height": 3, **arguments})
    for word in words:
        assert word in str(caught.value)


PICTURE = (3, 2, 0.0, 0.0, 1.0, 5)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (np.zeros((3, 2), np.int32).T, ["counts", "contiguous"]),
        (np.zeros((2, 4), np.int32), ["counts", "length 3", "got 4"]),
        (np.zeros((1, 3), np.int32), ["counts", "length 2", "got 1"]),
        (np.zeros((2, 3), np.float32), ["counts", "4-byte integers"]),
        (np.zeros((2, 3), ">i4"), ["counts", "4-byte integers"]),
        (np.zeros(6, np.int32), ["counts", "2 dimension"]),
        (np.zeros(25, np.uint8)[1:].view(np.int32).reshape(2, 3), ["counts", "aligned"]),
        (b"\0" * 24, ["counts", "writable"]),
        (None, ["counts", "buffer"]),
    ],
)
def test_bad_buffers_are_refused(counts, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.mandelbrot(range(2), *PICTURE, counts)
    for word in words:
        assert word in str(caught.value)


def endless(flag):
    """A call that takes minutes: points that wander for long, and no cycle cuts them short."""
    counts = np.empty((10**5, 1), np.int32)
    _kernels.mandelbrot(range(10**5), 1, 10**5, -1.25 + 1e-13, 1e-12, 1e-20, 2**31 - 1, counts, stop=flag)


def test_a_flag_stops_it():
    flag = array("i", [0])
    timer = threading.Timer(0.05, _kernels.stop, [flag])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        endless(flag)
    timer.join()


def test_a_flag_set_before_stops_many_cheap_pixels():
    flag = array("i", [0])
    _kernels.stop(flag)
    with pytest.raises(gilfree.Cancelled):
        _kernels.mandelbrot(range(100), 10_000, 100, 0.0, 0.0, 1.0, 3, np.empty((100, 10_000), np.int32), stop=flag)


@pytest.mark.parametrize("flag", [array("i", [0, 0]), array("d", [0.0]), 7])
def test_a_flag_that_is_none(flag):
    with pytest.raises((TypeError, ValueError), match="stop"):
        _kernels.mandelbrot(range(2), *PICTURE, np.empty((2, 3), np.int32), stop=flag)


@pytest.mark.parametrize(
    ("rows", "height", "imaginary"),
    [
        (range(1), -(2**63), 1.0),
        (range(2**63 - 1, 2**63), 1, 1.5),
        (range(2**63 - 2, 2**63), 1, 1.5),
        (range(2**63 - 1, 2**63 + 1), 1, 1.5),
    ],
)
def test_rows_and_heights_at_the_end_of_their_type(rows, height, imaginary):
    """They do not wrap around: all of these rows are at c = i/2, which never escapes, and none is on the other side."""
    counts = np.empty((len(rows), 1), np.int32)
    _kernels.mandelbrot(rows, 1, height, 0.0, imaginary, 2.0**-63, 50, counts)
    assert (counts == 50).all()
