import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import gilfree
from gilfree.workers import cgroup_quota, cpu_count_and_source, crew, in_order, in_threads


def threads(count):
    return crew(ThreadPoolExecutor(count))


def nothing():
    pass


class TestCpuCount:
    def test_follows_the_variable(self, monkeypatch):
        monkeypatch.setenv("GILFREE_NUM_THREADS", "17")
        assert gilfree.cpu_count() == 17
        assert cpu_count_and_source() == (17, "GILFREE_NUM_THREADS")
        assert crew(-1).size == 17

    @pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
    def test_refuses_a_bad_variable(self, monkeypatch, value):
        monkeypatch.setenv("GILFREE_NUM_THREADS", value)
        with pytest.raises(ValueError, match=f"GILFREE_NUM_THREADS.*{value!r}"):
            gilfree.cpu_count()

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to CPUs")
    def test_follows_the_affinity(self):
        code = "import os, gilfree; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(gilfree.cpu_count())"
        environment = {name: value for name, value in os.environ.items() if name != "GILFREE_NUM_THREADS"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "1"

    @pytest.mark.parametrize(
        ("membership", "files", "quota"),
        [
            ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
            ("0::/\n", {"cpu.max": "max 100000"}, None),
            ("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
            ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "200000 100000"}, 2.0),
            ("0::/not/seen/here\n", {"cpu.max": "100000 100000"}, 1.0),
            ("0::/../elsewhere\n", {"cpu.max": "100000 100000"}, 1.0),
            ("0::/\n", {"cpu.max": "nonsense"}, None),
            ("4:cpu,cpuacct:/c\n", {"cpu/c/cpu.cfs_quota_us": "250000", "cpu/c/cpu.cfs_period_us": "100000"}, 2.5),
            ("4:cpu,cpuacct:/c\n", {"cpu/c/cpu.cfs_quota_us": "-1", "cpu/c/cpu.cfs_period_us": "100000"}, None),
            ("7:memory:/c\n", {"cpu.max": "100000 100000"}, None),
        ],
    )
    def test_reads_control_groups(self, tmp_path, membership, files, quota):
        for name, text in files.items():
            (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "fs" / name).write_text(text)
        (tmp_path / "cgroup").write_text(membership)
        assert cgroup_quota(tmp_path / "fs", tmp_path / "cgroup") == quota

    def test_no_control_groups_no_quota(self, tmp_path):
        assert cgroup_quota(tmp_path, tmp_path / "cgroup") is None

    def test_a_small_quota_wins_over_the_affinity(self, monkeypatch):
        monkeypatch.delenv("GILFREE_NUM_THREADS", raising=False)
        monkeypatch.setattr("gilfree.workers.own_quota", lambda: 0.5)
        count, source = cpu_count_and_source()
        assert count == 1
        assert source == "cgroup quota of 0.5 CPUs" or os.cpu_count() == 1


class TestCrew:
    @pytest.mark.parametrize(
        ("workers", "error", "words"),
        [
            (0, ValueError, ["workers", "-1", "got 0"]),
            (-2, ValueError, ["workers", "got -2"]),
            (True, TypeError, ["workers", "got bool"]),
            (2.0, TypeError, ["workers", "got float"]),
            ("2", TypeError, ["workers", "got str"]),
            (None, TypeError, ["workers", "got NoneType"]),
        ],
    )
    def test_refuses_what_cannot_work(self, workers, error, words):
        with pytest.raises(error) as caught:
            crew(workers)
        for word in words:
            assert word in str(caught.value)

    def test_tells_the_kinds_apart(self):
        with ThreadPoolExecutor(3) as executor:
            assert (crew(executor).kind, crew(executor).size) == ("threads", 3)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
            assert (crew(executor).kind, crew(executor).size) == ("elsewhere", 2)
        assert crew(map).kind == "elsewhere"
        assert (crew(1).kind, crew(1).size, crew(1).submit) == ("threads", 1, None)
        assert crew(5).size == 5


class TestInThreads:
    @pytest.mark.parametrize("size", [1, 2, 7])
    def test_does_every_chunk_once(self, size):
        done = []
        in_threads(threads(size), 100, done.append, nothing)
        assert sorted(done) == list(range(100))

    def test_no_chunks(self):
        in_threads(threads(2), 0, pytest.fail, nothing)

    def test_the_first_error_wins_and_stops_the_rest(self):
        done, abandoned = [], threading.Event()

        def do(chunk):
            if chunk == 3:
                raise KeyError(chunk)
            if chunk > 3:
                abandoned.wait(10)
            done.append(chunk)

        with pytest.raises(KeyError, match="3"):
            in_threads(threads(2), 1000, do, abandoned.set)
        assert abandoned.is_set()
        assert len(done) < 10

    def test_no_chunk_runs_on_after_an_error(self):
        running = []

        def do(chunk):
            running.append(chunk)
            try:
                if chunk == 1:
                    raise OSError
                stopped.wait(10)
            finally:
                running.remove(chunk)

        stopped = threading.Event()
        with pytest.raises(OSError):  # noqa: PT011 - raised above
            in_threads(threads(3), 3, do, stopped.set)
        assert running == []

    def test_a_full_executor_does_not_deadlock(self):
        """Calls from inside an executor, with that executor as workers: nobody is free, so the caller does it all."""
        with ThreadPoolExecutor(2) as executor:

            def nested(_):
                done = []
                in_threads(crew(executor), 10, done.append, nothing)
                return sorted(done)

            assert list(executor.map(nested, range(8))) == [list(range(10))] * 8

    def test_an_executor_that_was_shut_down(self):
        executor = ThreadPoolExecutor(2)
        executor.shutdown()
        with pytest.raises(RuntimeError, match="shutdown"):
            in_threads(crew(executor), 10, lambda _: None, nothing)

    def test_a_broken_initializer(self):
        def fail():
            raise ZeroDivisionError

        slow = threading.Event()
        with pytest.raises(RuntimeError), ThreadPoolExecutor(2, initializer=fail) as executor:
            in_threads(crew(executor), 10, lambda _: slow.wait(0.05), nothing)

    @pytest.mark.thread_unsafe(reason="there are only so many shared threads")
    def test_the_shared_threads_are_used_and_bounded(self):
        names = set()

        def do(_):
            names.add(threading.current_thread().name)
            barrier.wait(10)

        barrier = threading.Barrier(3)
        in_threads(crew(3), 3, do, nothing)
        assert len(names) == 3
        assert sum(name.startswith("gilfree") for name in names) == 2


def test_what_was_worked_on_is_let_go_though_a_full_executor_still_has_the_call():
    text, ended = bytearray(b"text"), threading.Event()
    with ThreadPoolExecutor(2) as executor:
        for _ in range(2):
            executor.submit(ended.wait)

        def on_a_view():
            view = memoryview(text)
            in_threads(crew(executor), 2, view.__getitem__, lambda: None)

        on_a_view()
        try:
            text.append(1)  # BufferError while there is a view
        finally:
            ended.set()


def test_in_order_keeps_the_order_and_raises_the_first_error():
    assert in_order(threads(3), divmod, [(7, 2), (9, 4), (5, 5)]) == [(3, 1), (2, 1), (1, 0)]
    assert in_order(crew(map), divmod, [(7, 2), (9, 4)]) == [(3, 1), (2, 1)]
    abandoned = []
    with pytest.raises(ZeroDivisionError):
        in_order(threads(1), divmod, [(7, 2), (9, 0), (5, 5)], lambda: abandoned.append(1))
    assert abandoned == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.thread_unsafe(reason="starts processes")
def test_a_forked_child_has_its_own_threads():
    code = Path(__file__).with_name("support") / "fork.py"
    done = subprocess.run([sys.executable, code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr
