"""Results of gilfree bench that nobody measured: all kernels and models, and whatever a report may have to show."""

import math

from gilfree.benchmarks.bench import recorded
from gilfree.benchmarks.claims.claim import FAILS, HOLDS, UNCLEAR, UNTESTABLE, Judgement, figure
from gilfree.benchmarks.implementations import IMPLEMENTATIONS
from gilfree.benchmarks.models import MODELS
from gilfree.benchmarks.plan import make_plan
from gilfree.benchmarks.prediction import predict
from gilfree.benchmarks.problems import PROBLEMS
from gilfree.benchmarks.summary import summarise
from gilfree.benchmarks.timelines import ASKER, COLUMNS

from gilfree.kernels import KERNELS

ROUNDS = 9
CPUS = 2
OTHER = "3.99t"
# Of each implementation in threads and in anything else, on as many workers as there are CPUs.
SPEEDUPS = {"pure": (0.8, 1.5), "held": (0.97, 1.6), "released": (1.93, 1.7)}
ABSENT = "needs Python 3.99 or newer, and this is older: gilfree bench --python PATH-TO-ANOTHER"
BROKEN = "WrongResultError: piece 3 of 8 is not what the reference computes serially"


def results(kernels=tuple(KERNELS), models=tuple(MODELS)):
    """A full run on two CPUs, in which one model was missing, one measurement failed and one was noisy."""
    plan = make_plan("full", kernels, models, CPUS, pythons=[OTHER])
    with recorded(plan) as made_up:
        made_up["kernels"] = [kernel(name, plan) for name in kernels]
        made_up["interpreters"] = [
            {"name": OTHER, "path": "/opt/python3.99t", "version": "3.99", "gil_enabled": False, "missing": None}
        ]
        made_up["lengths"] = {"convoy": convoy(), "break_even": [break_even(name) for name in kernels[-2:]]}
        made_up["timelines"] = timelines(kernels[-1])
        made_up["claims"] = claims(made_up["machine"])
    return made_up


def kernel(name, plan):
    """What a kernel's rows look like."""
    work = {
        implementation: {"size": plan.size_for(implementation), "units": 123_456, "pieces": 8}
        for implementation in IMPLEMENTATIONS
    }
    found = [cell(each) for each in plan.cells(name)]
    found[1] |= {"noisy": True, "noise": 0.42}
    if name == plan.kernels[0]:
        spoil(found[3], error=BROKEN)
    made_up = {
        "name": name,
        "dwarf": KERNELS[name].dwarf,
        "unit": PROBLEMS[name].unit,
        "source": PROBLEMS[name].source,
        "work": work,
        "rounds": ROUNDS,
        "limits": [{"workers": 2, "error": None, "ratios": about(1.97), "ratio": summarise(about(1.97)).as_json()}],
        "cells": found,
    }
    return made_up | {"prediction": predict(made_up, CPUS)}


def cell(of):
    """Numbers as they could be."""
    serial, threads = of.model == "serial", of.model == "threads"
    parallel = min(of.workers, CPUS) / CPUS
    top = SPEEDUPS[of.implementation][0 if threads else 1]
    speedup = 1.0 if serial or of.workers == 1 else top * parallel
    seconds = about((3.0 if of.implementation == "pure" else 0.1) / speedup)
    pickled = {"arguments": 4_000_000, "results": 1_234_567} if of.model.startswith("processes") else None
    gil = {"held": 0.9996 if of.implementation == "held" else 0.002, "mechanism": "exact"}
    made_up = {
        "implementation": of.implementation,
        "model": of.model,
        "workers": of.workers,
        "python": of.python,
        "error": None,
        "missing": None,
        "repeats": 3,
        "seconds": seconds,
        "time": summarise(seconds).as_json(),
        "per_unit": summarise([each / 123_456 for each in seconds]).as_json(),
        "noise": 0.02,
        "noisy": False,
        "speedup": summarise(about(speedup)).as_json(),
        "efficiency": speedup / min(of.workers, CPUS),
        "of_limit": summarise(about(speedup / 1.97)).as_json(),
        "startup": 0.0 if serial else 0.3,
        "pickled": pickled,
        "memory": 123_456_789,
        "heartbeat": 0.0123,
        "gil": gil | {"ceiling": 1 / gil["held"]} if serial and of.implementation != "pure" else None,
        "outside": 0.0123 if serial and of.implementation != "pure" else None,
        "gil_enabled": {"before": True, "after": True},
    }
    if of.model == "interpreters" and of.python is None:
        spoil(made_up, missing=ABSENT)
    return made_up


def spoil(made_up, **why):
    """Let a cell have failed, or not have been possible."""
    unknown = ("time", "per_unit", "noise", "speedup", "efficiency", "of_limit", "startup", "pickled", "memory")
    made_up |= (
        dict.fromkeys((*unknown, "heartbeat", "gil", "outside", "gil_enabled")) | {"seconds": [], "noisy": False} | why
    )


def about(value):
    """As many measurements as rounds, which hardly differ."""
    return [value * (1 + 0.01 * math.sin(turn)) for turn in range(ROUNDS)]


def convoy():
    """Who released the GIL waits for one switch interval."""
    return {
        "error": None,
        "points": [
            {
                "switch_interval": interval,
                "release_gil": release,
                "alone": one(length),
                "beside": one(length + (interval if release else length)),
            }
            for length in (2e-6, 2e-3)
            for interval in (5e-3, 0.5e-3)
            for release in (True, False)
        ],
    }


def break_even(name):
    """Threads pay soon, processes late."""
    return {
        "kernel": name,
        "error": None,
        "points": [
            {"units": 10, "seconds": one(1e-4), "speedup": {"number": one(1.0), "threads": one(0.5)}},
            {
                "units": 100,
                "seconds": one(1e-3),
                "speedup": {"number": one(1.8), "threads": one(1.7), "processes": one(0.2)},
            },
        ],
        "pays": {
            "number": {"low": 1e-4, "high": 1e-3},
            "threads": {"low": None, "high": 1e-4},
            "processes": {"low": 1e-3, "high": None},
        },
    }


def one(value):
    """What is told of measurements around this one."""
    return {"median": value, "low": value / 1.1, "high": value * 1.1, "coverage": 0.97}


def timelines(name):
    """Two workers that take turns, or do not, and a third thread."""
    turns = [(column // 15) % 2 for column in range(COLUMNS)]
    lanes = {
        "held": [lane("worker_0", holding=turns, waiting=[1 - turn for turn in turns]),
                 lane("worker_1", holding=[1 - turn for turn in turns], waiting=turns),
                 lane(ASKER, waiting=[0.97] * COLUMNS, holding=[0.03] * COLUMNS)],
        "released": [lane(f"worker_{n}", running=[1.0] * COLUMNS) for n in (0, 1)]
        + [lane(ASKER, holding=[0.05] * COLUMNS)],
    }  # fmt: skip
    return {
        "kernel": name, "workers": 2, "error": None, "missing": None,
        "runs": [
            {"implementation": run, "mechanism": "exact", "seconds": seconds, "lanes": lanes[run]}
            for run, seconds in (("held", 0.2), ("released", 0.1))
        ],
    }  # fmt: skip


def lane(name, **shares):
    return {"name": name, **{state: shares.get(state, [0.0] * COLUMNS) for state in ("holding", "waiting", "running")}}


def claims(machine):
    """One claim of each verdict; the first has more figures than are shown at once."""
    figures = tuple(figure(f"speed-up of something that has a long name, {n} threads", 1 + n, "×") for n in range(9))
    judgements = [
        Judgement(HOLDS, "Two threads took 1.02 times as long as one.", figures),
        Judgement(FAILS, "They gained 1.9 ×.", (figure("threads", about(1.9), "×"), figure("time", about(0.1), "s"))),
        Judgement(UNCLEAR, "The interval goes from 0.8 to 1.3.", (figure("threads", about(1), "×"),)),
        Judgement(UNTESTABLE, "Needs_an_interpreter_whose_name_is_so_long_that_it_fits_no_line_of_a_telephone."),
    ]
    rows = [
        {
            "name": f"claim-{number}", "statement": f"Statement number {number} about <threads> & others.",
            **judgement.as_json(), "error": None, "seconds": 1.0, "measured": None,
        }
        for number, judgement in enumerate(judgements)
    ]  # fmt: skip
    return {
        "schema": 1, "started": "2001-01-01T00:00:00+00:00", "seconds": 180.0, "machine": machine, "load": None,
        "claims": rows,
    }  # fmt: skip
