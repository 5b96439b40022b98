"""What is measured when."""

from collections import Counter
from dataclasses import replace

import pytest
from gilfree.benchmarks.implementations import IMPLEMENTATIONS
from gilfree.benchmarks.models import MODELS as EVERY_MODEL
from gilfree.benchmarks.models import models_matching
from gilfree.benchmarks.plan import make_plan, matching, worker_counts

from gilfree.kernels import KERNELS

MODELS = ("serial", "threads", "processes-spawn", "processes-forkserver")


@pytest.mark.parametrize(
    ("cpus", "counts"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (8, (1, 2, 4, 8)), (6, (1, 2, 4, 6))]
)
def test_workers_double_up_to_the_cpus(cpus, counts):
    assert worker_counts(cpus) == counts


@pytest.mark.parametrize("cpus", [1, 2, 6, 64])
@pytest.mark.parametrize("mode", ["quick", "full"])
def test_every_implementation_runs_serially_and_in_every_model(mode, cpus):
    plan = make_plan(mode, tuple(KERNELS), MODELS, cpus)
    cells = list(plan.cells("mandelbrot"))
    assert len(cells) == len(set(cells))
    for name in IMPLEMENTATIONS:
        models = Counter(cell.model for cell in cells if cell.implementation == name)
        assert set(models) == set(MODELS)
        assert models["serial"] == 1
    assert max(plan.thread_counts) == 2 * cpus
    assert max(plan.process_counts) == cpus
    assert plan.process_counts == (cpus,) or mode == "quick"


def test_the_limit_is_never_sought_beyond_the_cpus():
    assert make_plan("quick", (), MODELS, 4).limit_counts == (2, 4)
    assert make_plan("quick", (), MODELS, 2, (1, 8)).limit_counts == (2,)
    assert make_plan("quick", (), MODELS, 1).limit_counts == ()


def test_asked_for_workers_are_taken_at_their_word():
    plan = make_plan("quick", (), MODELS, 2, (1, 3))
    assert plan.thread_counts == plan.process_counts == (1, 3)


def test_other_interpreters_get_the_same_cells():
    alone = make_plan("quick", (), MODELS, 2)
    plan = make_plan("quick", (), MODELS, 2, pythons=("3.13t", "3.14"))
    cells = list(plan.cells("mandelbrot"))
    for python in (None, "3.13t", "3.14"):
        own = [replace(cell, python=None) for cell in cells if cell.python == python]
        assert own == list(alone.cells("mandelbrot"))
    assert plan.seconds == 3 * alone.seconds
    assert str(cells[-1]).endswith(", Python 3.14")


@pytest.mark.parametrize(
    ("pattern", "models"),
    [
        ("threads", ("threads",)),
        ("processes", ("processes-spawn", "processes-forkserver")),
        ("processes*", ("processes-spawn", "processes-forkserver", "processes+shm")),
        ("joblib", ("joblib-threads", "joblib-loky")),
        ("*", tuple(EVERY_MODEL)),
        ("fibers", ()),
    ],
)
def test_models_are_chosen_by_name_or_glob(pattern, models):
    assert models_matching(pattern) == models


def test_only_the_twin_gets_the_smaller_problem():
    plan = make_plan("quick", (), MODELS, 2)
    assert {name: plan.size_for(name) for name in IMPLEMENTATIONS} == {
        "pure": "tiny",
        "held": "medium",
        "released": "medium",
    }


def test_kernels_are_chosen_by_part_of_the_name_or_glob():
    assert matching("*") == tuple(KERNELS)
    assert "mandelbrot" in matching("delb")
    assert "mandelbrot" in matching("m*t")
    assert matching("no-such-kernel") == ()
