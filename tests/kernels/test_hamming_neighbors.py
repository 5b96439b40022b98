"""The nearest codes are those of the definition, ties and all, for every length of code and number of queries."""

import threading
from array import array
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels.hamming_neighbors import hamming_neighbors_pure


def random_codes(rows, length, *, seed=0, bits=8):
    """Random bytes, in which only so many of the bits vary: with few, ties abound."""
    return np.random.default_rng(seed).integers(0, 1 << bits, (rows, length), dtype=np.uint8)


def by_definition(queries, codes, k):
    distances = np.array([np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.int32) for query in queries])
    distances = distances.reshape(len(queries), len(codes))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


def assert_exact(queries, codes, k, **options):
    distances, indices = gilfree.hamming_neighbors(queries, codes, k, **options)
    wanted, order = by_definition(queries, codes, k)
    assert distances.dtype == np.int32
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(distances, wanted)
    np.testing.assert_array_equal(indices, order)


@given(st.integers(0, 9), st.integers(1, 90), st.integers(0, 40), st.integers(0, 2**32 - 1), st.data())
def test_agrees_with_the_pure_twin(rows, count, length, seed, data):
    bits = data.draw(st.integers(0, 8))
    queries, codes = random_codes(rows, length, seed=seed, bits=bits), random_codes(count, length, seed=~seed % 2**32)
    k = data.draw(st.integers(1, count))
    distances, indices = gilfree.hamming_neighbors(queries, codes, k)
    pure_distances, pure_indices = hamming_neighbors_pure(queries.tolist(), codes.tolist(), k)
    assert distances.tolist() == pure_distances
    assert indices.tolist() == pure_indices


@given(
    st.integers(1, 40),
    st.integers(1, 2000),
    st.sampled_from([1, 7, 8, 9, 16, 24, 31, 32, 33, 64, 65, 128, 255, 256, 1024, 1025]),
    st.integers(0, 2**32 - 1),
    st.data(),
)
def test_agrees_with_numpy(rows, count, length, seed, data):
    bits = data.draw(st.integers(1, 8))
    codes = random_codes(count, length, seed=seed, bits=bits)
    queries = random_codes(rows, length, seed=seed + 1, bits=bits)
    assert_exact(queries, codes, data.draw(st.integers(1, min(count, 60)) | st.just(count)))


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 13])
@pytest.mark.parametrize("length", [*range(1, 20), 32, 40, 63, 64, 65, 100, 127, 128, 511, 512, 513, 1000])
def test_every_length(rows, length):
    assert_exact(random_codes(rows, length), random_codes(150, length, seed=1), 7)


@pytest.mark.parametrize(
    ("rows", "count", "length", "k"),
    [
        (1, 1, 1, 1),
        (4, 1, 8, 1),
        (9, 3, 8, 3),
        (1, 5000, 8, 5000),  # k = p
        (7, 5000, 8, 5000),
        (40, 3000, 32, 700),
        (5, 300, 1024, 300),  # the longest whose distances are tallied
        (5, 300, 1025, 300),
        (2, 200, 1025, 9),
        (6, 60, 8192, 10),  # the longest that are packed
        (6, 60, 8193, 10),
        (2, 40, 8192, 10),
        (1, 9, 200_001, 4),  # longer than what is compared between two looks at the flag
        (9, 9, 200_001, 9),
    ],
)
def test_shapes(rows, count, length, k):
    assert_exact(random_codes(rows, length), random_codes(count, length, seed=1), k)


def test_more_queries_than_go_together():
    # 8 MiB hold the scratch of some 500 such queries.
    assert_exact(random_codes(1603, 4), random_codes(1200, 4, seed=1), 900)


@pytest.mark.parametrize("rows", [1, 3, 6])
@pytest.mark.parametrize("length", [3, 8, 32, 1024, 1025, 8193])
@pytest.mark.parametrize("k", [1, 40, 500])
def test_every_code_a_tie(rows, length, k):
    codes = np.full((500, length), 0xFF, np.uint8)
    distances, indices = gilfree.hamming_neighbors(np.zeros((rows, length), np.uint8), codes, k)
    assert (distances == 8 * length).all()
    assert (indices == np.arange(k)).all()


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("length", [8, 11, 32, 1025])
@pytest.mark.parametrize("k", [1, 5, 300])
def test_codes_that_come_nearer_and_nearer(rows, length, k):
    # The bound stops nothing: each code is at least as near as all before it, and every second one is nearer.
    bits = np.sort(np.random.default_rng(0).integers(0, 8 * length + 1, 1500))[::-1]
    codes = np.packbits(np.arange(8 * length) < bits[:, None], axis=1)
    assert_exact(np.zeros((rows, length), np.uint8), codes, k)


@pytest.mark.parametrize("length", [1, 8, 32])
def test_ties_across_groups_go_to_the_lower_index(length):
    assert_exact(random_codes(9, length), np.tile(random_codes(37, length, seed=1), (20, 1)), 50)


def test_all_bytes():
    everything = np.arange(256, dtype=np.uint8)[:, None]
    distances, indices = gilfree.hamming_neighbors(everything, everything, 9)
    assert (distances[:, 0] == 0).all()
    assert (indices[:, 0] == np.arange(256)).all()
    assert (distances[:, 1:] == 1).all()
    np.testing.assert_array_equal(indices[:, 1:], np.sort(np.arange(256)[:, None] ^ (1 << np.arange(8)), axis=1))


def hamming_code():
    """The sixteen words of Hamming's (7, 4) code, one a byte."""
    words = []
    for a, b, c, d in np.ndindex(2, 2, 2, 2):
        words.append([a ^ b ^ d, a ^ c ^ d, a, b ^ c ^ d, b, c, d])
    return np.packbits(np.array(words, np.uint8), axis=1)


def test_hamming_code_is_perfect():
    # Hamming 1950: words differ in three bits or more, and every byte of seven bits is within one of just one word.
    words = hamming_code()
    distances, _ = gilfree.hamming_neighbors(words, words, 16)
    assert (distances == [0, *[3] * 7, *[4] * 7, 7]).all()
    everything = np.arange(0, 256, 2, dtype=np.uint8)[:, None]
    distances, indices = gilfree.hamming_neighbors(everything, words, 2)
    assert (distances[:, 0] <= 1).all()
    assert (distances[:, 1] >= 2).all()
    assert (np.bincount(indices[:, 0]) == 8).all()


def test_no_queries():
    distances, indices = gilfree.hamming_neighbors(np.empty((0, 3), np.uint8), np.ones((5, 3), np.uint8), 2)
    assert (distances.shape, distances.dtype) == ((0, 2), np.int32)
    assert (indices.shape, indices.dtype) == ((0, 2), np.int64)


@pytest.mark.parametrize("rows", [1, 5])
def test_no_bits(rows):
    distances, indices = gilfree.hamming_neighbors(np.empty((rows, 0), np.uint8), np.empty((1 << 50, 0), np.uint8), 4)
    assert (distances == 0).all()
    assert (indices == np.arange(4)).all()


def layouts(codes):
    read_only = codes.copy()
    read_only.flags.writeable = False
    return {
        "list": codes.tolist(),
        "fortran": np.asfortranarray(codes),
        "strided": np.repeat(np.repeat(codes, 2, axis=0), 3, axis=1)[::2, ::3],
        "negative": codes[::-1, ::-1].copy()[::-1, ::-1],
        "at an odd address": np.frombuffer(b"x" + codes.tobytes(), np.uint8)[1:].reshape(codes.shape),
        "read_only": read_only,
        "memoryview": memoryview(codes),
        "rows of bytes": [list(row.tobytes()) for row in codes],
    }


@pytest.mark.parametrize("layout", sorted(layouts(np.ones((1, 1), np.uint8))))
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("length", [8, 13])
def test_layouts(layout, rows, length):
    queries, codes = random_codes(rows, length), random_codes(90, length, seed=1)
    wanted = gilfree.hamming_neighbors(queries, codes, 3)
    given = gilfree.hamming_neighbors(layouts(queries)[layout], layouts(codes)[layout], 3)
    np.testing.assert_array_equal(given, wanted)


def test_zero_strides():
    codes = np.broadcast_to(np.full(4, 3, np.uint8), (1000, 4))
    distances, indices = gilfree.hamming_neighbors(np.zeros((5, 4), np.uint8), codes, 2)
    assert (distances == 8).all()
    assert (indices == [0, 1]).all()


Q, C = np.zeros((3, 2), np.uint8), np.ones((5, 2), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((Q[0], C), ValueError, ["queries", "2 dimensions", "got 1"]),
        ((Q, C[0]), ValueError, ["codes", "2 dimensions", "got 1"]),
        ((Q, np.ones((5, 3), np.uint8)), ValueError, ["codes", "2", "got 3"]),
        ((Q, C, 0), ValueError, ["k", "1 to 5", "got 0"]),
        ((Q, C, 6), ValueError, ["k", "1 to 5", "got 6"]),
        ((Q, C, -1), ValueError, ["k", "got -1"]),
        ((Q, C, 10**30), ValueError, ["k", "1 to 5"]),
        ((Q, C, 1.0), TypeError, ["k", "int", "float"]),
        ((Q, np.empty((0, 2), np.uint8)), ValueError, ["k", "number of codes"]),
        ((Q.astype(np.int8), C), TypeError, ["queries", "uint8", "packbits", "int8"]),
        ((Q.astype(bool), C), TypeError, ["queries", "uint8", "packbits", "bool"]),
        ((Q, C.astype(np.uint16)), TypeError, ["codes", "uint16"]),
        ((Q, C.astype(float)), TypeError, ["codes", "float64"]),
        ((Q, C.astype(object)), TypeError, ["codes", "object"]),
        (([[1, 2], [3]], C), ValueError, ["queries"]),
        (([[1, 256]], C), ValueError, ["queries", "0 to 255", "256"]),
        ((Q, [[-1, 2]]), ValueError, ["codes", "0 to 255", "-1"]),
        ((Q, [[0.5, 2]]), TypeError, ["codes", "float64"]),
        ((Q, ["ab"]), TypeError, ["codes", "<U2"]),
        ((np.empty((0, 2**28), np.uint8), np.broadcast_to(np.uint8(0), (1, 2**28))[:0]), ValueError, ["bytes each"]),
    ],
)
def test_bad_arguments(arguments, error, words):
    out = (np.full((3, 1), 7, np.int32), np.full((3, 1), 7))
    with pytest.raises(error) as caught:
        gilfree.hamming_neighbors(*arguments, out=out)
    for word in words:
        assert word in str(caught.value)
    assert (out[0] == 7).all()
    assert (out[1] == 7).all()


def test_out_is_filled_and_returned():
    queries, codes = random_codes(5, 3), random_codes(50, 3, seed=1)
    out = np.empty((5, 2), np.int32), np.empty((5, 2), np.int64)
    distances, indices = gilfree.hamming_neighbors(queries, codes, 2, out=out)
    assert distances is out[0]
    assert indices is out[1]
    np.testing.assert_array_equal(out, gilfree.hamming_neighbors(queries, codes, 2))


def test_out_may_overlap_an_input():
    codes = random_codes(50, 8, seed=1)
    wanted = gilfree.hamming_neighbors(codes, codes, 2)
    queries = codes.copy()
    gilfree.hamming_neighbors(queries, codes, 2, out=(queries.view(np.int32), np.empty((50, 2), np.int64)))
    np.testing.assert_array_equal(queries.view(np.int32), wanted[0])


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.empty((3, 1)), TypeError, ["out", "tuple of 2"]),
        ((np.empty((3, 2), np.int32), np.empty((3, 1), np.int64)), ValueError, ["distances", "(3, 1)", "(3, 2)"]),
        ((np.empty((3, 1)), np.empty((3, 1), np.int64)), ValueError, ["distances", "int32"]),
        ((np.empty((3, 1), np.int32), np.empty((3, 1), np.int32)), ValueError, ["indices", "int64"]),
    ],
)
def test_bad_out(out, error, words):
    with pytest.raises(error) as caught:
        gilfree.hamming_neighbors(Q, C, out=out)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("length", [8, 20, 1025])
def test_hold_equals_release_equals_any_workers(length):
    queries, codes = random_codes(101, length, bits=2), random_codes(3000, length, seed=1, bits=2)
    wanted = gilfree.hamming_neighbors(queries, codes, 6, release_gil=False)
    with ThreadPoolExecutor(3) as pool:
        for options in (
            {"release_gil": True}, *({"workers": count} for count in (1, 2, 3, 7)), {"workers": pool}, {"workers": map}
        ):  # fmt: skip
            given = gilfree.hamming_neighbors(queries, codes, 6, **options)
            assert all(a.tobytes() == b.tobytes() for a, b in zip(given, wanted, strict=True)), options


@pytest.mark.parametrize("length", [8, 32, 1024, 1025])
def test_one_by_one_equals_all_together(length):
    queries, codes = random_codes(20, length), random_codes(800, length, seed=1)
    distances, indices = gilfree.hamming_neighbors(queries, codes, 8)
    for row in range(20):
        one = gilfree.hamming_neighbors(queries[row : row + 1], codes, 8)
        np.testing.assert_array_equal(one[0][0], distances[row])
        np.testing.assert_array_equal(one[1][0], indices[row])


@pytest.mark.parametrize("rows", [1, 2000])
@pytest.mark.parametrize("length", [8, 64, 10_000])
def test_a_stop_set_by_another_thread_ends_a_long_call(rows, length):
    queries, codes = random_codes(rows, length), random_codes(10_000_000 // length, length)
    out = np.empty((rows, 1), np.int32), np.empty((rows, 1), np.int64)
    stop = array("i", [0])
    timer = threading.Timer(0.002, _kernels.stop, [stop])
    timer.start()

    def search_for_ever():
        while True:
            _kernels.hamming_neighbors(queries, codes, 1, *out, stop=stop)

    with pytest.raises(gilfree.Cancelled):
        search_for_ever()
    timer.join()


@pytest.mark.parametrize(
    ("rows", "count", "length", "k"),
    [(1, 2, 2_000_000, 1), (5, 200_000, 2, 1), (1, 200_000, 8, 1), (1, 200_000, 1, 200_000), (2, 99, 9000, 99)],
)
def test_a_stop_set_before_ends_the_call(rows, count, length, k):
    out = np.empty((rows, k), np.int32), np.empty((rows, k), np.int64)
    stop = array("i", [0])
    _kernels.stop(stop)
    with pytest.raises(gilfree.Cancelled):
        _kernels.hamming_neighbors(
            random_codes(rows, length), random_codes(count, length), k, *out, release_gil=False, stop=stop
        )


@pytest.mark.parametrize("length", [8, 32, 1025])
def test_codes_that_change_meanwhile_give_some_codes(length):
    queries, codes = random_codes(40, length), random_codes(2000, length, seed=1)
    done = threading.Event()

    def flip():
        while not done.is_set():
            np.invert(codes, out=codes)

    other = threading.Thread(target=flip)
    other.start()
    try:
        for _ in range(20):
            distances, indices = gilfree.hamming_neighbors(queries, codes, 300, release_gil=True)
            assert ((indices >= 0) & (indices < 2000)).all()
            assert ((distances >= 0) & (distances <= 8 * length)).all()
    finally:
        done.set()
        other.join()


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, np.zeros((3, 2), np.int8), ["queries", "1-byte"]),
        (0, np.zeros((3, 2), bool), ["queries", "1-byte"]),
        (0, np.zeros((3, 3), np.uint8), ["codes", "length 3"]),
        (0, np.zeros(6, np.uint8), ["queries", "2 dimension"]),
        (1, np.ones((5, 4), np.uint8)[:, ::2], ["codes", "C-contiguous"]),
        (2, 6, ["k", "1 to 5"]),
        (2, 0, ["k", "1 to 5"]),
        (3, np.empty((3, 2), np.int32), ["distances", "length 1"]),
        (3, np.empty((4, 1), np.int32), ["distances", "length 3"]),
        (3, np.empty((3, 1), np.int64), ["distances", "4-byte"]),
        (4, np.empty((3, 1), np.int32), ["indices", "8-byte"]),
        (4, np.empty((2, 1), np.int64), ["indices", "length 3"]),
        (4, b"abc", ["indices", "writable"]),
    ],
)
def test_the_compiled_function_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [Q, C, 1, np.empty((3, 1), np.int32), np.empty((3, 1), np.int64)]
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.hamming_neighbors(*arguments)
    for word in words:
        assert word in str(caught.value)


def test_the_compiled_function_refuses_codes_whose_distances_overflow():
    huge = np.empty((0, 2**28), np.uint8)
    with pytest.raises(ValueError, match=r"queries.*2\*\*28"):
        _kernels.hamming_neighbors(huge, huge, 1, np.empty((0, 1), np.int32), np.empty((0, 1), np.int64))


def test_faiss_agrees():
    faiss = pytest.importorskip("faiss")
    queries, codes = random_codes(30, 16), random_codes(3000, 16, seed=1)
    index = faiss.IndexBinaryFlat(128)
    index.add(codes)
    theirs = index.search(queries, 5)
    distances, indices = gilfree.hamming_neighbors(queries, codes, 5)
    np.testing.assert_array_equal(distances, theirs[0])
    assert np.mean(indices == theirs[1]) > 0.9  # it does not say which of several codes at equal distance it returns


def test_handwritten_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    neighbors = pytest.importorskip("sklearn.neighbors")
    images, labels = datasets.load_digits(return_X_y=True)
    bits = images > 7
    hashes = np.packbits(bits, axis=1)
    distances, indices = gilfree.hamming_neighbors(hashes, hashes, 2)
    assert (distances[:, 0] == 0).all()
    theirs, _ = neighbors.NearestNeighbors(n_neighbors=2, metric="hamming", algorithm="brute").fit(bits).kneighbors()
    np.testing.assert_array_equal(gilfree.hamming_neighbors(hashes, hashes, 3)[0][:, 1:], np.rint(64 * theirs))
    other = np.where(indices[:, 0] == np.arange(len(labels)), indices[:, 1], indices[:, 0])
    assert np.mean(labels[other] == labels) > 0.9
