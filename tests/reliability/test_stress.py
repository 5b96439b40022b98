"""A minute part of ``make stress``, which is to notice what goes wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from gilfree.kernels import KERNELS

pytestmark = pytest.mark.thread_unsafe(reason="starts processes")

SCRIPT = Path(__file__).with_name("stress.py")


def stress(*arguments, code=None):
    command = [sys.executable, SCRIPT] if code is None else [sys.executable, "-c", code, SCRIPT]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=200)


def test_sixteen_threads_call_every_kernel():
    done = stress("--calls", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [line[0] for line in lines[:-1]] == list(KERNELS)
    assert all((line[1], line[3]) == ("320", "0") for line in lines[:-1])
    assert done.stdout.endswith("14 of 14 kernels were called 320 times; 0 failed\n")


def test_a_wrong_result_is_noticed():
    code = (
        "import runpy, sys, itertools, gilfree, gilfree.kernels.mandelbrot as face\n"
        "right, numbers = face.KERNEL.functions[0], itertools.count()\n"
        "def wrong(*args, **options):\n"
        "    return right(*args, **options) + (next(numbers) == 99)\n"
        "object.__setattr__(face.KERNEL, 'functions', (wrong,))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = stress("mandelbrot", "--calls", "20", code=code)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[2].split()[3] == "1"
    assert done.stdout.endswith("1 failed\n")
