"""What a run of the benchmarks consists of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gilfree.kernels import KERNELS

from .implementations import IMPLEMENTATIONS
from .models import MODELS, SERIAL
from .summary import fewest_rounds

__all__ = ["PIECES_PER_CPU", "QUICK", "QUICK_MODELS", "Cell", "Plan", "make_plan", "matching", "worker_counts"]

# What a quick run takes: one that multiplies, one that waits for memory, one on text, and the postcard.
QUICK = ("nearest_neighbors", "shortest_paths", "edit_distance", "mandelbrot")

# What a quick run has besides serial: what comes with every Python, and is what most people would take.
QUICK_MODELS = ("threads", "processes-spawn")

# Seconds of a serial run, rounds, and seconds for everything.
QUICK_LENGTHS = (0.06, 9, 50.0)
FULL_LENGTHS = (0.1, 9, 1080.0)
# For what depends on how long a call is; all of that is about threads.
LENGTHS_SECONDS = {"quick": 5.0, "full": 40.0}

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
    python: str | None = None  # the name of another interpreter; None is the one that runs the suite

    def __str__(self) -> str:
        on = "" if self.model == SERIAL.name else f" on {self.workers}"
        where = "" if self.python is None else f", Python {self.python}"
        return f"{self.kernel}, {IMPLEMENTATIONS[self.implementation].title}, {MODELS[self.model].title}{on}{where}"


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
    pythons: tuple[str, ...] = ()  # names of other interpreters that do the same
    lengths_seconds: float = 0.0  # about so long for calls of all lengths; 0: they are left out
    pattern: str | None = None  # by which the kernels were chosen

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
        for python in (None, *self.pythons):
            for implementation in IMPLEMENTATIONS:
                yield Cell(kernel, implementation, SERIAL.name, 1, python)
                for name in self.models:
                    for workers in self.thread_counts if MODELS[name].sweeps else self.process_counts:
                        yield Cell(kernel, implementation, name, workers, python)


def make_plan(
    mode: str,
    kernels: Sequence[str],
    models: Sequence[str],
    cpus: int,
    workers: tuple[int, ...] | None = None,
    *,
    pythons: Sequence[str] = (),
    size: str = "medium",
    pattern: str | None = None,
) -> Plan:
    """Return the plan for ``"quick"`` or ``"full"``.

    Where the caller does not say how many workers, there are 1, 2, 4 ... threads up to the CPUs, and once twice as
    many. Of other workers, a quick plan has as many but for one and for more than there are CPUs; a full one, which
    has many models, only one for each CPU.
    """
    counts = worker_counts(cpus)
    doubled = workers or (*counts, 2 * cpus)
    parallel = tuple(name for name in models if name != SERIAL.name)
    if mode == "quick":
        others = workers or tuple(count for count in counts if count > 1) or (1,)
        serial_seconds, rounds, seconds = QUICK_LENGTHS
    else:
        others = workers or (cpus,)
        serial_seconds, rounds, seconds = FULL_LENGTHS
    return Plan(
        mode,
        tuple(kernels),
        parallel,
        doubled,
        others,
        cpus,
        size,
        "tiny",
        serial_seconds,
        rounds,
        # The time is for the mode's own kernels and models; whoever adds interpreters asks for more.
        seconds * (1 + len(pythons)),
        pythons=tuple(pythons),
        lengths_seconds=LENGTHS_SECONDS[mode] if "threads" in parallel else 0.0,
        pattern=pattern,
    )


def worker_counts(cpus: int) -> tuple[int, ...]:
    """Return 1, 2, 4 ... and the number of CPUs."""
    powers = [1]
    while 2 * powers[-1] <= cpus:
        powers.append(2 * powers[-1])
    return tuple(sorted({*powers, cpus}))


def matching(pattern: str) -> tuple[str, ...]:
    """Return the kernels whose name contains the pattern or, as a glob, matches it."""
    return tuple(name for name in KERNELS if pattern in name or fnmatchcase(name, pattern))
