"""Many threads that call one kernel at once, kernel after kernel: ``python stress.py [KERNEL ...]``.

Prints how many calls there were, how long they took and how many results were wrong; ends with an error if one was. A
call that hangs ends the process, with the traceback of every thread.
"""

import argparse
import faulthandler
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from kernel_calls import function_of, identify, make

from gilfree.kernels import KERNELS

HANGS = 120  # seconds beyond its share that a kernel gets before it counts as hanging

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("kernels", nargs="*", metavar="KERNEL", help="by default all")
arguments.add_argument("--threads", type=int, default=16)
arguments.add_argument("--calls", type=int, default=10_000, help="of each kernel, by each thread")
arguments.add_argument("--seconds", type=float, default=600, help="for all kernels together, at the most")
given = arguments.parse_args()
NAMES = given.kernels or list(KERNELS)


class Crowd:
    """Threads that call one kernel, as many times each, or until the time is up."""

    def __init__(self, name, seconds):
        self.call, self.function = make(name, "small"), function_of(name)
        self.expected = identify(self.call(self.function))
        self.barrier = threading.Barrier(given.threads + 1)
        self.seconds = seconds
        self.deadline = 0.0
        self.calls = self.wrong = 0
        self.errors = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(given.threads)]

    def work(self, number):
        # A third each release the GIL, hold it, and leave it to gilfree.
        release_gil = (True, False, None)[number % 3]
        calls = wrong = 0
        try:
            self.barrier.wait()
            while calls < given.calls and time.monotonic() < self.deadline:
                wrong += identify(self.call(self.function, release_gil=release_gil)) != self.expected
                calls += 1
        except BaseException as error:  # noqa: BLE001 - told at the end
            self.errors.append(error)
        with self.lock:
            self.calls += calls
            self.wrong += wrong

    def run(self):
        for thread in self.threads:
            thread.start()
        began = time.monotonic()
        self.deadline = began + self.seconds
        self.barrier.wait()
        for thread in self.threads:
            thread.join()
        return time.monotonic() - began


faulthandler.enable()
gil = getattr(sys, "_is_gil_enabled", lambda: True)()
print(f"Python {sys.version.split()[0]}, {'with' if gil else 'without'} a GIL, {given.threads} threads")
print(f"{'kernel':<20} {'calls':>9} {'seconds':>8} {'wrong':>6}")
wanted = given.threads * given.calls
end = time.monotonic() + given.seconds
complete = failed = 0
for index, name in enumerate(NAMES):
    # What quick kernels do not need of their share, the others have.
    share = max(1.0, (end - time.monotonic()) / (len(NAMES) - index))
    faulthandler.dump_traceback_later(share + HANGS, exit=True)
    crowd = Crowd(name, share)
    seconds = crowd.run()
    faulthandler.cancel_dump_traceback_later()
    note = "" if crowd.calls == wanted else "  (time was up)"
    print(f"{name:<20} {crowd.calls:>9} {seconds:>8.1f} {crowd.wrong:>6}{note}", flush=True)
    for error in crowd.errors:
        print(f"  {type(error).__name__}: {error}")
    complete += crowd.calls == wanted
    failed += bool(crowd.wrong or crowd.errors or not crowd.calls)
print(f"{complete} of {len(NAMES)} kernels were called {wanted} times; {failed} failed")
sys.exit(failed != 0)
