"""Measures one row of the atlas in a process of its own: reads the row from its input, writes the result as output.

``python -m gilfree.observe._atlas_row``, as `gilfree.observe._atlas` calls it.
"""

import json
import os
import sys
from typing import Any

from gilfree.observe._expression import EXPRESSION, SETUP, as_function
from gilfree.observe._probe import Prober

__all__ = ["measure"]

THREADS = 2


def measure(function: str, setup: str, expression: str, budget: float) -> dict[str, Any]:
    """Return what is measured, or the error; ``"missing"`` tells whether this installation lacks the function."""
    try:
        call = as_function(expression, setup)
        call()  # the first call may import or compile
        found = Prober(budget, (1, THREADS)).measure(function, call, (), {})
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the row is lost and the others are not
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0], "missing": _is_missing(error)}
    return {
        "held": found.held,
        "releases": found.releases,
        "seconds": found.seconds,
        "speedup": found.speedup[THREADS],
        "mechanism": found.mechanism,
        "error": None,
    }


def _is_missing(error: BaseException) -> bool:
    """Tell whether the error is that the row's own text names what is not there, rather than one further down."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if isinstance(error, ModuleNotFoundError):
        return True
    return (
        isinstance(error, ImportError | AttributeError)
        and trace is not None
        and trace.tb_frame.f_code.co_filename in {SETUP, EXPRESSION}
    )


def main() -> None:
    """Measure the row, and keep what it prints away from the result."""
    result = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    json.dump(measure(**json.load(sys.stdin)), result)
    result.close()


if __name__ == "__main__":
    main()
