"""Arguments in compressed sparse rows: SciPy's arrays and matrices, look-alikes, and tuples of the four parts."""

from collections.abc import Callable
from functools import cache, partial
from operator import index
from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from gilfree import _kernels
from gilfree.kernels._arrays import float_array

__all__ = ["csr", "index_array", "parts"]

LARGEST_INT32 = 2**31 - 1
PARTS = ("data", "indices", "indptr", "shape")

Parts: TypeAlias = tuple[NDArray[Any] | None, NDArray[Any], NDArray[Any], tuple[int, int]]


def parts(name: str, value: Any) -> tuple[Any, Any, Any, Any]:  # noqa: ANN401 - whatever has the four attributes
    """Return data, indices, indptr and shape, whatever they are."""
    if isinstance(value, tuple):
        if len(value) != len(PARTS):
            raise TypeError(f"{name}: wanted (data, indices, indptr, shape), got a tuple of {len(value)}")
        return value
    form = getattr(value, "format", "csr")
    if form != "csr":
        raise TypeError(f"{name}: wanted compressed sparse rows (CSR), got format {form!r}; convert it by .tocsr()")
    try:
        return value.data, value.indices, value.indptr, value.shape
    except AttributeError:
        raise TypeError(
            f"{name}: wanted a CSR array or matrix (with data, indices, indptr and shape) or a tuple of these four, "
            f"got {type(value).__name__}"
        ) from None


def csr(
    name: str,
    value: object,
    *,
    with_data: bool = True,
    square: bool = False,
    largest: int = 2**63 - 1,
) -> Parts:
    """Return the four parts as the cores take them; nothing is copied that they can use in place.

    Data of float32 or float64, None unless ``with_data``; indices and indptr both of int32 or both of int64. Lengths
    are checked here, and the shape, whether it is ``square`` and has at most the ``largest`` number of rows. Indices
    and offsets are checked by the cores, in the load that uses them.
    """
    usual: Parts | None = _kernels.csr_as_it_is(value, ndarray, with_data)
    if usual is not None:
        rows, width = usual[3]
        if rows <= largest and (rows == width or not square):
            return usual
    values, columns, offsets, size = parts(name, value)
    label, label_of_columns, label_of_offsets, label_of_shape = _labels(name)
    rows, width = shape = _shape(label_of_shape, size)
    if square and rows != width:
        raise ValueError(f"{name}.shape: wanted a square matrix, got {shape}")
    if rows > largest:
        raise ValueError(f"{name}.shape: wanted at most {largest} rows, got {rows}")
    indices, indptr = index_array(label_of_columns, columns, 1), index_array(label_of_offsets, offsets, 1)
    if indptr.size != rows + 1:
        raise ValueError(f"{name}.indptr: wanted length {rows + 1} for {rows} row(s), got {indptr.size}")
    if indices.dtype is not indptr.dtype and indices.dtype != indptr.dtype:
        indices, indptr = _same_dtype(indices, indptr)
    if not with_data:
        return None, indices, indptr, shape
    data = float_array(label, values, 1)
    if data.size != indices.size:
        raise ValueError(f"{name}.data: wanted a number for each of {indices.size} indices, got {data.size}")
    return data, indices, indptr, shape


def _converted(name: str, value: object, ndim: int, _: int) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: wanted an array of ints, got what NumPy makes none of ({error})") from None
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name}: wanted an array of ints, got dtype {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name}: wanted {ndim} dimension(s), got {array.ndim} (shape {array.shape})")
    dtype = array.dtype
    fits = dtype.itemsize < 4 or (dtype.kind == "i" and dtype.itemsize == 4)  # noqa: PLR2004
    # Numbers from 2**63 on become negative, and so remain out of range.
    return np.require(array, np.int32 if fits else np.int64, ["C", "A"])


# index_array(name, value, ndim) returns the value as a C-contiguous, aligned, native array of int32 or int64; no copy
# where it is one.
index_array: Callable[[str, object, int], NDArray[Any]] = partial(_kernels.as_it_is, ndarray, "i", _converted)


@cache
def _labels(name: str) -> tuple[str, ...]:
    """Return what errors call the four parts."""
    return tuple([f"{name}.{part}" for part in PARTS])


def _shape(name: str, value: Any) -> tuple[int, int]:  # noqa: ANN401
    try:
        rows, columns = value
        rows, columns = index(rows), index(columns)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: wanted two ints, got {value!r}") from None
    if rows < 0 or columns < 0:
        raise ValueError(f"{name}: wanted 0 or more rows and columns, got {(rows, columns)}")
    return rows, columns


def _same_dtype(indices: NDArray[Any], indptr: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Convert one of two index arrays to the other's dtype: the short one, unless its numbers do not fit."""
    if indptr.dtype == np.int64 and not (indptr.min() >= 0 and indptr.max() <= LARGEST_INT32):
        return indices.astype(np.int64), indptr
    return indices, indptr.astype(indices.dtype)
