"""Cancel scopes: who is stopped, by what, and what it raises."""

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from array import array
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS

import gilfree
from gilfree import _kernels
from gilfree.kernels import KERNELS

every_kernel = pytest.mark.parametrize("name", KERNELS)

NEVER = 2**63 - 1


def endless(**options):
    """A call that would take minutes."""
    return gilfree.mandelbrot(20_000, 20_000, max_iterations=10**9, **options)


def again_and_again(name, **options):
    """Call a kernel, for less than a second each time, until that raises."""
    try:
        call = PROBLEMS[name].make("medium")
    except ModuleNotFoundError as error:
        pytest.skip(f"the problem is made with {error.name}")
    while True:
        yield call(KERNELS[name].functions[0], **options)


def soon(func):
    """Have another thread call it when the kernel that is called next is at work."""
    threading.Timer(0.1, func).start()


def in_thread(func, *args):
    """Start a thread, and return a future of what the function does in it."""
    future = Future()

    def work():
        try:
            future.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


class TestEveryKernel:
    """The calls would go on for ever; that they end at all is the proof."""

    @pytest.mark.parametrize("options", [{}, {"workers": 2}, {"release_gil": False}], ids=["alone", "cut", "held"])
    @every_kernel
    def test_stops_at_the_deadline(self, name, options):
        calls = again_and_again(name, **options)
        next(calls)
        with pytest.raises(TimeoutError, match="deadline"), gilfree.cancel_scope(0.1) as scope:
            list(calls)
        assert scope.timed_out
        assert not scope.cancelled

    @pytest.mark.parametrize("workers", [1, 2])
    @every_kernel
    def test_stops_when_another_thread_cancels(self, name, workers):
        calls = again_and_again(name, workers=workers)
        next(calls)
        scope = gilfree.cancel_scope()
        soon(scope.cancel)
        with pytest.raises(gilfree.Cancelled), scope:
            list(calls)
        assert scope.cancelled
        assert not scope.timed_out

    @pytest.mark.parametrize("options", [{}, {"workers": 2}, {"workers": map}, {"release_gil": False}], ids=str)
    @every_kernel
    def test_begins_nothing_in_a_scope_that_is_over(self, name, options):
        call = PROBLEMS[name].make("tiny")
        with gilfree.cancel_scope() as scope:
            scope.cancel()
            for function in KERNELS[name].functions[:1]:
                with pytest.raises(gilfree.Cancelled):
                    call(function, **options)
        with gilfree.cancel_scope(0):
            for function in KERNELS[name].functions[:1]:
                with pytest.raises(TimeoutError):
                    call(function, **options)


@pytest.mark.parametrize(
    "call",
    [
        lambda: gilfree.edit_distance("a", "b"),
        lambda: gilfree.edit_distance(b"", b""),
        lambda: gilfree.edit_distances(["a"], ["b"]),
        lambda: gilfree.PatternSet(["a"]),
        lambda: gilfree.count_exact_covers(["a"]),
        lambda: gilfree.find_exact_cover(["a"]),
        lambda: gilfree.smooth_mesh(np.zeros((3, 3)), [[0, 1, 2]], iterations=0),
        lambda: gilfree.mandelbrot(0, 0),
    ],
)
def test_the_shortest_calls_are_refused_too(call):
    call()
    with gilfree.cancel_scope() as scope:
        call()
        scope.cancel()
        with pytest.raises(gilfree.Cancelled):
            call()
    call()


def test_short_searches_are_refused_too():
    words = gilfree.PatternSet(["a"])
    with gilfree.cancel_scope() as scope:
        scope.cancel()
        for search in (words.count, words.find_all):
            with pytest.raises(gilfree.Cancelled):
                search("banana")
    assert words.count("banana") == 3


def test_nothing_is_written_by_a_call_that_is_refused():
    out = np.full((40, 30), -7, np.int32)
    with gilfree.cancel_scope(0), pytest.raises(TimeoutError):
        gilfree.mandelbrot(30, 40, out=out)
    assert (out == -7).all()


class TestWhichComesFirst:
    def test_a_cancel(self):
        with gilfree.cancel_scope(0.05) as scope:
            scope.cancel()
            time.sleep(0.06)
            with pytest.raises(gilfree.Cancelled):
                endless()
            with pytest.raises(gilfree.Cancelled):
                scope.check()
        assert (scope.cancelled, scope.timed_out) == (True, False)

    def test_the_deadline(self):
        with gilfree.cancel_scope(0) as scope:
            scope.cancel()
            with pytest.raises(TimeoutError):
                endless()
            with pytest.raises(TimeoutError):
                scope.check()
        assert (scope.cancelled, scope.timed_out) == (False, True)

    def test_neither(self):
        with gilfree.cancel_scope(60) as scope:
            scope.check()
            gilfree.mandelbrot(3, 2)
        assert (scope.cancelled, scope.timed_out) == (False, False)


class TestNesting:
    def test_an_outer_cancel_stops_the_inner_scope(self):
        outer, inner, innermost = gilfree.cancel_scope(), gilfree.cancel_scope(60), gilfree.cancel_scope()
        soon(outer.cancel)
        with pytest.raises(gilfree.Cancelled), outer, inner, innermost:
            endless()
        assert innermost.cancelled
        assert inner.cancelled

    def test_an_outer_deadline_holds_inside(self):
        with gilfree.cancel_scope(0.05) as outer, gilfree.cancel_scope(60) as inner:
            assert inner.deadline == outer.deadline
            with pytest.raises(TimeoutError):
                endless()

    def test_an_inner_scope_leaves_the_outer_one_alone(self):
        with gilfree.cancel_scope(60) as outer:
            with pytest.raises(TimeoutError), gilfree.cancel_scope(0.01) as inner:
                endless()
            second = gilfree.cancel_scope()
            soon(second.cancel)
            with pytest.raises(gilfree.Cancelled), second:
                endless()
            gilfree.mandelbrot(3, 2)
        assert inner.deadline < outer.deadline
        assert not outer.cancelled
        assert not outer.timed_out

    def test_an_inner_scope_of_one_that_is_over(self):
        with gilfree.cancel_scope() as outer:
            outer.cancel()
            with gilfree.cancel_scope(60) as inner, pytest.raises(gilfree.Cancelled):
                endless()
        assert inner.cancelled

    def test_after_the_block_the_outer_scope_is_back(self):
        with gilfree.cancel_scope() as outer:
            with gilfree.cancel_scope() as inner:
                pass
            inner.cancel()
            gilfree.mandelbrot(3, 2)
            outer.cancel()
            with pytest.raises(gilfree.Cancelled):
                gilfree.mandelbrot(3, 2)
        gilfree.mandelbrot(3, 2)

    def test_scopes_that_are_gone_are_forgotten(self):
        with gilfree.cancel_scope() as outer:
            for _ in range(100):
                with gilfree.cancel_scope():
                    gilfree.mandelbrot(3, 2, workers=2)
        gc.collect()
        assert not outer._inner


class TestOtherThreads:
    def test_join_by_run_or_a_copy_of_the_context_alone(self):
        with gilfree.cancel_scope() as scope:
            inside = [
                in_thread(scope.run, endless),
                in_thread(contextvars.copy_context().run, endless),
            ]
            outside = in_thread(contextvars.Context().run, gilfree.mandelbrot, 300, 200)
            time.sleep(0.05)
            scope.cancel()
            for future in inside:
                assert isinstance(future.exception(30), gilfree.Cancelled)
            assert outside.result(30).shape == (200, 300)

    def test_that_do_chunks_are_stopped(self):
        """Each of which would take minutes."""
        with pytest.raises(TimeoutError), gilfree.cancel_scope(0.1):
            endless(workers=2)
        scope = gilfree.cancel_scope()
        soon(scope.cancel)
        with pytest.raises(gilfree.Cancelled), scope, ThreadPoolExecutor(3) as pool:
            endless(workers=pool)

    def test_run_gives_back_what_the_function_returns(self):
        scope = gilfree.cancel_scope()
        assert scope.run(divmod, 7, 2) == (3, 1)
        scope.cancel()
        gilfree.mandelbrot(3, 2)

    def test_stop_when_the_scope_is_left_by_an_exception(self):
        def fail():
            time.sleep(0.05)
            raise ZeroDivisionError

        scope = gilfree.cancel_scope()
        future = in_thread(scope.run, endless)
        with pytest.raises(ZeroDivisionError), scope:
            fail()
        assert isinstance(future.exception(30), gilfree.Cancelled)

    def test_go_on_when_it_is_left_as_usual(self):
        with gilfree.cancel_scope() as scope:
            future = in_thread(scope.run, endless)
            time.sleep(0.02)
        with pytest.raises(TimeoutError):
            future.exception(0.05)
        scope.cancel()
        assert isinstance(future.exception(30), gilfree.Cancelled)

    def test_of_asyncio_have_the_context(self):
        async def main():
            with gilfree.cancel_scope(0.05):
                await asyncio.to_thread(endless)

        with pytest.raises(TimeoutError, match="cancel scope"):
            asyncio.run(main())

    @pytest.mark.thread_unsafe(reason="has all CPUs busy with threads of its own")
    def test_may_all_cancel_at_once(self):
        for _ in range(50):
            with gilfree.cancel_scope() as scope, ThreadPoolExecutor(4) as pool:
                calls = [pool.submit(scope.run, endless) for _ in range(2)]
                for _ in range(2):
                    pool.submit(scope.cancel)
            assert {type(call.exception()) for call in calls} == {gilfree.Cancelled}


class IdleExecutor(Executor):
    """Never gets round to any work."""

    def __init__(self):
        self.futures = []

    def submit(self, *_):
        self.futures.append(Future())
        return self.futures[-1]


class TestWorkersElsewhere:
    def test_are_not_waited_for(self):
        executor = IdleExecutor()
        with pytest.raises(TimeoutError, match="cancel scope"), gilfree.cancel_scope(0.02):
            gilfree.mandelbrot(300, 200, workers=executor)
        assert executor.futures
        assert all(future.cancelled() for future in executor.futures)

    def test_get_nothing_from_a_scope_that_is_over(self):
        executor = IdleExecutor()
        with pytest.raises(TimeoutError), gilfree.cancel_scope(0):
            gilfree.mandelbrot(300, 200, workers=executor)
        assert not executor.futures

    def test_of_a_map_get_no_more(self):
        done = []

        def one_by_one(func, iterable):
            for item in iterable:
                done.append(item)
                scope.cancel()
                yield scope_free.run(func, item)

        scope_free = contextvars.copy_context()
        with pytest.raises(gilfree.Cancelled), gilfree.cancel_scope() as scope:
            gilfree.mandelbrot(300, 200, workers=one_by_one)
        assert len(done) == 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Python 3.12 and newer, about threads and forks
    @pytest.mark.thread_unsafe(reason="forks")
    def test_are_not_in_the_scope_that_they_were_forked_in(self):
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            with gilfree.cancel_scope(0.02):
                pool.submit(int).result()
                time.sleep(0.03)
            assert gilfree.mandelbrot(30, 20, workers=pool).shape == (20, 30)

    def test_in_interpreters_are_stopped(self):
        futures = pytest.importorskip("concurrent.futures.interpreter", reason="new in Python 3.14")
        with futures.InterpreterPoolExecutor(2) as pool:
            gilfree.mandelbrot(300, 200, workers=pool)
            with pytest.raises(TimeoutError), gilfree.cancel_scope(0.1):
                endless(workers=pool)
            scope = gilfree.cancel_scope()
            soon(scope.cancel)
            with pytest.raises(gilfree.Cancelled), scope:
                endless(workers=pool)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such timer")
@pytest.mark.thread_unsafe(reason="sets a signal handler")
@pytest.mark.parametrize("release_gil", [True, False])
def test_a_signal_handler_may_cancel(release_gil):
    scope = gilfree.cancel_scope()
    before = signal.signal(signal.SIGALRM, lambda *_: scope.cancel())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(gilfree.Cancelled), scope:
            endless(release_gil=release_gil)
    finally:
        signal.signal(signal.SIGALRM, before)


CTRL_C = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
import gilfree
gilfree.mandelbrot(3, 2)
with ThreadPoolExecutor() as pool, gilfree.cancel_scope() as scope:
    futures = [
        pool.submit(scope.run, gilfree.mandelbrot, 20_000, 20_000, max_iterations=10**9, workers=workers)
        for workers in (1, 2)
    ]
    print("running", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal to send to one process")
@pytest.mark.thread_unsafe(reason="starts a process")
def test_ctrl_c_stops_the_kernels_of_all_threads():
    with subprocess.Popen(
        [sys.executable, "-c", CTRL_C], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "running\n", process.stderr.read()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT
    assert errors.strip().endswith("KeyboardInterrupt")


class TestScope:
    def test_can_be_entered_once(self):
        with gilfree.cancel_scope() as scope:
            pass
        with pytest.raises(RuntimeError, match="new scope"), scope:
            pass

    def test_can_be_cancelled_before(self):
        scope = gilfree.cancel_scope(60)
        scope.cancel()
        with scope, pytest.raises(gilfree.Cancelled):
            endless()

    def test_runs_nothing_before_its_time_begins(self):
        with pytest.raises(RuntimeError, match="entered"):
            gilfree.cancel_scope(60).run(int)

    def test_tells_its_deadline(self):
        scope = gilfree.cancel_scope(60)
        assert scope.deadline is None
        before = time.monotonic()
        with scope:
            assert before + 60 <= scope.deadline <= time.monotonic() + 60
        with gilfree.cancel_scope() as scope:
            assert scope.deadline is None

    @pytest.mark.parametrize("timeout", [None, float("inf"), 1e300])
    def test_without_a_deadline(self, timeout):
        with gilfree.cancel_scope(timeout) as scope:
            gilfree.mandelbrot(3, 2)
        assert not scope.timed_out

    @pytest.mark.parametrize("timeout", ["soon", [1], 1j])
    def test_refuses_what_is_no_time(self, timeout):
        with pytest.raises(TypeError, match=f"timeout: wanted .* got {type(timeout).__name__}"):
            gilfree.cancel_scope(timeout)

    @pytest.mark.parametrize("timeout", [-1, float("nan"), -float("inf")])
    def test_refuses_times_that_cannot_be(self, timeout):
        with pytest.raises(ValueError, match=f"timeout: wanted 0 seconds or more, got {float(timeout)}"):
            gilfree.cancel_scope(timeout)

    def test_says_how_it_is(self):
        with gilfree.cancel_scope(60) as scope:
            assert repr(scope) == "<gilfree.CancelScope open, 60 s left>"
        scope.cancel()
        assert repr(scope) == "<gilfree.CancelScope cancelled>"
        with gilfree.cancel_scope(0) as scope:
            assert repr(scope) == "<gilfree.CancelScope timed out>"
        assert repr(gilfree.cancel_scope()) == "<gilfree.CancelScope not entered>"

    def test_keeps_nothing_of_a_call(self):
        points = np.random.default_rng(1).random((50, 3))
        kept = weakref.ref(points)
        with gilfree.cancel_scope():
            gilfree.nearest_neighbors(points, points, 2, workers=2)
            del points
            gc.collect()
            assert kept() is None

    def test_in_a_generator_that_is_closed_from_elsewhere(self):
        def numbers():
            with gilfree.cancel_scope() as scope:
                yield scope

        generator = numbers()
        scope = contextvars.copy_context().run(next, generator)
        with gilfree.cancel_scope() as mine:
            generator.close()
            assert scope.cancelled
            gilfree.mandelbrot(3, 2)
            mine.cancel()
            with pytest.raises(gilfree.Cancelled):
                gilfree.mandelbrot(3, 2)


class TestFlags:
    """What the compiled functions take as ``stop``."""

    def test_a_deadline(self):
        flag = array("q", [0, _kernels.clock() + 20_000_000])
        assert _kernels.stopped(flag) is None
        with pytest.raises(TimeoutError):
            _kernels.mandelbrot(
                range(9999), 9999, 9999, -0.5, 0.0, 1e-9, 10**9, np.empty((9999, 9999), np.int32), stop=flag
            )
        assert _kernels.stopped(flag) == "timed out"
        _kernels.stop(flag)
        assert _kernels.stopped(flag) == "timed out"

    @pytest.mark.parametrize("flag", [array("i", [0]), array("q", [0, NEVER])])
    def test_without_one(self, flag):
        flag = flag[:]
        assert _kernels.stopped(flag) is None
        _kernels.stop(flag)
        _kernels.stop(flag)
        assert _kernels.stopped(flag) == "cancelled"

    def test_any_other_value_cancels(self):
        """Such as the number of some error, which is not what came to pass."""
        for value in (-1, 2, 3, 10, 2**31 - 1):
            with pytest.raises(gilfree.Cancelled):
                _kernels.edit_distance("a", "b", stop=array("i", [value]))

    @pytest.mark.parametrize(
        ("flag", "error"),
        [
            (memoryview(array("q", [0, NEVER])).toreadonly(), TypeError),
            (array("q", [0]), ValueError),
            (array("q", [0, 0, 0, 0]), ValueError),
            (memoryview(array("q", [0, NEVER, 0])).toreadonly(), TypeError),
            (array("i", [0, 0, 0]), ValueError),
            (array("i", [0, 0]), ValueError),
            (array("d", [0, 0]), TypeError),
            (b"", TypeError),
        ],
    )
    def test_bad_ones(self, flag, error):
        for use in (_kernels.stop, _kernels.stopped, lambda stop: _kernels.edit_distance("a", "b", stop=stop)):
            with pytest.raises(error, match="stop: wanted"):
                use(flag)

    def test_the_clock(self):
        """The one of `time.monotonic`, where that is the system's."""
        before = _kernels.clock()
        time.sleep(0.01)
        assert _kernels.clock() - before > 9_000_000
        if sys.platform == "linux":
            assert abs(_kernels.clock() * 1e-9 - time.monotonic()) < 1
