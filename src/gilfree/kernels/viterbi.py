"""The likeliest path through the states of a hidden Markov model."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, _csr, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "viterbi", "viterbi_pure"]

MAX_STATES = 2**31 - 1
PAIR = 2e-9  # seconds, to prepare what is known of two states


def viterbi(
    log_initial: "ArrayLike",
    log_transition: "ArrayLike",
    log_likelihood: "ArrayLike",
    *,
    lengths: "ArrayLike | None" = None,
    out: "tuple[NDArray[np.int32], NDArray[np.float64]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "tuple[NDArray[np.int32], float | NDArray[np.float64]]":
    """Find the likeliest path through the states of a hidden Markov model.

    Of paths that are equally likely it is the one with the lower state, counted from the end. Scores are added up in
    float64, step by step.

    Parameters
    ----------
    log_initial : array_like
        Logarithms of the probabilities with which the s states come first, shape (s,).
    log_transition : array_like
        Those with which state j follows state i, as ``log_transition[i, j]``; shape (s, s).
    log_likelihood : array_like
        Those of each of t observations in each state, shape (t, s). −inf is legal in all three, NaN and +inf are not,
        and nothing has to add up to one. Three arrays of float32 or of float64 are used in place; others become
        float64.
    lengths : array_like of int, optional
        How many observations belong to each of k independent sequences, which follow each other; shape (k,), adding up
        to t. By default there is one sequence.
    out : tuple of ndarray, optional
        Where to write the path, shape (t,), int32, and the logarithms of the probabilities, shape (k,) or (), float64.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    path : ndarray
        The state at each observation: shape (t,), int32.
    log_probability : float or ndarray
        Logarithm of the probability of the path and the observations together; with ``lengths`` an array of those of
        all sequences, shape (k,), float64. That of an empty sequence is 0.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape, or has a number that is NaN or +inf. Such a number is found during
        the computation; ``out`` may then hold part of a result.

    Notes
    -----
    The Viterbi algorithm [1]_ takes O(t·s²) steps, and memory for s numbers for each observation of the longest
    sequence. Sequences are cut among the workers; a single one is computed by one of them. The result is bit for bit
    that of the pure-Python twin.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] A. J. Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm", IEEE
       Transactions on Information Theory 13 (1967) 260-269.
    .. [2] L. R. Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition",
       Proceedings of the IEEE 77 (1989) 257-286.

    Examples
    --------
    Healthy or ill, by whether somebody feels well, has a cold, or feels dizzy:

    >>> import gilfree
    >>> import math
    >>> import numpy as np
    >>> initial = np.log([0.6, 0.4])
    >>> transition = np.log([[0.7, 0.3], [0.4, 0.6]])
    >>> emission = np.log([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    >>> path, log_probability = gilfree.viterbi(initial, transition, emission[:, [0, 1, 2]].T)
    >>> path
    array([0, 0, 1], dtype=int32)
    >>> round(math.exp(log_probability), 6)
    0.01512
    """
    initial, transition, likelihood = _arrays.float_arrays(
        0,
        ("log_initial", log_initial, 1),
        ("log_transition", log_transition, 2),
        ("log_likelihood", log_likelihood, 2),
    )
    states, (steps, columns) = initial.size, likelihood.shape
    if not 1 <= states <= MAX_STATES:
        raise ValueError(f"log_initial: wanted 1 to {MAX_STATES} states, got {states}")
    if transition.shape != (states, states):
        raise ValueError(f"log_transition: wanted shape {(states, states)}, as log_initial has, got {transition.shape}")
    if columns != states:
        raise ValueError(f"log_likelihood: wanted {states} columns, as log_initial has, got {columns}")
    counts = [steps] if lengths is None else _counts(lengths, steps)
    given = None
    if out is not None:
        shape = () if lengths is None else (len(counts),)
        specs = (("path", (steps,), _arrays.INT32), ("log_probability", shape, _arrays.FLOAT64))
        given = _arrays.outputs(out, specs, (initial, transition, likelihood))
    pairs = float(states) * states
    # The core writes a sequence's probability at its last observation: it is observations that are cut.
    path, at_each = _arrays.compute(
        Observations,
        (initial, transition, likelihood, _marks(counts, steps)),
        steps,
        8e-6 + PAIR * pairs + steps * (15e-9 + 1.5e-9 * states + 0.08e-9 * pairs),
        (("path", (steps,), _arrays.INT32), ("log_probability", (steps,), _arrays.FLOAT64)),
        None if given is None else (given[0], np.empty(steps)),
        workers,
        release_gil,
    )
    if lengths is None:
        log_probability: Any = at_each.item(-1) if steps else 0.0
    else:
        ends = zip(counts, accumulate(counts), strict=True)
        log_probability = np.array([at_each.item(end - 1) if count else 0.0 for count, end in ends])
    if given is None:
        return path, log_probability
    given[1][...] = log_probability
    _arrays.finish(out, given)
    return out  # type: ignore[return-value]


class Observations(Work):
    """Observations, cut between sequences."""

    __slots__ = ()
    core = "viterbi"
    cut = (2, 3)

    @property
    def chunk_seconds(self) -> float:
        """What it takes to prepare the model."""
        states = len(self.inputs[0])
        return PAIR * states * states

    @property
    def before(self) -> Callable[[int], float]:
        """Whole sequences."""
        ends = _ends(self.inputs[3])
        return lambda row: _begin(ends, row)


def viterbi_pure(
    log_initial: Sequence[float],
    log_transition: Sequence[Sequence[float]],
    log_likelihood: Sequence[Sequence[float]],
    *,
    lengths: Sequence[int] | None = None,
) -> tuple[list[int], Any]:
    """`viterbi` in pure Python: the path as a list, and a float or a list of them."""
    if lengths is None:
        return decode(log_initial, log_transition, log_likelihood)
    path, log_probabilities, start = [], [], 0
    for length in lengths:
        states, log_probability = decode(log_initial, log_transition, log_likelihood[start : start + length])
        path += states
        log_probabilities.append(log_probability)
        start += length
    return path, log_probabilities


def decode(
    log_initial: Sequence[float], log_transition: Sequence[Sequence[float]], log_likelihood: Sequence[Sequence[float]]
) -> tuple[list[int], float]:
    """Return the likeliest path of one sequence, and the logarithm of its probability."""
    if not len(log_likelihood):
        return [], 0.0
    states = range(len(log_initial))
    scores = [float(log_initial[j]) + float(log_likelihood[0][j]) for j in states]
    origins = []
    for likelihood in log_likelihood[1:]:
        ways = [[scores[i] + float(log_transition[i][j]) for i in states] for j in states]
        origins.append([first_of_largest(way) for way in ways])
        scores = [max(ways[j]) + float(likelihood[j]) for j in states]
    path = [first_of_largest(scores)]
    for origin in reversed(origins):
        path.append(origin[path[-1]])
    return path[::-1], max(scores)


def first_of_largest(values: list[float]) -> int:
    """Return the index of the first of the largest values."""
    return values.index(max(values))


def _counts(lengths: Any, steps: int) -> list[int]:  # noqa: ANN401
    """Return the lengths, checked."""
    counts: list[int] = _csr.index_array("lengths", lengths, 1).tolist()  # ints, whose sum cannot overflow
    if min(counts, default=0) < 0:
        raise ValueError(f"lengths: wanted 0 or more, got {min(counts)}")
    if sum(counts) != steps:
        raise ValueError(f"lengths: wanted a sum of {steps}, the number of observations, got {sum(counts)}")
    return counts


def _marks(counts: list[int], steps: int) -> bytes:
    """Return a byte for each observation: 1 for the last of a sequence.

    Not by NumPy: some of what it has for this lets the GIL go, and all is slower where sequences are few.
    """
    if len(counts) == 1:
        return b"\x01".rjust(steps, b"\0")[:steps]
    marks = bytearray(steps)
    for end in accumulate(counts):
        if end:  # sequences of no observations may be the first
            marks[end - 1] = 1
    return bytes(marks)


def _ends(marks: bytes) -> list[int]:
    """Return where the marked observations are, counted from 1."""
    ends = []
    end = marks.find(1) + 1
    while end:
        ends.append(end)
        end = marks.find(1, end) + 1
    return ends


def _begin(ends: list[int], row: int) -> int:
    """Return the first row of the sequence that a row belongs to, which is the only place to cut it at."""
    sequence = bisect_right(ends, row)
    return ends[sequence - 1] if sequence else 0


KERNEL = Kernel(
    name="viterbi",
    dwarf="graphical models",
    functions=(viterbi,),
    twins=(viterbi_pure,),
)
