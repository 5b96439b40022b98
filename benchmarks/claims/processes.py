"""Processes and CPU-bound Python code: the same pure Python, once more, but in a pool of two processes."""

from typing import Any

from .claim import Claim, Judgement, judge
from .measuring import (
    SOME,
    compute_in_python,
    compute_released,
    in_threads,
    need_cpus,
    parallel,
    process_pool,
    speedup_figure,
    take_turns,
)

__all__ = ["CLAIM"]

PIECES = 2  # for each process


def experiment() -> dict[str, Any]:
    """Time pure Python in processes; the control is compiled code without the GIL in threads."""
    need_cpus(SOME)
    with process_pool(SOME) as pool:
        return {
            "seconds": take_turns(
                {
                    "serial": lambda: compute_in_python(SOME * PIECES),
                    "processes": lambda: list(pool.map(compute_in_python, [PIECES] * SOME)),
                    "control serial": lambda: compute_released(SOME),
                    "control": lambda: in_threads(compute_released, SOME),
                }
            )
        }


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that processes run in parallel."""
    processes = speedup_figure(f"{SOME} processes, speed-up", measured["seconds"], "serial", "processes")
    control = speedup_figure(
        f"a kernel that releases the GIL, {SOME} threads, speed-up", measured["seconds"], "control serial", "control"
    )
    return judge(
        parallel(processes, control),
        {
            True: "Pure Python ran in parallel.",
            False: "Pure Python was no faster in processes.",
            None: "The figures are too noisy, or the machine had no second CPU free.",
        },
        [processes, control],
    )


CLAIM = Claim("processes", "Processes give true parallelism.", experiment, rule)
