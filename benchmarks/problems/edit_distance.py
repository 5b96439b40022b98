"""A spelling checker's work: how far each misspelt word is from each word of a dictionary."""

import re
import zlib
from collections.abc import Callable
from itertools import pairwise
from pydoc_data import topics
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# (queries, words): the whole dictionary has some three thousand.
SIZES = {"tiny": (9, 300), "small": (1, 100), "medium": (3_200, 10_000), "large": (40_000, 10_000)}


def dictionary() -> list[str]:
    """Return the words of Python's language reference, sorted."""
    return sorted({word for text in topics.topics.values() for word in re.findall("[a-z]+", text.lower())})


def misspell(word: str, number: int) -> str:
    """Return the word with one edit, which one depends on the number."""
    dice = zlib.crc32(f"{word} {number}".encode())
    place = dice % (len(word) + 1)
    letter = chr(ord("a") + dice // 64 % 26)
    kept = place + dice // 4096 % 2
    return word[:place] + (letter if dice // 8192 % 3 else "") + word[kept:]


def make(size: str) -> Call:
    """Return so many misspelt words, and the dictionary or an even part of it."""
    if size == "endless":
        dice = np.random.default_rng(20).integers(ord("a"), ord("z") + 1, (4, 2_000_000), dtype=np.uint8)
        texts = [row.tobytes().decode("ascii") for row in dice]
        return Call((texts, texts[::-1]))
    queries, choices = SIZES[size]
    words = dictionary()
    chosen = [words[len(words) * i // choices] for i in range(choices)] if choices < len(words) else words
    # A tuple is taken as it is; of a list, each call makes one.
    return Call(([misspell(words[i * 7919 % len(words)], i) for i in range(queries)], tuple(chosen)))


def split(call: Call, count: int) -> list[Call]:
    """Cut the queries."""
    queries, choices = call.args
    count = min(count, len(queries))
    cuts = [len(queries) * i // count for i in range(count + 1)]
    return [Call((queries[start:stop], choices)) for start, stop in pairwise(cuts)]


def units(call: Call) -> int:
    """Return the number of pairs."""
    queries, choices = call.args
    return len(queries) * len(choices)


def effort(call: Call) -> Effort:
    """Return the number of operations on words of 64 bits."""
    queries, choices = call.args
    columns = sum(-(-len(query) // 64) for query in queries) * sum(map(len, choices))
    counted = "ten for each column of each pair (Hyyrö 2003); short words share 64 bits, and then it is less"
    return Effort("integers", 10.0 * columns, counted)


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether all distances are equal."""
    return np.array_equal(ours, np.asarray(theirs, dtype=np.int32).reshape(ours.shape))


def rapidfuzz_peer(call: Call) -> Callable[[], Any]:
    """Its batch function, which uses SIMD too."""
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - an optional peer
    from rapidfuzz.process import cdist  # noqa: PLC0415

    queries, choices = call.args
    return lambda: cdist(queries, choices, scorer=Levenshtein.distance, dtype=np.int32, workers=1)


def polyleven_peer(call: Call) -> Callable[[], Any]:
    """One call a pair."""
    from polyleven import levenshtein  # noqa: PLC0415 - an optional peer

    queries, choices = call.args
    return lambda: [[levenshtein(query, choice) for choice in choices] for query in queries]


def edlib_peer(call: Call) -> Callable[[], Any]:
    """One call a pair."""
    from edlib import align  # noqa: PLC0415 - an optional peer

    queries, choices = call.args
    return lambda: [[align(query, word, task="distance")["editDistance"] for word in choices] for query in queries]


PROBLEM = Problem(
    kernel="edit_distance",
    source="the words of Python's language reference, from the standard library's pydoc_data.topics (PSF licence)",
    unit="pairs",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("rapidfuzz.process.cdist", "rapidfuzz", rapidfuzz_peer),
        Peer("polyleven", "polyleven", polyleven_peer),
        Peer("edlib", "edlib", edlib_peer),
    ),
)
