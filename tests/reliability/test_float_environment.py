"""The rounding mode and the treatment of subnormal numbers belong to the thread, and gilfree leaves them alone."""

import ctypes
import json
import platform
import subprocess
import sys

import pytest
from kernel_calls import function_of, identical, make

from gilfree.kernels import KERNELS

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="reads the registers as glibc lays them out on x86-64",
)

# glibc's fenv_t has the x87 control word first, and MXCSR in bytes 28 to 31.
WORDS = 8
MXCSR = 7
STICKY = 0x3F  # flags that any operation may set
ROUNDING, FLUSH_TO_ZERO, DENORMALS_ARE_ZERO = 0x6000, 0x8000, 0x0040
MODES = {
    "nearest": 0,
    "down": 0x2000,
    "up": 0x4000,
    "towards zero": 0x6000,
    "flush": FLUSH_TO_ZERO | DENORMALS_ARE_ZERO,
}


def environment():
    words = (ctypes.c_uint32 * WORDS)()
    assert ctypes.CDLL("libm.so.6").fegetenv(words) == 0
    return words


def modes():
    words = environment()
    return words[0] & 0xFFFF, words[MXCSR] & ~STICKY


def put(words):
    assert ctypes.CDLL("libm.so.6").fesetenv(words) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", KERNELS)
def test_a_call_leaves_it_as_it_is(name, mode):
    """The results need not be the same; they come, and they do again in the usual mode."""
    call, function = make(name), function_of(name)
    expected = call(function)
    usual, other = environment(), environment()
    other[MXCSR] = other[MXCSR] & ~(ROUNDING | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO) | MODES[mode]
    try:
        put(other)
        before = modes()
        for workers, release_gil in ((1, True), (1, False), (2, True)):
            call(function, workers=workers, release_gil=release_gil)
        after = modes()
    finally:
        put(usual)
    assert before == after
    assert before[1] & ~0x1F80 == MODES[mode]  # 0x1F80: exceptions are masked
    assert identical(call(function), expected)


@pytest.mark.thread_unsafe(reason="starts a process")
def test_import_leaves_it_as_it_is():
    code = f"""
import ctypes, json, importlib, pkgutil, numpy
def modes():
    words = (ctypes.c_uint32 * {WORDS})()
    ctypes.CDLL("libm.so.6").fegetenv(words)
    return [words[0] & 0xffff, words[{MXCSR}] & ~{STICKY}]
before = modes()
import gilfree, gilfree._kernels, gilfree.kernels, gilfree.observe
print(json.dumps([before, modes(), 5e-324 / 2 == 0, 1e-310 / 2 != 0]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after, halved, kept = json.loads(done.stdout)
    assert before == after
    assert halved
    assert kept
