"""Makes calls that would take minutes, and says of each whether Ctrl-C ended it and left nothing running."""

import itertools
import sys
import threading
import time

from gilfree.benchmarks.problems import PROBLEMS

from gilfree.kernels import KERNELS

name = sys.argv[1]
call = PROBLEMS[name].make("endless")  # once: it takes longer than all the rest
for workers, release_gil in itertools.product([1, 2], [True, False]):
    what = f"workers={workers}, release_gil={release_gil}"
    print("running", flush=True)
    try:
        call(KERNELS[name].functions[0], workers=workers, release_gil=release_gil)
    except KeyboardInterrupt:
        # The shared threads go on to wait for work; none of them may still be computing.
        before = time.process_time()
        time.sleep(0.1)
        busy = time.process_time() - before
        print(f"{what}: interrupted" if busy < 0.05 else f"{what}: {busy:.2f} s of work went on", flush=True)
    else:
        print(f"{what}: returned, {threading.active_count()} threads", flush=True)
