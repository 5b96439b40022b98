"""What is measured of polling: the compiled functions that calls lead to."""

import ctypes
from types import ModuleType

import pytest
from gilfree.benchmarks import polling

from gilfree import _kernels
from gilfree.kernels import KERNELS


# One that returns an array, and the two that return something else.
@pytest.mark.parametrize("kernel", ["viterbi", "exact_cover", "pattern_set"])
@pytest.mark.thread_unsafe(reason="patches")
def test_core_and_arguments_of_a_call(kernel):
    core, arguments = polling.arguments(kernel, "medium")
    assert core.startswith(kernel)
    assert polling.seconds(_kernels, core, arguments, release_gil=True) > 0


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name not in ("exact_cover", "pattern_set")])
@pytest.mark.thread_unsafe(reason="patches")
def test_the_same_call_is_made_again_and_again(kernel):
    core, arguments = polling.arguments(kernel, "tiny")
    for _ in range(2):
        arguments[-1].view("u1")[...] = 77  # the last is a result
        polling.seconds(_kernels, core, arguments, release_gil=True)
        assert (arguments[-1].view("u1") != 77).any()


def test_cost_is_that_of_one_poll(monkeypatch):
    polls = ctypes.c_int(1)
    monkeypatch.setattr(polling, "seconds", lambda *_, **__: 2.0 + polls.value * 0.004)
    whole, share = polling.cost("mandelbrot", ModuleType("one whose calls are not made"), polls)
    assert whole == pytest.approx(2.004)
    assert share == pytest.approx(0.004 / 2.004)
