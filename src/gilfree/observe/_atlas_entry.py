"""A row of the atlas.

Each row runs in its own process, in an empty directory of its own. Its setup makes the input, and is not measured; its
expression is a call, or several where one is too short, and is evaluated over and over, later in two threads at once.
So it must not change what the setup made, or change it in a way that bears repetition and company.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["PYTHON", "Entry", "rows_of"]

PYTHON = "Python"


class Entry(NamedTuple):
    """A row of the atlas."""

    package: str
    function: str  # as shown; unique
    setup: str
    expression: str


def rows_of(package: str, setup: str, *rows: tuple[str, str, str]) -> Iterator[Entry]:
    """Yield the rows of a package, (function, setup, expression), whose setups start alike."""
    for function, own, expression in rows:
        yield Entry(package, function, "\n".join(filter(None, (setup, own))), expression)
