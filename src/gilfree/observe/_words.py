"""Figures as people read them."""

__all__ = ["count_in_words", "duration", "percent"]

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def count_in_words(count: int) -> str:
    """Return "two" for 2, and figures above ten."""
    return COUNTS[count] if count < len(COUNTS) else str(count)


def duration(seconds: float) -> str:
    """Return three significant digits with their unit: "330 ms"."""
    for size, unit in UNITS:
        if seconds >= size * 0.9995:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds * 1e9)} ns"


def percent(share: float) -> str:
    """Return a share in per cent, with a digit behind the point."""
    return f"{100 * share:.1f} %"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"  # noqa: PLR2004
