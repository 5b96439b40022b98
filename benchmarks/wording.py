"""How numbers are written, in the terminal and in the report alike."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "bytes_",
    "columns_explained",
    "costs_explained",
    "flags",
    "holding",
    "interval",
    "percent",
    "quantity",
    "ratio",
    "singular",
    "span",
]

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
BYTE_PREFIXES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def quantity(seconds: float) -> str:
    """Write a time with three digits: ``12.3 ms``."""
    factor, prefix = next(((f, p) for f, p in PREFIXES if seconds >= f), PREFIXES[-1])
    return f"{three_digits(seconds / factor)} {prefix}s"


def three_digits(value: float) -> str:
    """Write a number of about 1 to 1000 with three significant digits."""
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"  # noqa: PLR2004 - where rounding adds a digit


def ratio(value: float) -> str:
    """Write a speed-up: ``1.95``."""
    return three_digits(value)


def interval(summary: Mapping[str, Any]) -> str:
    """Write the ends of an interval: ``1.90 – 1.97``."""
    return f"{ratio(summary['low'])} – {ratio(summary['high'])}"


def percent(part: float) -> str:
    """Write a part of 1: ``97 %``."""
    return f"{part * 100:.0f} %"


def span(values: Sequence[float]) -> str:
    """Write from where to where speed-ups go: ``1.88 – 1.95 ×``, or ``1.9 ×`` where they agree."""
    low, high = ratio(min(values)), ratio(max(values))
    return f"{low} ×" if low == high else f"{low} – {high} ×"


def bytes_(count: int) -> str:
    """Write a number of bytes: ``7.7 MB``."""
    factor, prefix = next(((f, p) for f, p in BYTE_PREFIXES if count >= f), (1.0, "B"))
    return f"{three_digits(count / factor) if factor > 1 else count} {prefix}"


def flags(cell: Mapping[str, Any]) -> str:
    """Return what a reader of a cell's numbers should know."""
    if cell["error"]:
        return f"failed: {cell['error']}"
    if cell["missing"]:
        return f"not run: {cell['missing']}"
    notes = []
    if cell["noisy"]:
        notes.append(f"noisy {percent(cell['noise'])}")
    if cell["speedup"] is None:
        notes.append("no serial run")
    return ", ".join(notes)


def holding(gil: Mapping[str, Any]) -> str:
    """Write what the observer saw: ``GIL held 0.2 % of a call: ceiling 480 ×``."""
    state = "attached" if gil["mechanism"] == "attached" else "GIL held"
    ceiling = "no ceiling" if gil["ceiling"] is None else f"ceiling {three_digits(gil['ceiling'])} ×"
    return f"{state} {gil['held'] * 100:.1f} % of a call: {ceiling}"


def singular(unit: str) -> str:
    """Return what one of a unit is called: ``pixels`` are counted, a ``pixel`` takes time."""
    return unit[:-3] + "y" if unit.endswith("ies") else unit.removesuffix("s")


def columns_explained(results: Mapping[str, Any]) -> str:
    """Return what the columns of the tables mean."""
    return (
        "speed-up: median over the rounds of serial time / time, both of the same implementation and round, with a "
        f"{percent(results['confidence'])} confidence interval. of ideal: speed-up over workers or, if fewer, the "
        f"{results['plan']['cpus']} CPUs. of limit: speed-up over what independent processes reached in that round. "
        f"noisy: the middle half of the times spans more than {percent(results['noise_bound'])} of their median."
    )


def costs_explained() -> str:
    """Return what the columns of the table of costs mean."""
    return (
        "start-up: until every worker had answered, libraries imported, nothing sent yet. pickled: arguments and "
        "results of one pass over the pieces; none where workers share the caller's objects. memory: the most that "
        "the processes took together (PSS), input and results included. waits: the longest of a thread in the calling "
        "process that only wants to run Python code each millisecond."
    )
