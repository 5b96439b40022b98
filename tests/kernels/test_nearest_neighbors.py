"""The nearest neighbours are those of the definition, bit for bit where that can be said, whatever the data."""

import math
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gilfree
from gilfree import _kernels
from gilfree.kernels.nearest_neighbors import nearest_neighbors_pure

DTYPES = [np.float32, np.float64]


def cloud(rows, dimensions, dtype=np.float64, *, seed=0, spread=1.0, far=0.0):
    return (np.random.default_rng(seed).standard_normal((rows, dimensions)) * spread + far).astype(dtype)


def by_definition(queries, points, k):
    """All distances, in the core's own order of summing: sixteen sums, halved until one is left."""
    q, p = np.asarray(queries, np.float64), np.asarray(points, np.float64)
    wide = -(-q.shape[1] // 16) * 16
    squares = np.zeros((len(q), len(p), max(wide, 16)))
    with np.errstate(over="ignore"):
        squares[:, :, : q.shape[1]] = (q[:, None, :] - p[None, :, :]) ** 2
        sums = np.zeros((len(q), len(p), 16))
        for step in range(squares.shape[2] // 16):
            sums += squares[:, :, 16 * step : 16 * step + 16]
        for half in (8, 4):
            sums = sums[:, :, :half] + sums[:, :, half : 2 * half]
        total = (sums[:, :, 0] + sums[:, :, 2]) + (sums[:, :, 1] + sums[:, :, 3])
    order = np.argsort(total, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(total, order, axis=1)), order


def assert_exact(queries, points, k, **options):
    distances, indices = gilfree.nearest_neighbors(queries, points, k, **options)
    wanted, order = by_definition(queries, points, k)
    dtype = np.float32 if np.asarray(queries).dtype == np.asarray(points).dtype == np.float32 else np.float64
    assert distances.dtype == dtype
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, order)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(distances, wanted.astype(dtype))


@st.composite
def problems(draw):
    """Small clouds on a coarse grid, where ties abound, or of any finite numbers."""
    dtype = draw(st.sampled_from(DTYPES))
    dimensions = draw(st.integers(0, 20))
    if draw(st.booleans()):
        numbers = st.integers(-2, 2).map(float)
    else:
        numbers = st.floats(allow_nan=False, allow_infinity=False, width=np.dtype(dtype).itemsize * 8)
    queries = draw(hnp.arrays(dtype, (draw(st.integers(0, 9)), dimensions), elements=numbers))
    points = draw(hnp.arrays(dtype, (draw(st.integers(1, 90)), dimensions), elements=numbers, fill=numbers))
    return queries, points, draw(st.integers(1, len(points)))


@settings(max_examples=80, deadline=None)
@given(problems())
def test_any_data_gives_the_neighbors_of_the_definition(problem):
    assert_exact(*problem)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-30, 1e-6, 1.0, 1e6, 1e18]),
    st.sampled_from([0.0, 1.0, 1e3, 1e7]),
)
def test_any_scale_and_distance_from_the_origin(dtype, dimensions, seed, spread, far):
    queries = cloud(17, dimensions, dtype, seed=seed, spread=spread, far=far * spread)
    points = cloud(300, dimensions, dtype, seed=seed + 1, spread=spread, far=far * spread)
    assert_exact(queries, points, 1 + seed % 12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4), st.integers(1, 25), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_agrees_with_the_pure_twin(rows, count, dimensions, seed):
    # Whole numbers: their squares add up exactly, in any order.
    random = np.random.default_rng(seed)
    queries, points = random.integers(-9, 10, (rows, dimensions)), random.integers(-9, 10, (count, dimensions))
    k = int(random.integers(1, count + 1))
    distances, indices = gilfree.nearest_neighbors(queries, points, k)
    pure_distances, pure_indices = nearest_neighbors_pure(queries.tolist(), points.tolist(), k)
    assert distances.tolist() == pure_distances
    assert indices.tolist() == pure_indices


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("rows", "count", "dimensions", "k"),
    [
        (1, 1, 1, 1),
        (1, 2000, 128, 10),  # scanned
        (3, 999, 33, 5),
        (4, 64, 16, 3),  # packed
        (5, 1000, 1, 1),
        (6, 1001, 2, 2),
        (7, 1037, 15, 1037),  # k = p
        (13, 700, 31, 350),
        (100, 1500, 17, 1),
        (9, 200, 1000, 7),
        (5, 100, 16384, 4),  # the most dimensions that are filtered
        (5, 100, 16385, 4),
    ],
)
def test_shapes(dtype, rows, count, dimensions, k):
    assert_exact(cloud(rows, dimensions, dtype), cloud(count, dimensions, dtype, seed=1), k)


def test_more_queries_than_go_together():
    # 8 MiB hold the scratch of some 2,000 such queries.
    queries, points = cloud(4500, 3, np.float32), cloud(400, 3, np.float32, seed=1)
    assert_exact(queries, points, 250)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_point_a_tie(dtype):
    distances, indices = gilfree.nearest_neighbors(np.zeros((7, 5), dtype), np.ones((500, 5), dtype), 40)
    assert (distances == dtype(math.sqrt(5))).all()
    assert (indices == np.arange(40)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 8])
def test_ties_across_blocks_go_to_the_lower_index(dtype, rows):
    points = np.tile(cloud(37, 6, dtype), (20, 1))
    assert_exact(cloud(rows, 6, dtype, seed=1), points, 50)


@pytest.mark.parametrize("dtype", DTYPES)
def test_points_that_come_nearer_and_nearer(dtype):
    # The filter stops nothing: each point beats all before it.
    points = np.linspace(100, 1, 3000, dtype=dtype)[:, None] * np.ones(4, dtype)
    assert_exact(np.zeros((5, 4), dtype), points, 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_clusters_too_tight_for_float32(dtype):
    centres = cloud(12, 24, seed=1)
    points = (centres[np.arange(1200) % 12] + cloud(1200, 24, seed=2, spread=1e-9)).astype(dtype)
    assert_exact((centres + cloud(12, 24, seed=3, spread=1e-9)).astype(dtype), points, 6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 8])
def test_sums_that_float32_rounds_one_way(dtype, rows):
    # Squares a little below a multiple of the sum's last place: each addition rounds up, by more than points differ.
    steps = np.random.default_rng(1).permutation(np.arange(460, 512) // 2)
    points = np.repeat((1 + steps[:, None] * 2.0**-23).astype(dtype), 4000, axis=1)
    assert_exact(np.zeros((rows, 4000), dtype), points, 5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", [0, 250, 499, 123])
def test_an_outlier(dtype, place):
    points = cloud(500, 8, dtype, seed=1)
    points[place] = np.finfo(dtype).max / 8
    assert_exact(cloud(9, 8, dtype), points, 3)
    queries = cloud(9, 8, dtype)
    queries[4] = -np.finfo(dtype).max / 8
    assert_exact(queries, points, 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_neighbors_too_far_off_to_be_scored(dtype):
    # What the filter takes its centre and its scale from lies close together, and the rest 10¹² times as far away.
    points = cloud(500, 8, dtype, seed=1, spread=1e12)
    points[[0, 250, 499]] /= 1e12
    assert_exact(cloud(9, 8, dtype), points, 6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("magnitude", ["max", "tiny", "smallest_subnormal"])
def test_the_ends_of_the_range(dtype, rows, magnitude):
    queries = np.random.default_rng(0).integers(-3, 4, (rows, 4)).astype(dtype) / 4
    points = np.random.default_rng(1).integers(-3, 4, (300, 4)).astype(dtype) / 4
    unit = getattr(np.finfo(dtype), magnitude) * dtype(1 if magnitude == "max" else 4)
    assert_exact(queries * unit, points * unit, 9)


def test_close_calls_far_from_the_origin():
    # ‖q‖² + ‖p‖² − 2q·p has no correct digit here; exact arithmetic says what is right.
    queries = cloud(8, 6, seed=1) + 1e8
    points = cloud(500, 6, seed=2) + 1e8
    distances, indices = gilfree.nearest_neighbors(queries, points, 4)
    for query, row, found in zip(queries, distances, indices, strict=True):
        exact = [sum((Fraction(x) - Fraction(y)) ** 2 for x, y in zip(query, p, strict=True)) for p in points]
        order = sorted(range(len(points)), key=lambda index: (exact[index], index))[:4]
        assert found.tolist() == order
        np.testing.assert_allclose(row, [math.sqrt(exact[index]) for index in order], rtol=1e-15)


def test_float32_is_ranked_by_the_float64_distance():
    points = np.array([[1.0, 2e-4], [1.0, 1e-4], [1.0, 0.0]], np.float32)
    distances, indices = gilfree.nearest_neighbors(np.zeros((1, 2), np.float32), points, 3)
    assert distances.tolist() == [[1.0, 1.0, 1.0]]
    assert indices.tolist() == [[2, 1, 0]]


def test_unit_square():
    corners = [[0, 0], [1, 0], [0, 1], [1, 1]]
    distances, indices = gilfree.nearest_neighbors([[0, 0], [1, 1]], corners, k=4)
    assert indices.tolist() == [[0, 1, 2, 3], [3, 1, 2, 0]]
    assert distances.tolist() == [[0, 1, 1, math.sqrt(2)]] * 2


def test_no_queries():
    distances, indices = gilfree.nearest_neighbors(np.empty((0, 3), np.float32), np.ones((5, 3), np.float32), 2)
    assert (distances.shape, distances.dtype) == ((0, 2), np.float32)
    assert (indices.shape, indices.dtype) == ((0, 2), np.int64)


def test_no_dimensions():
    distances, indices = gilfree.nearest_neighbors(np.empty((3, 0)), np.empty((1 << 50, 0)), 4)
    assert (distances == 0).all()
    assert (indices == np.arange(4)).all()


@pytest.mark.parametrize(
    ("queries", "points", "dtype"),
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
def test_dtypes(queries, points, dtype):
    a, b = np.eye(4, 6).astype(queries), np.tri(9, 6).astype(points)
    distances, indices = gilfree.nearest_neighbors(a, b, 2)
    wanted, order = by_definition(a, b, 2)
    assert distances.dtype == dtype
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(distances, wanted.astype(dtype))


def layouts(array):
    misaligned = np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)
    read_only = array.copy()
    read_only.flags.writeable = False
    return {
        "list": array.tolist(),
        "fortran": np.asfortranarray(array),
        "strided": np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)[::2, ::3],
        "negative": array[::-1, ::-1].copy()[::-1, ::-1],
        "swapped": array.astype(array.dtype.newbyteorder()),
        "misaligned": misaligned,
        "read_only": read_only,
        "memoryview": memoryview(array),
    }


@pytest.mark.parametrize("layout", sorted(layouts(np.ones((1, 1)))))
def test_layouts(layout):
    queries, points = cloud(5, 7), cloud(90, 7, seed=1)
    wanted = gilfree.nearest_neighbors(queries, points, 3)
    given = gilfree.nearest_neighbors(layouts(queries)[layout], layouts(points)[layout], 3)
    np.testing.assert_array_equal(given, wanted)


def test_zero_strides():
    points = np.broadcast_to(np.ones(4), (1000, 4))
    distances, indices = gilfree.nearest_neighbors(np.zeros((5, 4)), points, 2)
    assert (distances == 2).all()
    assert (indices == [0, 1]).all()


Q, P = np.zeros((3, 2)), np.ones((5, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((Q[0], P), ValueError, ["queries", "2 dimension", "got 1"]),
        ((Q, P[0]), ValueError, ["points", "2 dimension", "got 1"]),
        ((Q, np.ones((5, 3))), ValueError, ["points", "2", "got 3"]),
        ((Q, P, 0), ValueError, ["k", "1 to 5", "got 0"]),
        ((Q, P, 6), ValueError, ["k", "1 to 5", "got 6"]),
        ((Q, P, -1), ValueError, ["k", "got -1"]),
        ((Q, P, 10**30), ValueError, ["k", "1 to 5"]),
        ((Q, P, 1.0), TypeError, ["k", "int", "float"]),
        ((Q, np.empty((0, 2))), ValueError, ["k", "number of points"]),
        ((Q.astype(complex), P), TypeError, ["queries", "complex128"]),
        ((Q, P.astype("U3")), TypeError, ["points", "<U3"]),
        ((Q, P.astype(object)), TypeError, ["points", "object"]),
        (([[1, 2], [3]], P), ValueError, ["queries"]),
        ((Q, P.astype(np.longdouble)), TypeError, ["points", "float"]),
    ],
)
def test_bad_arguments(arguments, error, words):
    out = (np.full((3, 1), 7.0), np.full((3, 1), 7))
    with pytest.raises(error) as caught:
        gilfree.nearest_neighbors(*arguments, out=out)
    for word in words:
        assert word in str(caught.value)
    assert (out[0] == 7).all()
    assert (out[1] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rows", [0, 1, 3, 12])
@pytest.mark.parametrize("place", [0, 1, 199, 200, 398, 399])
def test_points_have_to_be_finite(dtype, bad, rows, place):
    queries, points = cloud(rows, 19, dtype), cloud(400, 19, dtype, seed=1)
    points[place, place % 19] = bad
    out = (np.full((rows, 2), 7, dtype), np.full((rows, 2), 7))
    with pytest.raises(ValueError, match=r"points.*finite"):
        gilfree.nearest_neighbors(queries, points, 2, out=out)
    assert (out[0] == 7).all()
    assert (out[1] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 5, 11])
def test_queries_have_to_be_finite(dtype, bad, place):
    queries, points = cloud(12, 19, dtype), cloud(400, 19, dtype, seed=1)
    queries[place, 18] = bad
    for rows in (queries, queries[place : place + 1]):
        with pytest.raises(ValueError, match=r"queries.*finite"):
            gilfree.nearest_neighbors(rows, points, 2)


def test_out_is_filled_and_returned():
    queries, points = cloud(5, 3), cloud(50, 3, seed=1)
    out = np.empty((5, 2)), np.empty((5, 2), np.int64)
    distances, indices = gilfree.nearest_neighbors(queries, points, 2, out=out)
    assert distances is out[0]
    assert indices is out[1]
    np.testing.assert_array_equal(out, gilfree.nearest_neighbors(queries, points, 2))


def test_out_may_overlap_an_input():
    points = cloud(50, 2, seed=1)
    wanted = gilfree.nearest_neighbors(points, points, 2)
    queries = points.copy()
    gilfree.nearest_neighbors(queries, points, 2, out=(queries, np.empty((50, 2), np.int64)))
    np.testing.assert_array_equal(queries, wanted[0])


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.empty((3, 1)), TypeError, ["out", "tuple of 2"]),
        ((np.empty((3, 1)),), TypeError, ["out", "tuple of 2"]),
        ((np.empty((3, 2)), np.empty((3, 1), np.int64)), ValueError, ["distances", "(3, 1)", "(3, 2)"]),
        ((np.empty((3, 1), np.float32), np.empty((3, 1), np.int64)), ValueError, ["distances", "float64"]),
        ((np.empty((3, 1)), np.empty((3, 1), np.int32)), ValueError, ["indices", "int64"]),
    ],
)
def test_bad_out(out, error, words):
    with pytest.raises(error) as caught:
        gilfree.nearest_neighbors(Q, P, out=out)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hold_equals_release_equals_any_workers(dtype):
    queries, points = cloud(101, 20, dtype), cloud(3000, 20, dtype, seed=1)
    wanted = gilfree.nearest_neighbors(queries, points, 6, release_gil=False)
    with ThreadPoolExecutor(3) as pool:
        for options in (
            {"release_gil": True}, *({"workers": count} for count in (1, 2, 3, 7)), {"workers": pool}, {"workers": map}
        ):  # fmt: skip
            given = gilfree.nearest_neighbors(queries, points, 6, **options)
            assert all(a.tobytes() == b.tobytes() for a, b in zip(given, wanted, strict=True)), options


def test_one_by_one_equals_all_together():
    queries, points = cloud(40, 50, np.float32), cloud(2000, 50, np.float32, seed=1)
    distances, indices = gilfree.nearest_neighbors(queries, points, 8)
    for row in range(40):
        one = gilfree.nearest_neighbors(queries[row : row + 1], points, 8)
        np.testing.assert_array_equal(one[0][0], distances[row])
        np.testing.assert_array_equal(one[1][0], indices[row])


@pytest.mark.parametrize("rows", [1, 2000])
def test_a_stop_set_by_another_thread_ends_a_long_call(rows):
    queries, points = np.zeros((rows, 64), np.float32), np.zeros((100_000, 64), np.float32)
    points[:, 0] = np.arange(100_000, 0, -1)  # nearer and nearer: every point is examined
    out = np.empty((rows, 1), np.float32), np.empty((rows, 1), np.int64)
    stop = array("i", [0])
    timer = threading.Timer(0.002, _kernels.stop, [stop])
    timer.start()

    def search_for_ever():
        while True:
            _kernels.nearest_neighbors(queries, points, 1, *out, stop=stop)

    with pytest.raises(gilfree.Cancelled):
        search_for_ever()
    timer.join()


@pytest.mark.parametrize(
    ("rows", "count", "dimensions", "k"),
    [(1, 3, 1_000_000, 1), (5, 100_000, 2, 1), (1, 100_000, 1, 100_000)],
)
def test_a_stop_set_before_ends_the_call(rows, count, dimensions, k):
    out = np.empty((rows, k)), np.empty((rows, k), np.int64)
    stop = array("i", [0])
    _kernels.stop(stop)
    with pytest.raises(gilfree.Cancelled):
        _kernels.nearest_neighbors(
            np.zeros((rows, dimensions)), np.zeros((count, dimensions)), k, *out, release_gil=False, stop=stop
        )


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, np.zeros((3, 2), np.float32), ["points", "4-byte"]),
        (0, np.zeros((3, 2), np.int64), ["queries", "floats"]),
        (0, np.zeros((3, 3)), ["points", "length 3"]),
        (1, np.ones((5, 4))[:, ::2], ["points", "C-contiguous"]),
        (2, 6, ["k", "1 to 5"]),
        (2, 0, ["k", "1 to 5"]),
        (3, np.empty((3, 2)), ["distances", "length 1"]),
        (3, np.empty((4, 1)), ["distances", "length 3"]),
        (4, np.empty((3, 1), np.int32), ["indices", "8-byte"]),
        (4, np.empty((2, 1), np.int64), ["indices", "length 3"]),
        (4, b"abc", ["indices", "writable"]),
    ],
)
def test_the_compiled_function_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [Q, P, 1, np.empty((3, 1)), np.empty((3, 1), np.int64)]
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.nearest_neighbors(*arguments)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.filterwarnings("ignore:Could not find the number of physical cores")  # joblib asks lscpu
def test_handwritten_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    neighbors = pytest.importorskip("sklearn.neighbors")
    images, labels = datasets.load_digits(return_X_y=True)
    distances, indices = gilfree.nearest_neighbors(images, images, 2)
    assert (distances[:, 0] == 0).all()
    assert (indices[:, 0] == np.arange(len(images))).all()  # no image occurs twice
    assert np.count_nonzero(labels[indices[:, 1]] == labels) == 1776  # leave one out: 98.83 %
    theirs = neighbors.NearestNeighbors(n_neighbors=2, algorithm="brute").fit(images).kneighbors(images)
    # Whole numbers: their squared distances are exact too, and only ties may be broken another way.
    np.testing.assert_allclose(distances, theirs[0], rtol=1e-15)
    unlike = indices[:, 1] != theirs[1][:, 1]
    np.testing.assert_array_equal(distances[unlike, 1], theirs[0][unlike, 1])
    np.testing.assert_array_equal(
        gilfree.nearest_neighbors(images.astype(np.float32), images.astype(np.float32), 2)[1], indices
    )


def test_scipy_agrees():
    distance = pytest.importorskip("scipy.spatial.distance")
    queries, points = cloud(30, 12), cloud(800, 12, seed=1)
    matrix = distance.cdist(queries, points)
    distances, indices = gilfree.nearest_neighbors(queries, points, 10)
    np.testing.assert_array_equal(indices, np.argsort(matrix, axis=1)[:, :10])
    np.testing.assert_allclose(distances, np.sort(matrix, axis=1)[:, :10], rtol=1e-14)


def test_faiss_agrees():
    faiss = pytest.importorskip("faiss")
    queries, points = cloud(30, 12, np.float32), cloud(800, 12, np.float32, seed=1)
    index = faiss.IndexFlatL2(12)
    index.add(points)
    squared, theirs = index.search(queries, 5)
    distances, indices = gilfree.nearest_neighbors(queries, points, 5)
    np.testing.assert_array_equal(indices, theirs)
    np.testing.assert_allclose(distances**2, squared, rtol=1e-4)
