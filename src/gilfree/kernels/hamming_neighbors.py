"""Nearest neighbours of bit codes: those that differ in the fewest bits from each query, exactly."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gilfree._kernels import integer
from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "hamming_neighbors", "hamming_neighbors_pure"]

MOST_BYTES = 2**28 - 1  # whose bits an int32 can count
LARGEST_BYTE = 255


def hamming_neighbors(
    queries: "ArrayLike",
    codes: "ArrayLike",
    k: int = 1,
    *,
    out: "tuple[NDArray[np.int32], NDArray[np.int64]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "tuple[NDArray[np.int32], NDArray[np.int64]]":
    """Find the k bit codes nearest to each query, by Hamming distance.

    The distance is the number of bits in which two codes differ. The result is exact, and codes at equal distance are
    ranked by index. Codes of this kind are perceptual hashes, fingerprints of molecules and binary embeddings.

    Parameters
    ----------
    queries : array_like
        Shape (q, b), uint8: in each row the bits of one code, eight to a byte, as `numpy.packbits` makes them.
    codes : array_like
        Shape (p, b), uint8.
    k : int
        How many neighbours to find, from 1 to p.
    out : tuple of ndarray, optional
        Where to write the distances (q, k), int32, and the indices (q, k), int64.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    distances : ndarray
        Shape (q, k), int32; ascending in each row.
    indices : ndarray
        Which codes these are: shape (q, k), int64.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape, or k is out of range. Nothing was computed.

    Notes
    -----
    Takes time in proportion to q·p·b, and memory for q·k results and some megabytes, never for q·p distances. Codes
    are compared eight bytes at a time, so that a length that is no multiple of eight costs as much as the next one
    that is. From four queries up, those of a call or chunk share a rearranged copy of the codes, so that many queries
    at once are far cheaper than one by one.

    Queries are cut among the workers.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] W. Muła, N. Kurz and D. Lemire, "Faster population counts using AVX2 instructions", The Computer Journal 61
       (2018) 111-120: how bits are counted by look-up.

    Examples
    --------
    >>> import gilfree
    >>> codes = [[0b00000000], [0b11110000], [0b11111111], [0b00000011]]
    >>> distances, indices = gilfree.hamming_neighbors([[0b00000001]], codes, k=3)
    >>> distances
    array([[1, 1, 5]], dtype=int32)
    >>> indices
    array([[0, 3, 1]])
    """
    q, c = _byte_array("queries", queries), _byte_array("codes", codes)
    (rows, length), (count, others) = q.shape, c.shape
    if length != others:
        raise ValueError(
            f"codes: wanted as many bytes as the queries have, {length}, got {others} (shapes {q.shape} and {c.shape})"
        )
    if length > MOST_BYTES:
        raise ValueError(f"queries: wanted at most {MOST_BYTES} bytes each, got {length}")
    k = integer("k", k, 1, count, ", the number of codes")
    shape = (rows, k)
    result: tuple[NDArray[np.int32], NDArray[np.int64]] = _arrays.compute(
        Queries,
        (q, c, k),
        rows,
        _seconds(rows, count, length, k),
        (("distances", shape, _arrays.INT32), ("indices", shape, _arrays.INT64)),
        out,
        workers,
        release_gil,
    )
    return result


class Queries(Work):
    """Queries, each of which is compared with all codes."""

    __slots__ = ()
    core = "hamming_neighbors"

    @property
    def each(self) -> int:
        """The codes; without bits the first k will do."""
        return len(self.inputs[1]) if self.inputs[1].shape[1] else int(self.inputs[2])

    @property
    def chunk_seconds(self) -> float:
        """What it takes to prepare the codes."""
        return _packing_seconds(*self.inputs[1].shape)


def hamming_neighbors_pure(
    queries: Sequence[Sequence[int]], codes: Sequence[Sequence[int]], k: int = 1
) -> tuple[list[list[int]], list[list[int]]]:
    """`hamming_neighbors` in pure Python: distances and indices as lists of rows."""
    distances, indices = [], []
    for query in queries:
        ranked = sorted((hamming_distance(query, code), index) for index, code in enumerate(codes))[:k]
        distances.append([distance for distance, _ in ranked])
        indices.append([index for _, index in ranked])
    return distances, indices


def hamming_distance(a: Sequence[int], b: Sequence[int]) -> int:
    """Return the number of bits in which two codes differ."""
    return sum((int(x) ^ int(y)).bit_count() for x, y in zip(a, b, strict=True))


def _byte_array(name: str, value: object) -> "NDArray[np.uint8]":
    """Return ``value`` as a C-contiguous array of uint8 of two dimensions; no copy where it is one."""
    if _arrays.usable(value, "u", 2, 1):
        return value
    try:
        array: NDArray[Any] = np.asarray(value)
    except (ValueError, OverflowError) as error:  # a ragged list
        raise ValueError(f"{name}: wanted an array of uint8, got what NumPy makes none of ({error})") from None
    if array.dtype != np.uint8 and (hasattr(value, "dtype") or (array.size > 0 and array.dtype.kind not in "iu")):
        raise TypeError(
            f"{name}: wanted an array of uint8, eight bits to a byte (as numpy.packbits makes them), "
            f"got dtype {array.dtype}"
        )
    if array.ndim != 2:  # noqa: PLR2004
        raise ValueError(f"{name}: wanted 2 dimensions, got {array.ndim} (shape {array.shape})")
    if array.dtype != np.uint8 and array.size > 0 and not (array.min() >= 0 and array.max() <= LARGEST_BYTE):
        raise ValueError(f"{name}: wanted bytes, from 0 to {LARGEST_BYTE}, got {array.min()} to {array.max()}")
    return np.require(array, np.uint8, ["C"])


def _seconds(rows: int, count: int, length: int, k: int) -> float:
    """Return about how long the search takes."""
    words = (length + 7) // 8
    # Of codes in random order, the n-th is among the k nearest so far with probability k/n.
    taken_in = rows * (k * (1 + math.log(count / k)) * 25e-9 + 1e-9 * length)
    # As in the core: queries too few, or codes too long, to rearrange the codes for.
    if length > 8192:  # noqa: PLR2004
        return 2e-6 + taken_in + rows * count * length * 0.07e-9
    if rows < 4:  # noqa: PLR2004
        return 2e-6 + taken_in + rows * count * (0.2e-9 if words == 1 else 0.5e-9 + 0.4e-9 * words)
    return 2e-6 + taken_in + _packing_seconds(count, length) + rows * count * (0.06e-9 + 0.08e-9 * words)


def _packing_seconds(count: int, length: int) -> float:
    """Return about how long it takes to rearrange the codes."""
    return count * (0.2e-9 + 0.05e-9 * length)


KERNEL = Kernel(
    name="hamming_neighbors",
    dwarf="combinational logic",
    functions=(hamming_neighbors,),
    twins=(hamming_neighbors_pure,),
)
