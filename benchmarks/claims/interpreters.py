"""The Python interpreters of this machine: finding them, and running the script `scaling.py` in them."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["NAMES", "VARIABLE", "BrokenInterpreterError", "alone", "candidates", "identities", "scaling"]

# Further interpreters, separated as in PATH: what --python names.
VARIABLE = "GILFREE_CLAIMS_PYTHON"
NAMES = (
    *(
        "python3.11",
        "python3.12",
        "python3.13",
        "python3.14",
        "python3.15",
        "python3.13t",
        "python3.14t",
        "python3.15t",
    ),
    *("pypy3", "graalpy", "jython", "ipy"),
)
SCRIPT = Path(__file__).with_name("scaling.py")
PATIENCE = 60


class BrokenInterpreterError(Exception):
    """An interpreter did not run the script."""


def candidates() -> list[str]:
    """Return the paths of this interpreter, of those that were named, and of those on PATH; each once."""
    named = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    on_path = [path for name in NAMES if (path := shutil.which(name))]
    return list(dict.fromkeys([sys.executable, *named, *on_path]))


@functools.cache
def identities() -> dict[str, dict[str, Any]]:
    """Return which interpreter each of the candidates is; those that do not run are left out."""
    found: dict[str, dict[str, Any]] = {}
    seen = set()
    for path in candidates():
        try:
            who = ask(path, "who")
        except BrokenInterpreterError:
            continue
        who["version_info"] = tuple(who["version_info"])
        # One interpreter may be found under several names; some do not tell their own path.
        same = (os.path.realpath(who["executable"] or path), who["version"], who["gil"])
        if same not in seen:
            seen.add(same)
            found[path] = who
    return found


def scaling(path: str, threads: int) -> dict[str, list[float]]:
    """Return the seconds of pieces of work one after the other, and in threads."""
    answer: dict[str, list[float]] = ask(path, "threads", str(threads))
    return answer


def alone(path: str) -> float:
    """Return the seconds of a fixed amount of work in one thread."""
    return float(ask(path, "alone")["seconds"])


def ask(path: str, *arguments: str) -> dict[str, Any]:
    """Run the script and return its answer."""
    # What this interpreter was told by its environment is not meant for others.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [path, str(SCRIPT), *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:]
        raise BrokenInterpreterError(f"exit status {error.returncode}: {''.join(last)}") from None
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise BrokenInterpreterError(str(error)) from None
    return answer
