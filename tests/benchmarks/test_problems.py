"""The problems, as the suite relies on them."""

import pytest
from gilfree.benchmarks.implementations import IMPLEMENTATIONS
from gilfree.benchmarks.problems import PROBLEMS

from gilfree.kernels import KERNELS


def test_every_kernel_has_one():
    assert set(PROBLEMS) == set(KERNELS)
    assert all(problem.kernel == name for name, problem in PROBLEMS.items())


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("size", ["tiny", "small"])
@pytest.mark.parametrize("count", [1, 2, 7, 16, 1000])
def test_the_pieces_are_the_whole(name, size, count):
    problem = PROBLEMS[name]
    call = problem.make(size)
    pieces = problem.split(call, count)
    assert 1 <= len(pieces) <= count
    assert sum(map(problem.units, pieces)) == problem.units(call)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_every_implementation_solves_every_piece(name, implementation):
    problem, kernel = PROBLEMS[name], KERNELS[name]
    for piece in problem.split(problem.make("tiny"), 4):
        ours = IMPLEMENTATIONS["released"].task(kernel)(piece)
        assert problem.same(ours, IMPLEMENTATIONS[implementation].task(kernel)(piece))
