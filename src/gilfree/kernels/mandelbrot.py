"""The Mandelbrot set: how soon each point of a picture escapes."""

import sys
from math import inf
from typing import TYPE_CHECKING

from gilfree._kernels import numbers
from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KERNEL", "mandelbrot", "mandelbrot_pure"]

MAX_ITERATIONS = 2**31 - 1
MAX_PIXELS = sys.maxsize // 4  # whose counts can be addressed
# Name and type; the least and the largest of an int, the least of a float and what it has to be greater than.
NUMBERS = (
    ("width", int, 0, None),
    ("height", int, 0, None),
    ("max_iterations", int, 0, MAX_ITERATIONS),
    ("center", float, -inf, -inf),
    ("center", float, -inf, -inf),
    ("span", float, -inf, 0.0),
)
MANY_ITERATIONS = 400  # that a point takes before its orbit is found to repeat, about


def mandelbrot(
    width: int,
    height: int,
    *,
    center: tuple[float, float] = (-0.75, 0.0),
    span: float = 3.0,
    max_iterations: int = 1000,
    out: "NDArray[np.int32] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.int32]":
    """Count the iterations after which each point of a picture leaves the Mandelbrot set.

    For each pixel's c, the count is the smallest n with ``|z_n| > 2`` where ``z_0 = 0`` and ``z_(n+1) = z_n² + c``, or
    ``max_iterations`` where there is no such n below it. Counts are bit for bit those of the naive loop in float64.

    Parameters
    ----------
    width, height : int
        Size of the picture in pixels, 0 or more.
    center : tuple of float
        The middle of the picture in the complex plane, as (real, imaginary).
    span : float
        Width of the picture in the complex plane. Pixels are square: their side is ``span / width``, and the first row
        is the one with the largest imaginary part. A pixel stands for its midpoint.
    max_iterations : int
        When to give a point up, from 0 to 2**31 − 1.
    out : ndarray, optional
        Where to write the counts: shape (height, width), int32.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        Counts, shape (height, width), int32.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, not finite, or out of range. Nothing was computed.

    Notes
    -----
    Takes time in proportion to the sum of the counts, where points that never escape count until their orbit repeats,
    which cycle detection [1]_ finds, and at the most ``max_iterations``. Rows are cut among the workers.

    Thread safety: safe on shared objects; ``out`` has to be the call's own.

    References
    ----------
    .. [1] R. P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20 (1980) 176-184.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.mandelbrot(7, 3, span=3.5, max_iterations=50)
    array([[ 1,  3,  4,  6, 50, 50,  3],
           [ 1, 50, 50, 50, 50, 50,  3],
           [ 1,  3,  4,  6, 50, 50,  3]], dtype=int32)
    """
    try:
        real, imaginary = center
    except (TypeError, ValueError):
        raise TypeError(f"center: wanted two floats (real, imaginary), got {center!r}") from None
    width, height, max_iterations, real, imaginary, span = numbers(
        NUMBERS, width, height, max_iterations, real, imaginary, span
    )
    pixels = width * height
    if pixels > MAX_PIXELS:
        raise ValueError(f"width, height: wanted at most {MAX_PIXELS} pixels in all, got {width} x {height}")
    iterations = max_iterations if max_iterations < MANY_ITERATIONS else MANY_ITERATIONS  # noqa: FURB136 - min takes longer
    counts: NDArray[np.int32] = _arrays.compute(
        Pixels,
        (range(height), width, height, real, imaginary, span / (width or 1), max_iterations),
        height,
        pixels * (5e-9 + 0.2e-9 * iterations),
        (("counts", (height, width), _arrays.INT32),),
        out,
        workers,
        release_gil,
    )
    return counts


class Pixels(Work):
    """Rows of a picture."""

    __slots__ = ()
    core = "mandelbrot"

    @property
    def each(self) -> int:
        """The width."""
        return int(self.inputs[1])


def mandelbrot_pure(
    width: int,
    height: int,
    *,
    center: tuple[float, float] = (-0.75, 0.0),
    span: float = 3.0,
    max_iterations: int = 1000,
) -> list[list[int]]:
    """`mandelbrot` in pure Python: the counts as a list of rows."""
    real, imaginary = center
    side = span / max(width, 1)
    x = [real + (column - (width - 1) / 2) * side for column in range(width)]
    y = [imaginary + ((height - 1) / 2 - row) * side for row in range(height)]
    return [[escape_count(cr, ci, max_iterations) for cr in x] for ci in y]


def escape_count(real: float, imaginary: float, max_iterations: int) -> int:
    """Return after how many iterations of z² + c the point c = real + i·imaginary escapes."""
    zr = zi = 0.0
    for count in range(max_iterations):
        if zr * zr + zi * zi > 4.0:  # noqa: PLR2004 - |z| > 2
            return count
        zr, zi = zr * zr - zi * zi + real, 2.0 * zr * zi + imaginary
    return max_iterations


KERNEL = Kernel(
    name="mandelbrot",
    dwarf="postcard",
    functions=(mandelbrot,),
    twins=(mandelbrot_pure,),
)
