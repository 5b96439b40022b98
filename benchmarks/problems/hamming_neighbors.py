"""Nearest neighbours of bit codes, ten a query: near-duplicates by perceptual hash, and among binary embeddings.

"medium" looks up difference hashes: 64 bits that say of a patch of a photograph where it gets brighter from one cell to
the next. Its patches overlap, so it has near neighbours and ties in plenty. The codes of the other sizes are random, of
256 bits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# queries, codes, bytes, neighbours; "small" is one look-up in a small table, as a service makes it
SIZES = {
    "tiny": (8, 500, 32, 10),
    "small": (1, 500, 32, 10),
    "medium": (1_000, 400_000, 8, 10),
    "large": (2_000, 2_000_000, 32, 10),
    "endless": (500_000, 2_000_000, 32, 10),
}

CELL, GRID = 4, 8  # pixels a cell, cells a patch, along each axis


def make(size: str) -> Call:
    """Return so many queries and codes."""
    rows, count, length, k = SIZES[size]
    random = np.random.Generator(np.random.Philox(20))
    if size == "medium":
        hashes = np.concatenate([difference_hashes(name) for name in ("china.jpg", "flower.jpg")])
        chosen = random.permutation(len(hashes))[: rows + count]
        return Call((hashes[chosen[:rows]], hashes[chosen[rows:]]), {"k": k})
    queries, codes = (np.frombuffer(random.bytes(number * length), np.uint8) for number in (rows, count))
    return Call((queries.reshape(rows, length).copy(), codes.reshape(count, length).copy()), {"k": k})


def difference_hashes(photograph: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the hash of the patch around each pixel."""
    from sklearn.datasets import load_sample_image  # noqa: PLC0415 - needed for this size alone

    grey = load_sample_image(photograph).mean(axis=2)
    sums = np.pad(grey.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    cells = sums[CELL:, CELL:] - sums[:-CELL, CELL:] - sums[CELL:, :-CELL] + sums[:-CELL, :-CELL]
    brighter = cells[:, CELL:] > cells[:, :-CELL]
    side = CELL * (GRID - 1)
    height, width = brighter.shape[0] - side, brighter.shape[1] - side
    bits = [
        brighter[row : row + height, column : column + width].ravel()
        for row in range(0, side + 1, CELL)
        for column in range(0, side + 1, CELL)
    ]
    return np.packbits(np.stack(bits, axis=1), axis=1)


def split(call: Call, count: int) -> list[Call]:
    """Cut the queries."""
    queries, codes = call.args
    return [Call((part, codes), call.kwargs) for part in np.array_split(queries, min(count, len(queries)))]


def units(call: Call) -> int:
    """Return the number of bytes compared."""
    queries, codes = call.args
    return int(len(queries) * codes.size)


def effort(call: Call) -> Effort:
    """Return the number of bytes whose bits are counted."""
    return Effort("ones", float(units(call)), "each byte of each pair")


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether all distances and indices are equal."""
    return all(np.array_equal(mine, np.asarray(other)) for mine, other in zip(ours, theirs, strict=True))


def faiss_peer(call: Call) -> Callable[[], Any]:
    """Search by the exact index of faiss."""
    import faiss  # noqa: PLC0415 - an optional peer

    faiss.omp_set_num_threads(1)
    queries, codes = call.args
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)
    return lambda: index.search(queries, call.kwargs["k"])


def numpy_peer(call: Call) -> Callable[[], Any]:
    """Count bits by NumPy, query by query, and select."""
    queries, codes = call.args
    k = call.kwargs["k"]
    wide = codes.view(np.uint64) if codes.shape[1] % 8 == 0 else codes
    places = np.arange(len(codes))

    def nearest(query: Any) -> tuple[Any, Any]:  # noqa: ANN401
        distances = np.bitwise_count(wide ^ query.view(wide.dtype)).sum(axis=1, dtype=np.int64)
        keys = distances * len(codes) + places  # all different, so that a partition keeps the first of those that tie
        found = np.sort(np.partition(keys, k - 1)[:k])
        return found // len(codes), found % len(codes)

    return lambda: tuple(map(np.array, zip(*map(nearest, queries), strict=True)))


PROBLEM = Problem(
    kernel="hamming_neighbors",
    source=(
        "medium: difference hashes of patches of two photographs that come with scikit-learn (china.jpg by "
        "danielbuechele and flower.jpg by vultilion, CC BY 2.0); all others random bits from a fixed seed"
    ),
    unit="bytes",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("faiss IndexBinaryFlat", "faiss-cpu", faiss_peer),
        Peer("numpy.bitwise_count", "numpy", numpy_peer),
    ),
)
