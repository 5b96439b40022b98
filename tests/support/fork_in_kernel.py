"""Forks while other threads are in kernels, and each child runs every kernel: ``fork_in_kernel.py TIMES``."""

import faulthandler
import os
import signal
import sys
import threading
import time
import warnings

from kernel_calls import function_of, identify, make

import gilfree
from gilfree.kernels import KERNELS

faulthandler.enable()
# Not dump_traceback_later: its thread is not there in a child, which would wait for it.
faulthandler.register(signal.SIGALRM, chain=True)
signal.alarm(280)
warnings.simplefilter("ignore", DeprecationWarning)  # forking a process that has threads is the point

CALLS = {name: make(name) for name in KERNELS}
EXPECTED = {name: identify(CALLS[name](function_of(name))) for name in KERNELS}
over = threading.Event()


def compute(names):
    while not over.is_set():
        for name in names:
            CALLS[name](function_of(name), release_gil=True)


def child():
    """Which kernels are wrong, in a process that has one thread of those that there were."""
    signal.alarm(60)
    return [
        name
        for name in KERNELS
        for workers in (1, 2)
        if identify(CALLS[name](function_of(name), release_gil=True, workers=workers)) != EXPECTED[name]
    ]


def endless():
    gilfree.mandelbrot(20_000, 20_000, max_iterations=10**9, workers=2)


names = list(KERNELS)
scope = gilfree.cancel_scope()
threads = [threading.Thread(target=compute, args=(names[half::2],)) for half in range(2)]
threads += [threading.Thread(target=scope.run, args=(endless,), daemon=True)]
for thread in threads:
    thread.start()
failed = 0
for turn in range(int(sys.argv[1])):
    time.sleep(0.001 * (turn % 7))
    process = os.fork()
    if process == 0:
        wrong = child()
        print(*wrong, end="", flush=True)
        os._exit(bool(wrong))
    failed += os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0
over.set()
threading.excepthook = lambda _: None  # what the scope stops tells of it
scope.cancel()
for thread in threads:
    thread.join()
print(f"{failed} failed")
