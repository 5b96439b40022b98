"""What every kernel promises, asked of each row of KERNELS."""

import doctest
import inspect
import multiprocessing.pool
import pickle
import re
import shutil
import subprocess
import sys
import threading
import time
from array import array
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS

import gilfree
from gilfree import _kernels
from gilfree.kernels import KERNELS, _kernel

ROOT = Path(__file__).parents[2]
PACKAGE = Path(gilfree.__file__).parent

every_kernel = pytest.mark.parametrize("name", KERNELS)
every_function = pytest.mark.parametrize(
    "function", [function for kernel in KERNELS.values() for function in kernel.functions], ids=lambda f: f.__name__
)


def arrays(result):
    """A result as a tuple of arrays."""
    return tuple(map(np.asarray, result if isinstance(result, tuple) else (result,)))


def assert_identical(result, expected):
    for got, wanted in zip(arrays(result), arrays(expected), strict=True):
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        assert got.tobytes() == wanted.tobytes()


@pytest.fixture
def cut_finely(monkeypatch):
    """Cuts the small problems of the tests into as many chunks as the workers would get of large ones."""
    monkeypatch.setattr(_kernel, "CHUNK_SECONDS", 1e-9)


@every_kernel
def test_has_all_its_parts(name):
    kernel = KERNELS[name]
    assert kernel.name == name
    assert (PACKAGE / "cores" / f"{name}.pxd").is_file()
    assert (PACKAGE / "kernels" / f"{name}.py").is_file()
    assert (Path(__file__).with_name(f"test_{name}.py")).is_file()
    assert callable(getattr(_kernels, name))
    assert re.search(rf"^def {name}\(", (PACKAGE / "_kernels.pyi").read_text(), re.MULTILINE)
    assert PROBLEMS[name].kernel == name
    assert PROBLEMS[name].peers, "a kernel without a peer needs no benchmark, and no user needs it"
    assert kernel.dwarf
    assert len(kernel.twins) == len(kernel.functions)
    for function, twin in zip(kernel.functions, kernel.twins, strict=True):
        assert function.__qualname__.split(".")[0] in gilfree.__all__
        assert twin.__name__ == f"{function.__name__}_pure"


def test_no_part_is_left_over():
    cores = {path.stem for path in (PACKAGE / "cores").glob("*.pxd")}
    faces = {path.stem for path in (PACKAGE / "kernels").glob("*.py") if not path.stem.startswith("_")}
    assert faces == set(KERNELS)
    assert set(KERNELS) <= cores
    assert list(PROBLEMS) == list(KERNELS)


@every_function
def test_signature(function):
    parameters = inspect.signature(function).parameters
    assert parameters["workers"].default == 1
    assert parameters["release_gil"].default is None
    for option in ("workers", "release_gil"):
        assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY


@every_function
def test_docstring(function):
    text = inspect.getdoc(function)
    assert len(text.splitlines()[0]) <= 100
    for heading in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in text
    for word in inspect.signature(function).parameters.keys() - {"self"}:
        assert re.search(rf"^(\w+, )*{word}(, \w+)* :", text, re.MULTILINE), f"{word} is not described"
    assert "\nThread safety: " in text
    assert re.search(r"O\(|in\s+proportion", text), "no word of what it costs"


@pytest.mark.thread_unsafe(reason="doctest redirects the standard output")
def test_examples_in_docstrings():
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for name in gilfree.__all__:
        value = getattr(gilfree, name)
        if inspect.isroutine(value) or inspect.isclass(value):
            for example in finder.find(value, name, globs={}):
                runner.run(example)
    assert runner.summarize().failed == 0
    assert runner.summarize().attempted >= 2 * len(KERNELS)


@every_function
def test_pickles_by_its_public_name(function):
    assert function.__module__ == "gilfree"
    assert pickle.loads(pickle.dumps(function)) is function
    assert b"gilfree" in pickle.dumps(function)
    assert b"_kernels" not in pickle.dumps(function)


@every_kernel
def test_twin_agrees(name):
    problem, kernel = PROBLEMS[name], KERNELS[name]
    call = problem.make("tiny")
    assert problem.same(call(kernel.functions[0]), call(kernel.twins[0]))


@every_kernel
def test_the_check_of_results_can_fail(name):
    problem, kernel = PROBLEMS[name], KERNELS[name]
    right = problem.make("tiny")(kernel.functions[0])
    wrong = tuple(np.array(part, copy=True) for part in arrays(right))
    last = wrong[-1].reshape(-1)
    last[-1] = last[-1] + 1 if np.isfinite(last[-1]) else 0
    assert problem.same(right, right)
    assert not problem.same(right, wrong if isinstance(right, tuple) else wrong[0])


@every_kernel
@pytest.mark.parametrize("release_gil", [True, False, None])
@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16, 64, -1])
@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_one_answer_for_every_number_of_workers(name, workers, release_gil, cut_finely):
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    assert_identical(call(function, workers=workers, release_gil=release_gil), call(function))


def thread_pool():
    return ThreadPoolExecutor(3)


def spawned_processes():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def interpreter_pool():
    futures = pytest.importorskip("concurrent.futures.interpreter", reason="new in Python 3.14")
    return futures.InterpreterPoolExecutor(2)


def dask_cluster():
    distributed = pytest.importorskip("distributed")
    client = distributed.Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None)
    return _Closing(client.get_executor(), client)


class _Closing:
    """An executor, and what is to be closed with it."""

    def __init__(self, executor, owner):
        self.executor, self.owner = executor, owner

    def __enter__(self):
        return self.executor

    def __exit__(self, *_):
        self.executor.shutdown()
        self.owner.close()


@pytest.mark.parametrize("pool", [thread_pool, spawned_processes, interpreter_pool, dask_cluster])
@pytest.mark.filterwarnings("ignore")  # Dask's own
@pytest.mark.thread_unsafe(reason="starts processes")
def test_one_answer_on_every_executor(pool, cut_finely):
    with pool() as executor:
        for name in KERNELS:
            call = PROBLEMS[name].make("tiny")
            function = KERNELS[name].functions[0]
            for release_gil in (True, False):
                assert_identical(call(function, workers=executor, release_gil=release_gil), call(function))


@every_kernel
@pytest.mark.thread_unsafe(reason="starts threads of its own")
def test_one_answer_from_map_like_callables(name, cut_finely):
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    with multiprocessing.pool.ThreadPool(2) as pool:
        for workers in (map, pool.map, pool.imap):
            assert_identical(call(function, workers=workers), call(function))


@every_kernel
def test_works_in_a_plain_thread_pool(name):
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    expected = call(function)
    with ThreadPoolExecutor(4) as executor:
        for future in [executor.submit(call, function, release_gil=release) for release in (True, False) * 4]:
            assert_identical(future.result(), expected)


@every_kernel
def test_refuses_workers_that_cannot_work(name):
    for function in KERNELS[name].functions[:1]:
        call = PROBLEMS[name].make("tiny")
        with pytest.raises(ValueError, match="workers"):
            call(function, workers=0)
        with pytest.raises(TypeError, match="workers"):
            call(function, workers="all")


@every_kernel
def test_out(name):
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    if "out" not in inspect.signature(function).parameters:
        pytest.skip("returns no array of known shape")
    expected = call(function)
    fresh = tuple(np.empty_like(part) for part in arrays(expected))
    strided = tuple(np.empty((*part.shape, 2), part.dtype)[..., 1] for part in arrays(expected))
    for outputs in (fresh, strided):
        out = outputs if isinstance(expected, tuple) else outputs[0]
        result = call(function, out=out)
        assert all(got is given for got, given in zip(result, out, strict=True)) if len(outputs) > 1 else result is out
        assert_identical(result, expected)
    with pytest.raises(ValueError, match="out.*share memory"):
        call(function, out=fresh if len(fresh) > 1 else fresh[0], workers=map)
    with pytest.raises((TypeError, ValueError), match="out"):
        call(function, out=np.empty(1))
    read_only = tuple(part.copy() for part in fresh)
    for part in read_only:
        part.flags.writeable = False
    with pytest.raises(ValueError, match="out.*writable"):
        call(function, out=read_only if len(fresh) > 1 else read_only[0])


@every_kernel
def test_inputs_stay_as_they_are(name):
    call = PROBLEMS[name].make("tiny")
    before = pickle.dumps((call.args, call.kwargs))
    call(KERNELS[name].functions[0])
    assert pickle.dumps((call.args, call.kwargs)) == before


@every_kernel
def test_reads_read_only_memory(name):
    call = PROBLEMS[name].make("tiny")
    expected = call(KERNELS[name].functions[0])
    for value in call.args:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    assert_identical(call(KERNELS[name].functions[0]), expected)


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL to hold")
@every_kernel
@pytest.mark.thread_unsafe(reason="sets the switch interval")
def test_releases_and_holds_the_gil(name):
    """Whether another thread gets to run Python during a call, when nobody is made to give the GIL up."""
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    call(function)  # whatever is imported on first use
    turns, done = [0], threading.Event()

    def take_turns():
        while not done.is_set():
            turns[0] += 1
            time.sleep(0)  # lets the GIL go, and takes it again as soon as it is free

    interval = sys.getswitchinterval()
    other = threading.Thread(target=take_turns)
    try:
        sys.setswitchinterval(100)
        other.start()
        for release_gil in (False, True):
            before = turns[0]
            # On a busy machine, the other thread may not have a CPU by the time that the GIL is free.
            calls, end = 0, time.monotonic() + 20
            while turns[0] == before and (calls < 200 or (release_gil and time.monotonic() < end)):
                call(function, release_gil=release_gil)
                calls += 1
            assert (turns[0] != before) == release_gil
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join()


class RefusedError(Exception):
    pass


def refuse(work, *_, **__):
    raise RefusedError(work)


@every_kernel
@pytest.mark.thread_unsafe(reason="patches")
def test_a_flag_that_is_set_stops_it(name):
    """In the compiled function, which every way of cancelling ends in."""
    flag = array("i", [0])
    _kernels.stop(flag)
    call = PROBLEMS[name].make("large")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("_arrays", name):  # which of the two calls it depends on what the kernel returns
            patch.setattr(f"gilfree.kernels.{module}.share", refuse, raising=False)
        with pytest.raises(RefusedError) as caught:
            call(KERNELS[name].functions[0], workers=map)
    work = caught.value.args[0]
    core, arguments = work.core, (*work.inputs, *work.outputs)
    for release_gil in (True, False):
        with pytest.raises(gilfree.Cancelled):
            getattr(_kernels, core)(*arguments, release_gil=release_gil, stop=flag)


def compiled_cores():
    """The entry functions of the cores, as `_kernels.pyx` imports them."""
    source = (ROOT / "src" / "gilfree" / "_kernels.pyx").read_text()
    return [
        (module, function)
        for module, names in re.findall(r"^from gilfree\.cores\.(\w+) cimport (.*)", source, re.MULTILINE)
        for function in re.findall(r"(\w+) as \w+_core", names)
    ]


@pytest.mark.skipif(not (ROOT / "src" / "gilfree" / "_kernels.pyx").is_file(), reason="needs the source")
class TestMachineCode:
    @pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump (binutils)")
    def test_both_twins_run_the_same(self):
        """One symbol, called from both branches: else a comparison of the twins compares two compilations.

        clang may inline an entry that does no more than choose between functions; then these are the symbols.
        """
        listing = subprocess.run(
            ["objdump", "--disassemble", "--no-show-raw-insn", _kernels.__file__],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        cores = compiled_cores()
        assert len(cores) >= len(KERNELS)
        parts = re.split(r"^[0-9a-f]+ <([^>]+)>:$", listing, flags=re.MULTILINE)
        bodies = {name: body for name, body in zip(parts[1::2], parts[2::2], strict=True) if not name.endswith(".cold")}
        for module, function in cores:
            # The function itself (pf), where it is not inlined into the one that parses its arguments (pw).
            entry = [
                name
                for name in bodies
                if re.fullmatch(rf"__pyx_p[fw]_7gilfree_8_kernels_\d+{function}(?:\.\w+)*", name)
            ]
            assert 1 <= len(entry) <= 2, f"{function}: {entry}"
            # These come once, outside of the branches: `discard` after them, and between two such pairs `size_of`,
            # which calls `arrange`. Some compilers inline them.
            symbol = rf"\w*__pyx_f_7gilfree_5cores_{len(module)}{module}_(?!(?:discard|size_of|arrange)\b)[\w.]+"
            of_core = rf"(?:call|bl|jmp)q?\s.*<({symbol})>"
            calls = Counter(re.findall(of_core, "".join(bodies[name] for name in entry)))
            assert calls, f"{module}.{function} was inlined"
            assert min(calls.values()) > 1, f"{module}.{function} was inlined into one of the branches: {calls}"

    def test_whatever_runs_without_the_gil_is_kept_apart(self):
        """gcc inlines a core where it likes; those that it inlines today are not all."""
        source = (ROOT / "src" / "gilfree" / "_kernels.pyx").read_text()
        called = re.findall(r"with nogil:\n +status = (\w+)\(", source)
        assert source.count("with nogil:") == len(called)
        assert set(called) == set(re.findall(r"^keep_apart\((\w+)\)$", source, re.MULTILINE))
        assert len(set(called)) >= len(KERNELS)

    def test_cores_touch_no_python(self):
        pytest.importorskip("Cython")
        subprocess.run([sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, check=True)
        generated = (ROOT / "build" / "cython" / "src" / "gilfree" / "_kernels.c").read_text()
        bodies = re.findall(
            r"^static [^\n;]*?(__pyx_f_7gilfree_5cores_\w+)\([^;{]*\) \{\n(.*?)^\}", generated, re.MULTILINE | re.DOTALL
        )
        assert {module for module, _ in compiled_cores()} <= {
            module for name, _ in bodies for module, _ in compiled_cores() if f"{len(module)}{module}_" in name
        }
        for name, body in bodies:
            assert not re.search(r"\bPy(?!_ssize_t)[A-Z_]\w+|__Pyx_\w+|__pyx_mstate", body), name
