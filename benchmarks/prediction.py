"""How far a kernel would scale, from what one call and independent processes show: no threads are measured for it.

A thread needs the GIL for the share σ of a call, and one thread has it at a time, so that n threads are at most
n / (1 + σ (n - 1)) times as fast (Amdahl 1967). What they run without the GIL is slowed by the machine itself, as
independent processes are, which share no GIL: n of them reach n / (1 + ρ (n - 1) + κ n (n - 1)), where ρ stands for
what they queue for and κ for what each pair of them exchanges (Gunther's Universal Scalability Law). Together that is

    n / (1 + (σ + (1 - σ) ρ) (n - 1) + (1 - σ) κ n (n - 1))

σ is what the observer saw, ρ and κ are fitted to the machine's limit, and nothing to the speed-ups in threads, with
which the prediction is then compared where there are CPUs for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .models import SERIAL

__all__ = ["COUNTS", "Machine", "fit", "predict", "speedup"]

COUNTS = (1, 2, 4, 8, 16, 32, 64)
# With the number of processes, n / ratio grows in two ways, which fewer than two numbers cannot tell apart.
FEWEST_FOR_EXCHANGE = 2


@dataclass(frozen=True)
class Machine:
    """What independent processes take from each other."""

    queueing: float = 0.0  # ρ
    exchange: float = 0.0  # κ


def speedup(workers: int, serial: float, machine: Machine = Machine()) -> float:
    """Return the predicted speed-up if this share of a call is serial."""
    others = workers - 1
    parallel = 1 - serial
    lost = (serial + parallel * machine.queueing) * others + parallel * machine.exchange * workers * others
    return workers / (1 + lost)


def fit(ratios: Sequence[tuple[int, float]]) -> Machine:
    """Return the machine of which so many independent processes together do so many times the work of one.

    The sum of squares of what is left of n / ratio - 1 is least, and neither loss is negative.
    """
    points = [(n - 1, n * (n - 1), n / ratio - 1) for n, ratio in ratios if n > 1]
    if not points:
        return Machine()
    aa = sum(a * a for a, _, _ in points)
    ab = sum(a * b for a, b, _ in points)
    bb = sum(b * b for _, b, _ in points)
    ay = sum(a * y for a, _, y in points)
    by = sum(b * y for _, b, y in points)
    only_queueing, only_exchange = Machine(queueing=max(0.0, ay / aa)), Machine(exchange=max(0.0, by / bb))
    if len(points) < FEWEST_FOR_EXCHANGE:
        return only_queueing
    determinant = aa * bb - ab * ab
    both = Machine((ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant)
    if both.exchange < 0:
        return only_queueing
    return only_exchange if both.queueing < 0 else both


def predict(kernel: dict[str, Any], cpus: int) -> dict[str, Any]:
    """Return what is predicted for a kernel's implementations, and how far the speed-ups in threads are from it."""
    limits = [(entry["workers"], entry["ratio"]) for entry in kernel["limits"] if entry["ratio"]]
    machines = {
        end: fit([(workers, ratio[end]) for workers, ratio in limits if ratio[end] > 0])
        for end in ("median", "low", "high")
    }
    machine = machines["median"]
    predictions = []
    for cell in kernel["cells"]:
        if cell["model"] != SERIAL.name or cell["python"] is not None or not cell["gil"]:
            continue
        held = cell["gil"]["held"]
        points = [
            {
                "workers": count,
                "gil": speedup(count, held),
                **{end: speedup(count, held, fitted) for end, fitted in machines.items()},
            }
            for count in COUNTS
        ]
        predictions.append(
            {
                "implementation": cell["implementation"],
                "held": held,
                "outside": cell["outside"],
                "points": points,
                "checks": [
                    check(other, speedup(other["workers"], held, machine))
                    for other in kernel["cells"]
                    if other["implementation"] == cell["implementation"]
                    and other["model"] == "threads"
                    and other["python"] is None
                    and other["speedup"]
                    and other["workers"] <= cpus
                ],
            }
        )
    return {
        "queueing": machine.queueing if limits else None,
        "exchange": machine.exchange if len(limits) >= FEWEST_FOR_EXCHANGE else None,
        "implementations": predictions,
    }


def check(cell: dict[str, Any], predicted: float) -> dict[str, Any]:
    """Compare a measured speed-up with the predicted one."""
    measured = cell["speedup"]["median"]
    return {
        "workers": cell["workers"],
        "predicted": predicted,
        "measured": measured,
        "deviation": measured / predicted - 1,
    }
