"""The convolution is that of the definition, bit for bit in its order of summing, for every shape."""

import itertools
import math
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gilfree
from gilfree import _kernels
from gilfree.kernels.convolve2d import Rows, convolve2d_pure

DTYPES = [np.float32, np.float64]
MODES = ["full", "same", "valid"]


def noise(shape, dtype=np.float64, *, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def by_definition(image, kernel, mode="full"):
    """All sums at once, one product after the other, in the core's order: the kernel's last row first.

    Within a row from left to right; where the kernel is its own mirror image, the two that meet one weight at once.
    """
    if mode == "valid" and (kernel.shape[0] > image.shape[0] or kernel.shape[1] > image.shape[1]):
        image, kernel = kernel, image
    (height, width), (h, w) = image.shape, kernel.shape
    zeros = np.pad(image, ((h - 1, h - 1), (w - 1, w - 1)))
    total = np.zeros((height + h - 1, width + w - 1), image.dtype)
    with np.errstate(all="ignore"):
        for u, v in itertools.product(reversed(range(h)), range((w + 1) // 2 if is_mirrored(kernel) else w)):
            met = zeros[h - 1 - u : height + 2 * (h - 1) - u, w - 1 - v : width + 2 * (w - 1) - v]
            if is_mirrored(kernel) and v != w - 1 - v:
                met = met + zeros[h - 1 - u : height + 2 * (h - 1) - u, v : width + w - 1 + v]
            total += kernel[u, v] * met
    if mode == "same":
        return total[(h - 1) // 2 : (h - 1) // 2 + height, (w - 1) // 2 : (w - 1) // 2 + width]
    return total[h - 1 : height, w - 1 : width] if mode == "valid" else total


def is_mirrored(kernel):
    """Whether the core adds before it multiplies."""
    return kernel.shape[1] >= 5 and np.isfinite(kernel).all() and np.array_equal(kernel, kernel[:, ::-1])


def assert_exact(image, kernel, mode="full", **options):
    result = gilfree.convolve2d(image, kernel, mode, **options)
    wanted = by_definition(image, kernel, mode)
    assert result.dtype == wanted.dtype
    assert result.shape == wanted.shape
    np.testing.assert_array_equal(result, wanted)
    assert not np.signbit(result[result == 0]).any(), "no sum is −0"


shapes = st.tuples(st.integers(1, 12), st.integers(1, 90))
small_shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(st.data(), st.sampled_from(DTYPES), st.booleans())
def test_any_numbers_give_the_sums_of_the_definition(data, dtype, turned):
    numbers = st.floats(width=np.dtype(dtype).itemsize * 8)
    image = data.draw(hnp.arrays(dtype, data.draw(shapes), elements=numbers, fill=numbers))
    kernel = data.draw(hnp.arrays(dtype, data.draw(small_shapes), elements=numbers, fill=numbers))
    if turned:
        image, kernel = kernel, image
    for mode in ("full", "same"):
        assert_exact(image, kernel, mode)


@given(shapes, st.tuples(st.integers(1, 20), st.integers(1, 100)), st.sampled_from(DTYPES), st.integers(0, 2**32 - 1))
def test_any_shapes(shape, by, dtype, seed):
    image, kernel = noise(shape, dtype, seed=seed), noise(by, dtype, seed=seed + 1)
    assert_exact(image, kernel)
    assert_exact(image, kernel, "same")
    smaller = min(shape[0], by[0]), min(shape[1], by[1])
    assert_exact(image, kernel[: smaller[0], : smaller[1]], "valid")
    assert_exact(kernel[: smaller[0], : smaller[1]], image, "valid")


@given(st.data(), small_shapes, st.sampled_from(MODES))
def test_agrees_with_the_pure_twin(data, shape, mode):
    by = data.draw(
        small_shapes.filter(lambda by: mode != "valid" or np.greater_equal(*map(np.array, (by, shape))).all())
    )
    seed = data.draw(st.integers(0, 2**32 - 1))
    image, kernel = noise(shape, seed=seed), noise(by, seed=seed + 1)
    result = gilfree.convolve2d(image, kernel, mode)
    scale = np.asarray(convolve2d_pure(abs(image), abs(kernel), mode))
    np.testing.assert_array_less(abs(result - convolve2d_pure(image, kernel, mode)), 1e-12 * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 7, 8, 9])
@pytest.mark.parametrize("width", [1, 2, 3, 31, 32, 33, 64, 65, 129, 200])
def test_kernels_of_few_rows(dtype, height, width):
    for h, w in itertools.product((1, 2, 3, 4, 5), (1, 2, 3, 8)):
        assert_exact(noise((height, width), dtype), noise((h, w), dtype, seed=1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "by"),
    [
        ((300, 400), (3, 3)),  # several bands
        ((61, 700), (25, 31)),
        ((9, 9), (40, 50)),  # the kernel is the larger one
        ((3, 3), (1, 6000)),  # more columns of the kernel than one part has
        ((2, 5000), (3, 4500)),
        ((2500, 2), (2300, 3)),
        ((400, 1), (5, 1)),
        ((1, 1), (1, 1)),
    ],
)
@pytest.mark.parametrize("mode", ["full", "same"])
def test_shapes(dtype, shape, by, mode):
    assert_exact(noise(shape, dtype), noise(by, dtype, seed=1), mode)


def test_whole_numbers_stay_exact():
    image = np.random.default_rng(0).integers(-99, 100, (70, 90))
    kernel = np.random.default_rng(1).integers(-99, 100, (6, 7))
    result = gilfree.convolve2d(image, kernel)
    assert result.dtype == np.float64
    wanted = np.zeros((75, 96), np.int64)
    for u, v in np.ndindex(6, 7):
        wanted[u : u + 70, v : v + 90] += kernel[u, v] * image
    np.testing.assert_array_equal(result, wanted)


def test_product_of_polynomials():
    # (1 + x + y)(1 − x + y) = 1 + 2y − x² + y², with powers of x along the rows and of y along the columns.
    result = gilfree.convolve2d([[1, 1], [1, 0]], [[1, 1], [-1, 0]])
    assert result.tolist() == [[1, 2, 1], [0, 0, 0], [-1, 0, 0]]


def test_rows_of_pascals_triangle():
    row = np.array([[1.0]])
    for n in range(40):
        assert row.tolist() == [[math.comb(n, k) for k in range(n + 1)]]
        row = gilfree.convolve2d(row, [[1.0, 1.0]])


def test_an_impulse_gives_the_kernel():
    kernel = noise((5, 7), seed=1)
    image = np.zeros((20, 60))
    image[9, 31] = 1
    result = gilfree.convolve2d(image, kernel)
    np.testing.assert_array_equal(result[9:14, 31:38], kernel)
    assert np.count_nonzero(result) == kernel.size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_in_the_image_spreads_as_far_as_the_kernel(dtype, bad):
    image = noise((40, 90), dtype)
    image[20, 45] = bad
    kernel = noise((5, 9), dtype, seed=1)
    result = gilfree.convolve2d(image, kernel)
    assert not np.isfinite(result[20:25, 45:54]).any()
    assert np.isfinite(result).sum() == result.size - 45
    assert_exact(image, kernel)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [(0, 0), (2, 3), (4, 6)])
def test_a_kernel_that_is_not_finite(dtype, bad, place):
    kernel = noise((5, 7), dtype, seed=1)
    kernel[place] = bad
    for mode in MODES:
        assert_exact(noise((13, 40), dtype), kernel, mode)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_ends_of_the_range(dtype):
    largest, smallest = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    for scale in (largest, smallest):
        image = np.random.default_rng(0).integers(-2, 3, (9, 50)).astype(dtype) * dtype(scale / (1 if scale < 1 else 2))
        assert_exact(image, np.array([[0.5, -1, 2], [1, 1, -1], [0.25, 2, 1]], dtype))


@pytest.mark.parametrize(
    ("shape", "mode", "wanted"),
    [
        ((0, 3), "full", (1, 4)),
        ((0, 3), "same", (0, 3)),
        ((3, 0), "full", (4, 1)),
        ((3, 0), "same", (3, 0)),
        ((0, 0), "same", (0, 0)),
    ],
)
def test_an_empty_image(shape, mode, wanted):
    result = gilfree.convolve2d(np.empty(shape, np.float32), np.ones((2, 2), np.float32), mode)
    assert (result.shape, result.dtype) == (wanted, np.float32)
    assert (result == 0).all()


@pytest.mark.parametrize(
    ("image", "kernel", "dtype"),
    [
        (np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
        (np.float64, np.float32, np.float64),
        (np.float16, np.float32, np.float32),
        (np.int32, np.float32, np.float64),
        (np.uint8, np.int64, np.float64),
        (bool, bool, np.float64),
        (">f4", "<f4", np.float32),
        (">f8", ">f8", np.float64),
    ],
)
def test_dtypes(image, kernel, dtype):
    a, b = np.eye(9, 16).astype(image), np.tri(4, 3).astype(kernel)
    result = gilfree.convolve2d(a, b)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, by_definition(a.astype(dtype), b.astype(dtype)))


def layouts(values):
    misaligned = np.frombuffer(b"x" + values.tobytes(), np.uint8)[1:].view(values.dtype).reshape(values.shape)
    read_only = values.copy()
    read_only.flags.writeable = False
    return {
        "list": values.tolist(),
        "fortran": np.asfortranarray(values),
        "strided": np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::3],
        "negative": values[::-1, ::-1].copy()[::-1, ::-1],
        "swapped": values.astype(values.dtype.newbyteorder()),
        "misaligned": misaligned,
        "read_only": read_only,
        "memoryview": memoryview(values),
        "zero_strides": np.broadcast_to(values[:1, :1], values.shape),
    }


@pytest.mark.parametrize("layout", sorted(layouts(np.ones((1, 1)))))
def test_layouts(layout):
    image, kernel = layouts(noise((20, 33)))[layout], layouts(noise((4, 5), seed=1))[layout]
    np.testing.assert_array_equal(
        gilfree.convolve2d(image, kernel), by_definition(np.array(image, np.float64), np.array(kernel, np.float64))
    )


A, K = np.ones((5, 6)), np.ones((2, 3))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((A[0], K), ValueError, ["image", "2 dimension", "got 1"]),
        ((A, K[0]), ValueError, ["kernel", "2 dimension", "got 1"]),
        ((A, 3.0), ValueError, ["kernel", "got 0"]),
        ((A, np.empty((0, 3))), ValueError, ["kernel", "one element", "(0, 3)"]),
        ((A, K, "reflect"), ValueError, ["mode", "'full', 'same', 'valid'", "'reflect'"]),
        ((A, K, 2), ValueError, ["mode", "'same'", "2"]),
        ((A, K, None), ValueError, ["mode", "None"]),
        ((A, np.ones((6, 2)), "valid"), ValueError, ["image, kernel", "valid", "(5, 6)", "(6, 2)"]),
        ((np.ones((2, 9)), np.ones((3, 3)), "valid"), ValueError, ["valid", "both dimensions"]),
        ((np.empty((0, 0)), K, "valid"), ValueError, ["valid", "(0, 0)"]),
        ((A.astype(complex), K), TypeError, ["image", "complex128"]),
        ((A, K.astype("U3")), TypeError, ["kernel", "<U3"]),
        ((A.astype(object), K), TypeError, ["image", "object"]),
        ((A, K.astype(np.longdouble)), TypeError, ["kernel", "float"]),
        (([[1, 2], [3]], K), ValueError, ["image"]),
    ],
)
def test_bad_arguments(arguments, error, words):
    out = np.full((6, 8), 7.0)
    with pytest.raises(error) as caught:
        gilfree.convolve2d(*arguments, out=out)
    for word in words:
        assert word in str(caught.value)
    assert (out == 7).all()


def test_out_is_filled_and_returned():
    out = np.empty((6, 8))
    assert gilfree.convolve2d(A, K, out=out) is out
    np.testing.assert_array_equal(out, gilfree.convolve2d(A, K))


def test_out_may_overlap_an_input():
    image = noise((30, 40))
    wanted = gilfree.convolve2d(image, K, "same")
    assert gilfree.convolve2d(image, K, "same", out=image) is image
    np.testing.assert_array_equal(image, wanted)


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.empty((6, 7)), ValueError, ["out", "(6, 8)", "(6, 7)"]),
        (np.empty((6, 8), np.float32), ValueError, ["out", "float64", "float32"]),
        ([[0.0]], TypeError, ["out", "NumPy array", "list"]),
    ],
)
def test_bad_out(out, error, words):
    with pytest.raises(error) as caught:
        gilfree.convolve2d(A, K, out=out)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("by", [(1, 3), (3, 3), (8, 5), (9, 1)])
def test_hold_equals_release_equals_any_workers(dtype, by):
    image, kernel = noise((301, 200), dtype), noise(by, dtype, seed=1)
    for mode in MODES:
        wanted = gilfree.convolve2d(image, kernel, mode, release_gil=False)
        with ThreadPoolExecutor(3) as pool:
            for options in (
                {"release_gil": True}, *({"workers": count} for count in (1, 2, 3, 7)), {"workers": pool},
                {"workers": map},
            ):  # fmt: skip
                assert gilfree.convolve2d(image, kernel, mode, **options).tobytes() == wanted.tobytes(), options


@given(
    height=st.integers(0, 9),
    by_height=st.integers(1, 5),
    cut=st.tuples(st.integers(0, 13), st.integers(0, 13)).map(sorted),
    weight=st.sampled_from([0.5, math.inf, math.nan]),
)
def test_who_is_sent_a_part_needs_no_more_than_that(height, by_height, cut, weight):
    """Other workers get few rows of the image, and compute the same bits of it."""
    image = np.random.default_rng(height).standard_normal((height, 4))
    kernel = np.full((by_height, 3), weight)
    rows = range(max(0, height + by_height - 1))
    start, stop = (min(end, len(rows)) for end in cut)
    whole, part = np.empty((len(rows), 6)), np.empty((stop - start, 6))
    _kernels.convolve2d(rows, image, kernel, 0, whole)
    sent = Rows((rows, image, kernel, 0), (), len(rows), 0.0).sent(start, stop)
    assert len(sent[1]) <= stop - start + by_height - 1
    _kernels.convolve2d(*sent, part)
    assert part.tobytes() == whole[start:stop].tobytes()


def test_row_by_row_equals_all_together():
    image, kernel = noise((40, 70)), noise((6, 5), seed=1)
    whole = gilfree.convolve2d(image, kernel)
    for row in range(45):
        one = np.empty((1, 74))
        _kernels.convolve2d(range(row, row + 1), image, kernel, 0, one)
        np.testing.assert_array_equal(one[0], whole[row])
    for column in range(74):
        one = np.empty((45, 1))
        _kernels.convolve2d(range(45), image, kernel, column, one)
        np.testing.assert_array_equal(one[:, 0], whole[:, column])


@pytest.mark.parametrize(
    ("shape", "by"),
    [((500, 500), (3, 3)), ((3000, 40), (2000, 30)), ((4, 300_000), (1, 200_000)), ((1, 10**6), (1, 1))],
)
def test_a_stop_set_by_another_thread_ends_a_long_call(shape, by):
    image, kernel = noise(shape), noise(by)
    result = np.empty((shape[0] + by[0] - 1, shape[1] + by[1] - 1))
    stop = array("i", [0])
    timer = threading.Timer(0.002, _kernels.stop, [stop])
    timer.start()

    def convolve_for_ever():
        while True:
            _kernels.convolve2d(range(len(result)), image, kernel, 0, result, stop=stop)

    with pytest.raises(gilfree.Cancelled):
        convolve_for_ever()
    timer.join()


@pytest.mark.parametrize(
    ("shape", "by"),
    [((500, 500), (3, 3)), ((2, 2), (3000, 3000)), ((1, 500_000), (1, 1)), ((0, 10**6), (9, 1)), ((99, 99), (-9, 9))],
)
def test_a_stop_set_before_ends_the_call(shape, by):
    image, kernel = np.ones(shape), np.ones(tuple(map(abs, by)))
    if by[0] < 0:
        kernel[0, 0] = math.nan  # the loop without shortcuts
    result = np.empty((shape[0] + abs(by[0]) - 1, shape[1] + by[1] - 1))
    stop = array("i", [0])
    _kernels.stop(stop)
    with pytest.raises(gilfree.Cancelled):
        _kernels.convolve2d(range(len(result)), image, kernel, 0, result, release_gil=False, stop=stop)


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, range(1, 7), ["rows", "first 6", "6 from number 1"]),
        (0, range(-1, 5), ["rows", "-1"]),
        (0, range(5), ["result", "length 5"]),
        (1, np.ones((5, 6), np.float32), ["kernel", "4-byte"]),
        (1, np.ones((5, 6), np.int64), ["image", "floats"]),
        (1, np.ones((5, 12))[:, ::2], ["image", "C-contiguous"]),
        (1, np.ones((4, 6)), ["rows", "first 5"]),
        (2, np.ones(3), ["kernel", "2 dimension"]),
        (2, np.ones((2, 2)), ["columns", "first 7"]),
        (3, 1, ["columns", "first 8", "8 from number 1"]),
        (3, -1, ["columns", "-1"]),
        (3, 2**63 - 1, ["columns"]),
        (4, np.empty((6, 9)), ["columns", "first 8"]),
        (4, np.empty((6, 8), np.float32), ["result", "8-byte"]),
        (4, b"abc", ["result", "writable"]),
    ],
)
def test_the_compiled_function_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [range(6), A, K, 0, np.empty((6, 8))]
    _kernels.convolve2d(*arguments)
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.convolve2d(*arguments)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_scipy_agrees(mode, dtype):
    signal = pytest.importorskip("scipy.signal")
    for shape, by in [((30, 40), (4, 5)), ((30, 40), (7, 1)), ((8, 9), (8, 9)), ((2, 3), (6, 8)), ((5, 5), (5, 3))]:
        image = np.random.default_rng(0).integers(-9, 10, shape).astype(dtype)
        kernel = np.random.default_rng(1).integers(-9, 10, by).astype(dtype)
        wanted = signal.convolve2d(image, kernel, mode)
        result = gilfree.convolve2d(image, kernel, mode)
        assert result.dtype == wanted.dtype
        np.testing.assert_array_equal(result, wanted)


def test_scipy_agrees_on_zeros_times_infinity():
    signal = pytest.importorskip("scipy.signal")
    kernel = np.array([[1.0, math.inf], [2.0, 3.0]])
    np.testing.assert_array_equal(gilfree.convolve2d(A, kernel), signal.convolve2d(A, kernel))


def test_photographs():
    datasets = pytest.importorskip("sklearn.datasets")
    signal = pytest.importorskip("scipy.signal")
    image = datasets.load_sample_image("china.jpg").mean(axis=2)
    for kernel in (np.ones((5, 5)) / 25, np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])):
        wanted = signal.convolve2d(image, kernel, "same")
        np.testing.assert_allclose(gilfree.convolve2d(image, kernel, "same"), wanted, rtol=0, atol=1e-12 * 1024)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", [3, 4, 5, 6, 7, 16, 31])
def test_a_kernel_that_is_its_own_mirror_image(width, mode, dtype):
    for height, shape in [(1, (3, 40)), (2, (9, 70)), (5, (23, 33)), (7, (40, 200))]:
        half = noise((height, width), dtype)
        kernel = half + half[:, ::-1]
        assert_exact(noise(shape, dtype, seed=1), kernel, mode)
        kernel[-1, 0] += 1
        assert_exact(noise(shape, dtype, seed=1), kernel, mode)


def test_one_weight_that_differs_is_seen_wherever_it_is():
    image = noise((12, 30))
    for u, v in itertools.product(range(4), range(7)):
        kernel = np.ones((4, 7))
        kernel[u, v] = 2.0
        assert_exact(image, kernel)


def test_a_pair_whose_sum_overflows():
    image = np.full((5, 9), 1.5e308)
    assert np.isinf(gilfree.convolve2d(image, np.full((1, 5), 0.1), "valid")).all()
    assert np.isfinite(gilfree.convolve2d(image, np.full((1, 3), 0.1), "valid")).all()
