"""Allocations that fail, each one of a call; and what calls leave allocated, whichever way they end: nothing."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stress_only import stress_only

from gilfree import _kernels
from gilfree.kernels import KERNELS

SUPPORT = Path(__file__).parents[1] / "support"
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
# Of Python: its own, or none, so that each object is an allocation that can fail.
ALLOCATORS = ["default", pytest.param("malloc", marks=stress_only)]

pytestmark = [
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="takes the place of glibc's functions"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
    pytest.mark.skipif(b"san_" in Path(_kernels.__file__).read_bytes(), reason="sanitizers have their own malloc"),
    pytest.mark.thread_unsafe(reason="starts processes"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("malloc") / "failing_malloc.so"
    command = [COMPILER, "-O1", "-fPIC", "-shared", "-o", path, SUPPORT / "failing_malloc.c"]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module", params=ALLOCATORS)
def rows(request, library):
    if request.param == "malloc" and not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("without a GIL, Python has one allocator only")
    done = subprocess.run(
        [sys.executable, SUPPORT / "fail_allocations.py", "leak"],
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONMALLOC": request.param},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:] + done.stderr
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", KERNELS)
def test_an_allocation_that_fails_is_a_memory_error(name, rows):
    assert rows[name]["right"]
    assert rows[name]["refused"] + rows[name]["refused with NumPy"]


@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_left(name, rows):
    left = {what: count for what, count in rows[name].items() if what.startswith("left")}
    assert len(left) == 5
    assert all(count <= 0 for count in left.values()), left


def test_a_leak_would_be_seen(rows):
    assert rows["leak"]["left by calls"] == 1
