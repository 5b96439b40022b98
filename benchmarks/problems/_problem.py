"""What a benchmark problem consists of: input for one kernel in several sizes, how to cut it, who else solves it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "Effort", "Peer", "Problem"]


@dataclass(frozen=True)
class Call:
    """The arguments of one call of a kernel's (or its twin's) first function."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __call__(self, function: Callable[..., Any], **more: Any) -> Any:  # noqa: ANN401
        """Make the call."""
        return function(*self.args, **self.kwargs, **more)


@dataclass(frozen=True)
class Peer:
    """Another library that computes the same.

    ``prepare(call)`` imports it, converts the input outside the measurement, and returns the function to be timed,
    of no arguments, on one thread. `ImportError` means that the library is not installed.
    """

    name: str  # as users know it: "scipy.sparse.csgraph.dijkstra"
    package: str  # on PyPI
    prepare: Callable[[Call], Callable[[], Any]]


@dataclass(frozen=True)
class Effort:
    """What a call takes of what bounds the kernel, counted as the textbook's formula does it.

    A kernel that finds a way to do less than that may seem to go beyond the limit.
    """

    limit: str  # one of `gilfree.benchmarks.peers.limits.LIMITS`
    amount: float  # of that limit's operations
    counted: str  # in words: "2 for each coordinate of each pair"
    footprint: int = 0  # bytes that are gone through or jumped about in, where the limit is one of memory


@dataclass(frozen=True)
class Problem:
    """Input for one kernel."""

    kernel: str
    source: str  # where the input comes from, with its licence where it is not ours
    unit: str  # of work: "pixels", "pairs"; rates are per second of these
    # Sizes: "tiny" (the pure twin takes some 50 ms), "small" (a kernel's call takes some µs: overhead counts),
    # "medium" (some 50 to 100 ms), "large" (beyond the caches; about a second), "endless" (minutes: for being stopped).
    make: Callable[[str], Call]
    split: Callable[[Call, int], list[Call]]  # into about so many calls of about equal work
    units: Callable[[Call], int]  # how much work a call is
    same: Callable[[Any, Any], bool]  # whether a result is right, given the kernel's own; twins and peers included
    peers: tuple[Peer, ...] = ()
    effort: Callable[[Call], Effort] | None = None  # None: bounded by nothing that can be counted from outside
