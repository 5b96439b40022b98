"""Cores are the ceiling: one kernel that releases the GIL, in up to four times as many threads as there are CPUs."""

from typing import Any

from gilfree.workers import cpu_count

from .claim import Claim, Judgement, all_of, judge
from .measuring import PARALLEL, need_cpus, speedup_figure, take_turns

__all__ = ["CLAIM"]

# Clocks that rise and fall, and noise, may bring a speed-up a little above the number of CPUs.
TOLERANCE = 1.1


def experiment() -> dict[str, Any]:
    """Time one picture in 1 ... 4 × CPUs threads."""
    need_cpus()
    cpus = cpu_count()
    counts = sorted({1, 2, cpus, 2 * cpus, 4 * cpus})
    return {
        "cpus": cpus,
        "seconds": take_turns({str(count): lambda count=count: draw(count) for count in counts}),  # type: ignore[misc]
    }


def draw(workers: int) -> None:
    """Draw a picture of the Mandelbrot set in so many threads."""
    import gilfree  # noqa: PLC0415 - imports count where processes start

    gilfree.mandelbrot(2400, 1800, workers=workers, release_gil=True)


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand a gain up to the CPUs, and beyond them none that exceeds their number."""
    cpus = measured["cpus"]
    found = {
        int(count): speedup_figure(f"{count} threads, speed-up", measured["seconds"], "1", count)
        for count in measured["seconds"]
        if count != "1"
    }
    bounded = [found[count].below(cpus * TOLERANCE) for count in found if count > cpus]
    # Without any gain up to the CPUs, something else is the ceiling, or the CPUs are busy.
    gains = found[cpus].above(PARALLEL) or None
    return judge(
        all_of(*bounded, gains),
        {
            True: f"With {cpus} CPUs, more than {cpus} threads gain no more than {cpus} ×.",
            False: f"More threads than the {cpus} CPUs went beyond {cpus} ×: not all CPUs are counted.",
            None: "The figures are too noisy, or the CPUs were busy.",
        },
        list(found.values()),
    )


CLAIM = Claim("cores", "Cores are the ceiling.", experiment, rule)
