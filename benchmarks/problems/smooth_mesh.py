"""Rings with a relief, to be smoothed: of a photograph, whose brightness is the height, and of made-up noisy hills."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# Rows and columns of vertices, and iterations; "medium" is the photograph.
SIZES = {
    "tiny": (36, 32, 10),
    "small": (12, 10, 10),
    "large": (1500, 1500, 20),
    "endless": (250, 250, 10**7),
}
MEDIUM_ITERATIONS = 20


def make(size: str) -> Call:
    """Return a relief and how often to smooth it."""
    if size == "medium":
        heights, iterations = photograph(), MEDIUM_ITERATIONS
    else:
        rows, columns, iterations = SIZES[size]
        y, x = np.mgrid[:rows, :columns]
        noise = np.random.Generator(np.random.Philox(6)).standard_normal((rows, columns))
        heights = 20 * np.sin(x / 25) * np.cos(y / 40) + noise
    return Call((ring(heights), faces_of(*heights.shape)), {"iterations": iterations})


def ring(heights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the vertices of a torus that has these heights on it: a surface without boundary."""
    rows, columns = heights.shape
    along = (2 * np.pi / rows * np.arange(rows))[:, None]
    around = (2 * np.pi / columns * np.arange(columns))[None, :]
    thickness = columns / 6 + heights
    radius = rows / 6 + columns / 6 + thickness * np.cos(around)
    axes = radius * np.cos(along), radius * np.sin(along), thickness * np.sin(around)
    return np.stack(axes, axis=-1).reshape(-1, 3).astype(np.float64)


def photograph() -> np.ndarray[Any, Any]:
    """Return the shades of grey of a photograph."""
    from matplotlib.cbook import get_sample_data  # noqa: PLC0415 - needed for this size alone
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    with Image.open(str(get_sample_data("grace_hopper.jpg", asfileobj=False))) as picture:
        return np.asarray(picture.convert("L"), np.float64) / 8


def faces_of(rows: int, columns: int) -> np.ndarray[Any, Any]:
    """Return the faces of a torus: a grid of squares that is joined to itself, each cut into two triangles."""
    a = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    b, c = np.roll(a, -1, axis=1), np.roll(a, -1, axis=0)
    d = np.roll(c, -1, axis=1)
    return np.stack([a, b, c, b, d, c], axis=-1).reshape(-1, 3)


def split(call: Call, count: int) -> list[Call]:
    """Cut the ring into pieces, and make a ring of each."""
    vertices, faces = call.args
    columns = int(faces[0, 2])
    rows = len(vertices) // columns
    count = min(count, rows // 3)
    bounds = [rows * strip // count for strip in range(count + 1)]
    return [
        Call(
            (vertices[bounds[strip] * columns : bounds[strip + 1] * columns], faces_of(here, columns)),
            call.kwargs,
        )
        for strip in range(count)
        for here in [bounds[strip + 1] - bounds[strip]]
    ]


def units(call: Call) -> int:
    """Return how many times a vertex is moved."""
    return int(len(call.args[0]) * call.kwargs["iterations"])


def effort(call: Call) -> Effort:
    """Return the bytes that all iterations read and write; who is whose neighbour is given."""
    vertices, faces = call.args
    lists = 4 * faces.size  # a closed surface has as many neighbours as corners of faces, of four bytes each
    counted = "in each iteration all positions, read and written, and the lists of neighbours"
    return Effort(
        "triads", float(call.kwargs["iterations"] * (2 * vertices.nbytes + lists)), counted, 2 * vertices.nbytes + lists
    )


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether all vertices are in the same place."""
    theirs = np.asarray(theirs)
    return theirs.shape == ours.shape and np.allclose(ours, theirs, rtol=1e-12, atol=1e-11)


def trimesh_peer(call: Call) -> Callable[[], Any]:
    """Smooth by trimesh, with equal weights and without its correction of the volume."""
    from trimesh import Trimesh  # noqa: PLC0415 - an optional peer
    from trimesh.smoothing import filter_laplacian, laplacian_calculation  # noqa: PLC0415

    vertices, faces = call.args

    def smooth() -> Any:  # noqa: ANN401
        mesh = Trimesh(vertices, faces, process=False)
        operator = laplacian_calculation(mesh, equal_weight=True)
        filter_laplacian(
            mesh,
            lamb=0.5,
            iterations=call.kwargs["iterations"],
            volume_constraint=False,
            laplacian_operator=operator,
        )
        return mesh.vertices

    smooth()
    return smooth


def scipy_peer(call: Call) -> Callable[[], Any]:
    """Make a sparse matrix of the neighbours, each row of which adds up to 1, and multiply by it."""
    from scipy import sparse  # noqa: PLC0415 - an optional peer

    vertices, faces = call.args
    count = len(vertices)

    def smooth() -> Any:  # noqa: ANN401
        ends = np.concatenate([faces, faces[:, ::-1]])
        others = np.concatenate([np.roll(faces, -1, axis=1), np.roll(faces[:, ::-1], -1, axis=1)])
        entries = np.ones(ends.size)
        matrix = sparse.coo_matrix((entries, (ends.reshape(-1), others.reshape(-1))), (count, count)).tocsr()
        matrix.data[:] = 1
        degrees = np.diff(matrix.indptr)
        matrix.data /= np.repeat(degrees, degrees)
        positions = vertices
        for _ in range(call.kwargs["iterations"]):
            positions = positions + 0.5 * (matrix @ positions - positions)
        return positions

    return smooth


PROBLEM = Problem(
    kernel="smooth_mesh",
    source=(
        "medium: the photograph grace_hopper.jpg that comes with matplotlib (US Navy, public domain), as a relief on a "
        "ring; all others made by NumPy from a fixed seed"
    ),
    unit="moves",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    # PyVista's smooth() is left out: VTK moves vertices one after the other, which is another computation. trimesh
    # counts as neighbours those that faces go on to, which is the same where a surface is closed, as a ring is.
    peers=(Peer("trimesh", "trimesh", trimesh_peer), Peer("SciPy sparse", "scipy", scipy_peer)),
)
