"""The plugin as those who install it meet it: in another pytest, found by its entry point."""

import importlib.util
import os
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gilfree.observe import Probe, _assertions
from gilfree.observe._assertions import Gil

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
needs_counts = pytest.mark.usefixtures("counted")
starts_pytest = pytest.mark.thread_unsafe(reason="starts processes in a directory of its own")

MODULE = """
    import hashlib

    BLOCK = bytes(10**7)

    def releasing(*, size=4 * 2**20):
        hashlib.sha256(memoryview(BLOCK)[:size])

    def half():
        BLOCK.count(b"x")
        hashlib.sha256(BLOCK)
"""


@pytest.fixture
def suite(pytester, monkeypatch):
    """A test-suite elsewhere, in an environment where gilfree is installed, as pyproject.toml says that it is."""
    [(name, module)] = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["pytest11"].items()
    installed = pytester.mkdir("site") / "gilfree_as_declared-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: gilfree-as-declared\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    source = Path(importlib.util.find_spec("gilfree").origin).parents[1]
    paths = [str(installed.parent), str(source), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    pytester.makepyfile(subject=MODULE)
    return pytester


def run(suite, tests, *arguments):
    suite.makepyfile(test_it="import time, hashlib, pytest, subject\n" + tests)
    return suite.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


@starts_pytest
def test_what_releases_and_what_holds_are_told_apart(suite):
    result = run(
        suite,
        "def test_releases(gil): gil.assert_releases(hashlib.sha256, bytes(4 * 2**20))\n"
        "def test_holds(gil): gil.assert_holds(subject.BLOCK.count, b'x')\n"
        "def test_sleeps(gil): gil.assert_releases(time.sleep, 0.002)\n"
        "def test_loops(gil): gil.assert_holds(sum, range(10**5))\n"
        "def test_holding_does_not_release(gil):\n"
        "    with pytest.raises(AssertionError): gil.assert_releases(subject.BLOCK.count, b'x')\n"
        "def test_releasing_does_not_hold(gil):\n"
        "    with pytest.raises(AssertionError): gil.assert_holds(hashlib.sha256, bytes(4 * 2**20))\n",
    )
    result.assert_outcomes(passed=6)


@starts_pytest
@needs_counts
def test_a_failure_teaches(suite):
    result = run(suite, "def test_releases(gil):\n    gil.assert_releases(subject.BLOCK.count, b'x')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*gil.assert_releases(subject.BLOCK.count, b'x')",
            "E*AssertionError: bytes.count holds the GIL for all of its *",
            "E*  held          100.0 % of a call *",
            "E*  releases      0 a call",
            "E*  mechanism     exact",
            "E*Wanted: released at least once a call, and held for at most 5.0 % of it.",
            "E*Found: released 0 times a call, held for 100.0 % of it, *",
            "E*It does its work with the GIL held. *",
            "E*  Cython      with nogil:",
            "*test_it.py:3: AssertionError",
        ]
    )
    assert "_assertions.py" not in result.stdout.str(), "the traceback ends in the test"


@starts_pytest
@needs_counts
def test_a_failure_tells_held_from_released_too_seldom(suite):
    result = run(
        suite,
        "def test_share(gil): gil.assert_releases(subject.half)\n"
        "def test_count(gil): gil.assert_releases(time.sleep, 0.002, min_releases=3)\n"
        "def test_short(gil): gil.assert_releases(hashlib.sha256, b'short')\n"
        "def test_holds(gil): gil.assert_holds(time.sleep, 0.002)\n",
    )
    result.assert_outcomes(failed=4)
    share, count, short, holds = re.split(r"\n_+ test_\w+ _+\n", result.stdout.str())[1:]
    assert "It lets the GIL go, but not for all of its work." in share
    assert "too short" not in share
    assert "Wanted: released at least 3 times a call" in count
    assert "Found: released once a call" in count
    assert "Does every way through the code" in count
    assert "too short to judge by" in short
    assert "Wanted: held for at least 95.0 % of a call." in holds
    assert "safe from them" in holds


@starts_pytest
def test_keyword_arguments_reach_the_function_and_its_exceptions_the_test(suite):
    result = run(
        suite,
        "def test_keyword(gil): gil.assert_releases(subject.releasing, size=8 * 2**20, max_held=0.5)\n"
        "def test_wrong_keyword(gil):\n"
        "    with pytest.raises(TypeError, match='length'): gil.assert_releases(subject.releasing, length=1)\n"
        "def test_raises(gil):\n"
        "    with pytest.raises(ZeroDivisionError): gil.assert_holds(divmod, 1, 0)\n"
        "def test_afterwards(gil): gil.assert_releases(time.sleep, 0.002)\n",
    )
    result.assert_outcomes(passed=4)


IDLE = """
import sys
def test_imports():
    heavy = [name for name in sys.modules if name == "numpy" or name.startswith(("gilfree.observe", "gilfree.kernels"))]
    assert "gilfree.pytest_plugin" in sys.modules
    assert heavy == []
"""


@starts_pytest
def test_suites_that_do_not_use_it_import_next_to_nothing(suite, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others may import NumPy
    run(suite, IDLE, "-p", "gilfree.pytest_plugin").assert_outcomes(passed=1)
    using = IDLE.replace("test_imports()", "test_imports(gil)")
    run(suite, using, "-p", "gilfree.pytest_plugin").assert_outcomes(failed=1)


@starts_pytest
def test_it_can_be_switched_off(suite):
    result = run(suite, "def test_any(gil): pass\n", "-p", "no:gilfree")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'gil' not found*"])


@starts_pytest
def test_the_fixture_is_listed_with_what_it_does(suite):
    run(suite, "", "--fixtures").stdout.fnmatch_lines(
        ["gil [[]session scope[]]*", "*Assert that calls release the GIL*"]
    )


@starts_pytest
@pytest.mark.parametrize(
    ("plugin", "arguments"), [("xdist", ["-n", "2"]), ("pytest_run_parallel", ["--parallel-threads=3"])]
)
def test_beside_plugins_that_run_tests_at_once(suite, plugin, arguments):
    pytest.importorskip(plugin)
    result = run(
        suite,
        "def test_releases(gil): gil.assert_releases(hashlib.sha256, bytes(4 * 2**20))\n"
        "def test_holds(gil): gil.assert_holds(subject.BLOCK.count, b'x')\n"
        "def test_fails(gil):\n"
        "    with pytest.raises(AssertionError): gil.assert_releases(subject.BLOCK.count, b'x')\n",
        *arguments,
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("method", "options", "error"),
    [
        ("assert_releases", {"min_releases": -1}, ValueError),
        ("assert_releases", {"min_releases": 1.5}, TypeError),
        ("assert_releases", {"max_held": 1.01}, ValueError),
        ("assert_releases", {"max_held": float("nan")}, ValueError),
        ("assert_releases", {"max_held": "5 %"}, TypeError),
        ("assert_holds", {"min_held": -0.1}, ValueError),
        ("assert_holds", {"min_held": None}, TypeError),
    ],
)
def test_nonsense_is_refused_before_anything_is_called(method, options, error, gil):
    called = []
    with pytest.raises(error, match=f"{next(iter(options))}: wanted"):
        getattr(gil, method)(called.append, 1, **options)
    assert not called


def test_only_callables_can_be_judged(gil):
    with pytest.raises(TypeError, match="func: wanted a callable, got int"):
        gil.assert_releases(3)


FOUND = Probe("f", 0.02, (0.01, 0.03), 1, 1e-3, 0.01, {1: 1.0}, "exact", 20, 0.02)


class Scripted:
    """Instead of the prober: returns these probes one after the other."""

    def __init__(self, *probes):
        self.probes = list(probes)

    def __call__(self, budget, *, threads):
        assert budget <= 1
        assert threads == (1,), "calls from several threads at once were not agreed to"
        return self

    def measure(self, *_, count_cpu):
        assert count_cpu
        return self.probes.pop(0)


@pytest.fixture
def finds(monkeypatch):
    """Has the assertions find these probes."""

    def find(*probes):
        scripted = Scripted(*probes)
        monkeypatch.setattr(_assertions, "Prober", scripted)
        return scripted

    return find


def fails(method, **options):
    with pytest.raises(AssertionError) as caught:
        method(print, **options)
    return str(caught.value)


changes_the_prober = pytest.mark.thread_unsafe(reason="replaces the prober")


@changes_the_prober
def test_the_undisturbed_share_counts_not_the_disturbed_one(finds):
    finds(replace(FOUND, held=0.6, held_interval=(0.5, 0.7)))
    Gil().assert_releases(print)
    finds(replace(FOUND, undisturbed=0.051))
    assert "5.1 %" in fails(Gil().assert_releases)
    finds(replace(FOUND, undisturbed=0.95))
    Gil().assert_holds(print)


@changes_the_prober
def test_a_release_that_other_threads_forced_is_none(finds):
    finds(replace(FOUND, releases=1.2, undisturbed=0.99))
    assert "It does its work with the GIL held." in fails(Gil().assert_releases)


@changes_the_prober
@pytest.mark.parametrize(("mechanism", "words"), [("attached", "attached for 2"), ("sampled", "held for 2")])
def test_where_releases_cannot_be_counted_the_share_alone_counts(finds, mechanism, words):
    found = replace(FOUND, mechanism=mechanism, releases=None, undisturbed=0.9)
    finds(found)
    Gil().assert_releases(print, min_releases=100)
    finds(replace(found, held=0.2, held_interval=(0.19, 0.21)))
    message = fails(Gil().assert_releases, min_releases=100)
    assert words in message
    assert "That alone counts" in message
    assert "100 times" not in message
    finds(replace(found, held=0.94, held_interval=(0.93, 0.96)))
    Gil().assert_holds(print)


@changes_the_prober
@pytest.mark.parametrize("method", ["assert_releases", "assert_holds"])
def test_too_few_samples_are_no_answer(finds, method):
    finds(replace(FOUND, mechanism="sampled", releases=None, held=1.0, held_interval=(0.0, 1.0)))
    assert "too few samples" in fails(getattr(Gil(), method))


@changes_the_prober
def test_a_long_call_gets_a_second_chance_because_the_first_may_import(finds):
    held = replace(FOUND, calls=1, undisturbed=0.5)
    finds(held, FOUND)
    Gil().assert_releases(print)
    finds(held, held)
    fails(Gil().assert_releases)
    finds(replace(held, calls=2), FOUND)
    fails(Gil().assert_releases)


@changes_the_prober
def test_where_nothing_can_be_measured_tests_are_skipped(monkeypatch):
    def nothing(*_, **__):
        raise _assertions.NotMeasurableError("not measurable here: ...")

    monkeypatch.setattr(_assertions.Prober, "measure", nothing)
    with pytest.raises(pytest.skip.Exception, match="not measurable here"):
        Gil().assert_releases(print)
