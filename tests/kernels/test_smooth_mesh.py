import math
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels import smooth_mesh as face
from gilfree.kernels.smooth_mesh import smooth_mesh_pure

DTYPES = [np.float64, np.float32]

# Two unit triangles that make a square, and a vertex that belongs to neither.
SQUARE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [7, 7, 7]], float)
HALVES = np.array([[0, 1, 2], [1, 3, 2]])

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
SIDES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def icosahedron():
    golden = (1 + math.sqrt(5)) / 2
    corners = np.array([p for a in (-1, 1) for b in (-golden, golden) for p in ((0, a, b), (a, b, 0), (b, 0, a))])
    near = np.linalg.norm(corners[:, None] - corners, axis=2) < 2.01
    faces = [
        (i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[k, i]
    ]
    outward = [np.linalg.det(corners[list(face)]) > 0 for face in faces]
    return corners, np.array([face if out else face[::-1] for face, out in zip(faces, outward, strict=True)])


def random_mesh(vertices=60, faces=100, dtype=np.float64, seed=0):
    """Return a tangle: faces share edges, name vertices twice, and leave some vertices out."""
    random = np.random.default_rng(seed)
    return random.standard_normal((vertices, 3)).astype(dtype), random.integers(0, vertices, (faces, 3))


def neighbors_of(faces, vertices):
    offsets, neighbors = np.empty(vertices + 1, np.int64), np.empty(6 * len(faces), np.int32)
    _kernels.mesh_neighbors(faces, offsets, neighbors)
    return [neighbors[begin:end].tolist() for begin, end in pairwise(offsets)]


@given(
    vertices=st.integers(1, 30),
    faces=st.integers(0, 80),
    iterations=st.integers(0, 7),
    factor=st.sampled_from([0.0, 0.5, 1.0, -0.3, 0.1]),
    seed=st.integers(0, 1000),
)
def test_equals_the_twin_bit_for_bit(vertices, faces, iterations, factor, seed):
    positions, triangles = random_mesh(vertices, faces, seed=seed)
    got = gilfree.smooth_mesh(positions, triangles, iterations=iterations, factor=factor)
    wanted = smooth_mesh_pure(positions, triangles, iterations=iterations, factor=factor)
    assert got.tolist() == wanted


@given(vertices=st.integers(1, 40), faces=st.integers(0, 200), seed=st.integers(0, 1000), wide=st.booleans())
def test_neighbors_are_those_of_a_set(vertices, faces, seed, wide):
    _, triangles = random_mesh(vertices, faces, seed=seed)
    wanted = [set() for _ in range(vertices)]
    for corners in triangles.tolist():
        for one in corners:
            wanted[one] |= set(corners) - {one}
    assert neighbors_of(triangles.astype(np.int64 if wide else np.int32), vertices) == [sorted(s) for s in wanted]


def test_float32_agrees_to_its_own_accuracy():
    positions, triangles = random_mesh(dtype=np.float32)
    got = gilfree.smooth_mesh(positions, triangles)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, smooth_mesh_pure(positions, triangles), atol=2e-6)


def test_an_edge_that_two_faces_share_counts_once():
    got = gilfree.smooth_mesh(SQUARE, HALVES, iterations=1, factor=1)
    wanted = [[0.5, 0.5, 0], [1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0], [0.5, 0.5, 0], [7, 7, 7]]
    np.testing.assert_allclose(got, wanted, rtol=1e-15)
    assert neighbors_of(HALVES, 5) == [[1, 2], [0, 2, 3], [0, 1, 3], [1, 2], []]


def test_a_face_given_twice_changes_nothing():
    positions, triangles = random_mesh()
    twice = np.concatenate([triangles, triangles[::-1, ::-1], triangles[:, [1, 2, 0]]])
    np.testing.assert_array_equal(gilfree.smooth_mesh(positions, twice), gilfree.smooth_mesh(positions, triangles))


def test_faces_that_name_a_vertex_twice():
    assert neighbors_of(np.array([[0, 0, 1], [2, 2, 2]]), 4) == [[1], [0], [], []]
    got = gilfree.smooth_mesh(SQUARE, [[0, 0, 1], [2, 2, 2]], iterations=1, factor=1)
    np.testing.assert_array_equal(got, SQUARE[[1, 0, 2, 3, 4]])


@pytest.mark.parametrize("factor", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("iterations", [0, 1, 2, 3, 10])
def test_a_tetrahedron_shrinks(factor, iterations):
    """Every vertex neighbours all others, whose mean is −1/3 of it: each step multiplies by 1 − 4/3 of the factor."""
    got = gilfree.smooth_mesh(TETRAHEDRON, SIDES, iterations=iterations, factor=factor)
    np.testing.assert_allclose(got, TETRAHEDRON * (1 - 4 / 3 * factor) ** iterations, atol=1e-15)


def test_an_icosahedron_shrinks():
    """The five neighbours of a vertex lie in a plane at 1/√5 of its distance from the centre."""
    corners, faces = icosahedron()
    assert len(faces) == 20
    got = gilfree.smooth_mesh(corners, faces, iterations=6, factor=0.5)
    np.testing.assert_allclose(got, corners * (0.5 + 0.5 / math.sqrt(5)) ** 6, rtol=1e-13, atol=1e-15)


def test_a_plane_stays_plane_and_noise_goes():
    side = 30
    number = np.arange(side * side).reshape(side, side)
    quads = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [1, 3, 2]]])
    y, x = np.mgrid[:side, :side]
    flat = np.stack([x, y, 2 * x - y + 3], axis=-1).reshape(-1, 3).astype(float)
    got = gilfree.smooth_mesh(flat, faces, iterations=5)
    np.testing.assert_allclose(got[:, 2], 2 * got[:, 0] - got[:, 1] + 3, atol=1e-12)
    np.testing.assert_allclose(got.reshape(side, side, 3)[6:-6, 6:-6], flat.reshape(side, side, 3)[6:-6, 6:-6])
    noisy = flat + np.random.default_rng(0).normal(size=flat.shape) * [0, 0, 1]
    before, after = (m[:, 2] - flat[:, 2] for m in (noisy, gilfree.smooth_mesh(noisy, faces, iterations=10)))
    assert np.std(after.reshape(side, side)[12:-12, 12:-12]) < np.std(before) / 3


@pytest.mark.parametrize("count", [10, 16, 17, 18, 300, 40_000])
def test_a_hub_with_many_neighbors(count):
    """A fan around vertex 0: its list is as long as the mesh is large."""
    rim = np.arange(1, count + 1)
    faces = np.stack([np.zeros(count, int), rim, np.roll(rim, -1)], axis=1)
    angles = 2 * np.pi * rim / count
    vertices = np.concatenate([[[0, 0, 5.0]], np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)])
    got = gilfree.smooth_mesh(vertices, faces, iterations=1, factor=1)
    np.testing.assert_allclose(got[0], 0, atol=1e-12)
    np.testing.assert_allclose(got[1:, 2], 5 / 3)
    listed = neighbors_of(np.random.default_rng(1).permutation(faces), count + 1)
    assert listed[0] == rim.tolist()
    assert listed[1] == sorted([0, 2, count])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vertices", [0, 1, 4])
def test_no_faces(dtype, vertices):
    positions = np.arange(3 * vertices, dtype=dtype).reshape(vertices, 3)
    got = gilfree.smooth_mesh(positions, np.empty((0, 3), int))
    assert got.dtype == dtype
    assert got is not positions
    np.testing.assert_array_equal(got, positions)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_the_last_vertex_is_read_and_nothing_after_it(dtype, iterations):
    memory = np.full(13, np.nan, dtype)
    memory[:12] = TETRAHEDRON.astype(dtype).ravel()
    got = gilfree.smooth_mesh(memory[:12].reshape(4, 3), SIDES, iterations=iterations, factor=0.75)
    np.testing.assert_allclose(got, TETRAHEDRON if iterations == 0 else 0 * TETRAHEDRON, atol=1e-7)


def test_nan_and_infinity_spread_by_one_edge_an_iteration():
    chain = np.stack([np.arange(0, 8), np.arange(1, 9), np.arange(1, 9)], axis=1)
    vertices = np.zeros((9, 3))
    vertices[0, 1] = np.nan
    vertices[8, 2] = np.inf
    got = gilfree.smooth_mesh(vertices, chain, iterations=3)
    assert np.flatnonzero(np.isnan(got[:, 1])).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(~np.isfinite(got[:, 2])).tolist() == [5, 6, 7, 8]
    assert (got[:, 0] == 0).all()


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
    positions, triangles = random_mesh()
    got = gilfree.smooth_mesh(layouts(positions)[layout], layouts(triangles)[layout])
    np.testing.assert_array_equal(got, gilfree.smooth_mesh(positions, triangles))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_dtypes_of_faces(dtype):
    positions, triangles = random_mesh()
    got = gilfree.smooth_mesh(positions, triangles.astype(dtype))
    np.testing.assert_array_equal(got, gilfree.smooth_mesh(positions, triangles))


@pytest.mark.parametrize(
    ("given", "dtype"), [(np.float16, np.float32), (np.int16, np.float64), (np.uint64, np.float64), (bool, np.float64)]
)
def test_dtypes_of_vertices(given, dtype):
    vertices = (SQUARE > 0.5).astype(given)
    got = gilfree.smooth_mesh(vertices, HALVES)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, gilfree.smooth_mesh(vertices.astype(dtype), HALVES))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((SQUARE[0], HALVES), {}, ValueError, ["vertices", "2 dimension", "got 1"]),
        ((SQUARE[:, :2], HALVES), {}, ValueError, ["vertices", "(n, 3)", "(5, 2)"]),
        ((SQUARE.astype(complex), HALVES), {}, TypeError, ["vertices", "complex128"]),
        ((SQUARE, HALVES[0]), {}, ValueError, ["faces", "2 dimension", "got 1"]),
        ((SQUARE, [[0, 1, 2, 3]]), {}, ValueError, ["faces", "(m, 3)", "(1, 4)"]),
        ((SQUARE, []), {}, ValueError, ["faces", "2 dimension"]),
        ((SQUARE, HALVES.astype(float)), {}, TypeError, ["faces", "ints", "float64"]),
        ((SQUARE, [[0, 1], [2]]), {}, ValueError, ["faces"]),
        ((SQUARE, [[0, 1, 5]]), {}, ValueError, ["faces", "0 to n − 1"]),
        ((SQUARE, [[-1, 1, 2]]), {}, ValueError, ["faces", "0 to n − 1"]),
        ((SQUARE, [[0, 2**40, 2]]), {}, ValueError, ["faces", "0 to n − 1"]),
        ((SQUARE, np.array([[0, 1, 2**64 - 1]], np.uint64)), {}, ValueError, ["faces", "0 to n − 1"]),
        ((np.empty((0, 3)), [[0, 0, 0]]), {"out": None}, ValueError, ["faces", "0 to n − 1"]),
        ((SQUARE, HALVES), {"iterations": -1}, ValueError, ["iterations", "0 to", "-1"]),
        ((SQUARE, HALVES), {"iterations": 1.0}, TypeError, ["iterations", "int", "float"]),
        ((SQUARE, HALVES), {"iterations": 2**31}, ValueError, ["iterations", str(2**31)]),
        ((SQUARE, HALVES), {"factor": math.nan}, ValueError, ["factor", "finite", "nan"]),
        ((SQUARE, HALVES), {"factor": "half"}, TypeError, ["factor", "float", "half"]),
        ((SQUARE, HALVES), {"out": np.empty((5, 3), np.float32)}, ValueError, ["out", "float64", "float32"]),
        ((SQUARE, HALVES), {"out": np.empty((3, 5))}, ValueError, ["out", "(5, 3)", "(3, 5)"]),
    ],
)
def test_bad_arguments(arguments, options, error, words):
    out = np.full((5, 3), 7.0)
    with pytest.raises(error) as caught:
        gilfree.smooth_mesh(*arguments, **{"out": out, **options})
    for word in words:
        assert word in str(caught.value)
    assert (out == 7).all()


@pytest.mark.parametrize("place", [0, 7_000, 29_999])
def test_one_bad_face_among_many(place):
    positions, triangles = random_mesh(1000, 10_000)
    triangles.reshape(-1)[place] = 1000
    out = np.full((1000, 3), 7.0)
    for workers in (1, 2):
        with pytest.raises(ValueError, match="faces.*0 to n"):
            gilfree.smooth_mesh(positions, triangles, workers=workers, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("iterations", [0, 1, 2, 5])
def test_out_may_be_the_vertices(iterations):
    positions, triangles = random_mesh()
    wanted = gilfree.smooth_mesh(positions, triangles, iterations=iterations)
    given = positions.copy()
    assert gilfree.smooth_mesh(given, triangles, iterations=iterations, out=given) is given
    np.testing.assert_array_equal(given, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("iterations", [0, 1, 2, 3, 6])
@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_hold_equals_release_equals_any_workers(dtype, iterations, monkeypatch):
    monkeypatch.setattr(face, "CUT_FROM_SECONDS", 0.0)
    monkeypatch.setattr("gilfree.kernels._kernel.CHUNK_SECONDS", 1e-6)
    monkeypatch.setattr("gilfree.kernels._kernel.HANDOVER_SECONDS", 0.0)
    positions, triangles = random_mesh(1001, 2000, dtype)
    before = positions.copy()
    wanted = gilfree.smooth_mesh(positions, triangles, iterations=iterations, release_gil=False)
    with ThreadPoolExecutor(3) as pool:
        for options in (
            {"release_gil": True}, *({"workers": count} for count in (1, 2, 3, 7)), {"workers": pool}, {"workers": map}
        ):  # fmt: skip
            given = gilfree.smooth_mesh(positions, triangles, iterations=iterations, **options)
            assert given.tobytes() == wanted.tobytes(), options
            if "workers" in options and options["workers"] is not map:
                out = np.empty_like(positions)
                assert gilfree.smooth_mesh(positions, triangles, iterations=iterations, out=out, **options) is out
                assert out.tobytes() == wanted.tobytes(), options
    np.testing.assert_array_equal(positions, before)


@pytest.mark.parametrize("workers", [0, -2, "many", 1.5])
def test_workers_that_are_none(workers):
    with pytest.raises((TypeError, ValueError), match="workers"):
        gilfree.smooth_mesh(SQUARE, HALVES, workers=workers)


def grid_call(rows, iterations):
    positions, triangles = random_mesh(rows, 2 * rows)
    offsets, neighbors = np.empty(rows + 1, np.int64), np.empty(12 * rows, np.int32)
    _kernels.mesh_neighbors(triangles, offsets, neighbors)
    return range(rows), positions, offsets, neighbors, 0.5, iterations, np.empty_like(positions)


def test_a_stop_set_by_another_thread_ends_a_long_call():
    stop = array("i", [0])
    call = grid_call(1000, 10**9)
    timer = threading.Timer(0.05, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        _kernels.smooth_mesh(*call, stop=stop)
    timer.join()


def test_no_vertices_take_no_time_in_any_number_of_steps():
    nothing, offsets = np.empty((0, 3)), np.zeros(1, np.int64)
    arguments = range(0), nothing, offsets, np.empty(0, np.int32), 0.5, 2**62, nothing
    thread = threading.Thread(target=_kernels.smooth_mesh, args=arguments, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("faces", [20_000, 0])
def test_a_stop_set_before_ends_the_listing_of_neighbors(faces):
    stop = array("i", [0])
    _kernels.stop(stop)
    triangles = np.zeros((faces, 3), np.int32)
    with pytest.raises(gilfree.Cancelled):
        _kernels.mesh_neighbors(triangles, np.empty(100_001, np.int64), np.empty(6 * faces, np.int32), stop=stop)


def test_a_stop_set_before_ends_one_vertex_with_many_neighbors():
    stop = array("i", [0])
    _kernels.stop(stop)
    neighbors = np.ones(200_000, np.int32)
    offsets = np.array([0, 200_000, 200_000])
    with pytest.raises(gilfree.Cancelled):
        _kernels.smooth_mesh(range(1), np.ones((2, 3)), offsets, neighbors, 0.5, 1, np.empty((1, 3)), stop=stop)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.thread_unsafe(reason="starts a thread of its own")
def test_faces_that_another_thread_changes(workers, monkeypatch):
    """They are read more than once; whatever comes of it is a mesh or an error, and nothing else is written to."""
    monkeypatch.setattr(face, "CUT_FROM_SECONDS", 0.0)
    monkeypatch.setattr("gilfree.kernels._kernel.HANDOVER_SECONDS", 0.0)
    positions, triangles = random_mesh(500, 20_000)
    others = random_mesh(500, 20_000, seed=1)[1]
    others[::7] = 10**12
    done = threading.Event()

    def change():
        while not done.is_set():
            triangles[:], others[:] = others.copy(), triangles.copy()

    thread = threading.Thread(target=change)
    thread.start()
    outcomes = set()
    try:
        for _ in range(200):
            try:
                gilfree.smooth_mesh(positions, triangles, iterations=1, workers=workers, release_gil=True)
                outcomes.add("a mesh")
            except ValueError as error:
                outcomes.add(str(error))
    finally:
        done.set()
        thread.join()
    assert all(outcome == "a mesh" or outcome.startswith("faces: wanted") for outcome in outcomes)


FACES, OFFSETS, NEIGHBORS = HALVES.astype(np.int32), np.empty(6, np.int64), np.empty(12, np.int32)


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, FACES.astype(float), ["faces", "integers"]),
        (0, FACES[:, :2].copy(), ["faces", "length 3"]),
        (0, FACES[::-1], ["faces", "C-contiguous"]),
        (1, np.empty(6, np.int32), ["offsets", "8-byte"]),
        (1, np.empty(0, np.int64), ["offsets", "length 1"]),
        (2, np.empty(11, np.int32), ["neighbors", "6 for each of 2", "got 11"]),
        (2, np.empty(18, np.int32), ["neighbors", "got 18"]),
        (2, np.empty(12, np.int64), ["neighbors", "4-byte"]),
        (2, bytes(48), ["neighbors", "writable"]),
    ],
)
def test_mesh_neighbors_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [FACES, OFFSETS.copy(), NEIGHBORS.copy()]
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.mesh_neighbors(*arguments)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_both_passes_at_once_are_one_after_the_other(iterations, release_gil):
    positions, triangles = random_mesh(300, 700)
    offsets, neighbors, wanted = np.empty(301, np.int64), np.empty(6 * 700, np.int32), np.empty_like(positions)
    _kernels.mesh_neighbors(triangles, offsets, neighbors)
    _kernels.smooth_mesh(range(300), positions, offsets, neighbors, 0.5, iterations, wanted)
    for faces in (triangles, triangles.astype(np.int32), triangles.astype(np.int64)):
        moved = np.empty_like(positions)
        _kernels.smooth_faces(positions, faces, 0.5, iterations, moved, release_gil=release_gil)
        assert moved.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, np.ones((3, 4)), ["positions", "length 3"]),
        (0, np.ones((4, 3)), ["moved", "length 4"]),
        (0, np.ones((3, 3), np.float32), ["moved", "4-byte"]),
        (1, np.array([[0, 1]]), ["faces", "length 3"]),
        (1, np.array([[0, 1, 3]]), ["faces", "0 to n − 1"]),
        (1, np.array([[0, 1, -1]]), ["faces", "0 to n − 1"]),
        (1, np.ones((1, 3)), ["faces", "integers"]),
        (3, -1, ["iterations", "-1"]),
        (4, np.empty((3, 2)), ["moved", "length 3"]),
        (4, bytes(72), ["moved", "writable"]),
    ],
)
def test_smooth_faces_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [np.ones((3, 3)), np.array([[0, 1, 2]]), 0.5, 2, np.empty((3, 3))]
    _kernels.smooth_faces(*arguments)
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.smooth_faces(*arguments)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("faces", [20_000, 0])
def test_a_stop_set_before_ends_both_passes(faces):
    stop = array("i", [0])
    _kernels.stop(stop)
    positions, triangles = np.zeros((100_000, 3)), np.zeros((faces, 3), np.int32)
    with pytest.raises(gilfree.Cancelled):
        _kernels.smooth_faces(positions, triangles, 0.5, 1, np.empty_like(positions), stop=stop)


def shared_call(positions, faces, iterations, calls):
    """Return the arguments of calls that share in one work."""
    vertices, ends = len(positions), 6 * len(faces)
    lists = (np.empty(size, dtype) for size, dtype in 2 * ((vertices + 1, np.int64), (ends, np.int32)))
    team, spare, moved = np.zeros(16, np.int64), np.empty_like(positions), np.empty_like(positions)
    return positions, faces, 0.5, iterations, calls, team, *lists, spare, moved


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("calls", [1, 2, 3, 5])
@pytest.mark.thread_unsafe(reason="starts threads of its own")
def test_several_calls_make_what_one_makes(calls, dtype, index_dtype):
    positions, triangles = random_mesh(3001, 6000, dtype)
    faces = triangles.astype(index_dtype)
    for iterations in (1, 2, 5):
        wanted = np.empty_like(positions)
        _kernels.smooth_faces(positions, faces, 0.5, iterations, wanted)
        arguments = shared_call(positions, faces, iterations, calls)
        with ThreadPoolExecutor(calls) as pool:
            for call in [pool.submit(_kernels.smooth_together, *arguments) for _ in range(calls)]:
                call.result()
        assert arguments[-1].tobytes() == wanted.tobytes()
        arguments[-1][...] = 0
        _kernels.smooth_together(*arguments)  # comes when all is done
        assert not arguments[-1].any()


def test_one_of_several_calls_does_all_if_the_others_never_come():
    positions, triangles = random_mesh(3001, 6000)
    arguments = shared_call(positions, triangles, 3, 7)
    _kernels.smooth_together(*arguments)
    wanted = np.empty_like(positions)
    _kernels.smooth_faces(positions, triangles, 0.5, 3, wanted)
    assert arguments[-1].tobytes() == wanted.tobytes()


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_a_stop_ends_the_waiting_for_another_call(stage):
    """Which has taken all rows of a stage, and is not done with them."""
    stop = array("i", [0])
    arguments = shared_call(*random_mesh(100, 200), 1, 2)
    arguments[5][0] = (stage << 34) + 100
    timer = threading.Timer(0.05, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        _kernels.smooth_together(*arguments, stop=stop)
    timer.join()


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_a_bad_face_ends_all_calls(workers, monkeypatch):
    monkeypatch.setattr(face, "CUT_FROM_SECONDS", 0.0)
    monkeypatch.setattr("gilfree.kernels._kernel.HANDOVER_SECONDS", 0.0)
    positions, triangles = random_mesh(500, 5000)
    triangles[-1, 2] = 500
    with pytest.raises(ValueError, match="faces: wanted vertex numbers"):
        gilfree.smooth_mesh(positions, triangles, workers=workers, release_gil=True)


@pytest.mark.parametrize("team", [-1, 2**62, (5 << 34) - 1, (2 << 34) + 1, (3 << 34) + 1, 1])
@pytest.mark.parametrize("numbers", [0, -1, 2**62])
def test_shared_memory_with_anything_in_it(team, numbers):
    """Calls can be told anything by it: they end in some way, and write to nothing else."""
    stop = array("i", [0])
    arguments = shared_call(*random_mesh(50, 80), 2, 2)
    arguments[5][0] = team
    for array_ in arguments[6:10]:
        array_[...] = numbers if array_.itemsize == 8 else numbers % 2**31
    timer = threading.Timer(0.02, _kernels.stop, [stop])
    timer.start()
    with suppress(ValueError, gilfree.Cancelled):
        _kernels.smooth_together(*arguments, stop=stop)
    timer.join()


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, np.ones((4, 3)), ["starts", "length 5"]),
        (0, np.ones((0, 3)), ["positions", "got 0"]),
        (0, np.ones((3, 3), np.float32), ["spare", "4-byte"]),
        (1, np.array([[0, 1]]), ["faces", "length 3"]),
        (1, np.array([[0, 1, 3]]), ["faces", "0 to n − 1"]),
        (1, np.array([[0, 1, 2], [0, 1, 2]]), ["items", "6 for each of 2"]),
        (3, 0, ["iterations", "got 0"]),
        (3, 2**29, ["iterations", "got 536870912"]),
        (4, 0, ["calls", "got 0"]),
        (5, np.zeros(15, np.int64), ["team", "length 16"]),
        (5, bytes(128), ["team", "writable"]),
        (6, np.empty(3, np.int64), ["starts", "length 4"]),
        (7, np.empty(5, np.int32), ["items", "got 5"]),
        (8, np.empty(5, np.int64), ["offsets", "length 4"]),
        (9, np.empty(12, np.int32), ["neighbors", "6 for each of 1", "got 12"]),
        (10, np.empty((2, 3)), ["spare", "length 3"]),
        (11, np.empty((3, 2)), ["moved", "length 3"]),
    ],
)
def test_smooth_together_checks_what_its_memory_safety_needs(position, value, words):
    _kernels.smooth_together(*shared_call(np.ones((3, 3)), np.array([[0, 1, 2]]), 2, 1))
    arguments = list(shared_call(np.ones((3, 3)), np.array([[0, 1, 2]]), 2, 1))
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.smooth_together(*arguments)
    for word in words:
        assert word in str(caught.value)


GOOD_OFFSETS, GOOD_NEIGHBORS = np.array([0, 1, 2, 2]), np.array([1, 0], np.int32)


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, range(2), ["moved", "length 2"]),
        (0, range(1, 4), ["rows", "0 to 2"]),
        (0, range(-1, 2), ["rows", "0 to 2"]),
        (1, np.ones((3, 4)), ["positions", "length 3"]),
        (1, np.ones((4, 3)), ["offsets", "length 5"]),
        (1, np.ones((3, 3), np.float32), ["moved", "4-byte"]),
        (2, GOOD_OFFSETS[:3], ["offsets", "length 4"]),
        (2, np.array([0, 1, 3, 3]), ["offsets, neighbors"]),
        (2, np.array([-1, 1, 2, 2]), ["offsets, neighbors"]),
        (2, np.array([0, 2, 1, 2]), ["offsets, neighbors"]),
        (2, np.array([0, 1, 2, 2**62]), ["offsets, neighbors"]),
        (3, np.array([1, 3], np.int32), ["offsets, neighbors"]),
        (3, np.array([1, -1], np.int32), ["offsets, neighbors"]),
        (3, np.array([1, 0]), ["neighbors", "4-byte"]),
        (5, -1, ["iterations", "-1"]),
        (6, np.empty((3, 2)), ["moved", "length 3"]),
        (6, bytes(72), ["moved", "writable"]),
    ],
)
def test_smooth_mesh_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [range(3), np.ones((3, 3)), GOOD_OFFSETS, GOOD_NEIGHBORS, 0.5, 2, np.empty((3, 3))]
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.smooth_mesh(*arguments)
    for word in words:
        assert word in str(caught.value)


def test_several_iterations_need_all_vertices():
    with pytest.raises(ValueError, match="iterations"):
        _kernels.smooth_mesh(
            range(1, 3), np.ones((3, 3)), GOOD_OFFSETS, GOOD_NEIGHBORS, 0.5, 2, np.empty((2, 3))
        )  # fmt: skip


def test_trimesh_agrees():
    trimesh = pytest.importorskip("trimesh")
    from trimesh.smoothing import filter_laplacian, laplacian_calculation  # noqa: PLC0415

    corners, faces = icosahedron()
    corners = corners + np.random.default_rng(0).normal(size=corners.shape) / 10
    mesh = trimesh.Trimesh(corners, faces, process=False)
    operator = laplacian_calculation(mesh, equal_weight=True)
    filter_laplacian(mesh, lamb=0.3, iterations=7, volume_constraint=False, laplacian_operator=operator)
    np.testing.assert_allclose(gilfree.smooth_mesh(corners, faces, iterations=7, factor=0.3), mesh.vertices, rtol=1e-12)
