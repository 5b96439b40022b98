"""Calls of all lengths: on two workers, and beside a thread that computes in Python."""

import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.resources import files

import pytest

pytest.importorskip("rich")

from gilfree.benchmarks import breakeven, lengths
from gilfree.benchmarks import convoy as convoys
from gilfree.benchmarks.bench import failures
from gilfree.benchmarks.breakeven import bracket, break_even
from gilfree.benchmarks.cell import WrongResultError
from gilfree.benchmarks.convoy import convoy, python_beside, seconds_of, switch_interval
from gilfree.benchmarks.lengths import measure_lengths
from gilfree.benchmarks.plan import Plan, make_plan
from gilfree.benchmarks.progress import Silent
from gilfree.benchmarks.summary import fewest_rounds
from gilfree.benchmarks.thresholds import call_of

from gilfree.kernels import KERNELS

PLAN = Plan("full", ("nonsense", "mandelbrot"), (), (1, 2), (2,), 2, "small", "tiny", 0.002, 6, lengths_seconds=0.01)


@pytest.fixture(scope="module")
def found():
    """Of a kernel that there is not, and then of one that there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lengths, "LENGTHS", (2e-6, 200e-6))
        patch.setattr(lengths, "LONGEST", 1e-3)
        return measure_lengths(PLAN, Silent())


def test_points_are_there_for_every_length_and_interval(found):
    assert found["convoy"]["error"] is None
    points = found["convoy"]["points"]
    assert len(points) == 2 * 2 * 2
    for point in points:
        assert point["alone"]["median"] > 0
        assert point["beside"]["low"] <= point["beside"]["median"] <= point["beside"]["high"]
    assert {(point["switch_interval"], point["release_gil"]) for point in points} == {
        (interval, release) for interval in (5e-3, 0.5e-3) for release in (True, False)
    }


def test_a_failure_is_told_and_leaves_the_rest_alone(found):
    nonsense, mandelbrot = found["break_even"]
    assert "KeyError" in nonsense["error"]
    assert nonsense["points"] == []
    assert mandelbrot["error"] is None
    assert set(mandelbrot["pays"]) == {"number", "threads", "processes"}
    seconds = [point["seconds"]["median"] for point in mandelbrot["points"]]
    assert seconds == sorted(seconds)
    assert len(seconds) > 1
    assert failures({"kernels": [], "lengths": found}) == [f"short calls, nonsense: {nonsense['error']}"]


def test_what_is_found_follows_the_schema(found):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text())
    part = {"$schema": schema["$schema"], "$defs": schema["$defs"], **schema["$defs"]["lengths"]}
    jsonschema.Draft202012Validator(part).validate(json.loads(json.dumps(found)))


def test_a_process_that_dies_is_replaced(monkeypatch):
    monkeypatch.setattr(lengths, "MODULE", "gilfree.benchmarks.no_such_module")
    with lengths.Asking() as ask:
        for _ in range(2):
            result, error = ask({})
            assert result is None
            assert "no_such_module" in error


def test_a_plan_without_time_for_them_leaves_them_out():
    assert measure_lengths(replace(PLAN, lengths_seconds=0.0), Silent()) is None
    [entry] = measure_lengths(replace(PLAN, mode="quick"), Silent())["break_even"]
    assert entry["kernel"] == "mandelbrot", "where it has to be quick, the last"
    for mode in ("quick", "full"):
        assert make_plan(mode, ["mandelbrot"], ["serial", "threads"], 2).lengths_seconds > 0
        assert make_plan(mode, ["mandelbrot"], ["serial", "asyncio"], 2).lengths_seconds == 0


@pytest.mark.parametrize(
    ("speedups", "border"),
    [
        ([0.5, 0.8, 1.5, 1.9], (2, 3)),
        ([1.5, 1.9], (None, 1)),
        ([0.5, 1.0], (2, None)),
        ([0.5, 1.2, 0.9, 1.5, 1.9, 1.9], (3, 4)),  # one gain by chance
        ([0.5, 1.5, 1.9, 0.9, 1.9, 1.9], (1, 2)),  # one loss by chance
        ([0.5, 1.04], (2, None)),  # within what two runs of the same code differ by
        ([], (None, None)),
    ],
)
def test_the_border_has_fewest_points_on_its_wrong_side(speedups, border):
    low, high = border
    assert bracket(list(enumerate(speedups, 1))) == {"low": low, "high": high}


def test_wrong_results_are_no_measurement(monkeypatch):
    kernel = KERNELS["mandelbrot"]

    def wrong(*args, workers, **kwargs):
        return kernel.functions[0](*args, workers=workers, **kwargs) + (workers != 1)

    monkeypatch.setitem(KERNELS, "mandelbrot", replace(kernel, functions=(wrong,)))
    with pytest.raises(WrongResultError, match="workers=2"):
        break_even("mandelbrot", {"number": 2}, 0.0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_has_calls_that_can_be_cut(monkeypatch, kernel):
    # The larger pieces are of interest, the next is too short, and nothing is computed.
    times = iter([8e-3] * 3 + [4e-3] * 3 + [2e-3] * 3)
    monkeypatch.setattr(breakeven, "timed", lambda *_: next(times, 1e-9))
    pieces = list(breakeven.smaller(kernel, breakeven.LONGEST))
    assert 1 < len(pieces) <= 3
    units = [breakeven.PROBLEMS[kernel].units(piece) for piece in pieces]
    assert units[-1] < units[0]


def test_a_speedup_is_the_time_of_one_worker_over_that_of_two(monkeypatch):
    seconds = {1: 0.02, 2: 0.01, 3: 0.08}  # by what stands for the workers
    monkeypatch.setattr(breakeven, "timed", lambda _function, _piece, workers, _batch: seconds[workers])
    piece = breakeven.PROBLEMS["mandelbrot"].make("small")
    found = breakeven.measured("mandelbrot", piece, {"number": 2, "threads": 3}, 0.0)
    assert found["seconds"]["median"] == 0.02
    assert found["speedup"]["number"]["median"] == pytest.approx(2.0)
    assert found["speedup"]["threads"]["median"] == pytest.approx(0.25)


def test_who_holds_and_who_releases_is_not_mixed_up(monkeypatch):
    def fake(seconds):
        return lambda *, release_gil: time.sleep(3 * seconds if release_gil else seconds)

    monkeypatch.setattr(convoys, "call_of", fake)
    for point in convoy(0.0, (0.01,)):
        assert point["alone"]["low"] > (0.03 if point["release_gil"] else 0.01)
        assert point["beside"]["low"] > (0.03 if point["release_gil"] else 0.01)


def test_hopeless_ways_are_not_tried_on_shorter_calls(monkeypatch):
    tried = []

    def measured(kernel, piece, workers, seconds):
        tried.append(set(workers))
        reached = {"number": 1.5, "threads": 0.01}
        speedups = {way: {"median": reached[way], "high": reached[way]} for way in workers}
        return {"seconds": {"median": 1 / len(tried)}, "speedup": speedups}

    monkeypatch.setattr(breakeven, "smaller", lambda *_: ["large", "small"])
    monkeypatch.setattr(breakeven, "measured", measured)
    found = breakeven.break_even("mandelbrot", {"number": 2, "threads": 3}, 1.0)
    assert tried == [{"number", "threads"}, {"number"}]
    assert found["pays"]["threads"] == {"low": 1.0, "high": None}
    assert found["pays"]["number"] == {"low": None, "high": 0.5}


def test_the_switch_interval_is_put_back():
    before = sys.getswitchinterval()
    with suppress(ValueError), switch_interval(0.02):
        assert sys.getswitchinterval() == pytest.approx(0.02)
        raise ValueError("within")
    assert sys.getswitchinterval() == before
    convoy(0.0, (2e-6,))
    assert sys.getswitchinterval() == before


def test_the_mean_is_of_two_calls_at_least():
    calls = []
    assert seconds_of(lambda: calls.append(1), 0.0) > 0
    assert len(calls) == 2


def test_the_other_thread_computes_until_the_end():
    before = threading.active_count()
    with python_beside():
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL to wait for")
def test_who_lets_go_waits_for_a_switch_interval():
    call = call_of(20e-3)  # long enough for the other thread to wake up and take the GIL
    with switch_interval(0.2), python_beside():
        released = [seconds_of(partial(call, release_gil=True), 0.0) for _ in range(3)]
    assert max(released) > 0.1


def test_as_many_rounds_as_an_interval_takes(found):
    [point, *_] = found["break_even"][1]["points"]
    assert point["seconds"]["coverage"] == pytest.approx(1 - 2 / 2 ** fewest_rounds())
