"""The Levenshtein distance: the fewest insertions, deletions and substitutions that turn one text into another."""

from typing import TYPE_CHECKING, Any, TypeAlias

from gilfree import _kernels
from gilfree._kernels import integer, releases
from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.watching import watches, watching
from gilfree.workers import Workers, crew

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    Text: TypeAlias = str | Buffer

__all__ = ["KERNEL", "edit_distance", "edit_distance_pure", "edit_distances", "edit_distances_pure"]

# What any distance is below; a greater `max_distance` is no limit.
NO_LIMIT = 2**31 - 1

# Measured, in seconds: for each symbol and each pair of symbols of two texts compared by themselves; for each text,
# each pair of texts and each pair of symbols where choices are compared in vectors; for each pair of texts and each
# symbol where they are too long for that.
SYMBOL = 2e-9
SYMBOL_PAIR = 5e-12
TEXT = 40e-9
TEXT_PAIR = 0.8e-9
TEXT_SYMBOL_PAIR = 4e-12
SHORT_TEXT_PAIR = 0.2e-6
LONG_TEXT_PAIR = 1e-6
LONG_SYMBOL = 6e-9
WORD = 64
SHORT = 4096  # symbols: two texts of fewer together take less than what is worth releasing the GIL for
SAMPLE = 16


def edit_distances(
    queries: "Iterable[Text]",
    choices: "Iterable[Text]",
    *,
    max_distance: int | None = None,
    out: "NDArray[np.int32] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.int32]":
    """Compute the Levenshtein distance between each query and each choice.

    Parameters
    ----------
    queries, choices : iterable of str or of bytes-like objects
        What to compare: all of them str, compared by code points, or all of them bytes-like, compared by bytes. Each
        has less than 2**31 − 1 symbols. Many choices of up to 64 symbols each are compared fastest.
    max_distance : int, optional
        Distances above this one, 0 or more, come back as ``max_distance + 1``.
    out : ndarray, optional
        Where to write the distances: shape (queries, choices), int32.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        Distances, shape (queries, choices), int32.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or out of range. Nothing was computed.

    See Also
    --------
    edit_distance : of two texts.

    Notes
    -----
    A choice of up to 8, 16, 32 or 64 symbols takes as many bits of a vector register [1]_ [2]_, so that a few
    instructions for each symbol of a query advance dozens of pairs: time is in proportion to the symbols of the queries
    times the registers that the choices fill. Longer choices are compared as by `edit_distance`. Queries are cut among
    the workers.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own. What is
    compared cannot be resized meanwhile; bytes that another thread writes meanwhile give some distance or other.

    References
    ----------
    .. [1] G. Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming",
       J. ACM 46 (1999) 395-415.
    .. [2] H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", Nordic Journal of
       Computing 10 (2003) 29-39.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.edit_distances(["kitten", "saturday"], ["sitting", "sunday", "kitchen"])
    array([[3, 6, 2],
           [6, 3, 7]], dtype=int32)
    >>> gilfree.edit_distances([b"kitten"], [b"sitting", b"mitten"], max_distance=2)
    array([[3, 1]], dtype=int32)
    """
    rows, columns = _texts("queries", queries), _texts("choices", choices)
    limit = None if max_distance is None else min(integer("max_distance", max_distance, 0), NO_LIMIT)

    if workers.__class__ is not int or workers != 1:
        if crew(workers).kind != "threads":
            rows, columns = _portable(rows), _portable(columns)
        _check(rows, columns, np.empty(0, np.int32))
    shape = (len(rows), len(columns))
    query, choice = _mean_length(rows), _mean_length(columns)
    distances: NDArray[np.int32] = _arrays.compute(
        Queries,
        (rows, columns, limit),
        shape[0],
        TEXT * sum(shape) + query * shape[0] * SYMBOL + _pair_seconds(query, choice) * shape[0] * shape[1],
        (("distances", shape, _arrays.INT32),),
        out,
        workers,
        release_gil,
    )
    return distances


def edit_distance(
    a: "Text",
    b: "Text",
    *,
    max_distance: int | None = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> int:
    """Compute the Levenshtein distance of two texts.

    That is the smallest number of insertions, deletions and substitutions that turn ``a`` into ``b``.

    Parameters
    ----------
    a, b : str or bytes-like object
        What to compare: two str, by code points, or two bytes-like objects, by bytes. Each has less than 2**31 − 1
        symbols.
    max_distance : int, optional
        A distance above this one, 0 or more, comes back as ``max_distance + 1``, and sooner.
    workers : int, Executor or callable
        Accepted as by all kernels; there is one piece of work, and the calling thread does it.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    int
        The distance.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or out of range. Nothing was computed.

    See Also
    --------
    edit_distances : of many texts with many, at a fraction of the time for each pair.

    Notes
    -----
    For a distance d between texts of m ≤ n symbols, takes time in proportion to n where m ≤ 64, and to (d + 1024) · n
    at the most otherwise: 1024 rows of the matrix of distances fit into registers [1]_ [2]_, and columns that d edits
    cannot reach are left out [3]_. Memory: 9 bytes for each symbol where m > 64.

    Thread safety: safe on shared objects, for arguments are only read. What is compared cannot be resized meanwhile;
    bytes that another thread writes meanwhile give some distance or other.

    References
    ----------
    .. [1] G. Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming",
       J. ACM 46 (1999) 395-415.
    .. [2] H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", Nordic Journal of
       Computing 10 (2003) 29-39.
    .. [3] E. Ukkonen, "Algorithms for approximate string matching", Information and Control 64 (1985) 100-118.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.edit_distance("kitten", "sitting")
    3
    >>> gilfree.edit_distance("naïve", "naive")
    1
    >>> gilfree.edit_distance("naïve".encode(), "naive".encode())
    2
    """
    if max_distance is not None:
        max_distance = min(integer("max_distance", max_distance, 0), NO_LIMIT)
    if workers.__class__ is not int or workers != 1:
        crew(workers)
    if release_gil is None:
        symbols = _length(a) + _length(b)
        release_gil = symbols > SHORT and releases(None, symbols * SYMBOL + _length(a) * _length(b) * SYMBOL_PAIR)
    distance: int
    if watches and (watch := watching()) is not None:
        with watch.call("edit_distance", _length(a) * _length(b)) as call:
            distance = _kernels.edit_distance(a, b, max_distance, release_gil=bool(release_gil), stop=call.flag)
            return distance
    distance = _kernels.edit_distance(a, b, max_distance, release_gil=release_gil)
    return distance


class Queries(Work):
    """Queries, each of which is compared with all choices."""

    __slots__ = ()
    core = "edit_distances"

    @property
    def each(self) -> int:
        """The choices."""
        return len(self.inputs[1])

    @property
    def chunk_seconds(self) -> float:
        """What it takes to look up the choices' symbols."""
        choices = self.inputs[1]
        return (TEXT + _mean_length(choices) * SYMBOL) * len(choices)


def edit_distances_pure(
    queries: "Iterable[Text]", choices: "Iterable[Text]", *, max_distance: int | None = None
) -> list[list[int]]:
    """`edit_distances` in pure Python: the distances as a list of rows."""
    columns = list(choices)
    return [[edit_distance_pure(query, choice, max_distance=max_distance) for choice in columns] for query in queries]


def edit_distance_pure(a: "Text", b: "Text", *, max_distance: int | None = None) -> int:
    """`edit_distance` in pure Python: row after row of the distances between all prefixes."""
    one, other = (text if isinstance(text, str) else bytes(text) for text in (a, b))
    above = list(range(len(other) + 1))
    for i, symbol in enumerate(one, 1):
        row = [i]
        for j, choice in enumerate(other, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (symbol != choice)))
        above = row
    return above[-1] if max_distance is None else min(above[-1], max_distance + 1)


def _texts(name: str, value: "Iterable[Text]") -> "tuple[Text, ...]":
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{name}: wanted a sequence of str or of bytes-like objects, got one {type(value).__name__}")
    try:
        return tuple(value)
    except TypeError:
        raise TypeError(
            f"{name}: wanted a sequence of str or of bytes-like objects, got {type(value).__name__}"
        ) from None


def _portable(texts: "tuple[Text, ...]") -> "tuple[Text, ...]":
    """Return the texts as what can be pickled; what is none is left for `_check` to refuse."""
    views = (memoryview, _mmap_type())
    return tuple(bytes(text) if isinstance(text, views) else text for text in texts)


def _mmap_type() -> Any:  # noqa: ANN401
    from mmap import mmap  # noqa: PLC0415 - rarely needed

    return mmap


def _check(rows: "tuple[Text, ...]", columns: "tuple[Text, ...]", nothing: "NDArray[np.int32]") -> None:
    """Refuse what cannot be compared before the work is cut, as a chunk knows its own part of the queries only.

    The core looks at every text before it computes, and here there is nothing to compute.
    """
    _kernels.edit_distances(rows, (), None, nothing.reshape(len(rows), 0))
    _kernels.edit_distances((), columns, None, nothing.reshape(0, len(columns)))


def _length(text: "Text") -> int:
    try:
        return len(text)  # type: ignore[arg-type]
    except TypeError:
        return 0  # the core will refuse it


def _mean_length(texts: "Sequence[Text]") -> float:
    """Return about how long the texts are."""
    sample = texts[:: len(texts) // SAMPLE + 1]
    try:
        return sum(map(len, sample)) / (len(sample) or 1)  # type: ignore[arg-type]
    except TypeError:
        return 0.0  # the core will refuse it


def _pair_seconds(query: float, choice: float) -> float:
    """Return about how long one of many pairs takes, given the lengths."""
    if choice <= WORD:
        return TEXT_PAIR + query * choice * TEXT_SYMBOL_PAIR
    if query <= WORD:
        return SHORT_TEXT_PAIR + choice * SYMBOL
    return LONG_TEXT_PAIR + (query + choice) * LONG_SYMBOL + query * choice * SYMBOL_PAIR


KERNEL = Kernel(
    name="edit_distance",
    dwarf="dynamic programming",
    functions=(edit_distances, edit_distance),
    twins=(edit_distances_pure, edit_distance_pure),
)
