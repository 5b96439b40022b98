"""Every kernel on a cluster: two worker processes of two threads each, which a scheduler feeds over TCP."""

import os
import signal
import sys
import time
from contextlib import suppress
from threading import Thread

import pytest
from gilfree.benchmarks.cell import identical
from gilfree.benchmarks.problems import PROBLEMS

from gilfree import nbody_accelerations
from gilfree.kernels import KERNELS
from gilfree.workers import crew

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Dask's own
    pytest.mark.thread_unsafe(reason="starts processes"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_the_workers_are_other_processes(client):
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_crew_is_as_large_as_the_cluster(client):
    with client.get_executor() as executor:
        assert crew(executor).size == 2 * 2


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_computes_the_same_on_a_cluster(client, name, release_gil):
    call = PROBLEMS[name].make("tiny")
    function = KERNELS[name].functions[0]
    with client.get_executor() as executor:
        assert identical(call(function, workers=executor, release_gil=release_gil), call(function))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_in_mid_run_costs_time_and_nothing_else(client):
    call = PROBLEMS["nbody_accelerations"].make("large")  # a second of work, which 10 ms are next to nothing of
    expected = call(nbody_accelerations, workers=-1)
    pids = client.run(os.getpid)
    results = []
    with client.get_executor() as executor:
        run = Thread(target=lambda: results.append(call(nbody_accelerations, workers=executor)))
        run.start()
        victim = busy_worker(client)
        os.kill(pids[victim], signal.SIGKILL)
        run.join(120)
    assert not run.is_alive()
    [result] = results
    assert identical(result, expected)
    client.wait_for_workers(2, timeout=60)  # another process has taken its place
    assert pids[victim] not in client.run(os.getpid).values()


def busy_worker(client):
    """A worker that has tasks to do, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(StopIteration):
            return next(worker for worker, tasks in client.processing().items() if tasks)
        time.sleep(0.01)
    raise AssertionError("no task reached a worker")
