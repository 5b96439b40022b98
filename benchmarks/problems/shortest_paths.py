"""Shortest paths through road-like networks, and through the words that stand side by side in Python's own sources."""

import math
import re
import sysconfig
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# Side of a grid of crossings, and the number of sources; "medium" is the real graph.
SIZES = {"tiny": (60, 16), "small": (8, 1), "large": (700, 8)}
MEDIUM_SOURCES = 64
MEDIUM_FILES = 40
WORD = re.compile(r"[A-Za-z_]\w*")

Graph = tuple[Any, Any, Any, tuple[int, int]]


def make(size: str) -> Call:
    """Return the graph of this size, and its sources."""
    if size == "endless":
        graph, sources = dense(2000), 40_000
    elif size == "medium":
        graph, sources = words(), MEDIUM_SOURCES
    else:
        side, sources = SIZES[size]
        graph = roads(side)
    nodes = graph[3][0]
    return Call((graph, np.arange(sources, dtype=np.int64) * nodes // sources))


@cache
def roads(side: int) -> Graph:
    """Return a grid of crossings with a tenth of its roads missing, all others of different length; both ways."""
    rng = np.random.default_rng(20)
    crossings = np.arange(side * side).reshape(side, side)
    u = np.concatenate([crossings[:, :-1].ravel(), crossings[:-1].ravel()])
    v = np.concatenate([crossings[:, 1:].ravel(), crossings[1:].ravel()])
    built = rng.random(u.size) < 0.9  # noqa: PLR2004
    u, v = u[built], v[built]
    return undirected(u, v, rng.uniform(0.5, 1.5, u.size), side * side)


@cache
def dense(nodes: int) -> Graph:
    """Return a graph in which every second of all possible edges is there, both ways."""
    rng = np.random.default_rng(20)
    u, v = np.nonzero(np.triu(rng.random((nodes, nodes)) < 0.5, 1))  # noqa: PLR2004
    return undirected(u, v, rng.uniform(0.5, 1.5, u.size), nodes)


@cache
def words() -> Graph:
    """Return the words in the standard library's sources, joined where one follows the other in a line.

    Pairs that are met often are close: their weight is 1 / (1 + log(count)).
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:MEDIUM_FILES]:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            found = WORD.findall(line)
            pairs.update((min(pair), max(pair)) for pair in pairwise(found) if pair[0] != pair[1])
    number = {word: index for index, word in enumerate(sorted({word for pair in pairs for word in pair}))}
    u, v = (np.array([number[pair[end]] for pair in pairs]) for end in (0, 1))
    return undirected(u, v, np.array([1 / (1 + math.log(count)) for count in pairs.values()]), len(number))


def undirected(u: Any, v: Any, weights: Any, nodes: int) -> Graph:  # noqa: ANN401
    """Return the CSR form of edges that lead both ways."""
    rows, columns, weights = np.r_[u, v], np.r_[v, u], np.r_[weights, weights]
    order = np.lexsort((columns, rows))
    indptr = np.r_[0, np.cumsum(np.bincount(rows, minlength=nodes))]
    return weights[order], columns[order].astype(np.int32), indptr.astype(np.int32), (nodes, nodes)


def split(call: Call, count: int) -> list[Call]:
    """Deal out the sources."""
    graph, sources = call.args
    return [Call((graph, part), call.kwargs) for part in np.array_split(sources, min(count, sources.size))]


def units(call: Call) -> int:
    """Return the number of edges times that of sources."""
    (_, indices, _, _), sources = call.args
    return int(indices.size * sources.size)


def effort(call: Call) -> Effort:
    """Return the number of distances looked at."""
    graph, _ = call.args
    return Effort("steps", float(units(call)), "one for each edge, among the distances of one source", 8 * graph[3][0])


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether all distances are equal, bit for bit: they are the smallest sums, and those are unique."""
    return np.array_equal(ours, np.reshape(np.asarray(theirs, np.float64), ours.shape))


def scipy_peer(call: Call) -> Callable[[], Any]:
    """SciPy's Dijkstra, with a Fibonacci heap; holds the GIL."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - an optional peer
    from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

    (data, indices, indptr, shape), sources = call.args
    graph = csr_array((data, indices, indptr), shape=shape)
    return lambda: dijkstra(graph, indices=sources)


def networkit_peer(call: Call) -> Callable[[], Any]:
    """NetworKit's Dijkstra, from one source after the other."""
    import networkit  # noqa: PLC0415 - an optional peer

    graph, sources = call.args
    networkit.setNumberOfThreads(1)
    prepared = networkit.GraphFromCoo((graph[0], (rows(graph), graph[1])), n=graph[3][0], weighted=True, directed=True)

    def distances() -> Any:  # noqa: ANN401
        found = [
            networkit.distance.Dijkstra(prepared, int(source), storePaths=False).run().getDistances(asarray=True)
            for source in sources
        ]
        # What cannot be reached is as far as the largest number there is.
        result = np.array(found)
        result[result == np.finfo(np.float64).max] = np.inf
        return result

    return distances


def igraph_peer(call: Call) -> Callable[[], Any]:
    """Dijkstra in igraph, with a binary heap."""
    import igraph  # noqa: PLC0415 - an optional peer

    graph, sources = call.args
    prepared = igraph.Graph(graph[3][0], np.stack([rows(graph), graph[1]], axis=1), directed=True)
    prepared.es["weight"] = graph[0].tolist()
    return lambda: prepared.distances(sources.tolist(), weights="weight", algorithm="dijkstra")


def rustworkx_peer(call: Call) -> Callable[[], Any]:
    """Dijkstra in rustworkx, which leaves out the source and what cannot be reached."""
    import rustworkx  # noqa: PLC0415 - an optional peer

    graph, sources = call.args
    nodes = graph[3][0]
    prepared = rustworkx.PyDiGraph()
    prepared.add_nodes_from(range(nodes))
    prepared.add_edges_from(list(zip(rows(graph).tolist(), graph[1].tolist(), graph[0].tolist(), strict=True)))

    def distances() -> Any:  # noqa: ANN401
        result = np.full((sources.size, nodes), np.inf)
        for row, source in enumerate(sources.tolist()):
            found = rustworkx.dijkstra_shortest_path_lengths(prepared, source, float)
            result[row, list(found.keys())] = list(found.values())
            result[row, source] = 0
        return result

    return distances


def rows(graph: Graph) -> Any:  # noqa: ANN401
    """Return the node from which each edge starts."""
    return np.repeat(np.arange(graph[3][0], dtype=np.int32), np.diff(graph[2]))


PROBLEM = Problem(
    kernel="shortest_paths",
    source=(
        "medium: words that stand side by side in the sources of Python's standard library (PSF licence), slightly "
        "different in each version of Python; all others: a generated road network, the same everywhere"
    ),
    unit="edges",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("scipy.sparse.csgraph.dijkstra", "scipy", scipy_peer),
        Peer("NetworKit", "networkit", networkit_peer),
        Peer("igraph", "igraph", igraph_peer),
        Peer("rustworkx", "rustworkx", rustworkx_peer),
    ),
)
