"""Two workers against one, beside two processes."""

import pytest
from gilfree.benchmarks import two_workers
from gilfree.benchmarks.summary import Summary, fewest_rounds
from gilfree.benchmarks.two_workers import Row, measure, shown


def test_ratios_are_those_of_a_round(monkeypatch):
    """Of made-up times: with two workers 0.6 of that with one; both processes slow down by a quarter."""
    asked = []

    class Other:
        def send(self, count):
            asked.append(count)

        def recv(self):
            return 3.0 if len(asked) % 2 else 4.0  # alone, and then beside the other

    class Entered:
        def __enter__(self):
            return Other()

        def __exit__(self, *_):
            pass

    def calls(_kernel, _call, workers, count):
        if count < 5:
            return 0.2 * count
        return 0.6 if workers == 2 else 1.25 if len(asked) % 2 == 0 and asked else 1.0

    monkeypatch.setattr(two_workers, "calls", calls)
    monkeypatch.setattr(two_workers, "another_process", lambda *_: Entered())
    monkeypatch.setattr(two_workers.random.Random, "sample", lambda *_: ["other", "one", "two"])
    row = measure("mandelbrot", "tiny", fewest_rounds(), least=1.0)
    assert set(asked) == {5}
    assert row.seconds.median == pytest.approx(0.2)
    assert row.workers.median == pytest.approx(1 / 0.6)
    assert row.processes.median == pytest.approx(1 / 1.25 + 3 / 4)
    assert row.reached.median == pytest.approx(1 / 0.6 / 1.55)


def test_a_kernel_is_measured_and_shown():
    row = measure("mandelbrot", "tiny", fewest_rounds(), least=1e-3)
    assert row.kernel == "mandelbrot"
    assert min(row.seconds.low, row.workers.low, row.processes.low, row.reached.low) > 0
    assert shown(row).startswith("| `mandelbrot` | ")


def test_line_of_the_table():
    one = Summary(1.0, 0.5, 2.0, 0.97)
    row = Row("viterbi", Summary(0.05, 0.04, 0.06, 0.97), one, one, one)
    ratio, share = "1.00 × [0.50 – 2.00]", "100 % [50 – 200]"
    assert shown(row) == f"| `viterbi` | 50.0 ms | {ratio} | {ratio} | {share} |"
