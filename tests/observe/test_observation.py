"""`observe` over threads of which it is known what they do."""

import asyncio
import gc
import multiprocessing
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import gilfree
from gilfree.observe import Observation, _native, _observation, _watching

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()

with_gil = pytest.mark.skipif(FREE_THREADED, reason="needs a GIL that threads wait for")
pytestmark = pytest.mark.thread_unsafe(reason="watches all threads, other tests' included")


def run(*targets):
    """Run functions in threads that have their names."""
    threads = [threading.Thread(target=target, name=target.__name__) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_name(seen):
    return {report.name: report for report in seen.threads}


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


MS = 1_000_000


def test_each_thread_gets_its_due(known):
    def holding():
        known.work(100 * MS, 0, 0)

    def running():
        known.work(0, 200 * MS, 1)

    def idle():
        time.sleep(0.2)

    with gilfree.observe() as seen:
        for target in (holding, running, idle):
            run(target)
    threads = by_name(seen)
    # Lower bounds of what takes time, as other processes may have the CPU in between.
    assert threads["holding"].holding > 0.095
    assert threads["holding"].idle < 0.5 * threads["holding"].seconds
    assert threads["running"].running > 0.01
    assert threads["running"].holding < 0.5 * threads["running"].seconds
    assert threads["idle"].idle > 0.18
    assert threads["idle"].running < 0.05
    assert threads["MainThread"].idle > 0.3, "joining is being idle"


@with_gil
def test_two_who_compute_wait_for_each_other(known):
    def one():
        known.work(100 * MS, 0, 0)

    def two():
        known.work(100 * MS, 0, 0)

    with gilfree.observe() as seen:
        run(one, two)
    threads = by_name(seen)
    # Each holds for 0.1 s or, where it has no CPU in between, for longer; never both at the same time.
    assert 0.19 < threads["one"].holding + threads["two"].holding < 1.01 * seen.seconds
    if seen.mechanism == "exact":
        waited = sum(report.waiting for report in seen.threads)
        assert waited > 0.05


def test_times_add_up_to_the_life(known):
    def short():
        known.work(5 * MS, 5 * MS, 3)

    began = time.perf_counter()
    with gilfree.observe() as seen:
        inside = time.perf_counter()
        for _ in range(3):
            run(short)
        time.sleep(0.02)
        left = time.perf_counter()
    ended = time.perf_counter()
    assert left - inside <= seen.seconds <= ended - began
    main = by_name(seen)["MainThread"]
    assert main.seconds == pytest.approx(seen.seconds, rel=0.01)
    assert [report.name for report in seen.threads].count("short") == 3, "names may repeat"
    for report in seen.threads:
        assert min(report.holding, report.running, report.waiting, report.idle) >= 0
        assert report.seconds <= seen.seconds * 1.001
    for lane, report in zip(seen.lanes, seen.threads, strict=True):
        assert lane.name == report.name
        assert sum(cell.seconds for cell in lane.cells) == pytest.approx(report.seconds, rel=0.02, abs=2e-4)
        assert sum(cell.holding for cell in lane.cells) == pytest.approx(report.holding, rel=0.02, abs=2e-4)
        for before, after in zip(lane.cells, lane.cells[1:], strict=False):
            assert after.start == pytest.approx(before.start + before.seconds, abs=1e-6)


def test_threads_that_were_there_before():
    go, done = threading.Event(), threading.Event()

    def waiter():
        go.wait()
        spin(0.05)
        done.wait()

    thread = threading.Thread(target=waiter, name="waiter")
    thread.start()
    with gilfree.observe() as seen:
        time.sleep(0.05)
        go.set()
        time.sleep(0.1)
    done.set()
    thread.join()
    report = by_name(seen)["waiter"]
    assert report.seconds == pytest.approx(seen.seconds, rel=0.05)
    assert 0.01 < report.holding < 0.1
    assert report.idle > 0.04


@pytest.mark.parametrize("mechanism", [None, "attached" if FREE_THREADED else "sampled"])
def test_threads_that_were_there_before_may_end(mechanism, monkeypatch):
    """Nor is what those do that come after them, and whose state may lie where theirs did, put down to them."""
    monkeypatch.setattr(_watching, "_wanted", mechanism)
    go = threading.Event()
    early = [threading.Thread(target=go.wait, name="early") for _ in range(5)]
    for thread in early:
        thread.start()

    def late():
        spin(0.05)

    with gilfree.observe() as seen:
        go.set()
        for thread in early:
            thread.join()
        time.sleep(0.05)
        for _ in range(10):
            run(late)
    reports = [report for report in seen.threads if report.name == "early"]
    assert reports
    for report in reports:
        assert report.seconds < 0.5 * seen.seconds
        assert report.holding < 0.1


def test_what_is_listed_did_live():
    """While threads come and go, so that some have begun and others have ended when they are looked for."""
    lived = set(sys._current_frames())  # `threading` does not know those that others have started without it
    over = threading.Event()

    def come():
        lived.add(threading.get_ident())

    def bring():
        come()
        while not over.is_set():
            run(come, come)

    bringers = [threading.Thread(target=bring) for _ in range(2)]
    for thread in bringers:
        thread.start()
    found = set()
    for _ in range(50):
        with gilfree.observe() as seen:
            pass
        found |= {report.ident for report in seen.threads}
    over.set()
    for thread in bringers:
        thread.join()
    assert found <= lived


@with_gil
def test_stalls_are_located(known):
    def hog():
        spin(0.15)  # the line of the stall, or that of its callee

    def in_c():
        known.work(150 * MS, 0, 0)

    with gilfree.observe(stall=0.05) as seen:
        run(hog)
        run(in_c)
    stalls = {stall.thread: stall for stall in seen.stalls}
    assert stalls["in_c"].seconds == pytest.approx(0.15, rel=0.2)
    assert f"{__file__}:{in_c.__code__.co_firstlineno + 1} in " in stalls["in_c"].where
    assert stalls["in_c"].where.endswith("in_c")
    assert stalls["hog"].seconds > 0.05
    assert stalls["hog"].where.startswith(f"{__file__}:")
    assert stalls["hog"].where.split(" in ")[1] == "spin"
    line = int(stalls["hog"].where.split(":")[1].split(" in ")[0])
    assert spin.__code__.co_firstlineno <= line <= spin.__code__.co_firstlineno + 3


@with_gil
def test_a_hold_that_goes_on_is_a_stall(known):
    with gilfree.observe(stall=0.05) as seen:
        known.work(100 * MS, 0, 0)
    [stall] = seen.stalls
    assert stall.thread == "MainThread"
    assert stall.seconds == pytest.approx(seen.seconds, rel=0.1)
    assert "test_a_hold_that_goes_on_is_a_stall" in stall.where


def test_short_holds_are_no_stalls(known):
    with gilfree.observe(stall=10) as seen:
        known.work(20 * MS, 0, 0)
    assert seen.stalls == []


def test_pools_and_asyncio_by_their_threads():
    async def main():
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.02) for _ in range(3)))

    with gilfree.observe() as seen, ThreadPoolExecutor(2, thread_name_prefix="mine") as pool:
        list(pool.map(time.sleep, [0.02] * 4))
        asyncio.run(main())
    names = [report.name for report in seen.threads]
    assert {"mine_0", "mine_1"} <= set(names)
    assert any(name.startswith("asyncio_") for name in names)


def test_threads_renamed_meanwhile():
    def renamed():
        threading.current_thread().name = "after"

    with gilfree.observe() as seen:
        run(renamed)
    assert "after" in by_name(seen)


def test_threads_that_threading_does_not_know():
    import _thread  # noqa: PLC0415

    done = threading.Event()
    with gilfree.observe() as seen:
        _thread.start_new_thread(lambda: (spin(0.01), done.set()), ())
        done.wait()
        time.sleep(0.05)
    if seen.mechanism == "exact":
        assert any(report.name.startswith("thread ") for report in seen.threads)


def test_observations_nest_and_overlap(known):
    with gilfree.observe() as outer:
        known.work(30 * MS, 0, 0)
        with gilfree.observe() as inner:
            known.work(10 * MS, 10 * MS, 1)
        known.work(30 * MS, 0, 0)
    assert by_name(inner)["MainThread"].holding < 0.5 * by_name(outer)["MainThread"].holding
    assert inner.seconds < outer.seconds
    first, second = gilfree.observe(), gilfree.observe()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    known.work(10 * MS, 0, 0)
    second.__exit__(None, None, None)
    assert by_name(second)["MainThread"].holding > 0.009
    assert by_name(first)["MainThread"].holding < by_name(second)["MainThread"].holding


def test_many_short_threads_are_bounded():
    """A few thousand are told apart, and the rest is summed up."""
    with gilfree.observe() as seen:
        for _ in range(4500):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
    assert 4096 <= len(seen.threads) < 4500
    rest = seen.threads[-1]
    assert re.fullmatch(r"\(\d+ more threads\)", rest.name)
    assert len(seen.threads) - 2 + int(rest.name[1:].split()[0]) >= 4500, "but for the main thread and this entry"
    assert rest.holding > 0
    with gilfree.observe() as seen:
        pass
    assert all("more threads" not in report.name for report in seen.threads)


@with_gil
def test_many_stalls_are_bounded():
    with gilfree.observe(stall=1e-6) as seen:
        for index in range(3000):
            spin(0.01) if index == 50 else sum(range(1000))
            time.sleep(0)
    assert 2048 <= len(seen.stalls) <= 2049, "and the hold that goes on"
    assert max(stall.seconds for stall in seen.stalls) >= 0.01, "the longest are kept"
    starts = [stall.start for stall in seen.stalls]
    assert starts == sorted(starts)


def test_a_long_timeline_is_bounded_and_adds_up():
    with gilfree.observe() as seen:
        end = time.perf_counter() + 1.0
        while time.perf_counter() < end:
            time.sleep(0)
    [lane] = [lane for lane in seen.lanes if lane.name == "MainThread"]
    assert len(lane.cells) <= 16384
    assert sum(cell.seconds for cell in lane.cells) == pytest.approx(seen.seconds, rel=0.01)


def test_a_thread_that_ends_while_accounts_are_read_ends_with_the_observation(monkeypatch):
    def short():
        spin(0.005)

    def accounts_as_of_earlier():
        now, found = accounts()
        return max([account.ended - MS for account in found if account.ended], default=now), found

    accounts = _observation.accounts
    with gilfree.observe() as seen:
        run(short)
        monkeypatch.setattr(_observation, "accounts", accounts_as_of_earlier)
    (lane,) = (lane for lane in seen.lanes if lane.name == "short")
    assert lane.cells[-1].start + lane.cells[-1].seconds == pytest.approx(seen.seconds, abs=2e-9)
    assert by_name(seen)["short"].seconds <= seen.seconds


def test_a_thread_without_cells_has_an_empty_lane():
    """There was no memory left for them."""
    assert gilfree.observe()._cells([], 5) == []


def test_an_observation_is_made_once():
    seen = gilfree.observe()
    with seen:
        pass
    with pytest.raises(RuntimeError, match="observe: wanted a new observation"), seen:
        pass


def test_an_error_gets_through_and_the_report_is_there():
    seen = gilfree.observe()
    with pytest.raises(ZeroDivisionError), seen:
        1 / 0  # noqa: B018
    assert seen.threads
    assert threading.Thread._bootstrap_inner is _watching._bootstrap


@pytest.mark.parametrize(
    ("stall", "error"), [(0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("1s", TypeError)]
)
def test_bad_stall(stall, error):
    with pytest.raises(error, match="stall: wanted"):
        gilfree.observe(stall=stall)


def test_the_module_is_what_is_called():
    assert isinstance(gilfree.observe(), Observation)
    assert gilfree.observe.Prober is not None


def in_new_process(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fork_while_observed():
    out = in_new_process(
        """
        import os, threading, time, warnings
        import gilfree
        warnings.simplefilter("ignore")
        stop = threading.Event()
        work = lambda: [time.sleep(0) for _ in iter(stop.is_set, True)]
        threads = [threading.Thread(target=work, name=f"parent's {index}") for index in range(3)]
        with gilfree.observe(stall=0.01) as seen:
            for thread in threads:
                thread.start()
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    with gilfree.observe() as mine:
                        thread = threading.Thread(target=time.sleep, args=(0.001,), name="child's")
                        thread.start()
                        thread.join()
                    names = [report.name for report in mine.threads]
                    parents = [report for report in mine.threads if report.name.startswith("parent's")]
                    os._exit(0 if "child's" in names and not parents else 3)
                _, status = os.waitpid(child, 0)
                assert status == 0, status
            stop.set()
            for thread in threads:
                thread.join()
        assert len(seen.threads) >= 4
        print("same" if gilfree.probe(time.sleep, 0.001).held < 0.5 else "other")
        """
    )
    assert out == "same\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fork_when_a_sampler_is_about_to_end():
    """It is not there in the child, which must not wait for it."""
    in_new_process(
        f"""
        import os, signal, warnings
        import gilfree
        from gilfree.observe import _watching
        warnings.simplefilter("ignore")
        _watching._wanted = {"attached" if FREE_THREADED else "sampled"!r}
        for _ in range(50):
            with gilfree.observe():
                pass
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                with gilfree.observe():
                    os._exit(0)
            _, status = os.waitpid(child, 0)
            assert status == 0, status
        """
    )


def test_exit_while_observed():
    """Daemon threads at work, the observation never closed."""
    out = in_new_process(
        """
        import threading, time
        import gilfree
        def work():
            while True:
                sum(range(1000))
                time.sleep(0)
        gilfree.observe(stall=0.01).__enter__()
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
        print("done")
        """
    )
    assert out == "done\n"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="new in Python 3.14")
def test_interpreters_of_their_own():
    out = in_new_process(
        """
        import gilfree, time
        from concurrent.futures import InterpreterPoolExecutor
        def inside():
            import time
            import gilfree
            with gilfree.observe() as seen:
                time.sleep(0.05)
            return seen.mechanism, max(report.idle for report in seen.threads)
        with gilfree.observe() as outer, InterpreterPoolExecutor(2) as pool:
            results = list(pool.map(eval, ["__import__('gilfree').probe(sum, range(1000)).held"] * 4))
        assert all(0.5 < held <= 1 for held in results), results
        print("fine")
        """
    )
    assert out == "fine\n"


def hooks():
    """What the import slots hold."""
    return [value for _, value in _native.slots()]


@with_gil
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no import slots here")
class TestSlots:
    def test_they_are_changed_only_while_somebody_observes(self):
        gilfree.probe(sum, ())
        before = hooks()
        assert len(before) >= 3
        with gilfree.observe():
            during = hooks()
            with gilfree.observe():
                pass
            assert hooks() == during
        assert hooks() == before
        assert all(now != then for now, then in zip(during, before, strict=True))

    def test_another_tool_on_top_keeps_its_place(self, known):
        """It replaced us while we observed; we stay underneath until it goes, and can observe meanwhile."""
        gilfree.probe(sum, ())
        before = hooks()
        with gilfree.observe():
            assert known.cover(_native.slots()[0][0])
        covered = hooks()
        assert covered[0] != before[0]
        assert covered[1:] == before[1:]
        found = gilfree.probe(time.sleep, 0.001)
        assert (found.mechanism, found.releases) == ("exact", 1)
        assert hooks()[0] == covered[0]
        with gilfree.observe() as seen:
            run(time_out)
        assert by_name(seen)["time_out"].idle > 0.01
        assert known.uncover()
        assert gilfree.probe(time.sleep, 0.001).releases == 1
        assert hooks() == before

    def test_another_tool_underneath_is_called(self, known):
        gilfree.probe(sum, ())
        before = hooks()
        assert known.cover(_native.slots()[0][0])
        covered = hooks()
        assert gilfree.probe(time.sleep, 0.001).releases == 1
        assert hooks() == covered
        assert known.uncover()
        assert hooks() == before


def time_out():
    time.sleep(0.02)


def test_no_memory_is_kept(known):
    def observe():
        with gilfree.observe(stall=0.001):
            run(time_out)
            known.work(2 * MS, MS, 1)

    observe()
    gc.collect()
    before = _native.kept()
    for _ in range(20):
        observe()
    assert _native.kept() <= before
    assert multiprocessing.active_children() == []


def test_it_survives():
    """Random observations over random threaded work; longer by ``python tests/observe/soak.py SECONDS``."""
    script = Path(__file__).with_name("soak.py")
    done = subprocess.run([sys.executable, script, "4"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "survived" in done.stdout


def test_the_thread_state_that_python_keeps_for_each_thread_stays_what_it_is():
    """Samples need no key for what a thread keeps, and the first key of a process is CPython's own."""
    out = in_new_process(
        f"""
        import ctypes, threading
        from gilfree.observe import _native
        state = ctypes.pythonapi.PyGILState_GetThisThreadState
        state.restype = ctypes.c_void_p
        states = []
        def watch():
            states.append(state())
            mechanism = _native.begin({"attached" if FREE_THREADED else "sampled"!r}, 1_000_000, 0, False)
            states.append(state())
            _native.name_own_thread("watch")
            _native.leave()
            states.append(state())
            if mechanism:
                _native.end()
            states.append(state())
            print(mechanism, len(states), len(set(states)), None in states)
        thread = threading.Thread(target=watch)
        thread.start()
        thread.join()
        """
    )
    mechanism, *numbers = out.split()
    if mechanism == "None":
        pytest.skip("this build of Python shows nothing to samples")
    assert numbers == ["4", "1", "False"]
