"""All occurrences of many literal patterns in a text, in one pass."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from gilfree import _kernels
from gilfree.kernels._kernel import Kernel, Work, share
from gilfree.kernels._lazy import _arrays, np
from gilfree.watching import watches
from gilfree.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    Text: TypeAlias = str | Buffer

__all__ = ["KERNEL", "PatternSet", "count_pure", "find_all_pure"]

# Measured, in seconds: for each symbol of a text, more where the automaton is too large for the caches; for each symbol
# of the patterns.
SYMBOL = 1e-9
FOUND_SYMBOL = 1.3e-9  # where matches are written down
CACHED = 4_000_000  # bytes of automaton that as much time goes by for again
MOST_MISSES = 5
PATTERN_SYMBOL = 50e-9
SHORT = 8192  # symbols


class PatternSet:
    """Patterns to search texts for, all at once.

    Parameters
    ----------
    patterns : iterable of str or of bytes-like objects
        What to search for: all of them str, or all of them bytes-like, none empty. A pattern is known by its place,
        from 0 up; one that is there twice is found twice. There may be some eight million symbols in all, and 65,535
        different ones.

    Raises
    ------
    TypeError, ValueError
        A pattern is of the wrong type or empty, or there are too many.

    Notes
    -----
    Takes time in proportion to the symbols of the patterns, O(n), and some sixteen megabytes at the most besides. A set
    cannot be changed and can be pickled.

    Thread safety: safe on shared objects; any number of threads may search with one set, at the same time.

    Examples
    --------
    >>> import gilfree
    >>> words = gilfree.PatternSet(["he", "she", "his", "hers"])
    >>> words.count("ushers")
    3
    >>> patterns, starts = words.find_all("ushers")
    >>> [(words.patterns[pattern], int(start)) for pattern, start in zip(patterns, starts)]
    [('she', 1), ('he', 2), ('hers', 2)]
    """

    __slots__ = ("_automaton", "_longest", "_patterns")

    # Where users find it, and where pickles look for it.
    __module__ = "gilfree"

    def __init__(self, patterns: "Iterable[Text]") -> None:
        self._patterns = _as_patterns(patterns)
        lengths = [len(pattern) for pattern in self._patterns if type(pattern) in (str, bytes)]
        self._longest = max(lengths, default=0)
        seconds = PATTERN_SYMBOL * sum(lengths)
        self._automaton = _kernels.pattern_set(self._patterns, release_gil=_kernels.releases(None, seconds))

    @property
    def patterns(self) -> tuple[str, ...] | tuple[bytes, ...]:
        """The patterns, by their numbers."""
        return self._patterns

    def __len__(self) -> int:
        """Return how many patterns there are."""
        return len(self._patterns)

    def __repr__(self) -> str:
        return f"<gilfree.PatternSet of {len(self._patterns)} pattern(s)>"

    def __reduce__(self) -> tuple[type["PatternSet"], tuple[Any, ...]]:
        # To make the automaton anew takes less time than to copy it, and it can change with the version.
        return PatternSet, (self._patterns,)

    def find_all(
        self, text: "Text", *, workers: Workers = 1, release_gil: bool | None = None
    ) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Find every occurrence of every pattern, overlapping ones too.

        Parameters
        ----------
        text : str or bytes-like object
            Where to search: str if the patterns are, else bytes-like. Less than 2**40 symbols.
        workers : int, Executor or callable
            Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
        release_gil : bool, optional
            Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

        Returns
        -------
        patterns, starts : ndarray
            For each occurrence the pattern's number and the place of its first symbol, both int64, of shape (matches,).
            Ordered by where occurrences end, then by where they start, then by number. Places are counted in code
            points of a str and in bytes of what is bytes-like.

        Raises
        ------
        TypeError, ValueError
            The text is of the wrong type or too long. Nothing was computed.
        MemoryError
            There are more matches than fit into memory.

        See Also
        --------
        count : says how many there are, in less time and no memory.

        Notes
        -----
        An automaton [1]_ reads each symbol once, whatever the patterns: O(n + m) for n symbols and m matches, and 24
        bytes of memory for each match. The text is cut among the workers.

        Thread safety: safe on shared objects: the set does not change, and the text is only read. It cannot be resized
        during the search; where another thread writes to it meanwhile, what is found is what was there when it was
        read.

        References
        ----------
        .. [1] A. V. Aho and M. J. Corasick, "Efficient string matching: an aid to bibliographic search", Communications
           of the ACM 18 (1975) 333-340.

        Examples
        --------
        >>> import gilfree
        >>> gilfree.PatternSet([b"ana", b"nan"]).find_all(b"banana")
        (array([0, 1, 0]), array([1, 2, 3]))
        """
        if is_done_at_once(text, workers):
            result: tuple[NDArray[np.int64], NDArray[np.int64]] = _kernels.pattern_set_find_all(
                self._automaton, text, empty=np.empty, dtype=_arrays.INT64, release_gil=release_gil
            )
            return result
        found = share(self._work(Finding, text), workers, release_gil)
        if len(found) == 1:
            [(patterns, starts)] = found
            return _numbers(patterns), _numbers(starts)
        patterns, starts = zip(*found, strict=True)
        return np.concatenate([*map(_numbers, patterns)]), np.concatenate([*map(_numbers, starts)])

    def count(self, text: "Text", *, workers: Workers = 1, release_gil: bool | None = None) -> int:
        """Count the occurrences of all patterns, overlapping ones too.

        Parameters
        ----------
        text : str or bytes-like object
            Where to search: str if the patterns are, else bytes-like. Less than 2**40 symbols.
        workers : int, Executor or callable
            Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
        release_gil : bool, optional
            Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

        Returns
        -------
        int
            The number of matches.

        Raises
        ------
        TypeError, ValueError
            The text is of the wrong type or too long. Nothing was computed.

        See Also
        --------
        find_all : says which and where.

        Notes
        -----
        An automaton [1]_ reads each symbol once, whatever the patterns: O(n) for n symbols. The text is cut among the
        workers.

        Thread safety: safe on shared objects: the set does not change, and the text is only read. It cannot be resized
        during the search.

        References
        ----------
        .. [1] A. V. Aho and M. J. Corasick, "Efficient string matching: an aid to bibliographic search", Communications
           of the ACM 18 (1975) 333-340.

        Examples
        --------
        >>> import gilfree
        >>> gilfree.PatternSet(["a", "aa"]).count("aaaa")
        7
        """
        if is_done_at_once(text, workers):
            total: int = _kernels.pattern_set_count(self._automaton, text, release_gil=release_gil)
            return total
        return sum(share(self._work(Counting, text), workers, release_gil))

    def _work(self, kind: "type[Search]", text: "Text") -> "Search":
        shared = text if isinstance(text, (str, bytes)) else self._view(text)
        length = len(shared)
        seconds = kind.symbol * length * (1 + min(len(self._automaton) / CACHED, MOST_MISSES))
        work = kind((self._automaton, shared, range(length), 0), (), length, seconds)
        work.longest = self._longest
        return work

    def _view(self, text: "Buffer") -> memoryview:
        """Return a view of a bytes-like object, which keeps it from being resized."""
        try:
            view = memoryview(text)
            if view.itemsize == 1:
                return view.cast("B")
        except TypeError:  # no buffer, or no contiguous one
            pass
        wanted = "str" if self._patterns and isinstance(self._patterns[0], str) else "a bytes-like object"
        raise TypeError(f"text: wanted {wanted}, got {type(text).__name__}")


def _numbers(room: bytearray) -> "NDArray[np.int64]":
    """Return an array of what a search wrote down."""
    numbers: NDArray[np.int64] = np.ndarray(len(room) // 8, _arrays.INT64, room)
    return numbers


def is_done_at_once(text: "Text", workers: Workers) -> bool:
    """Return whether a search takes less than what is worth releasing the GIL for, or describing the work."""
    return (
        type(text) in (str, bytes)
        and len(text) < SHORT  # type: ignore[arg-type]
        and workers.__class__ is int
        and workers == 1
        and not watches
    )


class Search(Work):
    """A text, cut by where matches end: each part is read from as far before it as a match may begin."""

    __slots__ = ("longest",)
    cut = (2,)
    symbol: ClassVar[float]  # seconds

    longest: int  # pattern

    def sent(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the symbols that this part needs, as what can be pickled."""
        automaton, text, _, _ = self.inputs
        first = max(0, start - self.longest)
        symbols = text[first:stop]
        if isinstance(symbols, memoryview):
            symbols = bytes(symbols)
        return automaton, symbols, range(start - first, stop - first), first


class Finding(Search):
    """A search that writes matches down."""

    __slots__ = ()
    core = "pattern_set_find_all"
    name = "PatternSet.find_all"
    symbol = FOUND_SYMBOL


class Counting(Search):
    """A search that counts matches."""

    __slots__ = ()
    core = "pattern_set_count"
    name = "PatternSet.count"
    symbol = SYMBOL


def find_all_pure(patterns: PatternSet, text: "Text") -> tuple[list[int], list[int]]:
    """`PatternSet.find_all` in pure Python: the patterns' numbers and where they start, as two lists."""
    found = list(matches(patterns, text))
    return [pattern for pattern, _ in found], [start for _, start in found]


def count_pure(patterns: PatternSet, text: "Text") -> int:
    """`PatternSet.count` in pure Python."""
    return sum(1 for _ in matches(patterns, text))


def matches(patterns: PatternSet, text: "Text") -> Iterator[tuple[int, int]]:
    """Look up, at each place, whether what ends there is a pattern, for each length that patterns have."""
    symbols = text if isinstance(text, str) else bytes(text)
    numbers: dict[Any, list[int]] = {}
    for number, pattern in enumerate(patterns.patterns):
        numbers.setdefault(pattern, []).append(number)
    lengths = sorted({len(pattern) for pattern in numbers}, reverse=True)
    for end in range(1, len(symbols) + 1):
        for length in lengths:
            if length <= end:
                for number in numbers.get(symbols[end - length : end], ()):
                    yield number, end - length


def _as_patterns(value: "Iterable[Text]") -> tuple[Any, ...]:
    """Return the patterns, all of them str or all of them bytes."""
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"patterns: wanted several str or bytes-like objects, got one {type(value).__name__}")
    try:
        patterns = tuple(value)
    except TypeError:
        raise TypeError(
            f"patterns: wanted an iterable of str or of bytes-like objects, got {type(value).__name__}"
        ) from None
    return tuple(pattern if type(pattern) in (str, bytes) else _plain(pattern, i) for i, pattern in enumerate(patterns))


def _plain(pattern: object, index: int) -> str | bytes:
    if isinstance(pattern, str):
        return str.__str__(pattern)
    try:
        view = memoryview(pattern)  # type: ignore[arg-type]
        if view.itemsize == 1:
            return bytes(view.cast("B"))
    except TypeError:  # no buffer, or no contiguous one
        pass
    raise TypeError(f"patterns[{index}]: wanted str or a bytes-like object, got {type(pattern).__name__}")


KERNEL = Kernel(
    name="pattern_set",
    dwarf="finite state machines",
    functions=(PatternSet.find_all, PatternSet.count),
    twins=(find_all_pure, count_pure),
)
