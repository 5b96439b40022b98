"""The interpreter ends while kernels are at work: with what exit code, how soon, and what is finished before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stress_only import stress_only

SCRIPT = Path(__file__).parents[1] / "support" / "leave.py"
SOON = 10  # seconds: it takes a tenth of one, on a machine that has nothing else to do
PAUSE = 0.1

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no signal to send to one process"),
    pytest.mark.thread_unsafe(reason="starts processes"),
]

HOWS = ["daemon", "executor", "scope", "to_thread", "asyncio_to_thread"]
CODES = {"return": 0, "exception": 1, "terminate": -signal.SIGTERM, "ctrl-c": -signal.SIGINT}
ENDINGS = [*CODES, "ctrl-c twice"]
ALWAYS = [*zip(HOWS, ENDINGS, strict=True), ("scope", "exception"), ("to_thread", "ctrl-c twice")]


@pytest.mark.parametrize(
    ("how", "ending"),
    [
        pytest.param(how, ending, marks=() if (how, ending) in ALWAYS else stress_only)
        for how in HOWS
        for ending in ENDINGS
    ],
)
def test_exit(how, ending):
    command = [sys.executable, SCRIPT, how, ending]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "running\n", process.stderr.read()
            began = time.monotonic()
            if ending == "terminate":
                process.send_signal(signal.SIGTERM)
            elif ending.startswith("ctrl-c"):
                process.send_signal(signal.SIGINT)
            if ending == "ctrl-c twice":
                time.sleep(PAUSE)
                process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            took = time.monotonic() - began
        finally:
            process.kill()
    assert "Fatal Python error" not in errors
    if ending == "ctrl-c twice":
        # The second one meets Python's own shutdown at any point of it.
        assert process.returncode in (-signal.SIGINT, 0, 1, 120, 130), errors
    else:
        assert process.returncode == CODES[ending], errors
    if ending == "exception":
        assert "ZeroDivisionError" in errors
    if ending in ("return", "exception", "ctrl-c"):
        said = [line for line in errors.splitlines() if line in ("finished", "left")]
        assert said == (["finished", "finished", "left"] if how == "executor" else ["left"])
    if how != "executor":
        assert took < SOON
