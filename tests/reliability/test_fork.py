"""A process forks while kernels run in its other threads, and the child has everything that it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stress_only import STRESS

SCRIPT = Path(__file__).parents[1] / "support" / "fork_in_kernel.py"
TIMES = 200 if STRESS else 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.thread_unsafe(reason="starts processes")
def test_a_child_runs_every_kernel():
    done = subprocess.run(
        [sys.executable, SCRIPT, str(TIMES)], capture_output=True, text=True, check=False, timeout=290
    )
    assert (done.returncode, done.stdout) == (0, "0 failed\n"), done.stderr
