"""One cell: what it answers, and that it notices wrong results and dies cleanly."""

import io
import json
import os
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from gilfree.benchmarks import cell as cell_module
from gilfree.benchmarks.cell import Order, WrongResultError, identical, take_part
from gilfree.benchmarks.models import MODELS
from gilfree.benchmarks.problems import mandelbrot
from gilfree.benchmarks.remote import CellError, MissingError, RemoteCell

from gilfree.observe import NotMeasurableError, Prober

ORDER = Order("mandelbrot", "released", "serial", 1, "tiny", 4)


def converse(order, runs=2):
    """Be a cell's parent, in one process with it; return its answers."""
    answers = io.StringIO()
    take_part(io.StringIO(json.dumps(asdict(order)) + "\n" + '{"run": 2}\n' * runs), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


@pytest.mark.parametrize("implementation", ["pure", "held", "released"])
@pytest.mark.parametrize("model", ["serial", "threads", "asyncio"])
def test_a_cell_gets_ready_runs_and_ends(implementation, model):
    ready, *runs, end = converse(replace(ORDER, implementation=implementation, model=model, workers=2), runs=3)
    assert ready["ready"].pop("seconds") > 0
    assert (ready["ready"].pop("startup") > 0) == (model != "serial")
    assert (ready["ready"].pop("gil") is not None) == (implementation != "pure" and model == "serial")
    outside = ready["ready"].pop("outside")
    assert (outside is not None) == (implementation != "pure" and model == "serial")
    assert outside is None or 0 <= outside <= 1
    assert ready["ready"] == {"units": 32 * 24, "pieces": 4, "pickled": None}
    assert len(runs) == 3
    assert all(run["seconds"] > 0 for run in runs)
    assert set(end["end"]["gil_enabled"]) == {"before", "after"}


def test_the_serial_cells_tell_who_holds_the_gil():
    held, released = (
        converse(replace(ORDER, implementation=name, size="medium"))[0]["ready"]["gil"] for name in ("held", "released")
    )
    assert held["mechanism"] == released["mechanism"]
    if held["mechanism"] != "attached":
        assert held["held"] > 0.9
        assert held["ceiling"] == pytest.approx(1 / held["held"])
    assert released["held"] < 0.5
    assert released["ceiling"] is None or released["ceiling"] > 2


def test_what_cannot_be_measured_is_null(monkeypatch):
    def nothing(*_, **__):
        raise NotMeasurableError("not measurable here")

    monkeypatch.setattr(Prober, "measure", nothing)
    assert converse(ORDER)[0]["ready"]["gil"] is None


def test_a_run_goes_through_the_pieces_as_often_as_it_is_told(monkeypatch):
    calls = []

    class Counting:
        def __init__(self, task):
            self.task = task

        def __call__(self, call):
            calls.append(call)
            return self.task(call)

    honest = cell_module.IMPLEMENTATIONS["held"]
    monkeypatch.setitem(
        cell_module.IMPLEMENTATIONS, "held", replace(honest, task=lambda kernel: Counting(honest.task(kernel)))
    )
    converse(replace(ORDER, implementation="held", model="threads"), runs=3)  # serial ones are probed besides
    assert len(calls) == 3 * 4 + 3 * 2 * 4, "three times to get ready, and twice in each of three runs"


@pytest.mark.parametrize("implementation", ["pure", "held"])
def test_a_wrong_result_is_noticed_before_anything_is_timed(monkeypatch, implementation):
    class Wrong:
        def __init__(self, task):
            self.task = task

        def __call__(self, call):
            result = np.array(self.task(call))
            result[-1, -1] += 1
            return result

    honest = cell_module.IMPLEMENTATIONS[implementation]
    lying = replace(honest, task=lambda kernel: Wrong(honest.task(kernel)))
    monkeypatch.setitem(cell_module.IMPLEMENTATIONS, implementation, lying)
    with pytest.raises(WrongResultError, match="piece 0 of 4"):
        converse(replace(ORDER, implementation=implementation))


def test_a_result_that_goes_wrong_later_is_noticed_too(monkeypatch):
    calls = []

    class Worsening:
        def __init__(self, task):
            self.task = task

        def __call__(self, call):
            calls.append(call)
            result = self.task(call)
            return result + 1 if len(calls) == 12 + 8 + 6 else result  # warm-up, first run, and the end of the second

    honest = cell_module.IMPLEMENTATIONS["held"]
    monkeypatch.setitem(
        cell_module.IMPLEMENTATIONS, "held", replace(honest, task=lambda kernel: Worsening(honest.task(kernel)))
    )
    with pytest.raises(WrongResultError, match="piece 1 of 4"):
        converse(replace(ORDER, implementation="held", model="threads"))


def test_identical_means_every_bit():
    zeros = np.zeros(3)
    assert identical(zeros, np.zeros(3))
    assert not identical(zeros, -zeros)
    assert not identical(zeros, zeros.astype(np.float32))
    assert not identical(zeros, np.zeros(4))
    assert identical(np.array([np.nan]), np.array([np.nan]))
    assert identical((zeros, [1]), (np.zeros(3), [1]))
    assert not identical((zeros, [1]), (np.zeros(3), [2]))
    assert not identical([1], [1, 2])
    assert not identical(1, 1.0)


PICKLING = {"processes-spawn", "processes-forkserver", "processes+shm", "joblib-loky", "dask"}


@pytest.mark.parametrize(
    ("model", "implementation"),
    # In other interpreters the two go different ways.
    [*((model, "released") for model in MODELS), ("interpreters", "pure")],
)
def test_every_model_in_a_process_of_its_own(model, implementation):
    if reason := MODELS[model].missing():
        pytest.skip(reason)
    remote = RemoteCell(
        replace(ORDER, kernel="nearest_neighbors", model=model, implementation=implementation, workers=2)
    )
    try:
        ready = remote.wait_until_ready()
        if model != "interpreters":  # which share arrays, and get lists pickled
            assert (ready["pickled"] is not None) == (model in PICKLING)
        assert ready["startup"] > 0 or model == "serial"
        assert remote.heartbeat() > 0
        memory = remote.peak_memory()
        assert memory is None or memory > 10_000_000
        assert remote.run(1) > 0
        assert remote.run(2) > 0
        assert remote.finish()["gil_enabled"]
    finally:
        remote.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program that is a script")
def test_a_model_that_the_other_interpreter_lacks_is_missing_and_not_failed(tmp_path):
    poor = tmp_path / "python"
    lines = "import sys; from gilfree.benchmarks import cell, models"
    lines += "; object.__setattr__(models.MODELS['dask'], 'missing', lambda: 'no dask here'); sys.exit(cell.main())"
    modules = Path(cell_module.__file__).resolve().parents[1] / "src"
    path = os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")])
    poor.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" -c "{lines}"\n')
    poor.chmod(0o700)
    remote = RemoteCell(replace(ORDER, model="dask"), str(poor))
    try:
        with pytest.raises(MissingError, match="no dask here"):
            remote.wait_until_ready()
    finally:
        remote.close()


def test_input_is_made_once_and_found_by_the_others(tmp_path):
    order = replace(ORDER, prepared=str(tmp_path / "input.pickle"))
    pieces, results = cell_module.prepare(order)
    assert [path.name for path in tmp_path.iterdir()] == ["input.pickle"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_module, "PROBLEMS", {})  # nothing can be made any more
        found, expected = cell_module.prepare(order)
    assert found == pieces
    assert identical(expected, results)
    assert [json.loads(line) for line in told(replace(order, only_prepare=True)).splitlines()] == [{"ready": {}}]


def told(order):
    answers = io.StringIO()
    take_part(io.StringIO(json.dumps(asdict(order)) + "\n"), answers)
    return answers.getvalue()


def test_a_problem_whose_package_is_not_installed_is_missing(monkeypatch):
    def make(_):
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.setattr(mandelbrot, "PROBLEM", replace(mandelbrot.PROBLEM, make=make))
    [answer] = told(ORDER).splitlines()
    assert json.loads(answer) == {"missing": "the problem needs sklearn, which is not installed: pip install sklearn"}


@pytest.mark.skipif(not cell_module.gil_enabled(), reason="nothing keeps a thread waiting where there is no GIL")
def test_the_heartbeat_waits_as_long_as_a_call_that_holds_the_gil():
    call = cell_module.PROBLEMS["mandelbrot"].make("medium")
    with cell_module.heartbeat() as gaps:
        start = time.perf_counter()
        call(cell_module.KERNELS["mandelbrot"].functions[0], release_gil=False)
        lasted = time.perf_counter() - start
    assert max(gaps) > lasted / 2
    assert len(gaps) >= 2


def test_what_is_wrong_with_an_order_reaches_the_parent():
    remote = RemoteCell(replace(ORDER, kernel="no_such_kernel"))
    try:
        with pytest.raises(CellError, match="KeyError: 'no_such_kernel'"):
            remote.wait_until_ready()
    finally:
        remote.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die of")
def test_a_killed_cell_is_reported():
    remote = RemoteCell(ORDER)
    try:
        remote.wait_until_ready()
        os.kill(remote.pid, signal.SIGKILL)
        with pytest.raises(CellError, match="killed by SIGKILL"):
            remote.run(1)
    finally:
        remote.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("crash", [False, True])
def test_closing_a_cell_leaves_no_worker_behind(crash):
    remote = RemoteCell(replace(ORDER, model="processes-spawn", workers=2))
    try:
        remote.wait_until_ready()
        assert len(group(remote.pid)) > 2
        if crash:
            os.kill(remote.pid, signal.SIGKILL)
            with pytest.raises(CellError):
                remote.run(1)
    finally:
        remote.close()
    deadline = time.monotonic() + 10
    while group(remote.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert group(remote.pid) == []


def group(leader):
    """The living processes of a group."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(process_group) == leader and state != "Z":
            members.append(int(stat.parent.name))
    return members
