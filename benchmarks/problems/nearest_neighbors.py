"""Nearest neighbours, ten a query: of patches of a photograph, and among embeddings.

"medium" is the search at the heart of non-local denoising: patches that look alike, in a photograph that comes with
matplotlib. The vectors of the other sizes are made, and no package is needed for them: a mixture of Gaussians whose
variances fall off from one principal axis to the next, which is what embeddings look like.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# queries, points, dimensions, neighbours; "small" is one look-up in a small table, as a service makes it
SIZES = {
    "tiny": (8, 256, 128, 10),
    "small": (1, 200, 128, 10),
    "medium": (512, 20_000, 121, 10),
    "large": (2_000, 200_000, 128, 10),
    "endless": (150_000, 150_000, 128, 10),
}


def make(size: str) -> Call:
    """Return so many queries and points, float32."""
    rows, count, dimensions, k = SIZES[size]
    if size == "medium":
        return Call((photograph_patches(rows, 0.5), photograph_patches(count, 0.0)), {"k": k})
    random = np.random.Generator(np.random.Philox(20))
    centres = random.standard_normal((64, dimensions), dtype=np.float32)
    fading = (np.arange(1, dimensions + 1) ** -0.5).astype(np.float32)

    def vectors(number: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        made = random.standard_normal((number, dimensions), dtype=np.float32)
        made += centres[random.integers(64, size=number)]
        made *= fading
        return made

    return Call((vectors(rows), vectors(count)), {"k": k})


def photograph_patches(count: int, offset: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return so many patches of 11 × 11 pixels of a photograph in shades of grey, evenly spaced, one a row."""
    from matplotlib.cbook import get_sample_data  # noqa: PLC0415 - needed for this size alone
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    with Image.open(str(get_sample_data("grace_hopper.jpg", asfileobj=False))) as photograph:
        pixels = np.asarray(photograph.convert("L"), np.float32)
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (11, 11))
    places = ((np.arange(count) + offset) * (patches.shape[0] * patches.shape[1] / count)).astype(np.int64)
    chosen: np.ndarray[Any, np.dtype[np.float32]] = patches[places // patches.shape[1], places % patches.shape[1]]
    return chosen.reshape(count, 121)


def split(call: Call, count: int) -> list[Call]:
    """Cut the queries."""
    queries, points = call.args
    return [Call((part, points), call.kwargs) for part in np.array_split(queries, min(count, len(queries)))]


def units(call: Call) -> int:
    """Return the number of distances compared."""
    queries, points = call.args
    return len(queries) * len(points)


def effort(call: Call) -> Effort:
    """Return the floating-point operations of all distances."""
    queries, points = call.args
    return Effort("fused32", 2.0 * len(queries) * points.size, "2 for each coordinate of each pair")


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether these are the k smallest distances too, as accurately as float32 has them.

    Which of two points that are equally far to six digits comes first, and whether it comes at all, is left open: some
    peers compute in float32. What must agree are the distances, rank by rank, and nearly all of the points.
    """
    (distances, indices), (others, their_indices) = ours, theirs
    distances, others = np.asarray(distances, np.float64), np.asarray(others, np.float64)
    if distances.shape != others.shape or np.shape(their_indices) != indices.shape:
        return False
    if not np.allclose(distances, others, rtol=1e-4, atol=1e-4):
        return False
    return bool(np.mean(np.asarray(their_indices) == indices) > 0.99)  # noqa: PLR2004


def faiss_peer(call: Call) -> Callable[[], Any]:
    """Search by the exact index of faiss, which returns squared distances."""
    import faiss  # noqa: PLC0415 - an optional peer

    faiss.omp_set_num_threads(1)
    queries, points = call.args
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)

    def search() -> Any:  # noqa: ANN401
        squared, indices = index.search(queries, call.kwargs["k"])
        return np.sqrt(np.maximum(squared, 0)), indices

    return search


def sklearn_peer(call: Call) -> Callable[[], Any]:
    """Search by brute force in scikit-learn."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - an optional peer
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    queries, points = call.args
    model = NearestNeighbors(n_neighbors=call.kwargs["k"], algorithm="brute", n_jobs=1).fit(points)

    def search() -> Any:  # noqa: ANN401
        with threadpool_limits(1):
            return model.kneighbors(queries)

    return search


def scipy_peer(call: Call) -> Callable[[], Any]:
    """Compute all distances by SciPy and select by NumPy; in blocks of queries, to keep the matrix small."""
    from scipy.spatial.distance import cdist  # noqa: PLC0415 - an optional peer

    queries, points = call.args
    k = call.kwargs["k"]

    def block(some: Any) -> tuple[Any, Any]:  # noqa: ANN401
        matrix = cdist(some, points)
        nearest = np.argpartition(matrix, k - 1, axis=1)[:, :k]
        distances = np.take_along_axis(matrix, nearest, axis=1)
        order = np.argsort(distances, axis=1)
        return np.take_along_axis(distances, order, axis=1), np.take_along_axis(nearest, order, axis=1)

    def search() -> Any:  # noqa: ANN401
        parts = [block(queries[start : start + 64]) for start in range(0, len(queries), 64)]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    return search


PROBLEM = Problem(
    kernel="nearest_neighbors",
    source=(
        "medium: patches of the photograph grace_hopper.jpg that comes with matplotlib (US Navy, public domain); all "
        "others made by NumPy from a fixed seed: a mixture of Gaussians with fading variances, like embeddings"
    ),
    unit="distances",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("faiss IndexFlatL2", "faiss-cpu", faiss_peer),
        Peer("scikit-learn brute", "scikit-learn", sklearn_peer),
        Peer("SciPy cdist + argpartition", "scipy", scipy_peer),
    ),
)
