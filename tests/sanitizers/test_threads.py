"""What several threads do at once with the same arguments: for ThreadSanitizer to look at, and true without it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS

import gilfree
from gilfree import observe
from gilfree.kernels import KERNELS

THREADS = 4

every_kernel = pytest.mark.parametrize("name", KERNELS)
pytestmark = pytest.mark.thread_unsafe(reason="has threads of its own")


def at_once(function, count=THREADS):
    """What the function returns, given 0, 1 and so on, in so many threads that start together."""
    together = threading.Barrier(count)

    def start(number):
        together.wait(timeout=60)
        return function(number)

    with ThreadPoolExecutor(count) as executor:
        return list(executor.map(start, range(count)))


def plain(result):
    return tuple(np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,)))


@every_kernel
def test_calls_share_their_inputs(name):
    call, function = PROBLEMS[name].make("tiny"), KERNELS[name].functions[0]
    expected = plain(call(function))
    got = at_once(lambda number: [plain(call(function, release_gil=number % 2 == 0)) for _ in range(2)])
    assert got == [[expected] * 2] * THREADS


@every_kernel
def test_calls_share_their_workers(name):
    call, function = PROBLEMS[name].make("tiny"), KERNELS[name].functions[0]
    expected = plain(call(function))
    with ThreadPoolExecutor(2) as executor:
        got = at_once(lambda number: plain(call(function, workers=(executor, 2)[number % 2], release_gil=True)))
    assert got == [expected] * THREADS


@every_kernel
def test_a_scope_is_cancelled_while_several_calls_run_in_it(name):
    call, function = PROBLEMS[name].make("tiny"), KERNELS[name].functions[0]
    scopes = [gilfree.cancel_scope() for _ in range(2)]
    started = [threading.Event() for _ in scopes]

    def run(number):
        scope = number // 2
        if number % 2:
            assert started[scope].wait(60)
            time.sleep(0.02)
            scopes[scope].cancel()
            return True
        with scopes[scope]:
            started[scope].set()
            try:
                while True:
                    call(function, release_gil=True, workers=2)
            except gilfree.Cancelled:
                return True

    assert at_once(run, 2 * len(scopes)) == [True] * (2 * len(scopes))


def test_observers_watch_kernels_and_each_other():
    call, function = PROBLEMS["mandelbrot"].make("tiny"), gilfree.mandelbrot
    expected = plain(call(function))

    def run(_):
        with observe():
            return [plain(call(function, release_gil=release)) for release in (True, False)]

    assert at_once(run) == [[expected] * 2] * THREADS
