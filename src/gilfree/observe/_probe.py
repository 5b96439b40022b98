"""How one callable treats the GIL: measured by calling it, alone and in several threads at once."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from gilfree.observe import _native
from gilfree.observe._watching import watching
from gilfree.observe._words import count_in_words, duration, percent
from gilfree.workers import cpu_count

__all__ = ["Probe", "Prober", "probe"]

SECOND = 1_000_000_000
# Half the width of the confidence interval of the held share at which a probe is content.
NARROW = 0.002
FEWEST_CALLS = 7
MOST_CALLS = 20_000
CALLING_SHARE = 0.6  # of the budget; the speed-up gets the rest
# A block of calls whose time is compared with that of other numbers of threads lasts so long, if the calls are shorter.
BLOCK_SECONDS = 0.03
MOST_ROUNDS = 7
# Student's t for 95 % and 1, 2 … degrees of freedom; beyond these it is close to the normal distribution's.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10)
NORMAL = 1.96
ALL_OF_IT = 0.9995  # and from here on, a share is called all


@dataclass(frozen=True)
class Probe:
    """What `probe` found. ``print`` shows a verdict in words first, then the figures.

    Attributes
    ----------
    name : str
        Of the callable.
    held : float
        Share of the calling thread's time inside the call during which it holds the GIL, 0 to 1. In a free-threaded
        build: during which it is attached.
    held_interval : tuple of float
        (low, high), 95 % confidence.
    releases : int, float or None
        How often a call lets the GIL go: an int, the mean as a float where calls differ, or None where it cannot be
        measured.
    longest_hold : float or None
        Seconds, over all calls: the longest that another thread may have to wait. None in free-threaded builds.
    seconds : float
        Median duration of a call.
    speedup : dict
        By number of threads, how much faster they did as much work as one after the other would have.
    ceiling : float
        1 / held: the most threads that could ever help. An upper bound; memory bandwidth or locks may set a lower one.
    mechanism : str
        ``"exact"``, ``"sampled"`` or, in a free-threaded build without the GIL, ``"attached"``.
    calls : int
        How many calls the shares and durations are from.

    Notes
    -----
    Thread safety: safe on shared objects, since it does not change.
    """

    name: str
    held: float
    held_interval: tuple[float, float]
    releases: int | float | None
    longest_hold: float | None
    seconds: float
    speedup: dict[int, float]
    mechanism: str
    calls: int
    # The held share as it would be if no other process took the CPUs; None unless CPU time was counted.
    undisturbed: float | None = field(default=None, repr=False)

    @property
    def held_by_itself(self) -> float:
        """The held share, without what other processes took where that is known."""
        return self.held if self.mechanism != "exact" or self.undisturbed is None else self.undisturbed

    @property
    def ceiling(self) -> float:
        """1 / held, inf where held is 0."""
        return 1 / self.held if self.held > 0 else math.inf

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.mechanism == "attached":
            what = f"is attached for {percent(self.held)} of its {duration(self.seconds)}"
        elif self.held >= ALL_OF_IT:
            what = f"holds the GIL for all of its {duration(self.seconds)}"
        elif self.held >= 0.5:  # noqa: PLR2004 - more than it releases it
            what = f"holds the GIL for {percent(self.held)} of its {duration(self.seconds)}"
        else:
            what = f"releases the GIL for {percent(1 - self.held)} of its {duration(self.seconds)}"
        most = max(self.speedup, default=1)
        if most == 1:
            return f"{self.name} {what}"
        return f"{self.name} {what}: {count_in_words(most)} threads run {self.speedup[most]:.2f}× as fast"

    def __str__(self) -> str:
        low, high = self.held_interval
        holds = "attached" if self.mechanism == "attached" else "held"
        rows = [(holds, f"{percent(self.held)} of a call (95 %: {percent(low)} to {percent(high)})")]
        if self.releases is not None:
            exact = isinstance(self.releases, int)
            rows.append(("releases", f"{self.releases} a call" if exact else f"{self.releases:.1f} a call on average"))
        if self.longest_hold is not None:
            rows.append(("longest hold", duration(self.longest_hold)))
        rows.append(("a call", f"{duration(self.seconds)} (median of {self.calls})"))
        rows += [("speed-up", f"{ratio:.2f}× on {count} threads") for count, ratio in self.speedup.items() if count > 1]
        bound = "none" if math.isinf(self.ceiling) else f"{self.ceiling:.1f}×"
        rows += [("ceiling", f"{bound} (1 / {holds}; an upper bound)"), ("mechanism", self.mechanism)]
        return "\n".join([self.verdict, "", *(f"  {name:13} {value}" for name, value in rows)])


def probe(func: Callable[..., object], /, *args: Any, **kwargs: Any) -> Probe:  # noqa: ANN401 - they are the callable's
    """Measure how a callable treats the GIL.

    Parameters
    ----------
    func : callable
        Called repeatedly, for about a second in all or a few times if a call takes longer: alone, then in several
        threads at once. So it must be possible to call it again, and at the same time.
    *args, **kwargs
        What it is called with. For the knobs of the measurement see `gilfree.observe.Prober`.

    Returns
    -------
    Probe
        Held share, releases, longest hold, speed-up.

    Raises
    ------
    NotMeasurableError
        This Python shows neither the events nor the state of its GIL.
    Exception
        What ``func`` raises, unchanged.

    Notes
    -----
    Counts what the calling thread does; threads that ``func`` starts are not it. What other threads of the process do
    meanwhile has an effect: who must hand the GIL over to them releases it.

    Thread safety: safe on shared objects, as far as ``func`` is, which is itself called from several threads at once.

    Examples
    --------
    >>> import time
    >>> import gilfree
    >>> found = gilfree.probe(time.sleep, 0.001)
    >>> found.held < 0.5
    True
    """
    return Prober().probe(func, *args, **kwargs)


class Prober:
    """Measures as `probe` does, by these rules.

    Parameters
    ----------
    budget : float
        Seconds to spend on one callable. It is called at least once for each number of threads, however long it takes.
    threads : sequence of int, optional
        Numbers of threads to measure the speed-up with; by default 1, 2, 4 … up to the CPUs of this process. ``(1,)``
        never calls from several threads at once.

    Notes
    -----
    Thread safety: safe on shared objects; any number of threads may measure by the same rules.
    """

    def __init__(self, budget: float = 1.0, threads: Sequence[int] | None = None) -> None:
        try:
            self.budget = float(budget)
        except (TypeError, ValueError):
            raise TypeError(f"budget: wanted a number of seconds, got {budget!r}") from None
        if not 0 < self.budget < math.inf:
            raise ValueError(f"budget: wanted a finite number of seconds above 0, got {budget!r}")
        self.threads = thread_counts(cpu_count()) if threads is None else tuple(threads)
        if not all(isinstance(count, int) and count >= 1 for count in self.threads):
            raise ValueError(f"threads: wanted numbers from 1 up, got {threads!r}")

    def probe(self, func: Callable[..., object], /, *args: Any, **kwargs: Any) -> Probe:  # noqa: ANN401
        """Measure a callable, called with these arguments."""
        return self.measure(name_of(func), func, args, kwargs)

    def measure(
        self,
        name: str,
        func: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        count_cpu: bool = False,
    ) -> Probe:
        """Measure a callable under this name; ``count_cpu`` makes ``undisturbed`` known, and calls a little longer."""
        if not callable(func):
            raise TypeError(f"func: wanted a callable, got {type(func).__name__}")
        started = time.perf_counter()
        with watching() as mechanism:
            calls = self._call(func, args, kwargs, mechanism, count_cpu=count_cpu)
        seconds = median(call.wall for call in calls) / SECOND
        held, interval = held_share(calls, mechanism)
        left = self.budget - (time.perf_counter() - started)
        return Probe(
            name,
            held,
            interval,
            releases_of(calls) if mechanism == "exact" else None,
            None if mechanism == "attached" else max(call.longest for call in calls) / SECOND,
            seconds,
            self._speedup(func, args, kwargs, seconds, left),
            mechanism,
            len(calls),
            undisturbed_share(calls) if count_cpu else None,
        )

    def _call(
        self,
        func: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        mechanism: str,
        *,
        count_cpu: bool,
    ) -> "list[Call]":
        budget = int(self.budget * CALLING_SHARE * SECOND)
        with run_queue(wanted=count_cpu) as delay:

            def call() -> Call:
                before = delay()
                result = _native.call(func, args, kwargs, count_cpu)
                after = delay()
                return Call(*result, None if before is None or after is None else after - before)

            started = _native.now()
            first = call()
            if first.wall > budget // 3:
                return [first]
            calls: list[Call] = []  # without the first, which may have had to import or to allocate
            check = FEWEST_CALLS
            while _native.now() - started < budget and len(calls) < MOST_CALLS:
                calls.append(call())
                if len(calls) == check:
                    check += check // 2
                    _, (low, high) = held_share(calls, mechanism)
                    if high - low <= 2 * NARROW:
                        break
            return calls or [first]

    def _speedup(
        self, func: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float, left: float
    ) -> dict[int, float]:
        others = [count for count in self.threads if count != 1]
        if not others:
            return {1: 1.0}
        calls = max(1, int(BLOCK_SECONDS / max(seconds, 1e-9)))
        # A round takes one block for itself and, at worst, one after the other for all threads.
        cost = seconds * calls * (1 + sum(others))
        rounds = max(1, min(MOST_ROUNDS, int(left / cost)))
        alone: list[float] = []
        ratios: dict[int, list[float]] = {count: [] for count in others}
        for _ in range(rounds):
            alone.append(seconds if cost > self.budget else in_threads(1, calls, func, args, kwargs))
            for count in others:
                together = in_threads(count, calls if cost <= self.budget else 1, func, args, kwargs)
                ratios[count].append(count * alone[-1] / together)
        return {1: 1.0, **{count: median(values) for count, values in sorted(ratios.items())}}


@dataclass(frozen=True, slots=True)
class Call:
    """What became of the calling thread's time in one call; in nanoseconds."""

    wall: int
    holding: int
    waiting: int
    longest: int
    releases: int
    held_cpu: int
    detached_cpu: int
    samples: int
    attached_samples: int
    delay: int | None = None  # ready to run while others had the CPUs; None where the system does not tell


def held_share(calls: "list[Call]", mechanism: str) -> tuple[float, tuple[float, float]]:
    """Return the share of the calls' time during which the GIL is held, and its 95 % confidence interval."""
    if mechanism != "exact":
        return sampled_share(sum(call.attached_samples for call in calls), sum(call.samples for call in calls))
    count, wall = len(calls), sum(call.wall for call in calls)
    if wall == 0:
        return 1.0, (1.0, 1.0)
    share = min(1.0, sum(call.holding for call in calls) / wall)
    if count == 1:
        return share, (share, share)
    # A ratio of sums: its error is that of what each call deviates from the common ratio.
    deviation = math.sqrt(sum((call.holding - share * call.wall) ** 2 for call in calls) / (count - 1))
    quantile = STUDENT[count - 2] if count - 2 < len(STUDENT) else NORMAL
    half = quantile * deviation / math.sqrt(count) / (wall / count)
    return share, (max(0.0, share - half), min(1.0, share + half))


def sampled_share(hits: int, samples: int) -> tuple[float, tuple[float, float]]:
    """Return the share of the samples, and Wilson's interval for it."""
    if samples == 0:
        return 1.0, (0.0, 1.0)
    share, spread = hits / samples, NORMAL**2 / samples
    center = (share + spread / 2) / (1 + spread)
    half = NORMAL / (1 + spread) * math.sqrt(share * (1 - share) / samples + spread / samples / 4)
    return share, (max(0.0, center - half), min(1.0, center + half))


def releases_of(calls: "list[Call]") -> int | float:
    """Return how often a call releases the GIL: an int where all do alike."""
    counts = {call.releases for call in calls}
    return counts.pop() if len(counts) == 1 else sum(call.releases for call in calls) / len(calls)


def undisturbed_share(calls: "list[Call]") -> float:
    """Return the median held share, as it would be if no other process took the CPUs.

    Waiting for other threads of this process to release the GIL is left out too.
    """
    return median(map(undisturbed, calls))


def undisturbed(call: Call) -> float:
    """Return the held share of one call without the time in which others had the CPU.

    How much of that fell into holds is not known. Whoever computes is interrupted in proportion to how long, and in no
    state for longer than it did not run there. Sleep that passes while others have the CPU counts as theirs, not as
    detached. Where the system does not tell the delay, a hold is as long as it computes; one that is blocked meanwhile
    then goes unnoticed.
    """
    detached = max(0, call.wall - call.holding - call.waiting)
    held_cpu = min(call.held_cpu, call.holding)
    if call.delay is None:
        held = float(held_cpu)
        free = float(detached)
    else:
        held_pause, free_pause = call.holding - held_cpu, max(0, detached - call.detached_cpu)
        computing = held_cpu + call.detached_cpu
        in_holds = min(held_pause, call.delay * (held_cpu / computing if computing else 1.0))
        while_free = min(free_pause, call.delay - in_holds)
        in_holds = min(held_pause, call.delay - while_free)
        held, free = call.holding - in_holds, detached - while_free
    return held / (held + free) if held + free else 1.0


@contextmanager
def run_queue(*, wanted: bool) -> Iterator[Callable[[], int | None]]:
    """Yield what tells how long the calling thread has been ready to run while others had the CPUs: Linux knows."""
    try:
        file = os.open("/proc/thread-self/schedstat", os.O_RDONLY) if wanted else None
    except OSError:
        file = None
    if file is None:
        yield lambda: None
        return
    try:
        yield lambda: int(os.pread(file, 80, 0).split()[1])
    finally:
        os.close(file)


def in_threads(
    count: int, calls: int, func: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> float:
    """Return how long so many threads take to make so many calls each, all starting at once."""
    ready = threading.Barrier(count)
    times: list[tuple[float, float]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            ready.wait()
            start = time.perf_counter()
            for _ in range(calls):
                func(*args, **kwargs)
            times.append((start, time.perf_counter()))
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            errors.append(error)
            ready.abort()

    threads = [threading.Thread(target=run, name=f"probe-{index}") for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors.sort(key=lambda error: isinstance(error, threading.BrokenBarrierError))
    if errors:
        raise errors[0]
    return max(end for _, end in times) - min(start for start, _ in times)


def thread_counts(cpus: int) -> tuple[int, ...]:
    """Return 1, 2, 4 … and the number of CPUs."""
    return tuple(sorted({2**power for power in range(cpus.bit_length())} | {cpus}))


def name_of(func: object) -> str:
    """Return what a callable is called, with its module unless that is a built-in or the main one."""
    name = getattr(func, "__qualname__", None) or type(func).__name__
    owner = getattr(func, "__self__", None)
    module = getattr(func, "__module__", None)
    if isinstance(owner, type(math)):
        module = owner.__name__
    return name if module in (None, "builtins", "__main__") else f"{module}.{name}"
