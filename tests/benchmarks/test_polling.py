"""What is measured of polling: the compiled functions that calls lead to."""

import pytest
from gilfree.benchmarks import polling

from gilfree import _kernels


# One that returns an array, and the two that return something else.
@pytest.mark.parametrize("kernel", ["viterbi", "exact_cover", "pattern_set"])
@pytest.mark.thread_unsafe(reason="patches")
def test_core_and_arguments_of_a_call(kernel):
    core, arguments = polling.arguments(kernel, "medium")
    assert core.startswith(kernel)
    assert polling.seconds(_kernels, core, arguments, release_gil=True) > 0
