"""The costs of a cluster, on paper and for real."""

import pytest
from gilfree.benchmarks import cluster
from gilfree.benchmarks.cluster import efficiency, ready_after


@pytest.mark.parametrize(
    ("cores", "chunk", "expected"),
    [(1, 1.0, 1 / 1.001), (100, 1.0, 1 / 1.001), (1000, 1.0, 1.0 / 1.001), (10_000, 1.0, 0.1), (1000, 0.01, 0.01)],
)
def test_cores_are_busy_as_far_as_the_scheduler_can_feed_them(cores, chunk, expected):
    assert efficiency(cores, chunk, 1e-3) == pytest.approx(expected)


def test_chunks_leave_one_after_another():
    assert ready_after(100, 1_000_000, 1e-3, 1e-9) == pytest.approx(2 * 100 * 2e-3)


@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_the_script_measures_and_checks(capsys):
    pytest.importorskip("distributed")
    assert cluster.main(["--size", "tiny", "--rounds", "1", "--tasks", "20", "-k", "mandelbrot", "viterbi"]) == 0
    out = capsys.readouterr().out
    for words in ("mandelbrot", "viterbi", "a task among 20", "efficiency on paper"):
        assert words in out


def test_a_wrong_result_ends_it(monkeypatch):
    class Client:
        def get_executor(self):
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

            return ThreadPoolExecutor(1)

    call = cluster.PROBLEMS["mandelbrot"].make("tiny")
    function = cluster.KERNELS["mandelbrot"].functions[0]
    right = call(function)
    assert cluster.run(Client(), call, function, release=True, expected=right) > 0
    with pytest.raises(AssertionError, match="something else"):
        cluster.run(Client(), call, function, release=True, expected=right + 1)


def test_without_distributed_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(cluster.sys.modules, "distributed", None)
    assert cluster.main([]) == 2
    assert "pip install distributed" in capsys.readouterr().err
