"""The example in docs/pytest.md is built and run, and does what the page says."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "pytest.md"
pytestmark = [
    pytest.mark.skipif(not PAGE.is_file(), reason="needs a checkout"),
    pytest.mark.thread_unsafe(reason="starts processes"),
    pytest.mark.usefixtures("counted"),  # as the output shown
]


def block(label):
    """The code block behind this comment."""
    [found] = re.findall(
        rf"<!-- {re.escape(label)} -->\n```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return found


def decisive(output):
    """The lines that matter, in their order, without their figures, which differ from run to run."""
    kept = re.findall(r"^(?:>.*|E .*|test_fastsum\.py.*|=+ \d+ (?:passed|failed).*)$", output, re.MULTILINE)
    lines = [re.sub(r"[\d.]+ (s|ms|µs)\b|in [\d.]+s|median of \d+|\s+$|=", "", line) for line in kept]
    return [re.sub(r" \.*F* +\[100%\]", lambda found: found[0].split("[")[0].rstrip(), line) for line in lines]


def built_and_tested(tmp_path, version):
    pytest.importorskip("Cython")
    (tmp_path / "fastsum.pyx").write_text(block(f"{version}: fastsum.pyx"))
    (tmp_path / "test_fastsum.py").write_text(block("test: test_fastsum.py"))
    built = subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "fastsum.pyx"],
        cwd=tmp_path,
        # Without optimisation, which takes half as long.
        env={**os.environ, "CFLAGS": f"{os.environ.get('CFLAGS', '')} -O0 -g0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode and "fastsum.pyx:" not in built.stdout + built.stderr:
        pytest.skip("no compiler for C")
    assert built.returncode == 0, built.stderr
    source = Path(importlib.util.find_spec("gilfree").origin).parents[1]
    paths = filter(None, [str(source), os.environ.get("PYTHONPATH")])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONUTF8": "1",
        "COLUMNS": "80",
    }
    command = [sys.executable, "-m", "pytest", "-p", "gilfree.pytest_plugin", "-p", "no:cacheprovider", "-rN"]
    return subprocess.run(
        [*command, "test_fastsum.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    ).stdout


def test_forgetting_to_release_fails_as_shown(tmp_path):
    output = built_and_tested(tmp_path, "before")
    assert decisive(block("output: before")) == [line for line in decisive(output) if "[100%]" not in line][1:]
    assert len(decisive(block("output: before"))) > 15


def test_releasing_passes_as_shown(tmp_path):
    output = built_and_tested(tmp_path, "after")
    assert decisive(block("output: after")) == decisive(output)
    assert len(decisive(output)) == 2
