"""A C extension can let the GIL go: each of gilfree's kernels in two threads, holding the GIL and releasing it.

Holding and releasing run the same machine code, so what differs is the GIL and nothing else. Two processes running pure
Python tell whether there is a second CPU to be had.
"""

import statistics
from functools import partial
from typing import Any

from gilfree.info import gil_enabled

from .claim import UNTESTABLE, Claim, Judgement, all_of, figure, judge, opposite
from .measuring import (
    PARALLEL,
    SOME,
    compute_in_python,
    held_share,
    need_cpus,
    parallel,
    process_pool,
    ratios,
    take_turns,
)

__all__ = ["CLAIM"]

SHARE_SECONDS = 0.05  # to look for how long a kernel holds the GIL


def experiment() -> dict[str, Any]:
    """Time each kernel on pieces of its problem: one by one, and in two threads."""
    from gilfree.kernels import KERNELS  # noqa: PLC0415 - imports count where processes start

    need_cpus(SOME)
    kernels, left_out = {}, {}
    for name in KERNELS:
        try:
            kernels[name] = in_two_threads(name)
        except ImportError as error:  # the input of some problems comes with a package that need not be there
            left_out[name] = str(error)
    with process_pool(SOME) as pool:
        control = take_turns(
            {
                "serial": lambda: compute_in_python(SOME),
                "processes": lambda: list(pool.map(compute_in_python, [1] * SOME)),
            }
        )
    return {"gil": gil_enabled(), "kernels": kernels, "left out": left_out, "control": control}


def in_two_threads(name: str) -> dict[str, Any]:
    """Return what one kernel takes."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    from gilfree.kernels import KERNELS  # noqa: PLC0415

    from ..implementations import IMPLEMENTATIONS  # noqa: PLC0415
    from ..problems import PROBLEMS  # noqa: PLC0415

    pieces = PROBLEMS[name].split(PROBLEMS[name].make("medium"), 2 * SOME)
    held, released = (IMPLEMENTATIONS[kind].task(KERNELS[name]) for kind in ("held", "released"))
    with ThreadPoolExecutor(SOME) as pool:
        seconds = take_turns(
            {
                "serial": lambda: list(map(held, pieces)),
                "held": lambda: list(pool.map(held, pieces)),
                "released": lambda: list(pool.map(released, pieces)),
            }
        )
    share = held_share(name, partial(released, pieces[0]), SHARE_SECONDS)
    return {"seconds": seconds, "held": share}


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that the kernels, taken together, run in parallel when they release the GIL, and not when they hold it."""
    kernels = measured["kernels"]
    control = figure(
        f"pure Python, {SOME} processes, speed-up", ratios(measured["control"], "serial", "processes"), "×"
    )
    together = {
        kind: figure(f"mean of {len(kernels)} kernels, {words}, {SOME} threads, speed-up", means(kernels, kind), "×")
        for kind, words in (("held", "GIL held"), ("released", "GIL released"))
    }
    each = [
        figure(f"{name}, {words}, speed-up", ratios(of["seconds"], "serial", kind), "×")
        for name, of in kernels.items()
        for kind, words in (("held", "GIL held"), ("released", "GIL released"))
    ]
    shares = [
        figure(f"{name}, GIL held while releasing", of["held"]["share"], "%")
        for name, of in kernels.items()
        if of["held"] and of["held"]["mechanism"] != "attached"
    ]
    figures = [*together.values(), control, *each, *shares]
    left_out = "".join(f" Left out: {name}, {why}." for name, why in measured["left out"].items())
    if not measured["gil"]:
        return Judgement(
            UNTESTABLE,
            f"This Python runs without a GIL: there is nothing to let go, or to hold.{left_out}",
            tuple(figures),
        )
    return judge(
        all_of(parallel(together["released"], control), opposite(together["held"].above(PARALLEL))),
        {
            True: "The same machine code runs in parallel if it releases the GIL, and takes turns if it holds it."
            + left_out,
            False: f"Releasing the GIL made no difference.{left_out}",
            None: f"The figures are too noisy, or the machine had no second CPU free.{left_out}",
        },
        figures,
    )


def means(kernels: dict[str, Any], kind: str) -> list[float]:
    """Return the geometric mean of the kernels' speed-ups in each round."""
    speedups = [ratios(of["seconds"], "serial", kind) for of in kernels.values()]
    return [statistics.geometric_mean(turn) for turn in zip(*speedups, strict=True)]


CLAIM = Claim("c-extension", "A C extension can let the GIL go.", experiment, rule, seconds=400)
