"""The Mandelbrot set, the whole of it: a tenth of the pixels never escape, and most of the rest do at once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gilfree import mandelbrot

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

SIZES = {
    "tiny": (32, 24, 200),
    "small": (16, 12, 100),
    "medium": (1600, 1200, 1000),
    "large": (4000, 3000, 4000),
    "endless": (20_000, 20_000, 10**6),
}


def make(size: str) -> Call:
    """Return the picture of this size."""
    width, height, max_iterations = SIZES[size]
    return Call((width, height), {"max_iterations": max_iterations})


def split(call: Call, count: int) -> list[Call]:
    """Cut the picture into strips, from the top."""
    width, height = call.args
    side = 3.0 / width
    count = min(count, height)
    calls = []
    for strip in range(count):
        top, bottom = height * strip // count, height * (strip + 1) // count
        middle = (height - top - bottom) / 2 * side
        calls.append(Call((width, bottom - top), {**call.kwargs, "center": (-0.75, middle)}))
    return calls


def units(call: Call) -> int:
    """Return the number of pixels."""
    width, height = call.args
    return int(width * height)


def effort(call: Call) -> Effort:
    """Return the floating-point operations of the plain loop."""
    iterations = int(call(mandelbrot).sum(dtype=np.int64))
    counted = "9 for each iteration, all points that do not escape included, some of which the kernel leaves early"
    return Effort("unfused64", 9.0 * iterations, counted)


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether two pictures are equal, bit for bit."""
    return np.array_equal(ours, np.asarray(theirs, dtype=np.int32).reshape(ours.shape))


def grid(call: Call) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]:
    """Return the coordinates of the columns and rows, computed as the kernel does."""
    width, height = call.args
    real, imaginary = call.kwargs.get("center", (-0.75, 0.0))
    side = 3.0 / width
    x = real + (np.arange(width) - (width - 1) / 2) * side
    y = imaginary + ((height - 1) / 2 - np.arange(height)) * side
    return x, y, call.kwargs["max_iterations"]


def numba_peer(call: Call) -> Callable[[], Any]:
    """Compile the loop that everybody writes."""
    import numba  # noqa: PLC0415 - an optional peer

    @numba.njit  # type: ignore[untyped-decorator]
    def picture(x: Any, y: Any, limit: int) -> Any:  # noqa: ANN401
        counts = np.empty((len(y), len(x)), np.int32)
        for row in range(len(y)):
            for column in range(len(x)):
                zr = zi = 0.0
                counts[row, column] = limit
                for count in range(limit):
                    rr, ii = zr * zr, zi * zi
                    if rr + ii > 4.0:  # noqa: PLR2004 - |z| > 2
                        counts[row, column] = count
                        break
                    zr, zi = rr - ii + x[column], 2.0 * zr * zi + y[row]
        return counts

    x, y, limit = grid(call)
    picture(x[:1], y[:1], 1)
    return lambda: picture(x, y, limit)


def numpy_peer(call: Call) -> Callable[[], Any]:
    """One array operation after the other, on the points that have not escaped yet."""
    x, y, limit = grid(call)

    def picture() -> Any:  # noqa: ANN401
        c = (x[None, :] + 1j * y[:, None]).ravel()
        counts = np.full(c.size, limit, np.int32)
        alive = np.arange(c.size)
        zr = zi = np.zeros(c.size)
        cr, ci = c.real.copy(), c.imag.copy()
        for count in range(limit):
            rr, ii = zr * zr, zi * zi
            bounded = ~(rr + ii > 4.0)  # noqa: PLR2004
            if not bounded.all():
                counts[alive[~bounded]] = count
                alive, zr, zi = alive[bounded], zr[bounded], zi[bounded]
                rr, ii, cr, ci = rr[bounded], ii[bounded], cr[bounded], ci[bounded]
            zr, zi = rr - ii + cr, 2.0 * zr * zi + ci
        return counts.reshape(len(y), len(x))

    return picture


PROBLEM = Problem(
    kernel="mandelbrot",
    source="computed from the definition",
    unit="pixels",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(Peer("numba", "numba", numba_peer), Peer("NumPy", "numpy", numpy_peer)),
)
