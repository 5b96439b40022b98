"""What a run of the benchmarks consists of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gilfree.kernels import KERNELS

from .implementations import IMPLEMENTATIONS
from .models import MODELS, SERIAL
from .summary import fewest_rounds

__all__ = ["PIECES_PER_CPU", "QUICK", "Cell", "Plan", "make_plan", "matching", "worker_counts"]

# What a quick run takes: one that multiplies, one that waits for memory, one on text, and the postcard.
QUICK = ("nearest_neighbors", "shortest_paths", "edit_distance", "mandelbrot")

# Finer than the workers, so that pieces of unequal length even out; few, because worker processes are sent with each
# piece all that it needs, which for some kernels is most of the input.
PIECES_PER_CPU = 4


@dataclass(frozen=True)
class Cell:
    """One row of the results: who computes what, and how."""

    kernel: str
    implementation: str
    model: str
    workers: int

    def __str__(self) -> str:
        on = "" if self.model == SERIAL.name else f" on {self.workers}"
        return f"{self.kernel}, {IMPLEMENTATIONS[self.implementation].title}, {MODELS[self.model].title}{on}"


@dataclass(frozen=True)
class Plan:
    """All that decides what is measured."""

    mode: str
    kernels: tuple[str, ...]
    models: tuple[str, ...]
    thread_counts: tuple[int, ...]
    process_counts: tuple[int, ...]
    cpus: int
    size: str  # of the kernels' problem
    twin_size: str  # of the pure-Python twins'
    serial_seconds: float  # the pieces are repeated until a serial run takes about this long
    rounds: int
    seconds: float | None = None  # for everything; rounds beyond the fewest are dropped to keep to it
    seed: int = 0  # of the order of the cells in each round

    def __post_init__(self) -> None:
        if self.rounds < fewest_rounds():
            raise ValueError(f"rounds: wanted {fewest_rounds()} or more, got {self.rounds}")

    @property
    def pieces(self) -> int:
        """How many pieces a problem is cut into, for every cell alike."""
        return PIECES_PER_CPU * max(2, self.cpus)

    @property
    def limit_counts(self) -> tuple[int, ...]:
        """The numbers of processes with which the machine's own limit is measured."""
        return tuple(sorted({min(count, self.cpus) for count in self.thread_counts + self.process_counts} - {1}))

    def size_for(self, implementation: str) -> str:
        """Return the size of the problem that an implementation gets."""
        return self.twin_size if IMPLEMENTATIONS[implementation].twin else self.size

    def cells(self, kernel: str) -> Iterator[Cell]:
        """Yield a kernel's cells, as the table shows them."""
        for implementation in IMPLEMENTATIONS:
            yield Cell(kernel, implementation, SERIAL.name, 1)
            for name in self.models:
                for workers in self.process_counts if MODELS[name].processes else self.thread_counts:
                    yield Cell(kernel, implementation, name, workers)


def make_plan(
    mode: str, kernels: Sequence[str], models: Sequence[str], cpus: int, workers: tuple[int, ...] | None = None
) -> Plan:
    """Return the plan for ``"quick"`` or ``"full"``.

    Where the caller does not say how many workers, there are 1, 2, 4 ... up to the CPUs, and once twice as many. The
    quick plan spares itself process pools of one worker and of more than there are CPUs.
    """
    counts = worker_counts(cpus)
    doubled = workers or (*counts, 2 * cpus)
    parallel = tuple(name for name in models if name != SERIAL.name)
    if mode == "quick":
        in_processes = workers or tuple(count for count in counts if count > 1) or (1,)
        return Plan(mode, tuple(kernels), parallel, doubled, in_processes, cpus, "medium", "tiny", 0.04, 7, 48.0)
    return Plan(mode, tuple(kernels), parallel, doubled, doubled, cpus, "large", "tiny", 0.5, 15)


def worker_counts(cpus: int) -> tuple[int, ...]:
    """Return 1, 2, 4 ... and the number of CPUs."""
    powers = [1]
    while 2 * powers[-1] <= cpus:
        powers.append(2 * powers[-1])
    return tuple(sorted({*powers, cpus}))


def matching(pattern: str) -> tuple[str, ...]:
    """Return the kernels whose name contains the pattern or, as a glob, matches it."""
    return tuple(name for name in KERNELS if pattern in name or fnmatchcase(name, pattern))
