import ast
import threading
import time
from array import array
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels.shortest_paths import shortest_paths_pure

EMPTY = ([], [], [0], (0, 0))
# CLRS, figure 24.6: s t x y z.
TEXTBOOK = (
    [10.0, 5.0, 1.0, 2.0, 4.0, 3.0, 9.0, 2.0, 7.0, 6.0],
    [1, 3, 2, 3, 4, 1, 2, 4, 0, 2],
    [0, 2, 4, 5, 8, 10],
    (5, 5),
)


def csr(nodes, edges):
    """Build the tuple from (source, target, weight)."""
    edges = sorted(edges, key=lambda edge: edge[0])
    counts = np.bincount([edge[0] for edge in edges], minlength=nodes) if edges else np.zeros(nodes, int)
    return (
        np.array([edge[2] for edge in edges], float),
        np.array([edge[1] for edge in edges], np.int32),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        (nodes, nodes),
    )


def random_graph(seed, nodes, degree, weights="floats"):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2 * degree + 1, nodes)
    edges = int(counts.sum())
    data = rng.random(edges) if weights == "floats" else rng.integers(0, 4, edges).astype(float)
    return (
        data,
        rng.integers(0, nodes, edges).astype(np.int32),
        np.r_[0, np.cumsum(counts)].astype(np.int32),
        (nodes, nodes),
    )


def grid_graph(side, seed=0):
    ids = np.arange(side * side).reshape(side, side)
    ends = [(ids[:, :-1], ids[:, 1:]), (ids[:, 1:], ids[:, :-1]), (ids[:-1], ids[1:]), (ids[1:], ids[:-1])]
    u, v = (np.concatenate([pair[which].ravel() for pair in ends]) for which in (0, 1))
    order = np.argsort(u, kind="stable")
    weights = np.random.default_rng(seed).random(u.size) + 0.5
    indptr = np.r_[0, np.cumsum(np.bincount(u, minlength=ids.size))]
    return weights, v[order].astype(np.int32), indptr.astype(np.int32), (ids.size, ids.size)


@pytest.fixture(scope="module")
def import_graph():
    """Which module of the standard library imports which, weighted by the length of the importer: a real graph."""
    root = Path(ast.__file__).parent
    modules = {path.stem: path for path in sorted(root.glob("*.py")) if path.stat().st_size < 30_000}
    number = {name: index for index, name in enumerate(modules)}
    edges = []
    for name, path in modules.items():
        text = path.read_text(encoding="utf-8", errors="replace")
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            edges += [
                (number[name], number[top], float(len(text)))
                for top in {imported.split(".")[0] for imported in names}
                if top in number
            ]
    return csr(len(modules), edges)


def check_tree(graph, sources, distances, predecessors, *, unweighted=False):
    """Every predecessor is one edge away from its node, exactly, and leads back to the source."""
    data, indices, indptr, (nodes, _) = graph
    for source, row, before in zip(sources, distances, predecessors, strict=True):
        assert before[source] == -9999
        assert row[source] == 0
        assert np.array_equal(before == -9999, (row == inf) | (np.arange(nodes) == source))
        for node in np.flatnonzero(before != -9999):
            previous = before[node]
            span = slice(indptr[previous], indptr[previous + 1])
            weights = np.ones(indptr[previous + 1] - indptr[previous]) if unweighted else np.asarray(data[span])
            with np.errstate(over="ignore"):
                assert row[node] in row[previous] + weights[np.asarray(indices[span]) == node]
            for _ in range(nodes):
                if previous == source:
                    break
                previous = before[previous]
            assert previous == source


@st.composite
def graphs(draw):
    nodes = draw(st.integers(1, 12))
    node = st.integers(0, nodes - 1)
    weight = st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, 2.0, 5e-324, 1.7e308, inf]),
        st.floats(0, allow_nan=False),
        st.floats(0, 10, width=32),
    )
    edges = draw(st.lists(st.tuples(node, node, weight), max_size=40))
    return csr(nodes, edges), draw(st.lists(node, max_size=4))


@given(graphs(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_equals_the_twin(problem, unweighted):
    graph, sources = problem
    distances, predecessors = gilfree.shortest_paths(graph, sources, unweighted=unweighted, return_predecessors=True)
    wanted = shortest_paths_pure(graph, sources, unweighted=unweighted)
    assert np.array_equal(distances, np.reshape(wanted, distances.shape))
    assert not np.signbit(distances).any()
    check_tree(graph, sources, distances, predecessors, unweighted=unweighted)


@pytest.mark.parametrize("weights", ["floats", "ints"])
@pytest.mark.parametrize(("nodes", "degree"), [(300, 1), (2000, 4), (3000, 40)])
def test_large_queues_equal_the_twin(nodes, degree, weights):
    graph = random_graph(1, nodes, degree, weights)
    sources = [0, nodes - 1]
    distances = gilfree.shortest_paths(graph, sources)
    assert np.array_equal(distances, shortest_paths_pure(graph, sources))


@pytest.mark.parametrize("spread", [0, 1e-300, 1e-16, 1.0, 1e300])
def test_weights_of_every_magnitude(spread):
    data, *rest = random_graph(2, 1500, 3)
    graph = (10.0 ** (np.round(data * 600) - 300) if spread == 1.0 else spread * data, *rest)
    assert np.array_equal(gilfree.shortest_paths(graph, [7]), shortest_paths_pure(graph, [7]))


@pytest.mark.parametrize("spokes", [1, 31, 32, 33, 255, 256, 257, 258, 5000])
@pytest.mark.parametrize("kind", ["ascending", "descending", "equal", "zero"])
def test_star_whose_edges_all_wait_at_once(spokes, kind):
    steps = np.arange(1.0, spokes + 1)
    out = {"ascending": steps, "descending": steps[::-1], "equal": np.ones(spokes), "zero": np.zeros(spokes)}[kind]
    # From the hub to every spoke, and from each to the last node, which the shortest way reaches in two steps.
    data = np.concatenate([out, np.ones(spokes)])
    indices = np.concatenate([np.arange(1, spokes + 1), np.full(spokes, spokes + 1)])
    indptr = np.concatenate([[0], np.arange(spokes, 2 * spokes + 1), [2 * spokes]])
    graph = (data, indices, indptr, (spokes + 2, spokes + 2))
    distances, predecessors = gilfree.shortest_paths(graph, 0, return_predecessors=True)
    assert np.array_equal(distances, [0, *out, out.min() + 1])
    assert np.array_equal(predecessors[1:-1], np.zeros(spokes))
    assert out[predecessors[-1] - 1] == out.min()


def test_every_step_overtakes_all_that_wait():
    # Node k offers each later node a way that is shorter by one: most entries of the queue are stale.
    nodes = 400
    edges = [(i, j, float(2 * (j - i) - 1)) for i in range(nodes) for j in range(i + 1, nodes)]
    graph = csr(nodes, edges)
    assert np.array_equal(gilfree.shortest_paths(graph, 0), np.arange(nodes))


def test_known_distances():
    distances, predecessors = gilfree.shortest_paths(TEXTBOOK, 0, return_predecessors=True)
    assert distances.tolist() == [0, 8, 9, 5, 7]
    assert predecessors.tolist() == [-9999, 3, 1, 0, 3]
    assert gilfree.shortest_paths(TEXTBOOK, 0, unweighted=True).tolist() == [0, 1, 2, 1, 2]


def test_path_sums_are_rounded_from_the_source_on():
    chain = csr(12, [(node, node + 1, 0.1) for node in range(11)])
    total, sums = 0.0, []
    for _ in range(12):
        sums.append(total)
        total += 0.1
    assert gilfree.shortest_paths(chain, 0).tolist() == sums


def test_zero_is_an_edge_and_infinity_is_none():
    graph = csr(4, [(0, 1, 0.0), (1, 0, 0.0), (1, 2, inf), (2, 3, 1.0)])
    distances, predecessors = gilfree.shortest_paths(graph, 0, return_predecessors=True)
    assert distances.tolist() == [0, 0, inf, inf]
    assert predecessors.tolist() == [-9999, 0, -9999, -9999]


def test_a_path_longer_than_the_largest_float_is_none():
    graph = csr(3, [(0, 1, 1.7e308), (1, 2, 1.7e308)])
    assert gilfree.shortest_paths(graph, 0).tolist() == [0, 1.7e308, inf]


def test_loops_and_parallel_edges():
    graph = csr(2, [(0, 0, 0.0), (0, 1, 3.0), (0, 1, 2.0), (0, 1, 5.0), (1, 1, 1.0)])
    assert gilfree.shortest_paths(graph, 0).tolist() == [0, 2]


def test_unweighted_ignores_the_weights():
    data, *rest = csr(3, [(0, 1, nan), (1, 2, -1.0), (0, 0, inf)])
    for weights in (data, None, object(), [1]):
        assert gilfree.shortest_paths((weights, *rest), 0, unweighted=True).tolist() == [0, 1, 2]


def test_entries_behind_the_last_row_are_no_edges():
    graph = ([1.0, nan], np.array([1, 99]), np.array([0, 1, 1]), (2, 2))
    assert gilfree.shortest_paths(graph, 0).tolist() == [0, 1]


@pytest.mark.parametrize("unweighted", [False, True])
def test_real_graph_equals_the_twin(import_graph, unweighted):
    sources = range(0, import_graph[3][0], 40)
    distances, predecessors = gilfree.shortest_paths(
        import_graph, sources, unweighted=unweighted, return_predecessors=True
    )
    assert np.array_equal(distances, shortest_paths_pure(import_graph, sources, unweighted=unweighted))
    check_tree(import_graph, sources, distances, predecessors, unweighted=unweighted)


@pytest.mark.parametrize("unweighted", [False, True])
def test_equals_scipy(import_graph, unweighted):
    csgraph = pytest.importorskip("scipy.sparse.csgraph")
    sparse = pytest.importorskip("scipy.sparse")
    for data, indices, indptr, shape in (import_graph, grid_graph(40), random_graph(3, 2000, 3)):
        graph = sparse.csr_array((data, indices, indptr), shape=shape)
        graph.sum_duplicates()  # SciPy's two algorithms differ about parallel edges
        sources = [0, shape[0] // 2]
        wanted = csgraph.dijkstra(graph, indices=sources, unweighted=unweighted)
        assert np.array_equal(gilfree.shortest_paths(graph, sources, unweighted=unweighted), wanted)
        assert np.array_equal(gilfree.shortest_paths(sparse.csr_matrix(graph), sources, unweighted=unweighted), wanted)


def test_equals_networkit():
    networkit = pytest.importorskip("networkit")
    data, indices, indptr, (nodes, _) = grid_graph(30)
    rows = np.repeat(np.arange(nodes, dtype=np.int32), np.diff(indptr))
    graph = networkit.GraphFromCoo((data, (rows, indices)), n=nodes, weighted=True, directed=True)
    wanted = networkit.distance.Dijkstra(graph, 5).run().getDistances()
    assert np.array_equal(gilfree.shortest_paths((data, indices, indptr, (nodes, nodes)), 5), wanted)


@pytest.mark.parametrize("sources", [3, np.int8(3), np.array(3)])
def test_a_single_source_gives_one_dimension(sources):
    distances, predecessors = gilfree.shortest_paths(TEXTBOOK, sources, return_predecessors=True)
    assert distances.shape == predecessors.shape == (5,)
    assert (distances.dtype, predecessors.dtype) == (np.float64, np.int32)
    assert np.array_equal(distances, gilfree.shortest_paths(TEXTBOOK, [3])[0])


@pytest.mark.parametrize(
    "sources",
    [[], [0], [4, 4, 0], (1, 2), range(5), np.array([2], np.uint8), np.array([3, 1], ">i8"), np.arange(5)[::-2]],
)
@pytest.mark.parametrize("unweighted", [False, True])
def test_sources_of_many_kinds(sources, unweighted):
    distances = gilfree.shortest_paths(TEXTBOOK, sources, unweighted=unweighted)
    assert distances.shape == (len(sources), 5)
    assert np.array_equal(
        distances, np.reshape(shortest_paths_pure(TEXTBOOK, list(sources), unweighted=unweighted), (-1, 5))
    )


@pytest.mark.parametrize("unweighted", [False, True])
def test_empty_graphs(unweighted):
    distances, predecessors = gilfree.shortest_paths(EMPTY, [], unweighted=unweighted, return_predecessors=True)
    assert distances.shape == predecessors.shape == (0, 0)
    lonely = ([], [], [0, 0], (1, 1))
    assert gilfree.shortest_paths(lonely, [0, 0], unweighted=unweighted).tolist() == [[0], [0]]


def strided(array):
    return np.repeat(array, 2)[::2]


def misaligned(array):
    raw = np.empty(array.nbytes + 1, np.uint8)[1:]
    view = raw.view(array.dtype)
    view[:] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "list": np.ndarray.tolist,
    "float32 and int64": lambda a: a.astype(np.float32 if a.dtype.kind == "f" else np.int64),
    "float16 and int16": lambda a: a.astype(np.float16 if a.dtype.kind == "f" else np.int16),
    "unsigned": lambda a: a.astype(np.uint32),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "strided": strided,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "misaligned": misaligned,
    "read-only": read_only,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("unweighted", [False, True])
def test_layouts(layout, unweighted):
    data, indices, indptr, shape = random_graph(4, 200, 3, "ints")
    wanted = gilfree.shortest_paths((data, indices, indptr, shape), [0, 9], unweighted=unweighted)
    converted = (*map(LAYOUTS[layout], (data, indices, indptr)), shape)
    assert np.array_equal(gilfree.shortest_paths(converted, [0, 9], unweighted=unweighted), wanted)


@pytest.mark.parametrize("weights", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [np.int32, np.int64])
@pytest.mark.parametrize("offsets", [np.int32, np.int64])
def test_dtypes(weights, columns, offsets):
    data, indices, indptr, shape = random_graph(5, 500, 4)
    graph = (data.astype(weights), indices.astype(columns), indptr.astype(offsets), shape)
    sources = [1, 2, 3]
    distances = gilfree.shortest_paths(graph, sources)
    assert distances.dtype == np.float64
    assert np.array_equal(distances, shortest_paths_pure(graph, sources))


def test_one_weight_for_all_edges_without_memory():
    _, indices, indptr, shape = random_graph(6, 100, 3)
    graph = (np.broadcast_to(2.0, indices.shape), indices, indptr, shape)
    assert np.array_equal(gilfree.shortest_paths(graph, 0), 2 * gilfree.shortest_paths(graph, 0, unweighted=True))


def test_any_object_with_the_four_attributes():
    class Mine:
        data, indices, indptr, shape = TEXTBOOK

    assert gilfree.shortest_paths(Mine(), 0).tolist() == [0, 8, 9, 5, 7]


J, P = [1, 2], [0, 1, 2, 2]
BAD = {
    "no graph": (lambda: (7, 0), TypeError, ["graph", "CSR", "int"]),
    "dense": (lambda: (np.eye(3), 0), TypeError, ["graph", "CSR", "ndarray"]),
    "three parts": (lambda: (([1.0, 2.0], J, P), 0), TypeError, ["graph", "tuple of 3"]),
    "shape an int": (lambda: (([1.0, 2.0], J, P, 3), 0), TypeError, ["graph.shape", "3"]),
    "shape of floats": (lambda: (([1.0, 2.0], J, P, (3.0, 3.0)), 0), TypeError, ["graph.shape", "3.0"]),
    "not square": (lambda: (([1.0, 2.0], J, P, (3, 4)), 0), ValueError, ["graph.shape", "square", "(3, 4)"]),
    "negative shape": (lambda: (([1.0, 2.0], J, P, (-3, -3)), 0), ValueError, ["graph.shape", "-3"]),
    "too many nodes": (lambda: (([], [], [0], (2**31, 2**31)), 0), ValueError, ["graph.shape", "2147483648"]),
    "indptr too short": (lambda: (([1.0, 2.0], J, [0, 1, 2], (3, 3)), 0), ValueError, ["graph.indptr", "4", "3"]),
    "indptr of floats": (lambda: (([1.0, 2.0], J, [0.0, 1, 2, 2], (3, 3)), 0), TypeError, ["graph.indptr", "float64"]),
    "indptr begins late": (lambda: (([1.0, 2.0], J, [1, 1, 2, 2], (3, 3)), 0), ValueError, ["graph.indptr"]),
    "indptr falls": (lambda: (([1.0, 2.0], J, [0, 2, 1, 2], (3, 3)), 0), ValueError, ["graph.indptr"]),
    "indptr too far": (lambda: (([1.0, 2.0], J, [0, 1, 2, 3], (3, 3)), 0), ValueError, ["graph.indptr"]),
    "indptr far too far": (
        lambda: (([1.0, 2.0], np.array(J, np.int32), [0, 1, 2, 2 + 2**32], (3, 3)), 0),
        ValueError,
        ["graph.indptr"],
    ),
    "indices negative": (lambda: (([1.0, 2.0], [1, -1], P, (3, 3)), 0), ValueError, ["graph.indices"]),
    "indices too large": (lambda: (([1.0, 2.0], [1, 3], P, (3, 3)), 0), ValueError, ["graph.indices"]),
    "indices wrap": (lambda: (([1.0, 2.0], [1, 2 + 2**32], P, (3, 3)), 0), ValueError, ["graph.indices"]),
    "indices unsigned": (
        lambda: (([1.0, 2.0], np.array([1, 2**64 - 1], np.uint64), P, (3, 3)), 0),
        ValueError,
        ["graph.indices"],
    ),
    "indices 2-D": (lambda: (([1.0, 2.0], [J], P, (3, 3)), 0), ValueError, ["graph.indices", "(1, 2)"]),
    "indices ragged": (lambda: (([1.0, 2.0], [[1], [1, 2]], P, (3, 3)), 0), ValueError, ["graph.indices"]),
    "indices text": (lambda: (([1.0, 2.0], ["a", "b"], P, (3, 3)), 0), TypeError, ["graph.indices", "<U1"]),
    "unreached bad index": (
        lambda: (([1.0, 2.0], [1, 9], [0, 1, 1, 2], (3, 3)), 0),
        ValueError,
        ["indices"],
    ),
    "data too short": (lambda: (([1.0], J, P, (3, 3)), 0), ValueError, ["graph.data", "2", "1"]),
    "data complex": (lambda: (([1j, 2.0], J, P, (3, 3)), 0), TypeError, ["graph.data", "complex"]),
    "data negative": (lambda: (([1.0, -2.0], J, P, (3, 3)), 0), ValueError, ["graph.data", "0 or more"]),
    "data NaN": (lambda: (([nan, 2.0], J, P, (3, 3)), 0), ValueError, ["graph.data", "NaN"]),
    "data -inf": (lambda: (([1.0, -inf], J, P, (3, 3)), 0), ValueError, ["graph.data"]),
    "data float32 NaN": (lambda: ((np.array([1, nan], "f4"), J, P, (3, 3)), 0), ValueError, ["graph.data"]),
    "unreached bad weight": (
        lambda: (([1.0, -1.0], [1, 2], [0, 1, 1, 2], (3, 3)), 0),
        ValueError,
        ["data"],
    ),
    "source too large": (lambda: (TEXTBOOK, 5), ValueError, ["sources", "0 to 4", "5"]),
    "source negative": (lambda: (TEXTBOOK, [0, -1]), ValueError, ["sources", "0 to 4", "-1"]),
    "source huge": (lambda: (TEXTBOOK, [2**64]), (TypeError, ValueError), ["sources"]),
    "source a float": (lambda: (TEXTBOOK, 1.0), TypeError, ["sources", "float64"]),
    "source a bool": (lambda: (TEXTBOOK, [True]), TypeError, ["sources", "bool"]),
    "sources 2-D": (lambda: (TEXTBOOK, [[1]]), ValueError, ["sources", "(1, 1)"]),
    "source None": (lambda: (TEXTBOOK, None), TypeError, ["sources", "object"]),
    "a source in no graph": (lambda: (EMPTY, 0), ValueError, ["sources", "0"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    make, error, words = BAD[case]
    graph, sources = make()
    with pytest.raises(error) as caught:
        gilfree.shortest_paths(graph, sources)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("case", ["indices too large", "indptr falls", "data NaN", "source negative"])
@pytest.mark.parametrize("workers", [1, 3])
def test_bad_input_computes_nothing(case, workers):
    make, error, _ = BAD[case]
    graph, sources = make()
    out = np.full((np.size(sources), graph[3][0]), 7.0)
    with pytest.raises(error):
        gilfree.shortest_paths(graph, np.ravel(sources), out=out, workers=workers)
    assert (out == 7).all()


def test_csc_is_not_taken_for_csr():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"graph: .*'csc'.*tocsr"):
        gilfree.shortest_paths(sparse.csc_array(np.eye(3)), 0)


@pytest.mark.parametrize("predecessors", [False, True])
@pytest.mark.parametrize("sources", [2, [2, 0]])
def test_out(sources, predecessors):
    wanted = gilfree.shortest_paths(TEXTBOOK, sources, return_predecessors=predecessors)
    pairs = wanted if predecessors else (wanted,)
    for make in (np.zeros_like, lambda a: np.zeros((*a.shape, 2), a.dtype)[..., 0], lambda a: a.T.copy().T):
        given = tuple(make(a) for a in pairs)
        out = given if predecessors else given[0]
        assert gilfree.shortest_paths(TEXTBOOK, sources, return_predecessors=predecessors, out=out) is out
        assert all(map(np.array_equal, given, pairs))


def test_out_may_be_the_weights():
    data, indices, indptr, shape = csr(3, [(0, 1, 1.0), (1, 2, 2.0), (2, 0, 4.0)])
    gilfree.shortest_paths((data, indices, indptr, shape), 0, out=data)
    assert data.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros(5), ValueError, ["out", "(1, 5)", "(5,)"]),
        (np.zeros((1, 5), "f4"), ValueError, ["out", "float64", "float32"]),
        (read_only(np.zeros((1, 5))), ValueError, ["out", "read-only"]),
        ([[0.0] * 5], TypeError, ["out"]),
    ],
)
def test_bad_out(out, error, words):
    with pytest.raises(error) as caught:
        gilfree.shortest_paths(TEXTBOOK, [0], out=out)
    assert all(word in str(caught.value) for word in words)


def test_bad_out_pair():
    with pytest.raises(TypeError, match=r"out: .*distances, predecessors"):
        gilfree.shortest_paths(TEXTBOOK, [0], return_predecessors=True, out=np.zeros((1, 5)))


@pytest.mark.parametrize("unweighted", [False, True])
def test_workers_and_the_gil_change_nothing(unweighted):
    graph = random_graph(7, 3000, 5)
    sources = np.arange(0, 3000, 40)
    wanted = gilfree.shortest_paths(graph, sources, unweighted=unweighted, return_predecessors=True, release_gil=False)
    for workers in (1, 2, 3, 7):
        for release_gil in (True, False, None):
            found = gilfree.shortest_paths(
                graph,
                sources,
                unweighted=unweighted,
                return_predecessors=True,
                workers=workers,
                release_gil=release_gil,
            )
            assert all(ours.tobytes() == one.tobytes() for ours, one in zip(found, wanted, strict=True))


def core_arguments(graph, sources, *, unweighted=False, predecessors=False):
    data, indices, indptr, (nodes, _) = graph
    sources = np.asarray(sources, np.int64)
    outputs = [np.full((sources.size, nodes), 7.0)]
    if predecessors:
        outputs.append(np.full((sources.size, nodes), 7, np.int32))
    return [None if unweighted else data, indices, indptr, sources, *outputs]


def test_a_single_source_needs_no_rows():
    arguments = core_arguments(TEXTBOOK_ARRAYS, [1], predecessors=True)
    rows = [output[0].copy() for output in arguments[4:]]
    _kernels.shortest_paths(*arguments)
    _kernels.shortest_paths(*arguments[:4], *rows)
    assert all(np.array_equal(output, [row]) for output, row in zip(arguments[4:], rows, strict=True))
    for distances, predecessors, name in (
        (rows[0], arguments[5], "predecessors"),
        (arguments[4], rows[1], "predecessors"),
        (rows[0][:-1], rows[1], "indptr"),
        (rows[0], rows[1][:-1], "predecessors"),
    ):
        with pytest.raises((TypeError, ValueError), match=name):
            _kernels.shortest_paths(*arguments[:4], distances, predecessors)
    for sources in ([0, 1], []):
        with pytest.raises(ValueError, match="sources: wanted length 1"):
            _kernels.shortest_paths(*arguments[:3], np.array(sources, np.int64), *rows)


@pytest.mark.parametrize("unweighted", [False, True])
def test_a_stop_from_another_thread_ends_a_long_call(unweighted):
    arguments = core_arguments(random_graph(9, 1000, 200), np.arange(5000) % 1000, unweighted=unweighted)
    stop = array("i", [0])
    threading.Timer(0.1, _kernels.stop, [stop]).start()
    with pytest.raises(gilfree.Cancelled):
        _kernels.shortest_paths(*arguments, stop=stop)
    assert np.isfinite(arguments[4][0]).all()
    assert (arguments[4][-1] == 7).all()


@pytest.mark.parametrize("unweighted", [False, True])
def test_a_stop_ends_one_node_with_very_many_edges(unweighted):
    edges = 10_000_000
    graph = (np.zeros(edges), np.zeros(edges, np.int32), np.array([0, edges], np.int32), (1, 1))
    arguments = core_arguments(graph, [0], unweighted=unweighted)
    begin = time.monotonic()
    _kernels.shortest_paths(*arguments)
    whole = time.monotonic() - begin
    for attempt in range(100):
        arguments[4][:] = 7
        stop = array("i", [0])
        timer = threading.Timer(whole * (attempt % 20) / 20, _kernels.stop, [stop])
        timer.start()
        try:
            _kernels.shortest_paths(*arguments, stop=stop)
        except gilfree.Cancelled:
            if arguments[4][0, 0] == 0:
                return  # cancelled after the search began, and there is nothing in it but this node's edges
        finally:
            timer.join()
    pytest.fail("no stop was noticed among the edges of a single node")


def test_nothing_starts_after_a_stop():
    stop = array("i", [0])
    _kernels.stop(stop)
    arguments = core_arguments(TEXTBOOK_ARRAYS, [0, 1])
    with pytest.raises(gilfree.Cancelled):
        _kernels.shortest_paths(*arguments, stop=stop)
    assert (arguments[4] == 7).all()


TEXTBOOK_ARRAYS = (np.array(TEXTBOOK[0]), np.array(TEXTBOOK[1]), np.array(TEXTBOOK[2]), TEXTBOOK[3])


@pytest.mark.parametrize(
    ("position", "value", "error", "name"),
    [
        (0, np.zeros(9), ValueError, "data"),
        (0, np.zeros(10, "f2"), TypeError, "data"),
        (0, np.zeros(10, "i8"), TypeError, "data"),
        (1, np.zeros(10, "u4"), TypeError, "indices"),
        (1, np.zeros(10, "i4"), TypeError, "indptr"),
        (2, np.zeros(5, "i8"), ValueError, "indptr"),
        (3, np.zeros(2, "i4"), TypeError, "sources"),
        (3, np.zeros(3, "i8"), ValueError, "distances"),
        (3, np.array([0, 5]), ValueError, "sources"),
        (3, np.array([-1, 0]), ValueError, "sources"),
        (4, np.zeros((2, 4)), ValueError, "indptr"),
        (4, np.zeros((2, 5), "f4"), TypeError, "distances"),
        (4, np.zeros((5, 2)).T, TypeError, "distances"),
        (5, np.zeros((2, 4), "i4"), ValueError, "predecessors"),
        (5, np.zeros((1, 5), "i4"), ValueError, "predecessors"),
        (5, np.zeros((2, 5), "i8"), TypeError, "predecessors"),
    ],
)
def test_the_core_checks_its_buffers(position, value, error, name):
    arguments = core_arguments(TEXTBOOK_ARRAYS, [0, 1], predecessors=True)
    arguments[position] = value
    with pytest.raises(error, match=name):
        _kernels.shortest_paths(*arguments)
    assert all(output is value or (output == 7).all() for output in arguments[4:])


@pytest.mark.parametrize("unweighted", [False, True])
def test_a_graph_that_changes_under_the_search_cannot_make_it_longer(unweighted):
    # The predecessors are written over the offsets of nodes 0 to 9, and give node 0 seven edges that it did not have.
    nodes, moved = 20, 10
    memory = np.zeros(nodes + 1 + moved, np.int32)
    indptr, predecessors = memory[moved:], memory[:nodes].reshape(1, nodes)
    indptr[13:20] = 2
    indptr[20] = 19
    indices = np.array([10, 0, 11, 12, *range(13, 19), *range(1, 8), 19, 19], np.int32)
    data = None if unweighted else np.ones(19)
    with pytest.raises(ValueError, match=r"graph: .*another thread changed"):
        _kernels.shortest_paths(data, indices, indptr, np.array([19]), np.empty((1, nodes)), predecessors)


@pytest.mark.parametrize("what", ["data", "indices", "indptr", "distances"])
@pytest.mark.parametrize("unweighted", [False, True])
def test_another_thread_rewriting_the_arrays_does_no_harm(what, unweighted):
    data, indices, indptr, shape = random_graph(8, 2000, 8)
    arguments = core_arguments((data, indices, indptr, shape), np.arange(300), unweighted=unweighted, predecessors=True)
    target = {"data": data, "indices": indices, "indptr": indptr, "distances": arguments[4]}[what]
    good = target.copy()
    bad = np.resize(np.array([-5, 2**31 - 1, 0, 7], target.dtype), target.shape)
    done = threading.Event()

    def flip():
        while not done.is_set():
            target[...] = bad
            target[...] = good

    flipper = threading.Thread(target=flip)
    flipper.start()
    outcomes = set()
    try:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            try:
                _kernels.shortest_paths(*arguments)
                outcomes.add("result")
            except ValueError as error:
                outcomes.add(str(error).split(":")[0])
    finally:
        done.set()
        flipper.join()
    assert outcomes <= {"result", "graph", "graph.data", "graph.indices", "graph.indptr"}
