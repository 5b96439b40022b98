"""All claims, in the order in which they are tested and shown."""

from fnmatch import fnmatchcase

from . import (
    asyncio_loop,
    c_extension,
    cores,
    cpu_threads,
    io_threads,
    other_interpreters,
    pickling_cost,
    processes,
    reference_counts,
    shared_dict,
    shared_memory,
    starting,
    subinterpreters,
    unpicklable,
)
from .claim import Claim

__all__ = ["CLAIMS", "matching"]

CLAIMS: dict[str, Claim] = {
    module.CLAIM.name: module.CLAIM
    for module in (
        cpu_threads,
        io_threads,
        asyncio_loop,
        reference_counts,
        shared_dict,
        processes,
        starting,
        pickling_cost,
        unpicklable,
        shared_memory,
        cores,
        other_interpreters,
        subinterpreters,
        c_extension,
    )
}


def matching(pattern: str | None) -> tuple[str, ...]:
    """Return the claims whose name contains the pattern or, as a glob, matches it; without one, all."""
    return tuple(name for name in CLAIMS if pattern is None or pattern in name or fnmatchcase(name, pattern))
