"""Langford pairs: 1 to n twice each in a row, the two k with k numbers between them; a mirror image is another one."""

import warnings
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from gilfree import count_exact_covers

from ._problem import Call, Peer, Problem

__all__ = ["PROBLEM"]

# n, for which Langford pairs exist where n mod 4 is 0 or 3.
SIZES = {"tiny": 7, "small": 4, "medium": 11, "large": 12, "endless": 20}

Options = tuple[tuple[str | int, ...], ...]


def make(size: str) -> Call:
    """Return the options: a number and the two places that it takes."""
    n = SIZES[size]
    return Call((tuple((f"number {k}", i, i + k + 1) for k in range(n, 0, -1) for i in range(2 * n - k - 1)),))


def split(call: Call, count: int) -> list[Call]:
    """Cut the places that the largest number may take and, if there are too few of them, those of the next."""
    [options] = call.args
    first, second = options[0][0], next(option[0] for option in options if option[0] != options[0][0])
    rest = [option for option in options if option[0] not in (first, second)]
    one = parts([option for option in options if option[0] == first], count)
    other = parts([option for option in options if option[0] == second], count // len(one))
    return [Call(((*mine, *next_ones, *rest),)) for mine, next_ones in product(one, other)]


def parts(options: list[Any], count: int) -> list[list[Any]]:
    """Cut a list into so many parts, or as many as it has members."""
    count = min(count, len(options))
    return [options[len(options) * i // count : len(options) * (i + 1) // count] for i in range(count)]


def units(call: Call) -> int:
    """Return the number of covers."""
    return number_of_covers(call.args[0])


@cache
def number_of_covers(options: Options) -> int:
    """Return what the kernel counts."""
    return count_exact_covers(options)


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether the counts are equal."""
    return int(ours) == int(theirs)


def exact_cover_peer(call: Call) -> Callable[[], Any]:
    """Dancing links in C."""
    from exact_cover import get_solution_count  # noqa: PLC0415 - an optional peer

    [options] = call.args
    items = sorted({item for option in options for item in option}, key=str)
    matrix = np.array([[item in option for item in items] for option in options], np.int32)
    return lambda: get_solution_count(matrix)


def xcover_peer(call: Call) -> Callable[[], Any]:
    """Dancing cells in Numba, compiled before the measurement."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from xcover import covers  # noqa: PLC0415 - an optional peer

    [options] = call.args
    listed = [list(option) for option in options]
    return lambda: sum(1 for _ in covers(listed))


PROBLEM = Problem(
    kernel="exact_cover",
    source="Langford pairs (C. D. Langford 1958)",
    unit="covers",
    make=make,
    split=split,
    units=units,
    same=same,
    peers=(
        Peer("exact_cover.get_solution_count", "exact-cover", exact_cover_peer),
        Peer("xcover.covers", "xcover", xcover_peer),
    ),
)
