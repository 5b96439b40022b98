"""``gilfree claims``, once its arguments are parsed."""

import argparse
import inspect
import json
import shutil
import sys
from pathlib import Path

from .catalogue import CLAIMS, matching
from .running import failed, measure
from .showing import as_markdown, show

__all__ = ["claims", "source"]

FAILED = 1
USAGE_ERROR = 2


def claims(options: argparse.Namespace) -> int:
    """Test claims, or tell about them; return the exit status."""
    try:
        if options.show is not None:
            print(source(options.show), end="")
            return 0
        names = chosen(options.pattern)
        if options.list:
            print("\n".join(f"{name:20} {CLAIMS[name].statement}" for name in names))
            return 0
        pythons = [executable(name) for name in options.python]
        for path in (options.json, options.markdown):
            if path is not None:
                path.touch()  # better to fail now than after the measurements
    except (ValueError, OSError) as error:
        print(f"gilfree claims: {error}", file=sys.stderr)
        return USAGE_ERROR
    results = measure(names, pythons, lambda line: print(line, file=sys.stderr, flush=True))
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if options.markdown is not None:
        options.markdown.write_text(as_markdown(results), encoding="utf-8")
    for line in failed(results):
        print(f"FAILED: {line}", file=sys.stderr)
    return FAILED if failed(results) else 0


def chosen(pattern: str | None) -> tuple[str, ...]:
    """Return the claims that are asked for."""
    names = matching(pattern)
    if not names:
        raise ValueError(f"-k: wanted a part of {', '.join(CLAIMS)}, got {pattern}")
    return names


def source(name: str) -> str:
    """Return the code of a claim."""
    if name not in CLAIMS:
        raise ValueError(f"--show: wanted one of {', '.join(CLAIMS)}, got {name}")
    return Path(inspect.getfile(CLAIMS[name].experiment)).read_text(encoding="utf-8")


def executable(name: str) -> str:
    """Return the path of an interpreter."""
    path = shutil.which(name)
    if path is None:
        raise ValueError(f"--python: wanted the path or the name of an executable, got {name}")
    return path
