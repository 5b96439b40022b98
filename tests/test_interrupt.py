"""Ctrl-C during a long call, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gilfree.kernels import KERNELS

SCRIPT = Path(__file__).parent / "support" / "interrupt.py"

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no signal to send to one process"),
    pytest.mark.thread_unsafe(reason="starts processes"),
]


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", KERNELS)
def test_ctrl_c_ends_a_long_call(name, workers, release_gil):
    """The call would take minutes; that it ends at all within the time-out is the proof."""
    command = [sys.executable, SCRIPT, name, str(workers), str(int(release_gil))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "running\n", process.stderr.read()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, output) == (0, "interrupted\n"), errors
