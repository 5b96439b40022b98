"""Exact covers: choosing options so that each item is covered once."""

from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeAlias

from gilfree import _kernels
from gilfree.kernels._kernel import Kernel, Work, share
from gilfree.kernels._lazy import np
from gilfree.watching import open_call, watches, watching
from gilfree.workers import Workers, crew

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "KERNEL",
    "count_exact_covers",
    "count_exact_covers_pure",
    "find_exact_cover",
    "find_exact_cover_pure",
]

# How long a search takes cannot be told from its input. So it is begun, for as long as it would be worth no more, and a
# search that is not at its end by then is taken for one of this many seconds. In polls, each some 50 µs. What was done
# alone is done again, so it is as much as cutting the tree and handing subtrees over costs: at the worst that doubles.
HELD_POLLS = 1
ALONE_POLLS = 8
LONG_SECONDS = 0.2
# The tree is cut where so many choices have been made that there are this many subtrees, if that can be found in time.
SUBTREES = 256
DEEPEST = 24
EXPANDING_POLLS = 100

# Options as rows of items' numbers, primary items first, as `gilfree._kernels` takes them: the items of all rows, where
# each row begins and ends, how many items there are, and how many of these are primary.
Problem: TypeAlias = tuple[Any, Any, int, int]
Paths: TypeAlias = tuple[tuple[int, ...], ...]

WHOLE: Paths = ((),)  # the path to the whole of the tree
NOBODY = 2**31 - 1
SHARES = 2**20  # as in the core, which divides each subtree's search into so many


def count_exact_covers(
    options: "Iterable[Iterable[Hashable]] | NDArray[np.bool_]",
    *,
    secondary: "Iterable[Hashable]" = (),
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> int:
    """Count the ways to choose options so that each item is in exactly one of them.

    Parameters
    ----------
    options : iterable of iterables of hashables, or ndarray of bool
        What may be chosen: for each option its items, no item twice. Or a matrix of shape (options, items) that says
        which option has which item.
    secondary : iterable of hashables
        Items that need not be covered, but at most once; all others are primary. Of a matrix, numbers of columns. An
        item that no option has makes no difference.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default it is held for some 50 µs, and released if the
        search is not at its end by then.

    Returns
    -------
    int
        The number of exact covers. Without primary items there is one, of no options. An option that has no primary
        item is never chosen.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, or an option has an item twice. Nothing was computed.

    See Also
    --------
    find_exact_cover : finds one of them.

    Notes
    -----
    Knuth's algorithm X [1]_: the search branches on the item that the fewest options have. Time is in proportion to the
    size of the tree, and nothing is said of that: it can be exponential in the number of options. Each cover is counted
    one by one, so no count that ends in a lifetime is too large. Up to 128 items are masks of bits, and lists of
    options are filtered; with more, sets of options are taken apart and restored as in dancing cells [2]_. Memory: some
    bytes for each item of each option, and for each option or item on each level of the tree. Subtrees are cut among
    the workers.

    Thread safety: safe on shared objects; options are copied before the work begins.

    References
    ----------
    .. [1] D. E. Knuth, "The Art of Computer Programming", volume 4B, §7.2.2.1.
    .. [2] D. E. Knuth, the same, §7.2.2.3: sparse sets for exact covering.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.count_exact_covers(["ce", "adg", "bcf", "adf", "bg", "deg"])
    1
    >>> import numpy as np
    >>> gilfree.count_exact_covers(np.eye(3, dtype=bool))
    1
    """
    problem = _read(options, secondary)
    return sum(_search("count", problem, workers, release_gil))


def find_exact_cover(
    options: "Iterable[Iterable[Hashable]] | NDArray[np.bool_]",
    *,
    secondary: "Iterable[Hashable]" = (),
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> list[int] | None:
    """Choose options so that each item is in exactly one of them.

    Parameters
    ----------
    options : iterable of iterables of hashables, or ndarray of bool
        What may be chosen: for each option its items, no item twice. Or a matrix of shape (options, items) that says
        which option has which item.
    secondary : iterable of hashables
        Items that need not be covered, but at most once; all others are primary. Of a matrix, numbers of columns. An
        item that no option has makes no difference.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default it is held for some 50 µs, and released if the
        search is not at its end by then.

    Returns
    -------
    list of int, or None
        The numbers of the options chosen, from 0 up, in ascending order; None if there is no exact cover. Of several
        covers it is the same one for any workers: the one that the search comes to first when it tries the options of
        each item in order. Without primary items it is of no options.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, or an option has an item twice. Nothing was computed.

    See Also
    --------
    count_exact_covers : says how many there are, and how the search goes.

    Notes
    -----
    As for `count_exact_covers`, time is in proportion to the part of the tree that is searched. Threads that have a
    later subtree than one with a cover stop; workers of other processes and interpreters finish theirs.

    Thread safety: safe on shared objects; options are copied before the work begins.

    References
    ----------
    .. [1] D. E. Knuth, "The Art of Computer Programming", volume 4B, §7.2.2.1.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.find_exact_cover(["ce", "adg", "bcf", "adf", "bg", "deg"])
    [0, 3, 4]
    >>> gilfree.find_exact_cover(["ab", "bc"]) is None
    True
    >>> gilfree.find_exact_cover(["ab", "bc"], secondary="c")
    [0]
    """
    problem = _read(options, secondary)
    for cover in _search("find", problem, workers, release_gil):
        if cover is not None:
            return sorted(cover)
    return None


def _search(mode: str, problem: Problem, workers: Workers, release_gil: bool | None) -> list[Any]:  # noqa: FBT001
    """Return what is found in each of the subtrees, or in some of them together, in order."""
    if watches and (watch := watching()) is not None:
        with watch.call("count_exact_covers" if mode == "count" else "find_exact_cover", SHARES):
            return _search(mode, problem, workers, release_gil)
    alone = workers.__class__ is int and workers == 1
    if not alone:
        crew(workers)  # for what it refuses
    if release_gil is None:
        search = (*problem, WHOLE, None, mode, None, 0, HELD_POLLS)
        finished, found = _kernels.call("exact_cover", search, (), release_gil=False)
        if finished:
            return [found]
    release = release_gil is None or bool(release_gil)
    paths = WHOLE
    if not alone:
        if not (isinstance(workers, Executor) or callable(workers)):
            finished, found = _kernels.exact_cover(
                *problem, WHOLE, None, mode, None, 0, ALONE_POLLS, release_gil=release
            )
            if finished:
                return [found]
        paths = _expand(problem, release=release)
    work = Tree((*problem, paths, range(len(paths)), mode, array("i", [NOBODY])), (), len(paths), LONG_SECONDS)
    if (call := open_call.get()) is not None:
        call.total = work.rows * work.each  # what was tried before does not count
    return [found for _, found in share(work, workers, release)]


def _expand(problem: Problem, *, release: bool) -> Paths:
    """Return the options that lead to each of some hundred subtrees, in the order in which one search gets there."""
    paths = WHOLE
    for deepest in range(1, DEEPEST + 1):
        finished, found = _kernels.exact_cover(
            *problem, WHOLE, None, "expand", None, deepest, EXPANDING_POLLS, release_gil=release
        )
        if not finished:
            break
        paths = found
        if not 0 < len(paths) < SUBTREES:
            break
    return paths


class Tree(Work):
    """A search tree, cut into subtrees."""

    __slots__ = ()
    core = "exact_cover"
    cut = (4, 5)

    @property
    def each(self) -> int:
        """What the core makes of a subtree."""
        return SHARES

    def sent(self, start: int, stop: int) -> tuple[Any, ...]:
        """Leave out what tells of others' covers, which workers elsewhere would not see changing."""
        return (*self.part(start, stop)[:-1], None)


def _read(options: Any, secondary: "Iterable[Hashable]") -> Problem:  # noqa: ANN401
    try:
        optional = dict.fromkeys(secondary)
    except TypeError as error:
        raise TypeError(f"secondary: wanted an iterable of hashable items, got {secondary!r} ({error})") from None
    if getattr(options, "ndim", None) == 2:  # noqa: PLR2004
        return _read_matrix(options, optional)
    rows = _rows(options)
    try:
        problem: Problem = _kernels.read_options(rows, optional)
    except TypeError as error:  # from a dict
        raise TypeError(f"options: wanted hashable items, got others ({error})") from None
    return problem


def _rows(options: Any) -> tuple[tuple[Any, ...], ...]:  # noqa: ANN401
    """Return the items of each option."""
    if isinstance(options, (str, bytes)):
        raise TypeError(f"options: wanted an iterable of options, got one {type(options).__name__}")
    try:
        return tuple(map(tuple, options))
    except TypeError:
        raise TypeError(_not_options(options)) from None


def _not_options(options: Any) -> str:  # noqa: ANN401
    """Say what is wrong with options that are not iterables of items."""
    wanted = "wanted an iterable of items"
    try:
        for index, option in enumerate(options):
            try:
                iter(option)
            except TypeError:
                return f"options[{index}]: {wanted}, got {type(option).__name__}"
    except TypeError:
        pass
    return f"options: wanted options or a matrix of bool, got {type(options).__name__}"


def _read_matrix(options: Any, secondary: "dict[Hashable, None]") -> Problem:  # noqa: ANN401
    matrix = np.array(options)  # a copy, which no other thread can change
    if matrix.dtype != np.bool_:
        raise TypeError(f"options: wanted a matrix of bool, got dtype {matrix.dtype}")
    columns = matrix.shape[1]
    optional = np.zeros(columns, np.bool_)
    for column in secondary:
        if not hasattr(column, "__index__"):
            raise TypeError(f"secondary: wanted numbers of columns, got {column!r}")
        if not 0 <= column < columns:  # type: ignore[operator]
            raise ValueError(f"secondary: wanted columns from 0 to {columns - 1}, got {column!r}")
        optional[int(column)] = True  # type: ignore[call-overload]
    order = np.argsort(optional, kind="stable")
    rank = np.empty(columns, np.int32)
    rank[order] = np.arange(columns, dtype=np.int32)
    rows, items = np.nonzero(matrix)
    offsets = np.searchsorted(rows, np.arange(len(matrix) + 1)).astype(np.int32)
    return rank[items], offsets, columns, columns - int(optional.sum())


def count_exact_covers_pure(
    options: "Iterable[Iterable[Hashable]] | NDArray[np.bool_]", *, secondary: "Iterable[Hashable]" = ()
) -> int:
    """`count_exact_covers` in pure Python."""
    return sum(1 for _ in covers(options, secondary))


def find_exact_cover_pure(
    options: "Iterable[Iterable[Hashable]] | NDArray[np.bool_]", *, secondary: "Iterable[Hashable]" = ()
) -> list[int] | None:
    """`find_exact_cover` in pure Python."""
    return next(map(sorted, covers(options, secondary)), None)


def covers(options: Any, secondary: "Iterable[Hashable]") -> Iterator[list[int]]:  # noqa: ANN401
    """Yield the exact covers, each as the options in the order of choice."""
    if getattr(options, "ndim", None) == 2:  # noqa: PLR2004
        items: Iterable[Any] = range(options.shape[1])
        rows = [frozenset(column for column, has in enumerate(row) if has) for row in options.tolist()]
    else:
        listed = [list(option) for option in options]
        items = dict.fromkeys(item for option in listed for item in option)
        rows = [frozenset(option) for option in listed]
    optional = set(secondary)
    yield from choose(rows, [item for item in items if item not in optional], range(len(rows)))


def choose(rows: "list[frozenset[Any]]", uncovered: list[Any], possible: "Sequence[int]") -> Iterator[list[int]]:
    """Yield the ways to cover these items by those of the options that are possible: first the item with the fewest."""
    if not uncovered:
        yield []
        return
    having: Callable[[Any], list[int]] = lambda item: [option for option in possible if item in rows[option]]  # noqa: E731
    for option in min(map(having, uncovered), key=len):
        left = [item for item in uncovered if item not in rows[option]]
        rest = [other for other in possible if rows[option].isdisjoint(rows[other])]
        for cover in choose(rows, left, rest):
            yield [option, *cover]


KERNEL = Kernel(
    name="exact_cover",
    dwarf="backtrack and branch & bound",
    functions=(count_exact_covers, find_exact_cover),
    twins=(count_exact_covers_pure, find_exact_cover_pure),
)
