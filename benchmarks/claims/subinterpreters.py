"""Subinterpreters: pure Python, and a kernel that holds the GIL, in two interpreters of one process."""

import sys
from concurrent import futures
from functools import partial
from typing import Any

from gilfree.info import gil_enabled
from gilfree.workers import Workers

from .claim import Claim, Judgement, UntestableError, all_of, judge
from .measuring import (
    SOME,
    compute_in_python,
    compute_released,
    in_threads,
    need_cpus,
    parallel,
    speedup_figure,
    take_turns,
)

__all__ = ["CLAIM"]

PIECES = 2  # for each interpreter
FIRST_VERSION = (3, 14)


def experiment() -> dict[str, Any]:
    """Time pure Python and a kernel that holds the GIL, in threads and in interpreters."""
    need_cpus(SOME)
    make_pool = getattr(futures, "InterpreterPoolExecutor", None)
    if make_pool is None:
        wanted = ".".join(map(str, FIRST_VERSION))
        raise UntestableError(f"it takes Python {wanted}, and this is {sys.version.split()[0]}")
    if not gil_enabled():
        raise UntestableError("this Python runs without a GIL, so that interpreters cannot have one each")
    with make_pool(SOME) as pool:
        ways: dict[str, Any] = {
            "python": lambda: compute_in_python(SOME * PIECES),
            "python, threads": lambda: in_threads(lambda: compute_in_python(PIECES), SOME),
            "python, interpreters": lambda: list(pool.map(compute_in_python, [PIECES] * SOME)),
            "held": partial(draw_holding, 1),
            "held, interpreters": partial(draw_holding, pool),
            "control": lambda: compute_released(SOME),
            "control, threads": lambda: in_threads(compute_released, SOME),
        }
        return {"seconds": take_turns(ways)}


def draw_holding(workers: Workers) -> None:
    """Draw a picture without releasing the GIL; interpreters write to the same memory."""
    import gilfree  # noqa: PLC0415 - imports count where interpreters start

    gilfree.mandelbrot(2400, 1800, workers=workers, release_gil=False)


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that both run in parallel in interpreters."""
    seconds = measured["seconds"]
    threads, python, held, control = (
        speedup_figure(f"{words}, speed-up", seconds, slower, faster)
        for words, slower, faster in (
            (f"pure Python, {SOME} threads", "python", "python, threads"),
            (f"pure Python, {SOME} interpreters", "python", "python, interpreters"),
            (f"a kernel that holds the GIL, {SOME} interpreters", "held", "held, interpreters"),
            (f"a kernel that releases the GIL, {SOME} threads", "control", "control, threads"),
        )
    )
    return judge(
        all_of(parallel(python, control), parallel(held, control)),
        {
            True: "Pure Python and a kernel that holds the GIL both ran in parallel in interpreters.",
            False: "Interpreters took turns.",
            None: "The figures are too noisy, or the machine had no second CPU free.",
        },
        [python, held, threads, control],
    )


CLAIM = Claim("subinterpreters", "Subinterpreters each have their own GIL.", experiment, rule)
