"""Other interpreters: the same script, `scaling.py`, on each one that is found here.

Compared with each other is the work of several threads and the same work in one. Versions of CPython with the GIL are
run too, for comparison. "Other" are all the rest: builds of CPython without a GIL, PyPy, GraalPy, Jython, IronPython.
"""

from typing import Any

from . import interpreters
from .claim import Answer, Claim, Judgement, UntestableError, all_of, figure, judge
from .measuring import SOME, at_once, compute_released, need_cpus, parallel, ratios, take_turns

__all__ = ["CLAIM"]

CONTROL_ROUNDS = 3


def experiment() -> dict[str, Any]:
    """Run the script everywhere, and before each run and after the last one see whether two CPUs are free."""
    need_cpus(SOME)
    found = interpreters.identities()
    if not any(is_other(who) for who in found.values()):
        raise UntestableError(
            f"found no interpreter but CPython with the GIL (looked for {', '.join(interpreters.NAMES)}); "
            "--python names more"
        )
    control, rows = free_cpus(), []
    for path, who in found.items():
        row = {"path": path, "version": who["version"], "gil": who["gil"], "other": is_other(who)}
        try:
            row |= {"seconds": interpreters.scaling(path, SOME), "error": None}
        except interpreters.BrokenInterpreterError as error:
            row |= {"seconds": None, "error": str(error)}
        rows.append(row)
        control += free_cpus()
    return {"control": control, "interpreters": rows}


def is_other(who: dict[str, Any]) -> bool:
    """Tell whether an interpreter is something else than CPython with the GIL."""
    return who["gil"] is not True


def free_cpus() -> list[float]:
    """Return speed-ups of a kernel that releases the GIL."""
    return ratios(take_turns(at_once(compute_released, SOME), CONTROL_ROUNDS), "one by one", "in threads")


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that threads run in parallel on each of the others."""
    control = figure("a kernel that releases the GIL, speed-up", measured["control"], "×")
    figures = [control]
    answers: dict[str, Answer] = {}
    for row in measured["interpreters"]:
        if row["error"] is not None:
            continue
        name = row["version"] + (" without a GIL" if row["gil"] is False else "")
        speedup = figure(f"{name}, {SOME} threads, speed-up", ratios(row["seconds"], "serial", "threads"), "×")
        figures.append(speedup)
        if row["other"]:
            answers[name] = parallel(speedup, control)
    errors = "".join(f" {row['version']}: {row['error']}." for row in measured["interpreters"] if row["error"])
    without, with_gil, unknown = (
        ", ".join(name for name, answer in answers.items() if answer is wanted) for wanted in (True, False, None)
    )
    return judge(
        all_of(*answers.values()) if answers else None,
        {
            True: f"Threads ran in parallel on {without}.{errors}",
            False: f"Threads took turns on {with_gil}"
            + (f", and ran in parallel on {without}" if without else "")
            + f": other does not mean without a GIL.{errors}",
            None: f"Too noisy, or no second CPU was free: {unknown or 'none of the others ran'}.{errors}",
        },
        figures,
    )


CLAIM = Claim("other-interpreters", "Other interpreters have no GIL.", experiment, rule, seconds=500)
