"""What the machine can do at most, of each kind of work that bounds a kernel."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..extensions import compile_extension, load_extension

__all__ = ["LIMITS", "Limit", "compile_limits", "load_limits", "peak"]

PROBE_SECONDS = 0.15
# Larger than caches, and no more than a small machine has to spare.
MOST_BYTES = 1 << 28

FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
# The first that the compiler knows is taken: one of them names the processor at hand.
FOR_THIS_PROCESSOR = (("-march=native",), ("-mcpu=native",), ())


@dataclass(frozen=True)
class Limit:
    """A kind of work; its name is that of the function in limits.c that measures the peak."""

    name: str
    title: str
    unit: str  # of the peak


LIMITS = {
    limit.name: limit
    for limit in (
        Limit("fused32", "fused multiply-adds, float32", "flop/s"),
        Limit("fused64", "fused multiply-adds, float64", "flop/s"),
        Limit("unfused64", "additions and multiplications, float64", "flop/s"),
        Limit("roots", "1/√x by square root and division", "roots/s"),
        Limit("exponentials", "exponentials, in vectors", "exp/s"),
        Limit("integers", "operations on 64-bit integers, in vectors", "op/s"),
        Limit("ones", "bits counted, as bytes", "B/s"),
        Limit("lookups", "look-ups in a small table", "look-ups/s"),
        Limit("reads", "reading memory, as much as the problem has", "B/s"),
        Limit("triads", "STREAM's triad, on as much memory as the problem has", "B/s"),
        Limit("steps", "a chain of random accesses to as much memory as the problem has", "accesses/s"),
    )
}


def compile_limits(folder: Path) -> Path:
    """Compile the probes for this very processor.

    Raises
    ------
    OSError
        It cannot be done here; the message says why.
    """
    for index, flags in enumerate(FOR_THIS_PROCESSOR):
        try:
            return compile_extension("limits", folder, *FLAGS, *flags)
        except FileNotFoundError:
            raise OSError("no C compiler here") from None
        except subprocess.CalledProcessError as error:
            if index == len(FOR_THIS_PROCESSOR) - 1:
                first = next(iter(str(error.stderr).strip().splitlines()), "no message")
                raise OSError(f"the C compiler failed: {first}") from None
    raise AssertionError


def load_limits(path: Path) -> ModuleType:
    """Import the compiled probes."""
    return load_extension("limits", path)


def peak(limits: ModuleType, name: str, footprint: int, seconds: float = PROBE_SECONDS) -> float:
    """Return how many operations a second there are at most, on so many bytes."""
    return float(getattr(limits, name)(min(footprint, MOST_BYTES), seconds))
