import threading
import time
from array import array
from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels import _kernel
from gilfree.kernels._kernel import Work
from gilfree.kernels.sparse_matvec import Rows, sparse_matvec_pure
from gilfree.workers import crew

# Saad, "Iterative Methods for Sparse Linear Systems", 2nd edition, page 93.
SAAD = (
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
    [0, 3, 0, 1, 3, 0, 2, 3, 4, 2, 3, 4],
    [0, 2, 5, 9, 11, 12],
    (5, 5),
)
TYPES = [(np.float32, np.float32), (np.float32, np.float64), (np.float64, np.float32), (np.float64, np.float64)]


def random_matrix(rows, columns, counts, seed=0, *, dtype=np.float64, index=np.int32):
    """A matrix with so many entries in each row, in any order, some columns twice."""
    rng = np.random.default_rng(seed)
    counts = np.broadcast_to(counts, rows)
    entries = int(counts.sum())
    return (
        rng.standard_normal(entries).astype(dtype),
        rng.integers(0, columns, entries).astype(index),
        np.r_[0, np.cumsum(counts)].astype(index),
        (rows, columns),
    )


def uneven(rows, columns, seed=1):
    """Mostly short rows, empty ones, and a few that hold most of the entries."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, rows)
    counts[rng.integers(0, rows, 3)] = rng.integers(500, 1500, 3)
    return random_matrix(rows, columns, counts, seed)


def assert_close(result, wanted, dtype=np.float64):
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)


@st.composite
def products(draw):
    rows, columns = draw(st.integers(0, 8)), draw(st.integers(1, 8))
    counts = draw(st.lists(st.integers(0, 40), min_size=rows, max_size=rows))
    # Whole numbers, whose sums are exact in any order.
    entry = st.integers(-1000, 1000).map(float)
    data = draw(st.lists(entry, min_size=sum(counts), max_size=sum(counts)))
    indices = draw(st.lists(st.integers(0, columns - 1), min_size=sum(counts), max_size=sum(counts)))
    vectors = draw(st.sampled_from([None, 1, 2, 5, 8, 11, 17]))
    shape = columns if vectors is None else (columns, vectors)
    x = np.random.default_rng(draw(st.integers(0, 99))).integers(-99, 99, shape).astype(float)
    types = draw(st.sampled_from(TYPES))
    index = draw(st.sampled_from([np.int32, np.int64]))
    offsets = np.r_[0, np.cumsum(counts, dtype=index)].astype(index)
    matrix = (np.array(data, types[0]), np.array(indices, index), offsets, (rows, columns))
    return matrix, x.astype(types[1])


@given(products())
def test_equals_the_twin(product):
    matrix, x = product
    y = gilfree.sparse_matvec(matrix, x)
    assert y.shape == (matrix[3][0], *x.shape[1:])
    assert y.dtype == (np.float32 if matrix[0].dtype == x.dtype == np.float32 else np.float64)
    assert np.array_equal(y, np.reshape(sparse_matvec_pure(matrix, x.tolist()), y.shape).astype(y.dtype))


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("vectors", [None, 1, 2, 3, 7, 8, 9, 15, 16, 33])
def test_every_dtype_and_number_of_vectors(types, index, vectors):
    matrix = random_matrix(60, 50, np.arange(60), dtype=types[0], index=index)
    x = np.random.default_rng(3).standard_normal(50 if vectors is None else (50, vectors)).astype(types[1])
    y = gilfree.sparse_matvec(matrix, x)
    dtype = np.float32 if types == (np.float32, np.float32) else np.float64
    assert y.dtype == dtype
    dense = np.zeros((60, 50))
    np.add.at(dense, (np.repeat(np.arange(60), np.diff(matrix[2])), matrix[1]), matrix[0])
    assert_close(y, dense @ x.astype(np.float64), dtype)


@pytest.mark.parametrize("vectors", [1, 2, 3, 8, 9, 21])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_column_is_the_product_with_it_alone(vectors, dtype):
    data, *rest = uneven(80, 40)
    matrix = (data.astype(dtype), *rest)
    x = np.random.default_rng(4).standard_normal((40, vectors)).astype(dtype)
    y = gilfree.sparse_matvec(matrix, x)
    for column in range(vectors):
        assert y[:, column].tobytes() == gilfree.sparse_matvec(matrix, x[:, column]).tobytes()


def test_published_matrix():
    assert gilfree.sparse_matvec(SAAD, [1.0, 1, 1, 1, 1]).tolist() == [3, 12, 30, 21, 12]
    assert gilfree.sparse_matvec(SAAD, np.eye(5)).tolist() == [
        [1, 0, 0, 2, 0], [3, 4, 0, 5, 0], [6, 0, 7, 8, 9], [0, 0, 10, 11, 0], [0, 0, 0, 0, 12]
    ]  # fmt: skip


def test_equals_scipy():
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(5)
    for data, indices, indptr, shape in (uneven(300, 200), random_matrix(40, 7, 100), random_matrix(9, 3000, 1000)):
        matrix = sparse.csr_array((data, indices, indptr), shape=shape)
        for x in (rng.standard_normal(shape[1]), rng.standard_normal((shape[1], 6))):
            assert_close(gilfree.sparse_matvec(matrix, x), matrix @ x)
            assert_close(gilfree.sparse_matvec(sparse.csr_matrix(matrix), x), matrix @ x)


def test_float32_is_rounded_once():
    # 1 + 2**-24 + 2**-24 is 1 when added in float32.
    matrix = (np.array([1, 2**-24, 2**-24], np.float32), [0, 1, 2], [0, 3], (1, 3))
    assert gilfree.sparse_matvec(matrix, np.ones(3, np.float32))[0] == np.float32(1 + 2**-23)


def test_special_numbers():
    matrix = ([inf, 0.0, nan, -0.0, 1e308, 1e308], [0, 0, 1, 2, 2, 2], [0, 1, 2, 3, 4, 6], (5, 3))
    y = gilfree.sparse_matvec(matrix, [1.0, 2.0, 3.0])
    assert y[0] == inf
    assert y[1] == 0
    assert isnan(y[2])
    assert y[3] == 0
    assert y[4] == inf
    assert isnan(gilfree.sparse_matvec(matrix, [inf, 0, 0])[1])


@pytest.mark.parametrize("vectors", [None, 0, 1, 3, 8])
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0), (3, 4)])
def test_empty(shape, vectors):
    matrix = ([], [], [0] * (shape[0] + 1), shape)
    x = np.ones(shape[1] if vectors is None else (shape[1], vectors))
    y = gilfree.sparse_matvec(matrix, x, workers=3)
    assert y.shape == (shape[0], *x.shape[1:])
    assert not y.any()


def test_entries_behind_the_last_row_do_not_count():
    assert gilfree.sparse_matvec(([1.0, nan], [0, 99], [0, 1], (1, 1)), [2.0]).tolist() == [2]


def strided(values):
    return np.repeat(values, 2, axis=0)[::2]


def misaligned(values):
    raw = np.empty(values.nbytes + 1, np.uint8)[1:]
    view = raw.view(values.dtype).reshape(values.shape)
    view[...] = values
    return view


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


LAYOUTS = {
    "list": np.ndarray.tolist,
    "int64 and float32": lambda a: a.astype(np.float32 if a.dtype.kind == "f" else np.int64),
    "float16 and int16": lambda a: a.astype(np.float16 if a.dtype.kind == "f" else np.int16),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "strided": strided,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "misaligned": misaligned,
    "read-only": read_only,
    "Fortran": np.asfortranarray,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("vectors", [None, 9])
def test_layouts(layout, vectors):
    data, indices, indptr, shape = random_matrix(50, 30, 12)
    data = np.round(4 * data)
    x = np.random.default_rng(2).integers(-9, 9, 30 if vectors is None else (30, vectors)).astype(float)
    wanted = gilfree.sparse_matvec((data, indices, indptr, shape), x)
    convert = LAYOUTS[layout]
    assert np.array_equal(
        gilfree.sparse_matvec((convert(data), convert(indices), convert(indptr), shape), convert(x)), wanted
    )


GOOD = ([1.0, 2.0, 3.0], [0, 1, 1], [0, 2, 3], (2, 2))
BAD = {
    "not sparse": ([[1.0]], [1.0], TypeError, ["matrix", "CSR"]),
    "other format": (type("COO", (), {"format": "coo"})(), [1.0], TypeError, ["matrix", "coo", "tocsr"]),
    "short tuple": (GOOD[:3], [1.0], TypeError, ["matrix", "tuple of 3"]),
    "shape": ((*GOOD[:3], (2,)), [1.0], TypeError, ["matrix.shape"]),
    "negative shape": ((*GOOD[:3], (2, -1)), [1.0], ValueError, ["matrix.shape", "-1"]),
    "indptr too short": ((*GOOD[:2], [0, 3], (2, 2)), [1.0, 1], ValueError, ["matrix.indptr", "length 3", "got 2"]),
    "indptr of floats": ((*GOOD[:2], [0.0, 2, 3], (2, 2)), [1.0, 1], TypeError, ["matrix.indptr", "float64"]),
    "data too short": (([1.0], *GOOD[1:]), [1.0, 1], ValueError, ["matrix.data", "3", "got 1"]),
    "complex data": (([1j, 2, 3], *GOOD[1:]), [1.0, 1], TypeError, ["matrix.data", "complex128"]),
    "indptr starts late": ((*GOOD[:2], [1, 2, 3], (2, 2)), [1.0, 1], ValueError, ["matrix.indptr", "0"]),
    "x too short": (GOOD, [1.0], ValueError, ["x", "length 2", "got 1"]),
    "x too long": (GOOD, np.ones((3, 2)), ValueError, ["x", "length 2", "got 3"]),
    "x a number": (GOOD, 1.0, ValueError, ["x", "1 or 2 dimensions", "got 0"]),
    "x a cube": (GOOD, np.ones((2, 2, 2)), ValueError, ["x", "1 or 2 dimensions", "got 3"]),
    "x complex": (GOOD, [1j, 2], TypeError, ["x", "complex128"]),
    "x of text": (GOOD, ["a", "b"], TypeError, ["x", "float64"]),
    "index too large": ((GOOD[0], [0, 1, 2], *GOOD[2:]), [1.0, 1], ValueError, ["matrix.indices", "outside"]),
    "negative index": ((GOOD[0], [0, -1, 1], *GOOD[2:]), [1.0, 1], ValueError, ["matrix.indices", "outside"]),
    "indptr falls": ((*GOOD[:2], [0, 3, 2], (2, 2)), [1.0, 1], ValueError, ["matrix.indptr", "never fall"]),
    "indptr too large": ((*GOOD[:2], [0, 2, 4], (2, 2)), [1.0, 1], ValueError, ["matrix.indptr", "len(indices)"]),
    "negative indptr": ((*GOOD[:2], [0, -2, 3], (2, 2)), [1.0, 1], ValueError, ["matrix.indptr"]),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("workers", [1, 2])
def test_bad_input(case, workers):
    matrix, x, error, words = BAD[case]
    with pytest.raises(error) as caught:
        gilfree.sparse_matvec(matrix, x, workers=workers)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("place", [*range(12), 40, 63, 64, 65, 199])
@pytest.mark.parametrize("bad", [-1, 50, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("count", [5, 25, 200])
@pytest.mark.parametrize("vectors", [None, 0, 3, 8])
def test_an_index_out_of_range_is_found_wherever_it_is(place, bad, count, vectors):
    data, indices, indptr, shape = random_matrix(200 // count, 50, count)
    indices[place] = bad
    with pytest.raises(ValueError, match=r"matrix\.indices"):
        gilfree.sparse_matvec((data, indices, indptr, shape), np.ones(50 if vectors is None else (50, vectors)))


@pytest.mark.parametrize("bad", [2**40, 2**63 - 1, -(2**63), -(2**32)])
def test_an_index_beyond_32_bits_is_found(bad):
    matrix = ([1.0], np.array([bad]), np.array([0, 1]), (1, 1))
    with pytest.raises(ValueError, match=r"matrix\.indices"):
        gilfree.sparse_matvec(matrix, [1.0])
    matrix = ([1.0], np.array([0]), np.array([0, bad]), (1, 1))
    with pytest.raises(ValueError, match=r"matrix\.indptr"):
        gilfree.sparse_matvec(matrix, [1.0])


def test_nothing_is_written_on_bad_arguments():
    out = np.full(2, 7.0)
    for matrix, x, _, _ in [BAD["x too short"], BAD["data too short"], BAD["indptr starts late"]]:
        with pytest.raises((TypeError, ValueError)):
            gilfree.sparse_matvec(matrix, x, out=out)
    assert out.tolist() == [7, 7]


def test_out_that_is_the_vector():
    data, indices, indptr, shape = random_matrix(30, 30, 5)
    x = np.random.default_rng(1).random(30)
    wanted = gilfree.sparse_matvec((data, indices, indptr, shape), x)
    assert gilfree.sparse_matvec((data, indices, indptr, shape), x, out=x) is x
    assert np.array_equal(x, wanted)


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("vectors", [None, 5, 12])
@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_one_answer_however_it_is_cut(workers, release_gil, vectors, monkeypatch):
    monkeypatch.setattr(_kernel, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(_kernel, "HANDOVER_SECONDS", 0)
    matrix = uneven(500, 100)
    x = np.random.default_rng(6).standard_normal(100 if vectors is None else (100, vectors))
    y = gilfree.sparse_matvec(matrix, x, workers=workers, release_gil=release_gil)
    assert y.tobytes() == gilfree.sparse_matvec(matrix, x).tobytes()


class Costly(Work):
    """Rows of which the inputs say how much comes before each."""

    __slots__ = ()

    @property
    def before(self):
        [before] = self.inputs
        return before


def grid(costs, chunks, *, chosen=True):
    """How rows of these costs are cut for so many threads, in chunks that are all of one size."""
    sums = np.r_[0, np.cumsum(costs)]
    work = Costly((lambda row: int(sums[row]),), (), len(costs), 0.0)
    return _kernel._grid(work, crew(chunks), chosen=chosen)


def test_rows_cost_what_they_store():
    work = Rows((None, None, np.array([0, 4, 4, 9], np.int32), None, None), (), 3, 0.0)
    assert [work.before(row) for row in range(4)] == [0, 4 + 1, 4 + 2, 9 + 3]


def test_rows_are_cut_by_their_cost():
    assert grid([1] * 10, 2) == [(0, 5), (5, 10)]
    assert grid([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], 2) == [(0, 1), (1, 10)]
    assert grid([1, 1, 1, 1, 1, 1, 1, 1, 1, 9], 2) == [(0, 9), (9, 10)]
    assert grid([0, 0, 100, 0, 0, 0], 3) == [(0, 3), (3, 6)]
    assert grid([0, 0, 0, 0], 2) == [(0, 4)]
    assert grid([], 2) == [(0, 0)]


@given(st.lists(st.integers(-50, 1000), max_size=40), st.integers(1, 9))
def test_every_cut_is_complete(costs, chunks):
    """Also where costs are what no sound matrix has."""
    bounds = grid(costs, chunks)
    assert [row for start, stop in bounds for row in range(start, stop)] == list(range(len(costs)))


def test_every_cut_is_complete_while_another_thread_changes_the_costs():
    rng = np.random.default_rng(0)
    for _ in range(50):
        work = Costly((lambda _: int(rng.integers(-(2**31), 2**31)),), (), 100, 0.0)
        bounds = _kernel._grid(work, crew(7), chosen=True)
        assert [row for start, stop in bounds for row in range(start, stop)] == list(range(100))


def test_cuts_are_balanced():
    costs = np.random.default_rng(1).zipf(1.7, 5000).clip(max=2000)
    shares = [costs[start:stop].sum() for start, stop in grid(costs, 8)]
    assert max(shares) - min(shares) <= 2 * costs.max()


@pytest.mark.parametrize(
    "change",
    [
        {"data": np.ones(2)},
        {"data": b"abc"},
        {"indices": np.zeros(3, np.int64)},
        {"indices": np.zeros(2, np.int32)},
        {"starts": np.zeros(1, np.int32)},
        {"ends": np.zeros(3, np.int32)},
        {"x": np.ones(2, np.float32)},
        {"x": np.ones((2, 1))},
        {"x": np.ones((2, 2, 2))},
        {"y": np.ones(3)},
        {"y": np.ones(2, np.float32)},
        {"y": b"12345678"},
        {"y": read_only(np.ones(2))},
        {"y": None},
    ],
    ids=" ".join,
)
def test_bad_buffers_are_refused(change):
    good = {
        "data": np.array([1.0, 2, 3]),
        "indices": np.array([0, 1, 1], np.int32),
        "starts": np.array([0, 2], np.int32),
        "ends": np.array([2, 3], np.int32),
        "x": np.ones(2),
        "y": np.zeros(2),
    }
    _kernels.sparse_matvec(*good.values())
    assert good["y"].tolist() == [3, 3]
    with pytest.raises((TypeError, ValueError)):
        _kernels.sparse_matvec(*{**good, **change}.values())


def test_rows_need_not_follow_each_other():
    y = np.empty(3)
    indices = np.array([0, 1, 0], np.int32)
    starts, ends = np.array([2, 0, 1], np.int32), np.array([3, 2, 1], np.int32)
    _kernels.sparse_matvec(np.array([1.0, 2, 4]), indices, starts, ends, np.array([1.0, 10]), y)
    assert y.tolist() == [4, 21, 0]


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_without_ends_each_row_ends_where_the_next_one_starts(kind):
    y = np.empty(3)
    indices, offsets = np.array([0, 1, 0], kind), np.array([0, 1, 1, 3], kind)
    _kernels.sparse_matvec(np.array([1.0, 2, 4]), indices, offsets, None, np.array([1.0, 10]), y)
    assert y.tolist() == [1, 0, 24]
    for wrong in (offsets[:3], np.append(offsets, offsets[-1]), offsets[:0]):
        with pytest.raises(ValueError, match=r"^(y: wanted length|starts: wanted one more)"):
            _kernels.sparse_matvec(np.array([1.0, 2, 4]), indices, wrong, None, np.array([1.0, 10]), y)


@pytest.mark.thread_unsafe(reason="starts threads of its own")
@pytest.mark.parametrize("vectors", [None, 0, 8])
@pytest.mark.parametrize("part", ["indices", "indptr"])
def test_survives_a_thread_that_rewrites_the_matrix(part, vectors):
    """Right, or ValueError; AddressSanitizer sees what else could happen."""
    data, indices, indptr, shape = random_matrix(2000, 1000, 20)
    x = np.ones(1000 if vectors is None else (1000, vectors))
    target = indices if part == "indices" else indptr
    sound, stop = target.copy(), threading.Event()

    def flip():
        while not stop.is_set():
            target[::7] = 2**31 - 1
            target[::5] = -5
            target[:] = sound

    other = threading.Thread(target=flip)
    other.start()
    outcomes = set()
    try:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            try:
                gilfree.sparse_matvec((data, indices, indptr, shape), x, release_gil=True)
                outcomes.add("right")
            except ValueError as error:
                assert "matrix.ind" in str(error)  # noqa: PT017
                outcomes.add("refused")
    finally:
        stop.set()
        other.join()
    assert outcomes


@pytest.mark.parametrize("vectors", [None, 0, 3, 200])
@pytest.mark.parametrize("release_gil", [True, False])
def test_a_flag_stops_even_one_huge_row(vectors, release_gil):
    flag = array("i", [0])
    _kernels.stop(flag)
    entries = 200_000
    x = np.ones(4 if vectors is None else (4, vectors))
    arguments = (
        np.ones(entries), np.zeros(entries, np.int32), np.zeros(1, np.int32), np.array([entries], np.int32),
        x, np.empty((1, *x.shape[1:])),
    )  # fmt: skip
    with pytest.raises(gilfree.Cancelled):
        _kernels.sparse_matvec(*arguments, release_gil=release_gil, stop=flag)


@pytest.mark.parametrize("shape", [(300_000,), (300_000, 0), (300_000, 2)])
def test_a_flag_stops_many_empty_rows(shape):
    flag = array("i", [0])
    _kernels.stop(flag)
    offsets = np.zeros(shape[0], np.int32)
    arguments = (np.empty(0), np.empty(0, np.int32), offsets, offsets, np.ones((1, *shape[1:])), np.empty(shape))
    with pytest.raises(gilfree.Cancelled):
        _kernels.sparse_matvec(*arguments, stop=flag)


@given(cut=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), seed=st.integers(0, 3))
def test_who_is_sent_rows_gets_their_entries_alone(cut, seed):
    data, indices, indptr, _ = uneven(30, 50, seed)
    x = np.random.default_rng(seed).standard_normal(50)
    start, stop = cut
    whole, part = np.empty(30), np.empty(stop - start)
    inputs = data, indices, indptr, None, x
    _kernels.sparse_matvec(*inputs, whole)
    sent = Rows(inputs, (), 30, 0.0).sent(start, stop)
    assert len(sent[0]) == len(sent[1]) == indptr[stop] - indptr[start]
    _kernels.sparse_matvec(*sent, part)
    assert part.tobytes() == whole[start:stop].tobytes()


@pytest.mark.parametrize("offsets", [[0, 2, 13, 9, 11, 99], [0, -1, 5, 9, 11, 12], [0, 6, 5, 9, 11, 12]])
def test_who_is_sent_rows_finds_what_is_wrong_with_them(offsets):
    """Another thread has written to them since they were checked."""
    data, indices, _, _ = SAAD
    wrong = np.array(offsets, np.int32)
    inputs = np.array(data), np.array(indices, np.int32), wrong, None, np.ones(5)
    for start, stop in ((0, 5), (1, 5), (1, 3), (0, 2)):
        outcomes = []
        work = Rows(inputs, (), 5, 0.0)
        for given_rows in (work.part(start, stop), work.sent(start, stop)):
            try:
                outcomes.append(_kernels.sparse_matvec(*given_rows, np.empty(stop - start)))
            except ValueError as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
        assert ValueError in outcomes or (start, stop) == (0, 2)
