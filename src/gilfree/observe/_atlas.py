"""The atlas: how well-known functions treat the GIL, each measured in a process of its own."""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gilfree import __version__
from gilfree.observe._atlas_entries import MODULES
from gilfree.observe._atlas_entry import PYTHON, Entry

__all__ = ["Row", "as_json", "measure", "not_installed", "versions"]

# For a row, with all that its setup has to import and to make.
TIMEOUT_SECONDS = 60.0
# Libraries that would start threads of their own get one, so that the speed-up is that of the caller's threads.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A function, and what was found; or why nothing was."""

    function: str
    package: str
    version: str
    held: float | None = None
    releases: int | float | None = None
    seconds: float | None = None
    speedup: float | None = None  # on two threads
    mechanism: str | None = None
    error: str | None = None
    missing: bool = False  # there is no such function here


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows ready for JSON; an error says by itself whether the function is missing."""
    return [{name: value for name, value in asdict(row).items() if name != "missing"} for row in rows]


def not_installed(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the packages that rows are of, but that this Python lacks."""
    packages = dict.fromkeys(entry.package for entry in entries)
    return tuple(package for package in packages if find_spec(MODULES.get(package, package)) is None)


def versions(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the version of each package that is installed, without importing it."""
    distributions = packages_distributions()
    lacking = not_installed(entries)
    found = {PYTHON: platform.python_version(), "gilfree": __version__}
    for package in dict.fromkeys(entry.package for entry in entries):
        names = distributions.get(MODULES.get(package, package))
        if package not in lacking and package not in found:
            found[package] = version(names[0]) if names else "unknown"
    return found


def measure(
    entries: Sequence[Entry],
    *,
    budget: float,
    jobs: int = 1,
    timeout: float = TIMEOUT_SECONDS,
    tell: Callable[[str], object] = lambda _: None,
) -> Iterator[Row]:
    """Yield a row for each entry whose package is installed, in this order; each function is told when it begins."""
    installed = versions(entries)
    children = _Children()

    def one(entry: Entry) -> Row:
        tell(entry.function)
        found = _in_process(entry, budget, timeout, children)
        return Row(entry.function, entry.package, installed[entry.package], **found)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(one, entry) for entry in entries if entry.package in installed]
        try:
            for future in futures:
                yield future.result()
        finally:
            # Who interrupts need not wait for those that have begun, and even less for the others.
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()


def _in_process(entry: Entry, budget: float, timeout: float, children: "_Children") -> dict[str, Any]:
    """Measure in another process, which may hang or crash."""
    request = {
        "function": entry.function,
        "setup": entry.setup,
        "expression": entry.expression,
        "budget": budget,
    }
    # The child is to find what is found here, although it runs elsewhere.
    path = os.pathsep.join(str(Path(part).absolute()) for part in sys.path if part)
    with (
        tempfile.TemporaryDirectory(prefix="gilfree-atlas-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "gilfree.observe._atlas_row"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path, "TMPDIR": folder},
            start_new_session=True,
        ) as child,
    ):
        children.add(child)
        try:
            out, _ = child.communicate(json.dumps(request).encode(), timeout)
        except subprocess.TimeoutExpired:
            _kill(child)
            return {"error": f"took longer than {timeout:g} s"}
        finally:
            children.discard(child)
    try:
        result: dict[str, Any] = json.loads(out)
    except ValueError:
        return {"error": _how_it_ended(child.returncode)}
    return result


class _Children:
    """The processes that now measure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def add(self, child: subprocess.Popen[bytes]) -> None:
        """Know of one more; it is killed if all have been."""
        with self._lock:
            self._running.add(child)
            if self._ended:
                _kill(child)

    def discard(self, child: subprocess.Popen[bytes]) -> None:
        """Forget one."""
        with self._lock:
            self._running.discard(child)

    def end(self) -> None:
        """Kill them, and those that may follow."""
        with self._lock:
            self._ended = True
            for child in self._running:
                _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the process and those that it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):  # no such thing here, or gone
        child.kill()


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status} and no result"
    try:
        return f"crashed: {signal.Signals(-status).name}"
    except ValueError:
        return f"crashed: signal {-status}"
