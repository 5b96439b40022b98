"""Kernels in threads with the smallest stacks that there are."""

import subprocess
import sys
from pathlib import Path

import pytest

from gilfree import _kernels
from gilfree.kernels import KERNELS

SUPPORT = Path(__file__).parents[1] / "support"
sanitized = b"_asan_" in Path(_kernels.__file__).read_bytes()

# The interpreter and NumPy need stack too, and the first use of a kernel imports modules: on another thread.
CODE = """
import faulthandler, sys, threading
sys.path.append(sys.argv[2])
from kernel_calls import core_call, function_of, identify, make
from gilfree.kernels import KERNELS

faulthandler.enable()
faulthandler.dump_traceback_later(100, exit=True)
calls = {name: make(name) for name in KERNELS}
cores = {name: core_call(name) for name in KERNELS}
expected = {name: identify(calls[name](function_of(name))) for name in KERNELS}
wrong = []

def work(name):
    core, arguments = cores[name]
    for release_gil in (True, False):
        core(*arguments, release_gil=release_gil)
        if identify(calls[name](function_of(name), release_gil=release_gil)) != expected[name]:
            wrong.append(name)

threading.stack_size(int(sys.argv[1]))
for name in KERNELS:
    print(name, end=" ", flush=True)
    thread = threading.Thread(target=work, args=(name,))
    thread.start()
    thread.join()
print(*(["wrong:", *wrong] if wrong else ["right"]))
"""


@pytest.mark.skipif(sanitized, reason="sanitizers take stack of their own")
@pytest.mark.thread_unsafe(reason="starts a process")
@pytest.mark.parametrize("size", [65_536, 131_072])
def test_every_kernel_in_a_small_stack(size):
    """65,536 bytes are what glibc gives at the least, 131,072 what musl gives if nobody says how many."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(size), SUPPORT],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, " ".join([*KERNELS, "right\n"])), done.stderr
