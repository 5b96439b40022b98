"""The model of how far a kernel scales, and the share of a call that is outside of its core."""

import time

import pytest
from gilfree.benchmarks.outside import outside
from gilfree.benchmarks.prediction import COUNTS, Machine, fit, predict, speedup

import gilfree
from gilfree import _kernels


@pytest.mark.parametrize("serial", [0.0, 0.01, 0.25, 1.0])
def test_with_the_gil_alone_it_is_amdahls_law(serial):
    for workers in COUNTS:
        assert speedup(workers, serial) == pytest.approx(1 / (serial + (1 - serial) / workers))


def test_what_runs_without_the_gil_is_slowed_as_independent_processes_are():
    machine = Machine(queueing=0.05, exchange=0.001)
    assert speedup(8, 0.0, machine) == pytest.approx(8 / (1 + 0.05 * 7 + 0.001 * 8 * 7))
    assert speedup(8, 1.0, machine) == pytest.approx(1.0), "one at a time, they take nothing from each other"
    assert speedup(1, 0.3, machine) == 1.0


def test_two_cpus_tell_the_queueing_alone():
    machine = fit([(2, 1.9)])
    assert speedup(2, 0.0, machine) == pytest.approx(1.9)
    assert machine.exchange == 0.0


def test_a_fit_finds_the_losses_that_made_the_ratios():
    made = Machine(queueing=0.03, exchange=0.0004)
    found = fit([(count, speedup(count, 0.0, made)) for count in (2, 4, 8, 16)])
    assert found.queueing == pytest.approx(made.queueing)
    assert found.exchange == pytest.approx(made.exchange)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([], Machine()),
        ([(1, 1.0)], Machine()),
        ([(2, 2.1)], Machine()),  # noise: two processes do not do more than twice the work
        ([(2, 2.0), (4, 4.2)], Machine()),
    ],
)
def test_no_loss_is_negative(ratios, expected):
    assert fit(ratios) == expected


def test_of_two_losses_one_of_which_would_be_negative_the_other_remains():
    only_queueing = fit([(2, 1.5), (4, 2.4), (8, 4.2)])
    assert only_queueing.exchange == 0.0
    assert only_queueing.queueing > 0
    only_exchange = fit([(2, 1.99), (4, 3.6), (8, 4.0)])
    assert only_exchange.queueing == 0.0
    assert only_exchange.exchange > 0


def cell(implementation, model, workers, median=None, *, held=None, python=None):
    return {
        "implementation": implementation,
        "model": model,
        "workers": workers,
        "python": python,
        "gil": None if held is None else {"held": held},
        "outside": None if held is None else 0.04,
        "speedup": None if median is None else {"median": median},
    }


KERNEL = {
    "limits": [{"workers": 2, "ratio": {"median": 1.9, "low": 1.8, "high": 2.0}}],
    "cells": [
        cell("pure", "serial", 1, 1.0),
        cell("released", "serial", 1, 1.0, held=0.05),
        cell("released", "serial", 1, 1.0, held=0.5, python="3.99"),
        cell("released", "threads", 1, 0.98),
        cell("released", "threads", 2, 1.8),
        cell("released", "threads", 4, 1.9),
        cell("released", "threads", 2, 1.1, python="3.99"),
        cell("released", "asyncio", 2, 1.2),
        cell("held", "threads", 2, 1.0),
    ],
}


def test_predicted_is_what_the_observer_saw_and_checked_is_what_has_cpus():
    found = predict(KERNEL, 2)
    [each] = found["implementations"]
    assert (each["implementation"], each["held"], each["outside"]) == ("released", 0.05, 0.04)
    assert [point["workers"] for point in each["points"]] == list(COUNTS)
    assert [check["workers"] for check in each["checks"]] == [1, 2]
    two = each["checks"][1]
    assert two["predicted"] == pytest.approx(speedup(2, 0.05, fit([(2, 1.9)])))
    assert two["deviation"] == pytest.approx(1.8 / two["predicted"] - 1)
    assert found["queueing"] == pytest.approx(2 / 1.9 - 1)
    assert found["exchange"] is None


def test_the_interval_of_the_limit_is_that_of_the_prediction():
    [each] = predict(KERNEL, 2)["implementations"]
    for point in each["points"][1:]:
        assert point["low"] < point["median"] < point["high"] <= point["gil"]


def test_without_a_limit_the_machine_loses_nothing():
    found = predict({**KERNEL, "limits": [{"workers": 2, "ratio": None}]}, 2)
    assert found["queueing"] is found["exchange"] is None
    for point in found["implementations"][0]["points"]:
        assert point["median"] == point["low"] == point["high"] == point["gil"]


def test_outside_is_what_is_not_in_the_core():
    def core():
        gilfree.mandelbrot(400, 300, max_iterations=500, release_gil=True)

    def face_and_core():
        time.sleep(0.05)
        gilfree.mandelbrot(4, 3, max_iterations=10, release_gil=True)

    assert outside(core) < 0.5
    assert outside(face_and_core) > 0.9


def test_what_never_goes_to_the_core_has_no_such_share():
    before = _kernels.call
    assert outside(lambda: sum(range(100))) is None
    assert _kernels.call is before
