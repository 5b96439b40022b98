"""Checks of the kernels' arguments that are single numbers."""

import math
import operator

__all__ = ["finite_float", "integer"]


def integer(name: str, value: object, least: int, most: int | None = None, note: str = "") -> int:
    """Return ``value`` as an int from ``least`` to ``most``; ``note`` tells where the bounds come from."""
    if type(value) is int and value >= least and (most is None or value <= most):
        return value
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name}: wanted an int, got {type(value).__name__}") from None
    if number < least or (most is not None and number > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name}: wanted {bounds}{note}, got {number}")
    return number


def finite_float(name: str, value: object, least: float = -math.inf, above: float = -math.inf) -> float:
    """Return ``value`` as a finite float of at least ``least``, and greater than ``above``."""
    if type(value) is float and least <= value < math.inf and value > above:
        return value
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name}: wanted a float, got {value!r}") from None
    if not math.isfinite(number) or number < least or number <= above:
        bounds = f" above {above:g}" if above > -math.inf else f" of {least:g} or more" if least > -math.inf else ""
        raise ValueError(f"{name}: wanted a finite number{bounds}, got {value!r}")
    return number
