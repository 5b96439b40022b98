"""Arrays of no rows, of one, and of more than any machine can hold."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from kernel_calls import PLACES, at, function_of, identify, make, place_id, put

from gilfree import _kernels
from gilfree.kernels import KERNELS

SUPPORT = Path(__file__).parents[1] / "support"
sanitized = b"_asan_" in Path(_kernels.__file__).read_bytes()


@pytest.fixture(scope="module")
def endings():
    """How calls with huge arguments ended: one process makes them all, and is to survive."""
    done = subprocess.run(
        [sys.executable, SUPPORT / "huge_arguments.py"], capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        name, what, ending = json.loads(line)
        found[name].append((what, ending))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")
@pytest.mark.skipif(sanitized, reason="AddressSanitizer reserves more address space than the process is given")
@pytest.mark.thread_unsafe(reason="starts a process")
@pytest.mark.parametrize("name", KERNELS)
def test_huge(name, endings):
    """Refused, for want of memory at the latest; or begun, where time is all that it takes."""
    assert len(endings[name]) >= 3
    for what, ending in endings[name]:
        kind, _, message = ending.partition(": ")
        if kind == "ValueError":
            assert " wanted " in message, (what, ending)
            assert " got " in message, (what, ending)
        else:
            assert kind in ("MemoryError", "TimeoutError", "returned"), (what, ending)


@pytest.mark.parametrize(("name", "place"), PLACES, ids=place_id)
def test_none_and_one(name, place):
    """Along each axis of each array: the same outcome whoever does the work, and no other error than ValueError."""
    call = make(name)
    array = at(call, place)
    for axis in range(array.ndim):
        for length in (0, 1):
            other = put(call, place, np.take(array, range(length), axis))
            first, *more = (
                outcome(other, name, workers=workers, release_gil=release_gil)
                for workers, release_gil in ((1, None), (1, False), (1, True), (3, True))
            )
            assert first
            assert all(one == first for one in more)


def outcome(call, name, **options):
    try:
        return identify(call(function_of(name), **options))
    except ValueError as error:
        return str(error)
