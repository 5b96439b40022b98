"""The project in docs/extension/project builds as it stands, and its tests notice when it stops to release the GIL."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "extension" / "index.md"
PROJECT = PAGE.parent / "project"
SOURCE = Path("src", "drawdown", "_drawdown.pyx")

if not PROJECT.is_dir():
    pytest.skip("needs a checkout", allow_module_level=True)

pytestmark = pytest.mark.thread_unsafe(reason="starts processes")


@pytest.fixture
def project(tmp_path):
    """A copy to build in."""
    for package, least in (("Cython", 3), ("setuptools", 77), ("pip", 1)):
        # Not imported: setuptools refuses where somebody has imported distutils before.
        if importlib.util.find_spec(package) is None or int(version(package).split(".")[0]) < least:
            pytest.skip(f"needs {package} {least}")
    if os.name == "posix" and shutil.which(sysconfig.get_config_var("CC").split()[0]) is None:
        pytest.skip("no compiler for C")
    copy = tmp_path / "project"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", "build", "*.egg-info"))
    return copy


def run(*command, cwd, **environment):
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def build(project, *command):
    # Without optimisation, which takes half as long and lets the GIL go all the same.
    built = run(*command, cwd=project, CFLAGS=f"{os.environ.get('CFLAGS', '')} -O0 -g0")
    assert built.returncode == 0, built.stdout


def wheel_of(project):
    """Build a wheel, unpack it, and return where."""
    wheels, site = project.parent / "wheels", project.parent / "site"
    isolated = ("--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check")
    build(project, "-m", "pip", "wheel", *isolated, "--wheel-dir", wheels, ".")
    [wheel] = wheels.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def outcomes(project, site):
    """Run the tests on what is built there, and return what became of each, and the output."""
    ours = str(Path(importlib.util.find_spec("gilfree").origin).parents[1])
    tested = run(
        *("-m", "pytest", "-v", "-p", "gilfree.pytest_plugin", "-p", "no:cacheprovider"),
        cwd=project,
        PYTHONPATH=os.pathsep.join(filter(None, [str(site), ours, os.environ.get("PYTHONPATH")])),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONUTF8="1",
    ).stdout
    found = dict(re.findall(r"::(\w+)\S* (PASSED|FAILED|ERROR|SKIPPED)", tested))
    assert found, tested
    return found, tested


def test_is_green(project):
    site = wheel_of(project)
    names = {path.name for path in site.rglob("*.*")}
    assert {"py.typed", "_drawdown.pyi", "__init__.py"} <= names
    assert not {name for name in names if name.endswith((".pyx", ".c"))}
    found, output = outcomes(project, site)
    if found["test_releases_the_gil"] == "SKIPPED":
        pytest.skip("holds of the GIL cannot be measured here")
    assert set(found.values()) <= {"PASSED", "SKIPPED"}, output
    skipped = {name for name, outcome in found.items() if outcome == "SKIPPED"}
    assert skipped <= {"test_import_leaves_the_gil_off"}
    assert len(found) >= 6


def test_turns_red_without_nogil(project):
    source = (project / SOURCE).read_text(encoding="utf-8")
    assert source.count("    with nogil:\n") == 1
    (project / SOURCE).write_text(source.replace("    with nogil:\n", "    if True:\n"), encoding="utf-8")
    build(project, "setup.py", "build_ext", "--inplace")
    found, output = outcomes(project, project / "src")
    if found["test_releases_the_gil"] == "SKIPPED":
        pytest.skip("holds of the GIL cannot be measured here")
    assert found.pop("test_releases_the_gil") == "FAILED", output
    assert set(found.values()) <= {"PASSED", "SKIPPED"}, output
    assert "with nogil:" in output  # what the message advises
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        [message] = re.findall(r"^AssertionError: (.+) [\d.]+ µs$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        assert message in output


def test_page_shows_every_file():
    page = PAGE.read_text(encoding="utf-8")
    shown = set(re.findall(r"^```\{literalinclude\} project/(\S+)$", page, re.MULTILINE))
    files = {path.relative_to(PROJECT).as_posix() for path in tracked()}
    assert shown == {name for name in files if (PROJECT / name).stat().st_size}


def tracked():
    """The project's own files, whatever a build or a test run may have left between them."""
    left = {"__pycache__", ".pytest_cache", "build", "dist", "wheelhouse"}
    return [
        path
        for path in PROJECT.rglob("*")
        if path.is_file() and not left & set(path.parts[len(PROJECT.parts) :]) and path.suffix not in {".so", ".pyd"}
    ]
