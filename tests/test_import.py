"""What `import gilfree` does, each time in a fresh interpreter."""

import json
import os
import subprocess
import sys

import pytest

import gilfree


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def output(code, **environment):
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PRINT = "import json, sys; print(json.dumps("


def test_imports_no_numpy_and_starts_nothing():
    code = (
        "import gilfree, threading, "
        + PRINT.removeprefix("import ")
        + "['numpy' in sys.modules, threading.active_count()]))"
    )
    assert output(code) == [False, 1]


def test_kernels_without_arrays_import_no_numpy():
    """Nor does importing any of the others."""
    code = (
        "import json, sys, gilfree.kernels\n"
        "from gilfree import *\n"
        "assert edit_distance('kitten', 'sitting') == 3\n"
        "assert count_exact_covers(['ab', 'c']) == len(find_exact_cover(['abc'])) == 1\n"
        "assert PatternSet(['a']).count('banana', workers=2) == 3\n"
        "before = 'numpy' in sys.modules\n"
        "mandelbrot(1, 1)\n"
        "print(json.dumps([before, 'numpy' in sys.modules]))"
    )
    assert output(code) == [False, True]


def test_every_public_name_is_there():
    for name in gilfree.__all__:
        assert getattr(gilfree, name) is not None
        assert name in dir(gilfree)
    with pytest.raises(AttributeError, match="no_such_name"):
        gilfree.no_such_name  # noqa: B018


def levels():
    return output("import gilfree._kernels as k; " + PRINT + "k.supported_levels()))")


def test_the_best_level_is_chosen():
    code = "import gilfree, gilfree.isa, gilfree._kernels as k; " + PRINT + "[gilfree.isa.current_level(), k.LEVEL]))"
    chosen, loaded = output(code, GILFREE_ISA="")
    assert chosen == loaded
    assert chosen in levels()


@pytest.mark.parametrize("level", ["baseline", "v3", "v4"])
def test_a_level_can_be_forced(level):
    done = run("import gilfree._kernels as k; print(k.LEVEL, k.__name__)", GILFREE_ISA=level)
    if level not in levels():
        assert "ImportError: GILFREE_ISA: wanted one of" in done.stderr
        pytest.skip(f"this processor does not run {level}; it was refused, as it should be")
    if "ImportError" in done.stderr:
        pytest.skip(f"{level} was not built")
    assert done.stdout.split()[0] == level


@pytest.mark.parametrize("level", ["v5", "V4", "avx2"])
def test_a_level_that_is_none(level):
    done = run("import gilfree", GILFREE_ISA=level)
    assert done.returncode == 1
    assert "ImportError: GILFREE_ISA: wanted one of baseline" in done.stderr
    assert f"got {level}" in done.stderr


def test_all_levels_give_the_same_answer():
    """As far as the contract promises it: integers, and floats computed in one fixed order."""
    code = (
        "import gilfree, hashlib, pickle, numpy as np\n"
        "from gilfree.benchmarks.problems import PROBLEMS\n"
        "from gilfree.kernels import KERNELS\n"
        "import json; print(json.dumps({name: hashlib.sha256(pickle.dumps("
        "PROBLEMS[name].make('tiny')(KERNELS[name].functions[0]))).hexdigest() for name in KERNELS}))"
    )
    forced = [level for level in levels() if run("import gilfree", GILFREE_ISA=level).returncode == 0]
    answers = [output(code, GILFREE_ISA=level) for level in forced]
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled") or sys._is_gil_enabled(), reason="not a free-threaded Python")
def test_nothing_switches_the_gil_back_on():
    code = (
        "import pkgutil, importlib, sys, gilfree\n"
        "for module in pkgutil.walk_packages(gilfree.__path__, 'gilfree.'):\n"
        "    if '__main__' not in module.name and 'benchmarks' not in module.name:\n"
        "        importlib.import_module(module.name)\n"
        "import json; print(json.dumps(sys._is_gil_enabled()))"
    )
    assert output(code) is False
