"""The parent's end of a process that measures: of a cell, and of others that speak the same way."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .cell import Order
from .memory import Group
from .sharing import PREFIX

__all__ = ["CellError", "MissingError", "Remote", "RemoteCell", "without_modules"]

# glibc hands large freed blocks back to the system, and how eagerly depends on the thread. The results' pages would
# then be made anew in some cells and not in others, which for a kernel that writes much is half of the time.
KEEP_FREED_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),  # the largest that glibc accepts
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_ARENA_MAX": "1",
}

MODULE = f"{__package__}.cell"
# A cell that says nothing for so long is given up.
PATIENCE_SECONDS = 300.0
ENDING_SECONDS = 60.0  # some models take a while to end their workers, the more so on a busy machine
STDERR_LINES = 5
SAMPLE_SECONDS = 10e-3

# What is in memory under a name outlives the process that made it, if that is killed. joblib's folders are made here.
NAMED_MEMORY = Path("/dev") / "shm"


class CellError(Exception):
    """A cell failed; the message says how."""


class MissingError(CellError):
    """The execution model cannot run there; the message says why."""


class Remote:
    """A module that runs in its own process, gets a line of JSON and answers in others. Lives until `close`."""

    def __init__(
        self, module: str, order: Mapping[str, Any], environment: Mapping[str, str], python: str | None = None
    ) -> None:
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - see close
        # In a group of its own, so that Ctrl-C reaches the parent alone, who then ends the cell with all its workers.
        # Not in a session: where others compete for the CPUs, Linux may share them out by session (autogroup), and two
        # independent processes would then get twice what two threads of one process get.
        inherited = dict(os.environ) if python is None else without_modules()
        self._process = subprocess.Popen(
            [python or sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            encoding="utf-8",
            env={**inherited, **environment},
            process_group=0,
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.say(order)

    @property
    def pid(self) -> int:
        """Of the cell's process."""
        return self._process.pid

    def listen(self, seconds: float) -> dict[str, Any]:
        """Return the next answer."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise CellError(f"gave no answer within {seconds:g} s") from None
        if line is None:
            raise CellError(self._obituary())
        answer: dict[str, Any] = json.loads(line)
        if "missing" in answer:
            raise MissingError(str(answer["missing"]))
        if "error" in answer:
            raise CellError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """End the process and its workers, whatever they are doing."""
        if self._stderr.closed:
            return
        self._kill()
        self._process.wait()
        self.dismiss()
        self._reader.join(ENDING_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()
        self._stderr.close()
        self._sweep()

    def dismiss(self) -> None:
        """Tell the process to end, without waiting."""
        if self._process.stdin:
            with suppress(OSError):  # what was not yet written can no longer be
                self._process.stdin.close()

    def _sweep(self) -> None:
        """Free the memory that goes by the process's name, if it could not do so itself."""
        for block in NAMED_MEMORY.glob(f"{PREFIX}-{self.pid}-*"):
            with suppress(OSError):
                block.unlink()
        for folder in NAMED_MEMORY.glob(f"joblib_memmapping_folder_{self.pid}_*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _kill(self) -> None:
        """End the whole process group; workers outlive a parent that crashed."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):  # nothing left of it; on macOS, nothing but a zombie
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a line."""
        if self._process.stdin is None:
            return
        with suppress(OSError):  # it has died, which the next attempt to hear from it reports
            self._process.stdin.write(json.dumps(dict(message)) + "\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        if self._process.stdout:
            for line in self._process.stdout:
                self._answers.put(line)
        self._answers.put(None)

    def _obituary(self) -> str:
        try:
            status = self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        self._stderr.seek(0)
        last = " | ".join(self._stderr.read().split("\n")[-STDERR_LINES:]).strip(" |")
        return f"process {how}" + (f": {last}" if last else "")


def without_modules() -> dict[str, str]:
    """Return the environment without what leads to modules that are compiled for this interpreter."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


class RemoteCell(Remote):
    """A cell in its own process."""

    def __init__(self, order: Order, python: str | None = None) -> None:
        super().__init__(MODULE, asdict(order), KEEP_FREED_MEMORY, python)

    def wait_until_ready(self) -> dict[str, Any]:
        """Return what the cell tells about one pass over its pieces, once it is prepared."""
        ready: dict[str, Any] = self._hear("ready", PATIENCE_SECONDS)
        return ready

    def start(self, repeats: int) -> None:
        """Tell the cell to go through its pieces so many times."""
        self.say({"run": repeats})

    def seconds(self) -> float:
        """Return how long the work took, once it is done."""
        return float(self._hear("seconds", PATIENCE_SECONDS))

    def run(self, repeats: int) -> float:
        """Go through the pieces so many times; return how long it took."""
        self.start(repeats)
        return self.seconds()

    def heartbeat(self) -> float:
        """Go through the pieces once; return the longest that a thread beside had to wait for its turn."""
        self.say({"watch": 1})
        return float(self._hear("heartbeat", PATIENCE_SECONDS))

    def peak_memory(self) -> int | None:
        """Go through the pieces once; return the most bytes that the processes took together, of a few samples."""
        group, samples = Group(self.pid), []
        self.start(1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._answers.empty() and time.monotonic() < deadline:
            samples.append(group.pss())
            time.sleep(SAMPLE_SECONDS)
        self.seconds()
        return max((sample for sample in [*samples, group.pss()] if sample is not None), default=None)

    def finish(self) -> dict[str, Any]:
        """Let the cell end; return its last words."""
        self.dismiss()
        end: dict[str, Any] = self._hear("end", ENDING_SECONDS)
        return end

    def _hear(self, what: str, seconds: float) -> Any:  # noqa: ANN401 - JSON
        answer = self.listen(seconds)
        if what not in answer:
            raise CellError(f"wanted {what!r}, got {answer}")
        return answer[what]
