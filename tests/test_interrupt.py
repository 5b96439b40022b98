"""Ctrl-C during a long call, in a process of its own."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gilfree.kernels import KERNELS

SCRIPT = Path(__file__).parent / "support" / "interrupt.py"

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no signal to send to one process"),
    pytest.mark.thread_unsafe(reason="starts processes"),
]


@pytest.mark.parametrize("name", KERNELS)
def test_ctrl_c_ends_a_long_call(name):
    """Each call would take minutes; that it ends at all within the time-out is the proof."""
    with subprocess.Popen(
        [sys.executable, SCRIPT, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            for workers, release_gil in itertools.product([1, 2], [True, False]):
                assert process.stdout.readline() == "running\n", process.communicate(timeout=20)
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.1)
                process.send_signal(signal.SIGINT)
                ended = line(process, seconds=20)
                assert ended == f"workers={workers}, release_gil={release_gil}: interrupted\n"
            assert process.communicate(timeout=20) == ("", "")
        finally:
            process.kill()
    assert process.returncode == 0


def line(process, seconds):
    """What the process prints next, or nothing if it is silent for so long."""
    late = threading.Timer(seconds, process.kill)
    late.start()
    try:
        return process.stdout.readline()
    finally:
        late.cancel()
