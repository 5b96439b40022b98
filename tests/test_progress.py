"""`gilfree.progress`: what is counted, who hears of it, and that nothing of it does harm."""

import asyncio
import contextlib
import contextvars
import functools
import io
import math
import os
import re
import subprocess
import sys
import threading
import time
from array import array
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS

import gilfree
from gilfree import _kernels, progress_bar
from gilfree.kernels import KERNELS, _kernel
from gilfree.watching import Watch, current_watch, open_call, watches, watching

every_kernel = pytest.mark.parametrize("name", KERNELS)

NEVER = 2**63 - 1
SOON = 30.0  # seconds within which what takes milliseconds has happened even on a busy machine


@contextlib.contextmanager
def watched():
    """Yields a list of the calls made in the block, with nobody to show them."""
    watch = Watch()
    outer = current_watch.get()
    watches.add(watch)
    current_watch.set(watch)
    try:
        yield watch.begun
    finally:
        current_watch.set(outer)
        watches.discard(watch)


def counted(call):
    """What the cores have counted in a call."""
    return _kernels.progress(call.flag)


def last(reports):
    """The reports that tell of an end."""
    return [report for report in reports if report.state != "running"]


@functools.cache
def iterations():
    """Enough for a call of a quarter of a second or more, whatever the machine."""
    most, seconds = 4_000, 0.0
    while seconds < 0.25:
        most *= 2
        start = time.perf_counter()
        gilfree.mandelbrot(1200, 900, max_iterations=most)
        seconds = time.perf_counter() - start
    return most


@pytest.fixture(scope="module", autouse=True)
def calibrated():
    """Outside of what is watched."""
    iterations()


def busy(**options):
    """A call of some tenths of a second."""
    return gilfree.mandelbrot(1200, 900, max_iterations=iterations(), **options)


def busy_until(seen):
    """Calls until something is seen of one of them: on a busy machine, a call may be over before anybody looks."""
    while not seen():
        busy()


def endless(**options):
    """A call that would take minutes."""
    return gilfree.mandelbrot(20_000, 20_000, max_iterations=10**9, **options)


class Terminal(io.StringIO):
    """What is written to a terminal; `written` says that something was."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def isatty(self):
        return True

    def write(self, text):
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture
def use(monkeypatch):
    """Has a stream be stderr. Not before the test begins: pytest's own takes its place then."""

    def use(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        return stream

    return use


@pytest.fixture
def without_rich(monkeypatch):
    for name in ("rich", "rich.console", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def cut_finely(monkeypatch):
    """Cuts problems into as many chunks as the workers would get of large ones."""
    monkeypatch.setattr(_kernel, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(_kernel, "CHUNK_OVERHEAD", 1e9)
    monkeypatch.setattr(_kernel, "HANDOVER_SECONDS", 0.0)


class TestEveryKernel:
    """The cores count exactly as much as the faces say that there is."""

    @pytest.mark.thread_unsafe(
        reason="is to be stopped in mid-work, which eight at once on few CPUs cannot be timed for"
    )
    @every_kernel
    def test_counts_all_of_its_work_as_it_goes(self, name):
        problem, function = PROBLEMS[name], KERNELS[name].functions[0]
        try:
            call = problem.make("medium")
        except ModuleNotFoundError as error:
            pytest.skip(f"its input needs {error.name}")
        expected = call(function)
        for workers in (1, 3):
            with watched() as begun:
                result = call(function, workers=workers)
            [one] = begun
            assert one.state == "done"
            assert 0 < counted(one) == one.total
            assert problem.same(result, expected)

        # What was counted when a call was stopped in the midst of its work, if it could be hit there.
        for share in (0.5, 0.3, 0.7, 0.15, 0.85) * 10:
            with watched() as begun, contextlib.suppress(TimeoutError), gilfree.cancel_scope(share * one.seconds):
                call(function, release_gil=True)
            if begun and 0 < counted(begun[0]) < begun[0].total:
                break
        assert 0 < counted(begun[0]) < begun[0].total
        assert begun[0].state == "stopped"

    @pytest.mark.thread_unsafe(reason="changes constants of the module")
    @pytest.mark.usefixtures("cut_finely")
    @pytest.mark.parametrize("name", [name for name in KERNELS if name != "exact_cover"])  # which is cut by itself
    def test_counts_all_of_its_work_in_many_chunks(self, name):
        with watched() as begun:
            PROBLEMS[name].make("tiny")(KERNELS[name].functions[0], workers=3, release_gil=True)
        [one] = begun
        assert 0 < counted(one) == one.total

    @pytest.mark.parametrize("release_gil", [True, False])
    @every_kernel
    def test_reports_its_end(self, name, release_gil):
        reports = []
        with gilfree.progress(callback=reports.append):
            PROBLEMS[name].make("tiny")(KERNELS[name].functions[0], release_gil=release_gil)
        [end] = last(reports)
        assert end is reports[-1]
        assert end.kernel == KERNELS[name].functions[0].__qualname__
        assert (end.state, end.done) == ("done", end.total)
        assert 0 < end.seconds < SOON


class TestCounts:
    def test_of_one_distance(self):
        rng = np.random.default_rng(7)
        short, long, longer, longest = (rng.integers(97, 101, n, np.uint8).tobytes() for n in (50, 500, 900, 20_000))
        for a, b in [(short, longest), (long, longest), (longer, longest), (longest, longer), (longer, longer[::-1])]:
            with watched() as begun:
                gilfree.edit_distance(a, b)
            assert begun[0].total == len(a) * len(b)
            assert 0 < counted(begun[0]) <= begun[0].total

    def test_of_one_distance_by_ever_wider_bands(self):
        rng = np.random.default_rng(8)
        a, b = (rng.integers(97, 123, n, np.uint8).tobytes() for n in (30_000, 30_000))
        with watched() as begun:
            gilfree.edit_distance(a, b)
        assert begun[0].total / 2 < counted(begun[0]) <= begun[0].total

    def test_of_what_texts_have_in_common(self):
        text = "gilfree" * 1000
        with watched() as begun:
            assert gilfree.edit_distance(text, text) == 0
        assert counted(begun[0]) == begun[0].total == len(text) ** 2

    def test_of_pairs_of_long_texts(self):
        rng = np.random.default_rng(9)
        texts = [rng.integers(97, 101, n, np.uint8).tobytes() for n in (0, 3, 70, 900, 5000)]
        with watched() as begun:
            gilfree.edit_distances(texts, texts * 2)
        assert counted(begun[0]) == begun[0].total == 50

    @pytest.mark.parametrize("unweighted", [True, False])
    def test_of_nodes_that_cannot_be_reached(self, unweighted):
        edges = np.ones(2), np.array([1, 0], np.int32), np.array([0, 1, 2] + [2] * 98, np.int32), (100, 100)
        with watched() as begun:
            gilfree.shortest_paths(edges, [0, 1, 50], unweighted=unweighted)
        assert counted(begun[0]) == begun[0].total == 300

    def test_of_several_vectors(self):
        n = 300
        matrix = np.ones(n), np.arange(n, dtype=np.int32), np.arange(n + 1, dtype=np.int32), (n, n)
        for vectors in (1, 3, 16):
            with watched() as begun:
                gilfree.sparse_matvec(matrix, np.ones((n, vectors)))
            assert counted(begun[0]) == begun[0].total == n

    def test_of_long_codes_and_of_few(self):
        rng = np.random.default_rng(1)
        for queries, codes, length in [(50, 1000, 8), (50, 1001, 33), (2, 500, 8), (2, 9, 5000), (3, 4, 0)]:
            q, c = (rng.integers(0, 256, (n, length), np.uint8) for n in (queries, codes))
            with watched() as begun:
                gilfree.hamming_neighbors(q, c, 2)
            assert counted(begun[0]) == begun[0].total == queries * (codes if length else 2)

    def test_of_points(self):
        rng = np.random.default_rng(2)
        for queries, points, dimensions, k in [(100, 3000, 8, 5), (1, 500, 3, 1), (7, 40, 100, 40), (3, 4, 0, 2)]:
            q, p = rng.random((queries, dimensions)), rng.random((points, dimensions))
            for dtype in (np.float32, np.float64):
                with watched() as begun:
                    gilfree.nearest_neighbors(q.astype(dtype), p.astype(dtype), k)
                assert counted(begun[0]) == begun[0].total == queries * (points if dimensions else k)

    def test_of_any_frequencies_and_several_series(self):
        rng = np.random.default_rng(3)
        times, values = rng.random(200), rng.random((3, 200))
        for frequencies in (rng.random(1001), np.linspace(0.1, 9, 5000)):
            with watched() as begun:
                gilfree.lomb_scargle(times, values, frequencies)
            assert counted(begun[0]) == begun[0].total == 3 * frequencies.size

    def test_of_a_kernel_that_is_not_finite(self):
        with watched() as begun:
            gilfree.convolve2d(np.ones((20, 30)), np.array([[1.0, math.nan]]))
        assert counted(begun[0]) == begun[0].total == 20

    def test_of_sequences_of_all_lengths(self):
        lengths = [1, 2, 16, 17, 33, 100]
        steps = sum(lengths)
        with watched() as begun:
            gilfree.viterbi(np.zeros(2), np.zeros((2, 2)), np.zeros((steps, 2)), lengths=lengths)
        assert counted(begun[0]) == begun[0].total == steps

    @pytest.mark.parametrize("items", [12, 140])
    def test_of_a_search(self, items):
        """By masks, and with more items than those have bits."""
        options = [(a, b) for a in range(12) for b in range(a)] + [(item,) for item in range(12, items)]
        with watched() as begun:
            gilfree.count_exact_covers(options, release_gil=True)
        assert counted(begun[0]) == begun[0].total

    @pytest.mark.parametrize("state", ["running", "stopped"])
    def test_of_too_much_are_not_all(self, state):
        """All is done when the call has returned, and not before."""
        with watched() as begun:
            gilfree.mandelbrot(3, 2)
        [one] = begun
        assert one.done(state, 6) == 5
        one.advance(4)
        assert one.done(state, 6) == 5
        assert one.done("done", 6) == 6

    def test_of_nothing(self):
        reports = []
        with gilfree.progress(callback=reports.append):
            gilfree.mandelbrot(0, 0)
        assert [(report.done, report.total, report.state) for report in reports] == [(0, 0, "done")]

    def test_can_be_read_and_added_to(self):
        flag = array("q", [0, NEVER, 0])
        gilfree._kernels.mandelbrot(range(3), 5, 3, 0.0, 0.0, 0.1, 10, np.empty((3, 5), np.int32), stop=flag)
        assert _kernels.progress(flag) == 15
        assert _kernels.progress(flag, 4) == 19
        assert flag.tolist() == [0, NEVER, 19]

    @pytest.mark.parametrize("flag", [array("i", [0]), array("q", [0, NEVER])])
    def test_need_room(self, flag):
        with pytest.raises(ValueError, match="stop: wanted length 3"):
            _kernels.progress(flag)


class TestStoppedCalls:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_at_a_deadline(self, workers):
        reports = []
        with (
            gilfree.progress(callback=reports.append),
            pytest.raises(TimeoutError),
            gilfree.cancel_scope(0.3),
        ):
            endless(workers=workers)
        [end] = last(reports)
        assert end.state == "stopped"
        assert end.done < end.total
        assert 0 < end.seconds < SOON

    @pytest.mark.parametrize("workers", [1, 2])
    def test_by_another_thread(self, workers):
        reports = []
        scope = gilfree.cancel_scope()
        threading.Timer(0.1, scope.cancel).start()
        with gilfree.progress(callback=reports.append), pytest.raises(gilfree.Cancelled), scope:
            endless(workers=workers)
        assert [report.state for report in last(reports)] == ["stopped"]

    def test_by_an_error(self):
        reports = []
        points = np.ones((5000, 10))
        points[-1] = math.nan
        with gilfree.progress(callback=reports.append):
            with pytest.raises(ValueError, match="points"):
                gilfree.nearest_neighbors(points[:1000], points, 3)
            gilfree.mandelbrot(3, 2)
        assert [(report.call, report.state) for report in last(reports)] == [(1, "stopped"), (2, "done")]

    @pytest.mark.thread_unsafe(reason="changes sys.stderr")
    def test_are_closed_on_the_terminal(self, use):
        terminal = use(Terminal())
        scope = gilfree.cancel_scope()

        def stop():
            terminal.written.wait(SOON)
            scope.cancel()

        # Not after a time: what is stopped within a tenth of a second is not shown, and nobody knows when it begins.
        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(gilfree.Cancelled), gilfree.progress(show=True), scope:
            endless()
        thread.join()
        assert re.search(r"stopped in \d+\.\d s", terminal.getvalue())


class TestCallback:
    def test_is_called_by_one_thread_and_never_twice_at_once(self):
        inside, callers, most = [], set(), []

        def callback(report):
            inside.append(report)
            callers.add(threading.get_ident())
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(report)

        with gilfree.progress(callback=callback) as bar, ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(bar.run, busy) for _ in range(4)]:
                future.result()
        assert len(callers) == 1
        assert threading.get_ident() not in callers
        assert set(most) == {1}

    def test_is_called_some_ten_times_a_second(self):
        times = []
        with (
            gilfree.progress(callback=lambda _: times.append(time.monotonic())),
            contextlib.suppress(TimeoutError),
            gilfree.cancel_scope(1.0),
        ):
            endless()
        assert 2 <= len(times) <= 13

    def test_hears_of_rising_numbers(self):
        reports = []
        with gilfree.progress(callback=reports.append), contextlib.suppress(TimeoutError), gilfree.cancel_scope(1.0):
            gilfree.mandelbrot(100_000, 1000, max_iterations=50)
            endless()
        for call in {report.call for report in reports}:
            done = [report.done for report in reports if report.call == call]
            seconds = [report.seconds for report in reports if report.call == call]
            assert done == sorted(done)
            assert seconds == sorted(seconds)
        assert all(report.done < report.total for report in reports if report.state != "done")

    @pytest.mark.thread_unsafe(reason="catches warnings")
    def test_may_raise(self):
        """Each time, and the kernel, its result and the reports that follow take no harm."""
        reports = []

        def callback(report):
            reports.append(report)
            raise ZeroDivisionError(f"number {len(reports)}")

        def compute():
            with gilfree.progress(callback=callback):
                result = busy()
                gilfree.mandelbrot(3, 2)
            return result

        with pytest.warns(RuntimeWarning, match="number 1") as caught:
            result = compute()
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert np.array_equal(result, busy())
        assert [(report.call, report.state) for report in last(reports)] == [(1, "done"), (2, "done")]

    @pytest.mark.thread_unsafe(reason="catches warnings")
    def test_may_exit(self):
        """That ends a thread, as a rule, and would leave the rest untold."""
        reports = []

        def callback(report):
            reports.append(report)
            sys.exit()

        def compute():
            with gilfree.progress(callback=callback):
                gilfree.mandelbrot(3, 2)
                gilfree.mandelbrot(3, 2)

        with pytest.warns(RuntimeWarning, match="SystemExit"):
            compute()
        assert len(last(reports)) == 2

    def test_may_call_kernels(self):
        """They are not watched: the thread that shows is in nobody's context."""
        reports = []
        answers = []

        def callback(report):
            reports.append(report)
            answers.append(gilfree.edit_distance("kitten", "sitting"))

        with gilfree.progress(callback=callback):
            gilfree.mandelbrot(3, 2)
        assert {report.kernel for report in reports} == {"mandelbrot"}
        assert set(answers) == {3}

    def test_has_to_be_one(self):
        with pytest.raises(TypeError, match="callback: wanted a callable or None, got int"):
            gilfree.progress(callback=3)

    def test_a_call_that_holds_the_gil_is_reported_when_it_is_over(self):
        reports = []
        with gilfree.progress(callback=reports.append):
            busy(release_gil=False)
        [end] = last(reports)
        assert (end.state, end.done) == ("done", end.total)


class TestWhoBelongsToIt:
    def test_workers_add_up(self):
        with watched() as begun, ThreadPoolExecutor(3) as pool:
            busy(workers=pool)
        assert counted(begun[0]) == begun[0].total

    @pytest.mark.thread_unsafe(reason="starts processes")
    def test_processes_by_finished_chunks(self):
        with watched() as begun, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            busy(workers=pool)
            gilfree.smooth_mesh(np.eye(3), [[0, 1, 2]], iterations=3, workers=pool)
        assert [counted(one) == one.total for one in begun] == [True, True]

    @pytest.mark.parametrize("name", ["mandelbrot", "edit_distance", "asian_option_price"])
    def test_a_callable_like_map_by_finished_chunks(self, name):
        seen = []

        def mapped(func, calls):
            for call in calls:
                seen.append(counted(begun[0]))
                yield func(call)

        with watched() as begun:
            PROBLEMS[name].make("medium")(KERNELS[name].functions[0], workers=mapped)
        assert seen[0] == 0
        assert seen == sorted(set(seen))  # once for each chunk, not by the core in this thread as well
        assert counted(begun[0]) == begun[0].total

    def test_what_a_callable_like_map_calls_besides_is_apart(self):
        def with_another_call(func, chunks):
            gilfree.edit_distance("kitten", "sitting")
            return [*map(func, chunks)]

        with watched() as begun:
            gilfree.mandelbrot(64, 48, workers=with_another_call)
        assert [(call.kernel, counted(call), call.state) for call in begun] == [
            ("mandelbrot", 64 * 48, "done"),
            ("edit_distance", 6 * 7, "done"),
        ]

    def test_no_call_is_open_after_an_error(self):
        def fail(*_):
            raise InterruptedError

        with watched() as begun:
            with pytest.raises(InterruptedError):
                gilfree.mandelbrot(64, 48, workers=fail)
            assert open_call.get() is None
            gilfree.mandelbrot(64, 48)
        assert [call.state for call in begun] == ["stopped", "done"]

    def test_interpreters(self):
        futures = pytest.importorskip("concurrent.futures.interpreter", reason="new in Python 3.14")
        with watched() as begun, futures.InterpreterPoolExecutor(2) as pool:
            busy(workers=pool)
        assert counted(begun[0]) == begun[0].total

    def test_threads_with_its_context(self):
        reports = []

        async def main():
            with gilfree.progress(callback=reports.append):
                await asyncio.to_thread(gilfree.mandelbrot, 3, 2)
                await gilfree.to_thread(gilfree.mandelbrot, 3, 2)
            await asyncio.to_thread(gilfree.mandelbrot, 3, 2)

        asyncio.run(main())
        assert len(last(reports)) == 2

    def test_threads_that_join(self):
        reports = []
        with gilfree.progress(callback=reports.append) as bar, ThreadPoolExecutor(1) as pool:
            assert pool.submit(bar.run, gilfree.edit_distance, "a", b="b").result() == 1
            assert pool.submit(current_watch.get).result() is None or sys.version_info >= (3, 14)
        assert [report.kernel for report in last(reports)] == ["edit_distance"]
        assert bar.run(gilfree.edit_distance, "a", "b") == 1  # too late to be watched
        assert len(last(reports)) == 1

    def test_not_what_is_called_later_in_a_copy_of_its_context(self):
        with gilfree.progress(callback=lambda _: None):
            context = contextvars.copy_context()
            assert context.run(watching) is not None
        assert context.run(current_watch.get) is not None
        assert context.run(watching) is None

    def test_not_what_is_called_after_it(self):
        reports = []
        with gilfree.progress(callback=reports.append):
            gilfree.mandelbrot(3, 2)
        gilfree.mandelbrot(3, 2)
        assert len(last(reports)) == 1

    def test_the_inner_of_two(self):
        outer, inner = [], []
        with gilfree.progress(callback=outer.append):
            gilfree.mandelbrot(3, 2)
            with gilfree.progress(callback=inner.append):
                gilfree.edit_distance("a", "b")
            with gilfree.progress(show=False):
                gilfree.edit_distances(["a"], ["b"])
        assert [report.kernel for report in last(outer)] == ["mandelbrot", "edit_distances"]
        assert [report.kernel for report in last(inner)] == ["edit_distance"]

    def test_calls_of_several_threads_are_told_apart(self):
        reports = []
        with gilfree.progress(callback=reports.append) as bar, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: bar.run(gilfree.edit_distance, "kitten", "sitting"), range(500)))
        assert sorted(report.call for report in last(reports)) == list(range(1, 501))

    def test_each_can_be_entered_once(self):
        bar = gilfree.progress(show=False)
        with bar:
            pass
        with pytest.raises(RuntimeError, match="progress: wanted a new one"), bar:
            pass

    def test_patterns_are_counted_however_short_the_text(self):
        patterns = gilfree.PatternSet(["ana", "nan"])
        reports = []
        with gilfree.progress(callback=reports.append):
            assert patterns.count("banana") == 3
            assert patterns.find_all("banana")[0].tolist() == [0, 1, 0]
            assert gilfree.find_exact_cover(["ab", "bc"]) is None
        assert [(report.kernel, report.total) for report in last(reports)] == [
            ("PatternSet.count", 6),
            ("PatternSet.find_all", 6),
            ("find_exact_cover", 2**20),
        ]


@pytest.mark.thread_unsafe(reason="changes sys.stderr")
class TestTerminal:
    def test_bars_by_rich(self, use):
        terminal = use(Terminal())
        pytest.importorskip("rich")
        with gilfree.progress():
            busy_until(lambda: "% after" in terminal.getvalue())
            gilfree.edit_distance("kitten", "sitting")
        text = terminal.getvalue()
        assert "━" in text
        assert "% after" in text
        assert "done in" in text
        assert "edit_distance" not in text  # too short to be worth it
        assert text.endswith("\x1b[?25h")  # the cursor is back

    def test_few_bars_of_calls_that_are_over(self, use):
        terminal = use(Terminal())
        rich = pytest.importorskip("rich.progress")
        shown = rich.Progress(console=rich.Console(file=terminal), auto_refresh=False)
        bars = progress_bar.Bars(shown)
        for call in range(1, 21):
            bars.show([gilfree.Progress("mandelbrot", call, 3, 3, 1.0, "done")])
        bars.close()
        assert len(shown.tasks) == progress_bar.MOST_BARS

    @pytest.mark.usefixtures("without_rich")
    def test_a_line_without_rich(self, use):
        terminal = use(Terminal())
        with gilfree.progress():
            busy_until(lambda: "% after" in terminal.getvalue())
            busy(workers=2)
        text = terminal.getvalue()
        assert text.startswith("\rmandelbrot ")
        assert "% after" in text
        assert text.endswith("\n")
        assert text.count("\n") == 1
        assert "\x1b" not in text

    def test_a_line_is_not_wider_than_the_terminal(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        stream = Terminal()
        line = progress_bar.Line(stream)
        line.show([gilfree.Progress("mandelbrot", call, 1, 3, 1.0, "running") for call in range(5)])
        line.show([gilfree.Progress("mandelbrot", 1, 3, 3, 1.0, "done")])
        line.close()
        first, second = stream.getvalue().strip("\r\n").split("\r")
        assert len(first) == len(second) == 39  # what was there before is painted over
        assert second.rstrip() == "mandelbrot done in 1.0 s"

    def test_nothing_where_stderr_is_no_terminal(self, use):
        stream = use(io.StringIO())
        with gilfree.progress() as bar:
            assert not watches or current_watch.get() is None
            assert bar.run(gilfree.edit_distance, "a", "b") == 1
            busy()
        assert stream.getvalue() == ""

    def test_nothing_without_stderr(self, use):
        use(None)
        with gilfree.progress(show=True):
            assert gilfree.edit_distance("a", "b") == 1

    def test_nothing_beside_a_callback(self, use):
        terminal = use(Terminal())
        with gilfree.progress(callback=lambda _: None):
            busy()
        assert terminal.getvalue() == ""

    def test_both_where_asked(self, use):
        terminal = use(Terminal())
        reports = []
        with gilfree.progress(callback=reports.append, show=True):
            busy()
        assert last(reports)
        assert "mandelbrot" in terminal.getvalue()

    def test_a_line_a_call_in_a_file(self, use):
        stream = use(io.StringIO())
        with gilfree.progress(show=True):
            busy()
            gilfree.edit_distance("kitten", "sitting")
        [line] = stream.getvalue().splitlines()
        assert line.startswith("mandelbrot done in ")

    def test_a_line_now_and_then_in_a_file(self):
        stream = io.StringIO()
        lines = progress_bar.Lines(stream)
        for seconds in range(26):
            lines.show([gilfree.Progress("mandelbrot", 1, seconds, 100, float(seconds), "running")])
        lines.show([gilfree.Progress("mandelbrot", 1, 26, 100, 26.0, "stopped")])
        lines.close()
        assert stream.getvalue().splitlines() == [
            "mandelbrot  10% after 10.0 s, 90.0 s left",
            "mandelbrot  20% after 20.0 s, 80.0 s left",
            "mandelbrot stopped in 26.0 s",
        ]

    @pytest.mark.usefixtures("without_rich")
    def test_a_stream_that_was_closed(self, use):
        terminal = use(Terminal())

        def compute():
            with gilfree.progress():
                terminal.close()
                return busy()

        with pytest.warns(RuntimeWarning, match="closed file"):
            result = compute()
        assert result.shape == (900, 1200)


EXITS = """
import sys, threading, time, gilfree
gilfree.edit_distance("a", "b")  # what is imported on first use cannot be at the end
begun = threading.Event()
def work():
    gilfree.progress(callback=print).__enter__()
    begun.set()
    gilfree.edit_distance("kitten", "sitting")
    time.sleep(0.5)
if sys.argv[1] == "main":
    work()
else:
    threading.Thread(target=work, daemon=sys.argv[1] == "daemon").start()
    begun.wait()
"""


@pytest.mark.thread_unsafe(reason="starts a process")
@pytest.mark.parametrize("who", ["main", "thread", "daemon"])
def test_a_block_that_is_never_left_does_not_keep_the_process(who):
    done = subprocess.run(
        [sys.executable, "-c", EXITS, who], check=False, capture_output=True, text=True, timeout=SOON * 2
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert who == "daemon" or "state='done'" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Python 3.12 and newer, about threads and forks
@pytest.mark.thread_unsafe(reason="forks")
def test_a_forked_process_watches_nothing():
    reports = []
    with gilfree.progress(callback=reports.append):
        child = os.fork()
        if child == 0:
            try:
                gilfree.mandelbrot(3, 2)
                watched = bool(watches) or current_watch.get() is not None
            except BaseException:  # noqa: BLE001
                watched = True
            if watched:
                os._exit(1)
        else:
            _, status = os.waitpid(child, 0)
            gilfree.mandelbrot(3, 2)
    if child == 0:
        os._exit(0)  # the block was left without waiting for a thread that is not there
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(last(reports)) == 1
