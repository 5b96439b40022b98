"""A noisy tune: which note is played at each moment, when notes hardly ever change and are hard to tell apart."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# Observations, sequences and states; 88 are the keys of a piano.
SIZES = {
    "tiny": (60, 4, 88),
    "small": (20, 2, 5),
    "medium": (60_000, 16, 88),
    "large": (600_000, 64, 88),
    "endless": (100_000, 2, 2500),
}
STAY = 0.98


def make(size: str) -> Call:
    """Return the model, and the likelihoods of what is heard."""
    steps, sequences, states = SIZES[size]
    rng = np.random.default_rng(20)
    notes = np.arange(states)
    # To a near note rather than to a far one, and mostly to none other.
    leap = np.exp(-np.abs(notes[:, None] - notes) / 4.0)
    np.fill_diagonal(leap, 0)
    transition = (1 - STAY) * leap / leap.sum(axis=1, keepdims=True)
    np.fill_diagonal(transition, STAY)
    played = np.repeat(rng.integers(0, states, steps // 30 + 1), 30)[:steps]
    heard = played + rng.normal(0, 3, steps)
    dtype = np.float32 if size == "endless" else np.float64  # half of the memory, the same work
    likelihood = np.subtract.outer(heard.astype(dtype), notes.astype(dtype))
    likelihood *= likelihood
    likelihood *= -1 / 18
    lengths = np.diff(np.arange(sequences + 1) * steps // sequences)
    initial = np.full(states, -np.log(states))
    model = [initial.astype(likelihood.dtype), np.log(transition).astype(likelihood.dtype)]
    return Call((*model, likelihood), {"lengths": lengths})


def split(call: Call, count: int) -> list[Call]:
    """Deal out the sequences."""
    initial, transition, likelihood = call.args
    calls, first = [], 0
    for lengths in np.array_split(call.kwargs["lengths"], min(count, call.kwargs["lengths"].size)):
        last = first + int(lengths.sum())
        calls.append(Call((initial, transition, likelihood[first:last]), {"lengths": lengths}))
        first = last
    return calls


def units(call: Call) -> int:
    """Return the number of observations times that of pairs of states."""
    _, transition, likelihood = call.args
    return int(likelihood.shape[0] * transition.size)


def effort(call: Call) -> Effort:
    """Return the number of additions and maxima."""
    return Effort("unfused64", 2.0 * units(call), "an addition and a maximum for each pair of states")


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether the paths are equal, and the probabilities but for rounding."""
    return np.array_equal(ours[0], np.asarray(theirs[0], np.int32)) and np.allclose(ours[1], theirs[1], rtol=1e-9)


def each(call: Call, decode: Callable[[Any], tuple[Any, float]]) -> Callable[[], Any]:
    """Return a function that decodes one sequence after the other."""
    sequences = np.split(call.args[2], np.cumsum(call.kwargs["lengths"])[:-1])

    def paths() -> Any:  # noqa: ANN401
        found = [decode(sequence) for sequence in sequences]
        return np.concatenate([path for path, _ in found]), np.array([score for _, score in found])

    return paths


def hmmlearn_peer(call: Call) -> Callable[[], Any]:
    """Call the compiled part of hmmlearn, without what its models do before and after."""
    from hmmlearn import _hmmc  # noqa: PLC0415 - an optional peer

    start, transition = np.exp(call.args[0]), np.exp(call.args[1])

    def decode(sequence: Any) -> tuple[Any, float]:  # noqa: ANN401
        score, path = _hmmc.viterbi(start, transition, sequence)
        return path, score

    return each(call, decode)


def librosa_peer(call: Call) -> Callable[[], Any]:
    """Give probabilities to librosa, which adds the smallest float to each and so may find another path."""
    from librosa.sequence import viterbi  # noqa: PLC0415 - an optional peer

    initial, transition = np.exp(call.args[0]), np.exp(call.args[1])

    def decode(sequence: Any) -> tuple[Any, float]:  # noqa: ANN401
        # Its probabilities have to be at most 1, and some of each column above 0.
        path, score = viterbi(np.exp(sequence.T), transition, p_init=initial, return_logp=True)
        return path, float(np.asarray(score).reshape(-1)[0])

    run = each(call, decode)
    run()
    return run


def numba_peer(call: Call) -> Callable[[], Any]:
    """Compile the loop that everybody writes."""
    import numba  # noqa: PLC0415 - an optional peer

    @numba.njit  # type: ignore[untyped-decorator]
    def decode(initial: Any, transition: Any, likelihood: Any) -> Any:  # noqa: ANN401
        steps, states = likelihood.shape
        origins = np.empty((steps, states), np.int32)
        scores, following = initial + likelihood[0], np.empty(states)
        for step in range(1, steps):
            for j in range(states):
                best, origin = -np.inf, 0
                for i in range(states):
                    score = scores[i] + transition[j, i]
                    if score > best:
                        best, origin = score, i
                following[j] = best + likelihood[step, j]
                origins[step, j] = origin
            scores, following = following, scores
        path = np.empty(steps, np.int32)
        path[-1] = np.argmax(scores)
        for step in range(steps - 1, 0, -1):
            path[step - 1] = origins[step, path[step]]
        return path, scores.max()

    initial, transition = call.args[0], np.ascontiguousarray(call.args[1].T)
    decode(initial, transition, call.args[2][:1])
    return each(call, lambda sequence: decode(initial, transition, sequence))


PROBLEM = Problem(
    kernel="viterbi",
    source="a generated tune of 88 notes, heard with noise",
    unit="pairs of states",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("hmmlearn", "hmmlearn", hmmlearn_peer),
        Peer("librosa.sequence.viterbi", "librosa", librosa_peer),
        Peer("numba", "numba", numba_peer),
    ),
)
