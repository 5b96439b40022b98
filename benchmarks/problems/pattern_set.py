"""A search of source code for many words at once: Python's standard library, and words that occur in it."""

import re
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gilfree import PatternSet

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# How many words, and how many symbols of text.
SIZES = {
    "tiny": (200, 12_000),
    "small": (200, 4_000),
    "medium": (2_000, 40_000_000),
    "large": (2_000, 250_000_000),
}


@cache
def library() -> str:
    """Return the source code of the standard library's modules, without what is not ASCII."""
    folder = Path(sysconfig.get_path("stdlib"))
    return "".join(path.read_bytes().decode("ascii", "ignore") for path in sorted(folder.glob("*.py")))


def words(count: int, text: str) -> list[str]:
    """Return at most so many of the words in a text, evenly chosen from all."""
    found = sorted(set(re.findall(r"[A-Za-z_]{5,}", text)))
    count = min(count, len(found))
    return [found[len(found) * i // count] for i in range(count)]


def make(size: str) -> Call:
    """Return so many words, and the text from some place on, repeated if it is too short."""
    if size == "endless":
        # Zeros that take no memory; at each, one pattern fails, by a symbol and from beyond the table.
        return Call((PatternSet([bytes(2_000_000) + b"1"]), bytes(1 << 31)))
    count, length = SIZES[size]
    text = library()
    text = text[len(text) // 2 :] + text[: len(text) // 2]
    patterns = PatternSet(words(count, text[:length]))
    return Call((patterns, (text * (length // len(text) + 1))[:length]))


def split(call: Call, count: int) -> list[Call]:
    """Cut the text, and with it what would be found at the cuts."""
    patterns, text = call.args
    count = min(count, len(text))
    return [Call((patterns, text[len(text) * i // count : len(text) * (i + 1) // count])) for i in range(count)]


def units(call: Call) -> int:
    """Return the number of symbols."""
    return len(call.args[1])


def effort(call: Call) -> Effort:
    """Return the number of transitions."""
    return Effort("lookups", float(units(call)), "one for each symbol")


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether the same patterns are found in the same places, in the same order.

    Peers give a list of tuples, which begin with the pattern and the start.
    """
    if isinstance(theirs, list):
        theirs = [[match[0] for match in theirs], [match[1] for match in theirs]]
    return all(np.array_equal(mine, np.asarray(other, np.int64)) for mine, other in zip(ours, theirs, strict=True))


def ahocorasick_rs_peer(call: Call) -> Callable[[], Any]:
    """Find tuples of pattern, start and end."""
    from ahocorasick_rs import AhoCorasick  # noqa: PLC0415 - an optional peer

    patterns, text = call.args
    automaton = AhoCorasick(list(patterns.patterns))
    return lambda: automaton.find_matches_as_indexes(text, overlapping=True)


def pyahocorasick_peer(call: Call) -> Callable[[], Any]:
    """Find ends, each with whatever was stored with the pattern."""
    from ahocorasick import Automaton  # noqa: PLC0415 - an optional peer

    patterns, text = call.args
    automaton = Automaton()
    for number, pattern in enumerate(patterns.patterns):
        automaton.add_word(pattern, (number, len(pattern) - 1))
    automaton.make_automaton()
    return lambda: [(number, last - before) for last, (number, before) in automaton.iter(text)]


PROBLEM = Problem(
    kernel="pattern_set",
    source="the modules of Python's standard library (PSF licence)",
    unit="symbols",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("ahocorasick_rs", "ahocorasick-rs", ahocorasick_rs_peer),
        Peer("pyahocorasick", "pyahocorasick", pyahocorasick_peer),
    ),
)
