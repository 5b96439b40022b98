"""Under failing_malloc.c: lets each allocation of each kernel's call fail, and counts what calls leave allocated.

Prints a line of JSON for each kernel.
"""

import ctypes
import faulthandler
import gc
import json
import os
import sys

from kernel_calls import core_call, function_of, identify, make

import gilfree
from gilfree.kernels import KERNELS

# A leak shows in each pass; a dictionary that grows, or what another thread has yet to free, in some.
PASSES = 20
CALLS = 20 if os.environ.get("GILFREE_STRESS") else 3

faulthandler.enable()
before_failure = ctypes.c_long.in_dll(ctypes.CDLL(None), "gilfree_before_failure")
live = ctypes.c_long.in_dll(ctypes.CDLL(None), "gilfree_live")


def fail_each(call):
    """Make the call with its first allocation failing, its second, and so on until it has no more."""
    refused = 0
    number = 0
    while True:
        before_failure.value = number
        try:
            call()
        except MemoryError:
            refused += 1
        finally:
            unused = before_failure.value >= 0
            before_failure.value = -1
        if unused:
            return refused
        number += 1


def growth(func):
    """By how many allocations that are not freed a pass goes on, at the least."""
    found = []
    func()
    for _ in range(PASSES):
        gc.collect()
        before = live.value
        func()
        gc.collect()
        found.append(live.value - before)
        if found[-1] <= 0:
            break
    return min(found)


def cancelled(call, function):
    scope = gilfree.cancel_scope()
    scope.cancel()
    try:
        scope.run(call, function, release_gil=True)
    except gilfree.Cancelled:
        return
    raise AssertionError


def refused(function):
    try:
        function(*[None] * 5)
    except (TypeError, ValueError):
        return
    raise AssertionError


def again(func, *args, **options):
    def work():
        for _ in range(CALLS):
            func(*args, **options)

    return work


for name in KERNELS:
    core, arguments = core_call(name)
    call, function = make(name), function_of(name)
    right = identify(call(function))
    failed = fail_each(lambda: core(*arguments))  # noqa: B023 - called at once
    row = {
        "name": name,
        "refused": failed,
        "refused with NumPy": fail_each(lambda: call(function)),  # noqa: B023
        "right": identify(call(function)) == right,
        "left by failures": growth(lambda: fail_each(lambda: core(*arguments))),  # noqa: B023
        "left by calls": growth(again(call, function)),
        "left by threads": growth(again(call, function, workers=2, release_gil=True)),
        "left by cancelled calls": growth(again(cancelled, call, function)),
        "left by refused calls": growth(again(refused, function)),
    }
    print(json.dumps(row), flush=True)
if "leak" in sys.argv:  # what the tests are to notice
    malloc = ctypes.CDLL(None).malloc  # not all of Python's own allocators call it
    print(json.dumps({"name": "leak", "left by calls": growth(lambda: malloc(1))}))
