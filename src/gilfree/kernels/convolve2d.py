"""Two-dimensional convolution, as SciPy defines it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "convolve2d", "convolve2d_pure"]

MODES = ("full", "same", "valid")


def convolve2d(
    image: "ArrayLike",
    kernel: "ArrayLike",
    mode: str = "full",
    *,
    out: "NDArray[np.floating[Any]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.floating[Any]]":
    """Convolve an image with a kernel.

    Element (i, j) of the full convolution is the sum of ``kernel[u, v] * image[i - u, j - v]`` over all of the kernel,
    with zeros around the image. The definition is that of `scipy.signal.convolve2d` with its default boundary.

    Parameters
    ----------
    image : array_like
        Shape (H, W). float32 and float64 are used as they are; other real numbers become float64.
    kernel : array_like
        Shape (h, w), at least one element. If one of the two is float32 and the other is not, both become float64.
    mode : str
        Which part of the convolution: ``"full"``, all of it, shape (H + h − 1, W + w − 1); ``"same"``, its middle, of
        the image's shape; ``"valid"``, what needs no zeros around, shape (H − h + 1, W − w + 1). For ``"valid"`` one of
        the two has to be at least as large as the other in both dimensions, no matter which.
    out : ndarray, optional
        Where to write the result: of its shape and of the inputs' dtype.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        The convolution, of the inputs' common dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape. Nothing was computed.

    Notes
    -----
    Takes time in proportion to the elements of the result times those of the kernel, and next to no memory. The sum is
    taken directly and in the inputs' dtype, so a result depends on no element but those that the definition names: an
    infinity or NaN in the image spreads as far as the kernel reaches, and whole numbers stay exact. By a Fourier
    transform the time hardly grows with the kernel. On one processor, in float64, that of `scipy.signal.fftconvolve`
    won from some 35 × 35 elements on, and that of OpenCV's `filter2D` from 25 × 25, before what mirror images save (see
    below); its errors are relative to the largest element around, not to those that are summed. A kernel that is not
    finite is convolved without any shortcut, many times slower.

    Every sum is taken in one order, from the last row of the kernel to the first and within it from left to right, and
    each product is rounded before it is added. Where a kernel of five or more columns reads the same from left to right
    and from right to left, as most that blur do, the two elements that meet the same weight are added before they are
    multiplied. That saves up to a third of the time, less on small images and with few columns, and overflows if the
    elements are larger than half of what the dtype holds. The result is bit for bit the same for any number of workers,
    any cut of the rows and any instruction set. Rows of the result are cut among the workers.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] K. Goto and R. A. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM Transactions on
       Mathematical Software 34 (2008) 12: tiles that stay in registers.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.convolve2d([[1, 2, 3], [4, 5, 6]], [[1, -1]])
    array([[ 1.,  1.,  1., -3.],
           [ 4.,  1.,  1., -6.]])
    >>> gilfree.convolve2d([[1, 2, 3], [4, 5, 6]], [[1, -1]], mode="valid")
    array([[1., 1.],
           [1., 1.]])
    """
    a, b = _arrays.float_arrays(0, ("image", image, 2), ("kernel", kernel, 2))
    if b.size == 0:
        raise ValueError(f"kernel: wanted at least one element, got shape {b.shape}")
    if mode not in MODES:
        raise ValueError(f"mode: wanted one of {', '.join(map(repr, MODES))}, got {mode!r}")
    if mode == "valid":
        a, b = _larger_first(a, b)
    (height, width), (by_height, by_width) = a.shape, b.shape
    rows, columns = _extent(height, by_height, mode), _extent(width, by_width, mode)
    shape = len(rows), len(columns)
    elements = shape[0] * shape[1]
    products = elements * min(height, by_height) * min(width, by_width)
    result: NDArray[np.floating[Any]] = _arrays.compute(
        Rows,
        (rows, a, b, columns.start),
        shape[0],
        3e-6 + 7e-12 * products * a.itemsize + 0.3e-9 * elements,
        (("result", shape, a.dtype),),
        out,
        workers,
        release_gil,
    )
    return result


class Rows(Work):
    """Rows of the result."""

    __slots__ = ()
    core = "convolve2d"

    def sent(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the rows of the image that these meet, and theirs numbered from the first of them."""
        rows, image, kernel, column = self.part(start, stop)
        first = max(0, rows.start - (len(kernel) - 1))
        met = image[first : min(len(image), rows.stop)]
        return range(rows.start - first, rows.stop - first), met, kernel, column


def convolve2d_pure(
    image: Sequence[Sequence[float]], kernel: Sequence[Sequence[float]], mode: str = "full"
) -> list[list[float]]:
    """`convolve2d` in pure Python: the result as a list of rows."""
    if mode == "valid" and (len(kernel) > len(image) or len(kernel[0]) > len(image[0])):
        image, kernel = kernel, image
    rows, columns = _extent(len(image), len(kernel), mode), _extent(len(image[0]), len(kernel[0]), mode)
    return [[weighted_sum(image, kernel, i, j) for j in columns] for i in rows]


def weighted_sum(image: Sequence[Sequence[float]], kernel: Sequence[Sequence[float]], i: int, j: int) -> float:
    """Return element (i, j) of the full convolution."""
    total = 0.0
    for u, weights in enumerate(kernel):
        for v, weight in enumerate(weights):
            inside = 0 <= i - u < len(image) and 0 <= j - v < len(image[0])
            total += float(weight) * (float(image[i - u][j - v]) if inside else 0.0)
    return total


def _extent(size: int, by: int, mode: str) -> range:
    """Return which rows (or columns) of the full convolution make the result."""
    if mode == "full":
        return range(size + by - 1)
    if mode == "same":
        return range((by - 1) // 2, (by - 1) // 2 + size)
    return range(by - 1, size)


def _larger_first(a: "NDArray[Any]", b: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[Any]]":
    """Return the two so that the first is at least as large in both dimensions."""
    for first, second in ((a, b), (b, a)):
        if first.shape[0] >= second.shape[0] > 0 and first.shape[1] >= second.shape[1] > 0:
            return first, second
    raise ValueError(
        "image, kernel: for mode 'valid', wanted one at least as large as the other in both dimensions, "
        f"got shapes {a.shape} and {b.shape}"
    )


KERNEL = Kernel(
    name="convolve2d",
    dwarf="structured grids",
    functions=(convolve2d,),
    twins=(convolve2d_pure,),
)
