"""Other interpreters, in which the same cells run: what they are, and whether they can."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from gilfree import __version__

from .cell import Order
from .remote import without_modules

__all__ = ["Python", "find"]

ANSWER_SECONDS = 60.0
# It must come to an end also where there is no gilfree, or one that is older than this.
QUESTION = """
import json, platform, sys, sysconfig
told = {"version": platform.python_version(), "implementation": platform.python_implementation(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")), "fields": None, "error": None}
try:
    import dataclasses
    from gilfree.benchmarks.cell import Order
    from gilfree.info import gil_enabled
    told["fields"] = [field.name for field in dataclasses.fields(Order)]
    told["gil_enabled"] = gil_enabled()
except Exception as error:
    told["error"] = "{}: {}".format(type(error).__name__, error)
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter, and why it cannot take part, if so."""

    name: str
    path: str
    version: str | None = None
    gil_enabled: bool | None = None
    missing: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def find(paths: Iterable[str], environments: Path | None = None) -> list[Python]:
    """Ask each interpreter what it is; with ``environments``, make one in that folder for those that lack gilfree.

    One that does not run is refused: it is a slip of the pen, which would else be told after minutes of measuring.
    """
    found: list[Python] = []
    for path in paths:
        python = ask(path)
        if python.version is None:
            raise ValueError(f"--python: {python.missing}")
        if python.missing and python.version and environments is not None:
            python = ask(make_environment(python, environments), python.name)
        taken = {other.name for other in found}
        names = (python.name, *(f"{python.name}-{number}" for number in range(2, len(found) + 2)))
        found.append(replace(python, name=next(name for name in names if name not in taken)))
    return found


def ask(path: str, name: str | None = None) -> Python:
    """Return what an interpreter is and whether it has this very gilfree."""
    try:
        done = subprocess.run(
            [path, "-c", QUESTION],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            env=without_modules(),
            check=True,
        )
        told = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return Python(name or Path(path).name, path, missing=f"{path} does not run: {error}")
    implementation = "" if told["implementation"] == "CPython" else f"{told['implementation'].lower()}-"
    short = ".".join(told["version"].split(".")[:2]) + ("t" if told["free_threaded"] else "")
    python = Python(name or implementation + short, path, told["version"], told.get("gil_enabled"))
    if told["fields"] == [field.name for field in fields(Order)]:
        return python
    lack = f"lacks gilfree ({told['error']})" if told["error"] else f"has another gilfree than this, {__version__},"
    return replace(python, missing=f"{path} {lack}: {shlex.join([path, *install_words()])}")


def install_words() -> list[str]:
    """Return what follows an interpreter's name to install this gilfree in it, with what cells need."""
    return ["-m", "pip", "install", source()]


def source() -> str:
    """Return where this gilfree can be had: its checkout, or its version on PyPI."""
    checkout = Path(__file__).resolve().parent.parent
    return str(checkout) if (checkout / "pyproject.toml").exists() else f"gilfree=={__version__}"


def make_environment(python: Python, folder: Path) -> str:
    """Make an environment with gilfree, unless there is one already; return its interpreter."""
    place = folder.resolve() / python.name
    inside = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not inside.exists():
        subprocess.run([python.path, "-m", "venv", str(place)], check=True, stdout=sys.stderr)
    if ask(str(inside)).missing:
        subprocess.run([str(inside), *install_words()], check=True, stdout=sys.stderr)
    return str(inside)
