"""One harness a kernel: the fuzzer's bytes become a call, and its result is compared with the twin's."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from source import FLOATS, INDICES

import gilfree
from gilfree.kernels import KERNELS

__all__ = ["HARNESSES", "Case"]


@dataclass
class Case:
    """A call, and how its result is compared with that of the pure twin; None: only with that of plain arrays."""

    function: Any
    args: tuple
    kwargs: dict = field(default_factory=dict)
    twin: Any = None
    same: Any = None


def lists(value):
    if isinstance(value, tuple):
        return tuple(map(lists, value))
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def equal(got, wanted):
    return lists(got) == wanted


def shaped(wanted, got):
    """A twin's lists in the shape of the result, which lists do not tell where there is nothing in them."""
    return np.reshape(wanted, got.shape) if got.size else np.empty_like(got)


def twin_of(name, number=0):
    return KERNELS[name].twins[number]


def matrix(source, *, square=False):
    rows = source.between(0, 12)
    columns = rows if square else source.between(0, 12)
    kind = source.choice(INDICES)
    count, indptr = source.offsets(rows, 6, kind)
    data = source.floats((count,), wild=not square)
    if square and not source.chance(8):
        data = abs(data)
    return data, source.indices(count, columns, kind), indptr, (rows, columns)


@np.errstate(all="ignore")
def tame(*arrays):
    """Whether there are numbers in each of these, as lists without any have no shape, and all add up exactly."""
    return all(
        array.size and np.isfinite(array).all() and abs(array).max(initial=0) <= 64 and not (array * 4 % 1).any()
        for array in arrays
    )


def nearest_neighbors(source):
    dimensions, dtype = source.between(0, 20), source.choice(FLOATS)
    queries = source.floats((source.between(0, 12), dimensions), dtype)
    points = source.floats((source.between(0, 40), dimensions), dtype)
    same = None
    if tame(queries, points):

        def same(got, wanted):
            return np.array_equal(got[1], shaped(wanted[1], got[1])) and np.array_equal(
                got[0], shaped(wanted[0], got[0]).astype(dtype)
            )

    k = source.between(0, 41) if source.chance(4) else source.between(1, max(1, len(points)))
    return Case(gilfree.nearest_neighbors, (queries, points, k), twin=twin_of("nearest_neighbors"), same=same)


def sparse_matvec(source):
    sparse = matrix(source)
    shape = (sparse[3][1],) if source.below(2) else (sparse[3][1], source.between(0, 20))
    x = source.floats(shape)
    same = None
    if tame(sparse[0], x):

        def same(got, wanted):
            return np.array_equal(got, shaped(wanted, got).astype(got.dtype))

    return Case(gilfree.sparse_matvec, (sparse, x), twin=twin_of("sparse_matvec"), same=same)


def lomb_scargle(source):
    # Long ones, which are taken by transforms, are even, and made of few bytes.
    n = source.between(0, 40)
    times, values = source.floats((n,), np.float64), source.floats((n,), np.float64)
    if source.chance(3):
        values = source.floats((source.between(0, 3), n), np.float64)
    if source.chance(3):
        frequencies = source.real() + np.arange(source.between(250, 1100)) * source.real()
    else:
        frequencies = source.floats((source.between(0, 20),), np.float64)
    errors = abs(source.floats((n,), np.float64)) if source.chance(2) else None
    kwargs = {"errors": errors, "fit_mean": bool(source.below(2))}
    return Case(gilfree.lomb_scargle, (times, values, frequencies), kwargs)


def nbody_accelerations(source):
    count, dtype = source.between(0, 40), source.choice(FLOATS)
    positions, masses = source.floats((count, 3), dtype), source.floats((count,), dtype)
    kwargs = {"softening": abs(source.real()), "gravitational_constant": source.real()}
    same = None
    if dtype is np.float64 and tame(positions, masses) and 0.1 < kwargs["softening"] < 100:

        def same(got, wanted):
            wanted = shaped(wanted, got)
            return abs(got - wanted).max(initial=0) <= 1e-9 * max(1.0, abs(wanted).max(initial=0))

        kwargs["gravitational_constant"] = 1.0
    return Case(
        gilfree.nbody_accelerations, (positions, masses), kwargs, twin=twin_of("nbody_accelerations"), same=same
    )


def convolve2d(source):
    dtype = source.choice(FLOATS)
    least = 0 if source.chance(8) else 1
    image = source.floats((source.between(least, 12), source.between(least, 70)), dtype)
    kernel = source.floats((source.between(least, 6), source.between(least, 9)), dtype)
    same = None
    if dtype is np.float64 and tame(image, kernel):

        def same(got, wanted):
            return np.array_equal(got, shaped(wanted, got))

    mode = source.choice(("full", "same", "valid"))
    return Case(gilfree.convolve2d, (image, kernel, mode), twin=twin_of("convolve2d"), same=same)


def smooth_mesh(source):
    count = source.between(0, 30)
    vertices = source.floats((count, 3))
    faces = source.indices(3 * source.between(0, 40), count)
    kwargs = {"iterations": source.between(0, 5), "factor": source.real()}
    same = None
    if vertices.dtype == np.float64 and tame(vertices) and abs(kwargs["factor"]) < 64:

        def same(got, wanted):
            return np.array_equal(got, shaped(wanted, got))

    return Case(gilfree.smooth_mesh, (vertices, faces.reshape(-1, 3)), kwargs, twin=twin_of("smooth_mesh"), same=same)


def asian_option_price(source):
    kwargs = {
        "steps": source.between(0, 12),
        "paths": source.between(0, 60) if source.below(4) else 1025,
        "seed": int.from_bytes(source.bytes(8), "little"),
        "kind": source.choice(("call", "put")),
    }
    args = tuple(abs(source.real()) / scale for scale in (1, 1, 256, 32, 8))
    same = None
    spot, _, rate, volatility, maturity = args
    if (
        kwargs["paths"] <= 60
        and max(args) < 1e6
        and (rate + volatility**2) * maturity < 20
        and volatility * maturity < 20
    ):
        scale = 1e-9 * spot * (1 + math.exp(rate * maturity + volatility * math.sqrt(maturity) * 8))

        def same(got, wanted):
            return all(abs(a - b) <= 1e-6 * abs(b) + scale for a, b in zip(got, wanted, strict=True))

    return Case(gilfree.asian_option_price, args, kwargs, twin=twin_of("asian_option_price"), same=same)


def hamming_neighbors(source):
    width = source.between(0, 40)

    def codes(count):
        return source.laid_out(np.frombuffer(source.bytes(count * width), np.uint8).reshape(count, width))

    queries, points = codes(source.between(0, 8)), codes(source.between(0, 30))
    k = source.between(0, 31) if source.chance(4) else source.between(1, max(1, len(points)))
    return Case(
        gilfree.hamming_neighbors,
        (queries, points, k),
        twin=twin_of("hamming_neighbors"),
        same=lambda got, wanted: all(np.array_equal(g, shaped(w, g)) for g, w in zip(got, wanted, strict=True)),
    )


def shortest_paths(source):
    graph = matrix(source, square=True)
    sources = source.indices(source.between(0, 5), graph[3][0])
    kwargs = {"unweighted": bool(source.below(2))}
    same = equal if kwargs["unweighted"] or not np.isnan(graph[0]).any() else None
    if source.below(2):
        kwargs["return_predecessors"] = True
        same = None  # of several shortest paths it may be another
    return Case(gilfree.shortest_paths, (graph, sources), kwargs, twin=twin_of("shortest_paths"), same=same)


def edit_distance(source):
    most = source.choice((8, 20, 70, 200))
    limit = source.choice((None, None, 0, 1, 3, 10, 2**31, 2**70, -1))
    if source.below(2):
        return Case(
            gilfree.edit_distance,
            (source.text(most), source.text(most)),
            {"max_distance": limit},
            twin=twin_of(
                "edit_distance", [f.__name__ for f in KERNELS["edit_distance"].functions].index("edit_distance")
            ),
            same=equal,
        )
    wide = source.choice((None, 0, 2, 3, 4))
    queries, choices = ([source.text(most // 2, wide=wide) for _ in range(source.between(0, n))] for n in (3, 20))
    return Case(
        gilfree.edit_distances,
        (queries, choices),
        {"max_distance": limit},
        twin=twin_of("edit_distance", [f.__name__ for f in KERNELS["edit_distance"].functions].index("edit_distances")),
        same=equal,
    )


def exact_cover(source):
    items = source.between(0, 9)
    if source.below(2):
        options = np.frombuffer(source.bytes(source.between(0, 14) * items), np.uint8) % 3 == 1
        options = source.laid_out(options.reshape(-1, items)) if items else np.zeros((3, 0), bool)
    else:
        options = [[source.below(items + 1) for _ in range(source.between(0, 4))] for _ in range(source.between(0, 14))]
    kwargs = {"secondary": [source.below(items + 2) for _ in range(source.between(0, 3))]}
    names = [function.__name__ for function in KERNELS["exact_cover"].functions]
    if source.below(2):
        twin = twin_of("exact_cover", names.index("count_exact_covers"))
        return Case(gilfree.count_exact_covers, (options,), kwargs, twin=twin, same=equal)
    twin = twin_of("exact_cover", names.index("find_exact_cover"))
    return Case(
        gilfree.find_exact_cover,
        (options,),
        kwargs,
        twin=twin,
        same=lambda got, wanted: (got is None) == (wanted is None),
    )


def viterbi(source):
    states, steps, dtype = source.between(0, 12), source.between(0, 20), source.choice(FLOATS)
    args = tuple(source.floats(shape, dtype) for shape in ((states,), (states, states), (steps, states)))
    kwargs = {}
    if source.chance(3):
        cut = source.between(0, steps)
        kwargs["lengths"] = source.choice(([cut, steps - cut], [0, steps], [steps, 1], [-1, steps + 1]))
    same = None
    if states and tame(*args):

        def same(got, wanted):
            return lists(got[0]) == wanted[0] and np.array_equal(got[1], wanted[1])

    return Case(gilfree.viterbi, args, kwargs, twin=twin_of("viterbi"), same=same)


def pattern_set(source):
    wide = source.choice((0, 2, 3, 4))
    patterns = [source.text(6, wide=wide) for _ in range(source.between(0, 8))]
    text = source.text(100, wide=None if source.chance(8) else source.choice((0, 1)) if wide == 0 else wide)
    names = [function.__name__ for function in KERNELS["pattern_set"].functions]
    method = source.choice(("find_all", "count"))
    twin = twin_of("pattern_set", names.index(method))

    def search(text, **options):
        return getattr(gilfree.PatternSet(patterns), method)(text, **options)

    return Case(search, (text,), twin=lambda text: twin(gilfree.PatternSet(patterns), text), same=equal)


def mandelbrot(source):
    args = (source.between(0, 20), source.between(0, 8))
    kwargs = {
        "center": (source.real() / 16, source.real() / 16),
        "span": abs(source.real()),
        "max_iterations": source.choice((0, 1, 2, 50, 300)),
    }
    same = equal if all(map(math.isfinite, (*kwargs["center"], kwargs["span"]))) else None
    return Case(gilfree.mandelbrot, args, kwargs, twin=twin_of("mandelbrot"), same=same)


HARNESSES = {
    harness.__name__: harness
    for harness in (
        nearest_neighbors,
        sparse_matvec,
        lomb_scargle,
        nbody_accelerations,
        convolve2d,
        smooth_mesh,
        asian_option_price,
        hamming_neighbors,
        shortest_paths,
        edit_distance,
        exact_cover,
        viterbi,
        pattern_set,
        mandelbrot,
    )
}
