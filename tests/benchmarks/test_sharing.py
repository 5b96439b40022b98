"""What goes to workers that do not share the caller's objects, and what it takes in memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gilfree.benchmarks.cell import identical
from gilfree.benchmarks.memory import Group, members
from gilfree.benchmarks.problems import PROBLEMS, Call
from gilfree.benchmarks.remote import PREFIX
from gilfree.benchmarks.sharing import SharedTask, Sharing
from gilfree.benchmarks.weights import pickled, plain

from gilfree.kernels import KERNELS

NAMED = Path("/dev") / "shm"


class Task:
    """Calls a kernel, and remembers what it was given."""

    def __init__(self, name):
        self.function = KERNELS[name].functions[0]
        self.given = []

    def __call__(self, call):
        self.given.append(call)
        return call(self.function)


def blocks():
    return list(NAMED.glob(f"{PREFIX}-{os.getpid()}-*"))


@pytest.mark.parametrize("name", KERNELS)
def test_shared_arrays_give_the_same_results_in_both_directions(name):
    pieces = PROBLEMS[name].split(PROBLEMS[name].make("tiny"), 3)
    expected = [piece(KERNELS[name].functions[0]) for piece in pieces]
    task = Task(name)
    with Sharing(map) as sharing:
        for _ in range(3):  # the first time results are pickled, then they go through shared memory
            assert identical(list(sharing.run(task, pieces)), expected)
            assert identical(list(sharing.run(task, pieces * 2)), expected * 2)
        del task
    assert blocks() == []


def test_workers_find_arrays_where_they_are_and_are_sent_next_to_nothing():
    piece = Call((np.arange(100_000.0), "text"), {"pair": (np.ones(50_000), 3)})
    kept = []

    def task(call):
        kept.append(call)
        return call.args[0] * 2

    with Sharing(map) as sharing:
        for _ in range(2):
            assert np.array_equal(next(iter(sharing.run(task, [piece]))), piece.args[0] * 2)
        first, second = (call.args[0] for call in kept)
        assert np.shares_memory(first, second)
        assert not np.shares_memory(first, piece.args[0])
        assert kept[0].args[1] == "text"
        assert kept[0].kwargs["pair"][1] == 3
        weight = sharing.weigh(abs, [piece], [piece.args[0] * 2])
        assert weight["arguments"] < 1000
        assert weight["results"] < 10
        del first, second
        kept.clear()


def test_results_that_are_not_arrays_are_pickled():
    with Sharing(map) as sharing:
        for _ in range(2):
            assert list(sharing.run(lambda call: (call.args[0], 1.5), [Call((7,))])) == [(7, 1.5)]


def test_a_worker_leaves_arrays_where_it_is_told():
    assert SharedTask(lambda call: call.args[0] + 1)((Call((1,)), None)) == 2


def test_pickled_bytes_are_those_of_the_arrays_unless_they_go_by_a_file():
    pieces, results = [np.zeros(1000), np.ones(10)], [np.zeros(500)]
    whole = pickled(abs, pieces, results)
    assert 8 * 1010 < whole["arguments"] < 8 * 1010 + 1000
    assert 8 * 500 < whole["results"] < 8 * 500 + 500
    mapped = pickled(abs, pieces, results, mapped=4000)
    assert mapped["arguments"] < 8 * 10 + 1000
    assert mapped["results"] == whole["results"], "which joblib does not map"


def test_plain_has_nothing_of_numpy():
    value = plain((np.arange(3), [np.float64(0.5), "text"], {"k": np.array([[True]])}))
    assert value == ([0, 1, 2], [0.5, "text"], {"k": [[True]]})
    assert type(value[1][0]) is float


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell the PSS")
def test_the_memory_of_a_group_is_that_of_all_its_processes():
    fill = "import sys; block = bytearray(b'x' * 30_000_000); print('ready', flush=True); sys.stdin.read()"
    first = subprocess.Popen(
        [sys.executable, "-c", fill], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    )
    second = subprocess.Popen(
        [sys.executable, "-c", fill], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=first.pid
    )
    try:
        for process in (first, second):
            assert process.stdout.readline().strip() == b"ready"
        assert sorted(members(first.pid)) == sorted([first.pid, second.pid])
        assert 60_000_000 < Group(first.pid).pss() < 160_000_000
    finally:
        for process in (first, second):
            process.communicate()
    assert members(first.pid) == []
    assert Group(first.pid).pss() is None
