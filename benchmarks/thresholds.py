"""Where letting the GIL go begins to pay, and where a second thread does: ``python -m gilfree.benchmarks.thresholds``.

The numbers behind `RELEASE_FROM_SECONDS` in `gilfree._kernels` and `CHUNK_SECONDS` in `gilfree.kernels._kernel`. Three
tables, for calls of growing length:

* two threads make calls at the same time: what releasing gains over holding;
* one thread makes calls beside one that computes in Python: how much of its lone speed each of the two keeps. The
  caller that lets go waits up to a switch interval (5 ms) to get the GIL back: this is the price;
* one call cut between two workers against the same call on one: where ``workers=2`` breaks even.
"""

import statistics
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from gilfree import _kernels, mandelbrot

LENGTHS = [2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 20e-3]
ROUNDS = 5
ROUND_SECONDS = 0.1

# One pixel that neither escapes nor, for a very long time, closes a cycle: time is proportional to the iterations.
PIXEL = (range(1), 1, 1, -1.25 + 1e-13, 1e-12, 1.0)


def call_of(seconds: float) -> Callable[..., None]:
    """Return a kernel call that takes about so long, and that takes ``release_gil``."""
    counts = np.empty((1, 1), np.int32)
    probe = 10**5
    start = time.perf_counter()
    _kernels.mandelbrot(*PIXEL, probe, counts)
    each = (time.perf_counter() - start) / probe
    return partial(_kernels.mandelbrot, *PIXEL, max(1, int(seconds / each)), counts)


def rates(*bodies: Callable[[], object]) -> list[float]:
    """Run each body over and over in a thread of its own, all at once, and return how often a second each ran."""
    barrier, stop = threading.Barrier(len(bodies) + 1), threading.Event()
    results = [0.0] * len(bodies)

    def loop(index: int, body: Callable[[], object]) -> None:
        barrier.wait()
        start, count = time.perf_counter(), 0
        while not stop.is_set():
            body()
            count += 1
        results[index] = count / (time.perf_counter() - start)

    threads = [threading.Thread(target=loop, args=item) for item in enumerate(bodies)]
    for thread in threads:
        thread.start()
    barrier.wait()
    time.sleep(ROUND_SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return results


def compute_in_python() -> int:
    """Keep the interpreter busy for some 10 µs."""
    return sum(number * number for number in range(200))


def median(measure: Callable[[], float]) -> float:
    """Return the median of several measurements."""
    return statistics.median(measure() for _ in range(ROUNDS))


def two_callers(seconds: float) -> float:
    """Return the gain in calls a second from releasing, for two threads that make calls at the same time."""
    call = call_of(seconds)

    def gain() -> float:
        held = sum(rates(partial(call, release_gil=False), partial(call, release_gil=False)))
        released = sum(rates(partial(call, release_gil=True), partial(call, release_gil=True)))
        return released / held

    return median(gain)


def beside_python(seconds: float, *, release_gil: bool) -> tuple[float, float]:
    """Return the shares of their lone speeds that a caller and a thread computing in Python keep beside each other."""
    call = partial(call_of(seconds), release_gil=release_gil)
    shares = []
    for _ in range(ROUNDS):
        [caller_alone], [python_alone] = rates(call), rates(compute_in_python)
        caller, python = rates(call, compute_in_python)
        shares.append((caller / caller_alone, python / python_alone))
    callers, pythons = zip(*shares, strict=True)
    return statistics.median(callers), statistics.median(pythons)


def two_workers(rows: int) -> tuple[float, float]:
    """Return how long a picture of so many rows takes one worker, and the speed-up from two."""
    picture = partial(mandelbrot, 64, rows, center=(-0.2, 0.0), span=1e-3, max_iterations=300)

    def once(workers: int) -> float:
        start = time.perf_counter()
        picture(workers=workers, release_gil=True)
        return time.perf_counter() - start

    once(2)
    repeats = max(5, int(0.2 / once(1)))
    pairs = [(once(1), once(2)) for _ in range(min(repeats, 200))]
    return statistics.median(one for one, _ in pairs), statistics.median(one / two for one, two in pairs)


def main() -> None:
    """Print the three tables."""
    print("two threads make calls: calls a second, released / held")
    for seconds in LENGTHS:
        print(f"  {seconds * 1e6:8.0f} µs  {two_callers(seconds):5.2f}")
    print("one caller beside one thread that computes in Python: share of its lone speed that each keeps")
    print("               held: caller  Python    released: caller  Python")
    for seconds in LENGTHS:
        held = beside_python(seconds, release_gil=False)
        released = beside_python(seconds, release_gil=True)
        print(
            f"  {seconds * 1e6:8.0f} µs        {held[0]:6.1%}  {held[1]:6.1%}"
            f"             {released[0]:6.1%}  {released[1]:6.1%}"
        )
    print("one call on two workers against one: speed-up")
    for rows in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        alone, speedup = two_workers(rows)
        print(f"  {alone * 1e6:8.0f} µs  {speedup:5.2f}")


if __name__ == "__main__":
    main()
