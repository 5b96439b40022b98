"""How much of a call is spent outside of the kernel's compiled function: in its face, and in what carries it there.

That is the part of a call which holds the GIL whatever the core does. It is found without the observer, by taking the
time at the border to that function, so that the two can be compared.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from gilfree import _kernels

__all__ = ["outside"]

SECONDS = 0.1
# What these do is outside: they look at arguments, make arrays, and hold those that are given.
AROUND = (
    *("alike", "as_it_is", "call", "compute", "csr_as_it_is", "finite_float"),
    *("hold", "integer", "numbers", "read_options", "releases", "usable"),
)
FEWEST_CALLS = 5
MOST_CALLS = 1000


@dataclass
class Inside:
    """The time spent in compiled functions."""

    seconds: float = 0.0
    depth: int = 0  # they call each other


def outside(call: Callable[[], object]) -> float | None:
    """Return the share of a call spent outside of the compiled code, the median of some; None if it never goes there.

    Not to be used while other threads call kernels.
    """
    shares: list[float] = []
    with watching() as inside:
        call()
        until = time.perf_counter() + SECONDS
        while len(shares) < FEWEST_CALLS or (time.perf_counter() < until and len(shares) < MOST_CALLS):
            inside.seconds = 0.0
            start = time.perf_counter()
            call()
            whole = time.perf_counter() - start
            if inside.seconds == 0.0:
                return None
            shares.append(1 - inside.seconds / whole)
    return median(shares)


@contextmanager
def watching() -> Iterator[Inside]:
    """Add up the time in the kernels' own functions of ``_kernels``."""
    inside = Inside()

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def enter(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            inside.depth += 1
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                inside.depth -= 1
                if inside.depth == 0:
                    inside.seconds += time.perf_counter() - start

        return enter

    compiled = type(_kernels.call)
    with ExitStack() as stack:
        for name, function in list(vars(_kernels).items()):
            if type(function) is compiled and name not in AROUND:
                stack.callback(setattr, _kernels, name, function)
                setattr(_kernels, name, timed(function))
        yield inside
