"""Forks a process whose shared threads are at work; the child then needs threads of its own."""

import os
import sys
import threading
import warnings

import gilfree

warnings.simplefilter("ignore", DeprecationWarning)  # forking a process that has threads is the point

options = {"max_iterations": 20_000, "workers": 3}
before = gilfree.mandelbrot(300, 200, **options)
child = os.fork()
if child == 0:
    same = (gilfree.mandelbrot(300, 200, **options) == before).all()
    helped = any(thread.name.startswith("gilfree") for thread in threading.enumerate())
    os._exit(0 if same and helped else 1 if helped else 2)
_, status = os.waitpid(child, 0)
print("same" if status == 0 else f"status {status}")
sys.exit(os.waitstatus_to_exitcode(status))
