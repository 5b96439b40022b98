"""What depends on how long a call is: where two workers begin to pay, and what a short call costs beside Python.

Measured in a process of its own, ``python -m gilfree.benchmarks.lengths``, which speaks JSON as a cell does: each order
is the arguments of `convoy` or, with ``"kernel"``, of `break_even`, and the answer ``{"found": ...}``.
"""

import json
import sys
from contextlib import ExitStack
from typing import Any, Self, TextIO

from .breakeven import LONGEST, Team, break_even, team
from .cell import answer, serve
from .convoy import LENGTHS, convoy
from .plan import Plan
from .progress import Listener
from .remote import KEEP_FREED_MEMORY, CellError, Remote

__all__ = ["measure_lengths"]

MODULE = f"{__package__}.lengths"
PATIENCE_SECONDS = 120.0
SHARE_OF_CONVOY = 0.5  # of the time for all
NAME = "short calls"


def measure_lengths(plan: Plan, listener: Listener) -> dict[str, Any] | None:
    """Measure both; return what is written to results.json, None where the plan has no time for it."""
    if not plan.lengths_seconds:
        return None
    # Where it has to be quick, one kernel shows what there is to see.
    kernels = plan.kernels if plan.mode == "full" else plan.kernels[-1:]
    listener.begin(NAME, 1 + len(kernels))
    listener.step("beside a thread that computes in Python", notable=True)
    with Asking() as ask:
        points, error = ask({"seconds": plan.lengths_seconds * SHARE_OF_CONVOY, "lengths": LENGTHS})
        found: dict[str, Any] = {"convoy": {"error": error, "points": points or []}, "break_even": []}
        each = plan.lengths_seconds * (1 - SHARE_OF_CONVOY) / len(kernels)
        for index, kernel in enumerate(kernels):
            listener.step(f"on two workers: {kernel}", notable=index == 0)
            result, error = ask({"kernel": kernel, "seconds": each, "longest": LONGEST})
            nothing: dict[str, Any] = {"points": [], "pays": None}
            found["break_even"].append({"kernel": kernel, "error": error, **(result or nothing)})
    listener.end()
    return found


class Asking:
    """A process that answers, started anew when it has died of a question."""

    def __init__(self) -> None:
        self._remote: Remote | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, order: dict[str, Any]) -> tuple[Any, str | None]:
        """Return what was found, or why nothing was."""
        try:
            if self._remote is None:
                self._remote = Remote(MODULE, order, KEEP_FREED_MEMORY)
            else:
                self._remote.say(order)
            return self._remote.listen(PATIENCE_SECONDS)["found"], None
        except (CellError, OSError) as error:
            self.close()
            return None, str(error)

    def close(self) -> None:
        """End the process."""
        if self._remote is not None:
            self._remote.close()
            self._remote = None


def take_part(orders: TextIO, answers: TextIO) -> None:
    """Measure what is asked for."""
    workers: Team | None = None
    with ExitStack() as stack:
        for line in orders:
            order = json.loads(line)
            if "kernel" in order:
                # Not before: idle workers, too, are something else that the machine does.
                workers = workers or stack.enter_context(team())
                found: object = break_even(workers=workers, **order)
            else:
                found = convoy(**order)
            answer(answers, {"found": found})


if __name__ == "__main__":
    sys.exit(serve(take_part))
