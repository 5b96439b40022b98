"""The product of a sparse matrix with a vector, or with several at once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, _csr, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "sparse_matvec", "sparse_matvec_pure"]

CACHED_BYTES = 2**21  # of a vector
LANES = 8  # vectors; fewer are multiplied one by one


def sparse_matvec(
    matrix: Any,  # noqa: ANN401 - whatever has the four attributes, or a tuple of them
    x: "ArrayLike",
    *,
    out: "NDArray[np.floating[Any]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.floating[Any]]":
    """Multiply a sparse matrix by a vector, or by several side by side.

    Products are added up in float64 and rounded to the result's dtype at the end.

    Parameters
    ----------
    matrix : CSR array or matrix, or tuple
        Shape (r, n), in compressed sparse rows: SciPy's CSR arrays and matrices, anything else with ``data``,
        ``indices``, ``indptr`` and ``shape``, or a tuple of these four. Row i holds ``data[k]`` in column
        ``indices[k]``, for k from ``indptr[i]`` to ``indptr[i + 1]``; columns may come in any order, and repeat.
        Arrays of float32 or float64, and of int32 or int64, are used in place.
    x : array_like
        Shape (n,), or (n, m) for m vectors. float32 or float64; other real numbers become float64.
    out : ndarray, optional
        Where to write the product: of its shape and dtype.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        The product, shape (r,) or (r, m); float32 if both matrix and x are, else float64.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape, one of ``indices`` is no column, or ``indptr`` does not ascend from 0
        to at most ``len(indices)``. What is wrong with indices and indptr is found during the computation; ``out`` may
        then hold part of a result.

    Notes
    -----
    Takes time in proportion to the stored entries times m, as a rule that of reading the matrix from memory, and no
    memory but for the result. In which order a row's products are added depends on its length alone: the result is bit
    for bit the same for any number of workers, and column j of it is the product with column j of x alone. Rows are cut
    among the workers where about the same number of entries falls to each.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd edition, SIAM 2003, §3.4 and §3.5.

    Examples
    --------
    >>> import gilfree
    >>> matrix = ([2.0, -1.0, 4.0], [0, 2, 1], [0, 2, 2, 3], (3, 3))
    >>> gilfree.sparse_matvec(matrix, [1.0, 10.0, 100.0])
    array([-98.,   0.,  40.])
    """
    data, indices, indptr, (rows, columns) = _csr.csr("matrix", matrix)
    assert data is not None  # noqa: S101 - for the type checker: it was asked for
    if indptr.item(0) != 0:
        raise ValueError(f"matrix.indptr: wanted 0 in front, got {indptr[0]}")
    vectors = x if type(x) is np.ndarray else np.asarray(x)
    if vectors.ndim not in (1, 2):
        raise ValueError(f"x: wanted 1 or 2 dimensions, got {vectors.ndim} (shape {vectors.shape})")
    vectors = _arrays.float_array("x", vectors, vectors.ndim)
    if vectors.shape[0] != columns:
        raise ValueError(f"x: wanted length {columns}, as many as the matrix has columns, got {vectors.shape[0]}")
    if vectors.dtype != data.dtype == _arrays.FLOAT64:
        vectors = vectors.astype(np.float64)
    shape = (rows, *vectors.shape[1:])
    result: NDArray[Any] = _arrays.compute(
        Rows,
        (data, indices, indptr, None, vectors),
        rows,
        _seconds(rows, data.size, vectors),
        (("y", shape, vectors.dtype),),
        out,
        workers,
        release_gil,
    )
    return result


class Rows(Work):
    """Rows of the matrix, given by where their entries start and end."""

    __slots__ = ()
    core = "sparse_matvec"
    cut = (2,)

    @property
    def before(self) -> Callable[[int], float]:
        """The entries of the rows before, and those rows."""
        offsets = self.inputs[2]
        return lambda row: row + int(offsets[row]) if row else 0

    def part(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the inputs for rows ``start`` to ``stop``, the last of which ends where one more begins."""
        data, indices, offsets, ends, x = self.inputs
        return data, indices, offsets[start : stop + 1], ends, x

    def sent(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the entries of these rows alone, and where theirs start among those."""
        data, indices, offsets, ends, vectors = self.part(start, stop)
        first, end = int(offsets[0]), int(offsets[-1])
        if not 0 <= first <= end <= len(data):
            return data, indices, offsets, ends, vectors  # the core says what is wrong
        return data[first:end], indices[first:end], offsets - first, ends, vectors


def sparse_matvec_pure(matrix: Any, x: Any) -> list[Any]:  # noqa: ANN401
    """`sparse_matvec` in pure Python: a list of floats, or of rows of them."""
    if not isinstance(matrix, tuple):
        matrix = matrix.data, matrix.indices, matrix.indptr, matrix.shape
    data, indices, indptr, (rows, _) = matrix
    spans = [range(int(indptr[row]), int(indptr[row + 1])) for row in range(rows)]
    if len(x) and hasattr(x[0], "__len__"):
        return [
            [dot(data, indices, span, [values[column] for values in x]) for column in range(len(x[0]))]
            for span in spans
        ]
    return [dot(data, indices, span, x) for span in spans]


def dot(data: Sequence[float], indices: Sequence[int], span: range, x: Sequence[float]) -> float:
    """Return the product of one row with one vector."""
    return sum((float(data[entry]) * float(x[int(indices[entry])]) for entry in span), 0.0)


def _seconds(rows: int, stored: int, vectors: "NDArray[Any]") -> float:
    """Return about how long the product takes."""
    count = 1 if vectors.ndim == 1 else max(1, vectors.shape[1])  # the matrix is checked for none, too
    entry, row = (0.25e-9, 0.5e-9) if count >= LANES else (0.7e-9, 1.5e-9)
    if vectors.nbytes > CACHED_BYTES:
        entry *= 2.5  # between those of a matrix whose rows have much in common, and random ones
    return 3e-6 + count * (entry * stored + row * rows)


KERNEL = Kernel(
    name="sparse_matvec",
    dwarf="sparse linear algebra",
    functions=(sparse_matvec,),
    twins=(sparse_matvec_pure,),
)
