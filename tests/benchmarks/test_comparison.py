"""Two runs compared: what the intervals cover, and which verdicts come of them."""

import io
import json
import random
from itertools import permutations
from math import comb

import pytest

pytest.importorskip("rich")

from gilfree.benchmarks import comparison
from gilfree.benchmarks.comparison import (
    FASTER,
    LOST,
    MARGIN,
    SAME,
    SLOWER,
    chance_of_no_change,
    compared,
    discovered,
    pair_counts,
    ratio_interval,
)
from rich.console import Console

from gilfree import cli

MACHINE = {
    "cpu": {"model": "one", "usable": 2},
    "python": {"version": "3.14.1"},
    "isa": {"level": "v4"},
    "numpy": "2.5.0",
    "compiler": "gcc",
}


def run_of(times, *, size="medium", machine=MACHINE, errors=()):
    """Results with a cell for each list of times."""
    cells = [
        {
            "implementation": "released",
            "model": "threads",
            "workers": workers,
            "error": "broke" if workers in errors else None,
            "seconds": [] if workers in errors else seconds,
        }
        for workers, seconds in enumerate(times, 1)
    ]
    work = {"released": {"size": size, "units": 10}}
    return {"machine": machine, "kernels": [{"name": "mandelbrot", "work": work, "cells": cells}]}


def steady(seed, scale=1.0, rounds=7):
    dice = random.Random(seed)
    return [scale * dice.uniform(0.99, 1.01) for _ in range(rounds)]


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 2), (3, 4)])
def test_pairs_are_counted_as_by_brute_force(first, second):
    counted = [0] * (first * second + 1)
    for order in set(permutations("a" * first + "b" * second)):
        counted[sum(x == "a" and y == "b" for i, x in enumerate(order) for y in order[i:])] += 1
    assert list(pair_counts(first, second)) == counted
    assert sum(counted) == comb(first + second, first)


def test_the_interval_is_that_of_the_tables():
    # For 6 and 6 values, U = 5 is the largest at the two-sided level of 5 %: the 6th smallest ratio bounds it.
    before, after = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [3.0**k for k in range(6)]
    ratios = sorted(a / b for a in after for b in before)
    middle, low, high = ratio_interval(before, after)
    assert (low, high) == (ratios[5], ratios[-6])
    assert middle == (ratios[17] + ratios[18]) / 2


def test_the_interval_covers_the_true_ratio_as_often_as_it_says():
    dice = random.Random(1)
    covered = 0
    for _ in range(1000):
        before = [dice.lognormvariate(0, 0.1) for _ in range(7)]
        after = [1.3 * dice.lognormvariate(0, 0.1) for _ in range(7)]
        _, low, high = ratio_interval(before, after)
        covered += low <= 1.3 <= high
    assert covered >= 930, "of 1000, where 950 or more are to be expected"


def test_a_difference_within_the_margin_is_none():
    assert chance_of_no_change([1.0] * 7, [1 + MARGIN / 2] * 7) == 1
    assert chance_of_no_change(steady(1), steady(2, 1 + 2 * MARGIN)) == pytest.approx(2 / comb(14, 7))
    assert chance_of_no_change(steady(2, 1 + 2 * MARGIN), steady(1)) == pytest.approx(2 / comb(14, 7))


def test_few_discoveries_are_false():
    # The example of Benjamini and Hochberg (1995), section 3.2: four of fifteen.
    chances = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
        1.0,
    ]  # fmt: skip
    assert discovered(chances) == [True] * 4 + [False] * 11
    assert discovered(chances[::-1]) == [False] * 11 + [True] * 4
    assert discovered([0.5, 0.9]) == [False, False]
    assert discovered([]) == []


def test_a_change_is_told_from_noise():
    dice = random.Random(5)
    noise = [dice.uniform(0.5, 2) for _ in range(7)]
    before = run_of([steady(1), steady(2), steady(3), noise])
    after = run_of([steady(4), steady(5, 1.3), steady(6, 0.7), noise[::-1]])
    found = compared(before, after)
    assert [each.verdict for each in found] == [SAME, SLOWER, FASTER, SAME]
    assert found[1].low > 1.25
    assert found[1].ratio == pytest.approx(1.3, rel=0.02)
    assert found[3].low < 1 < found[3].high


def test_units_of_work_are_compared_and_only_of_the_same_problem():
    before, after = run_of([steady(1)]), run_of([[2 * time for time in steady(2)]])
    after["kernels"][0]["work"]["released"]["units"] = 20
    assert [each.verdict for each in compared(before, after)] == [SAME]
    assert compared(before, run_of([steady(1)], size="large")) == []


def test_what_is_no_longer_measured_is_told():
    before, after = run_of([steady(1), steady(2)]), run_of([steady(1), steady(2)], errors={2})
    assert [each.verdict for each in compared(before, after)] == [SAME, LOST]
    assert [each.verdict for each in compared(after, before)] == [SAME], "what failed before has nothing to lose"
    assert compared(before, run_of([steady(1)])) == compared(before, run_of([steady(1)]))[:1]


def written(folder, name, results):
    file = folder / name
    file.write_text(json.dumps(results))
    return file


@pytest.mark.parametrize(
    ("times", "errors", "status", "words"),
    [
        ([steady(3), steady(4)], (), 0, "2 no difference can be told"),
        ([steady(3, 0.5), steady(4)], (), 0, "1 faster; 1 no difference can be told"),
        ([steady(3, 2.0), steady(4)], (), 1, "1 slower; 1 no difference can be told"),
        ([steady(3), steady(4)], (1,), 1, "1 no difference can be told; 1 not measured again"),
    ],
)
def test_the_exit_status_tells_of_what_is_slower(tmp_path, capsys, times, errors, status, words):  # noqa: PLR0917
    before = written(tmp_path, "a.json", run_of([steady(1), steady(2)]))
    after = written(tmp_path, "b.json", run_of(times, errors=errors))
    assert cli.main(["bench", "--compare", str(before), str(after)]) == status
    out = capsys.readouterr().out
    assert words in out
    assert "differs" not in out


def test_another_machine_is_pointed_out(tmp_path):
    before = written(tmp_path, "a.json", run_of([steady(1)]))
    other = MACHINE | {"cpu": {"model": "another", "usable": 2}}
    after = written(tmp_path, "b.json", run_of([steady(2)], machine=other))
    console = Console(file=io.StringIO(), width=100)
    comparison.compare(before, after, console)
    assert "The processor differs: one then, another now." in console.file.getvalue()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"kernels": []}'])
def test_what_cannot_be_compared_is_wrong_usage(tmp_path, capsys, text):
    good, bad = written(tmp_path, "a.json", run_of([steady(1)])), tmp_path / "b.json"
    bad.write_text(text)
    assert cli.main(["bench", "--compare", str(good), str(bad)]) == 2
    assert cli.main(["bench", "--compare", str(good), str(tmp_path / "none.json")]) == 2
    other = run_of([steady(1)], size="large")
    assert cli.main(["bench", "--compare", str(good), str(written(tmp_path, "c.json", other))]) == 2
    assert capsys.readouterr().err.count("gilfree bench: ") == 3
