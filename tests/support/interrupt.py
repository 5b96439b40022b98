"""Makes a call that would take minutes, and says whether Ctrl-C ended it and left nothing running."""

import sys
import threading
import time

from gilfree.benchmarks.problems import PROBLEMS

from gilfree.kernels import KERNELS

name, workers, release_gil = sys.argv[1], int(sys.argv[2]), bool(int(sys.argv[3]))
call = PROBLEMS[name].make("endless")
print("running", flush=True)
try:
    call(KERNELS[name].functions[0], workers=workers, release_gil=release_gil)
except KeyboardInterrupt:
    # The shared threads go on to wait for work; none of them may still be computing.
    before = time.process_time()
    time.sleep(0.2)
    busy = time.process_time() - before
    print("interrupted" if busy < 0.1 else f"interrupted, but {busy:.2f} s of work went on", flush=True)
else:
    print("returned", threading.active_count(), flush=True)
