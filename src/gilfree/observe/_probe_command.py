"""``gilfree probe``, once its arguments are parsed."""

import argparse
import json
import math
import sys
import traceback
from contextlib import redirect_stdout
from typing import Any

from gilfree.observe._expression import SETUP, as_function, format_error
from gilfree.observe._probe import Probe, Prober
from gilfree.observe._watching import NotMeasurableError

__all__ = ["run"]

FAILED = 1
USAGE_ERROR = 2


def run(options: argparse.Namespace) -> int:
    """Probe the expression, print what was found, and return the exit status."""
    try:
        prober = Prober(options.budget, options.threads)
    except ValueError as error:
        return _complain(f"--{error}", USAGE_ERROR)  # it begins with the name of an argument, which is an option here
    # As for python -c, modules of the current directory can be imported.
    sys.path.insert(0, "")
    try:
        # What the user's code prints would not be JSON.
        with redirect_stdout(sys.stderr if options.json else sys.stdout):
            found = _probe(prober, options.expression, options.setup)
    except _WrongSyntaxError as error:
        return _complain(str(error), USAGE_ERROR)
    except NotMeasurableError as error:
        return _complain(str(error), FAILED)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's
        print(format_error(error), end="", file=sys.stderr)
        return FAILED
    print(json.dumps(as_json(found), indent=2) if options.json else found)
    return 0


def as_json(found: Probe) -> dict[str, Any]:
    """Return the probe ready for JSON, in which there is no infinity."""
    return {
        "expression": found.name,
        "verdict": found.verdict,
        "held": found.held,
        "held_interval": list(found.held_interval),
        "releases": found.releases,
        "longest_hold": found.longest_hold,
        "seconds": found.seconds,
        "speedup": {str(count): ratio for count, ratio in found.speedup.items()},
        "ceiling": None if math.isinf(found.ceiling) else found.ceiling,
        "mechanism": found.mechanism,
        "calls": found.calls,
    }


class _WrongSyntaxError(Exception):
    """What was typed is no Python."""


def _probe(prober: Prober, expression: str, setup: str) -> Probe:
    try:
        function = as_function(expression, setup)
    except SyntaxError as error:
        # A setup that runs may itself raise one, by importing a module; that is an error like any other.
        if error.__traceback__ is not None and _raised_in_setup(error):
            raise
        what = "--setup: wanted statements" if error.filename == SETUP else "EXPRESSION: wanted an expression"
        raise _WrongSyntaxError(f"{what}\n{''.join(traceback.format_exception_only(error)).rstrip()}") from None
    return prober.measure(expression.strip(), function, (), {})


def _raised_in_setup(error: BaseException) -> bool:
    return any(frame.f_code.co_filename == SETUP for frame, _ in traceback.walk_tb(error.__traceback__))


def _complain(message: str, status: int) -> int:
    print(f"gilfree probe: {message}", file=sys.stderr)
    return status
