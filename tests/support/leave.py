"""Ends with kernels in flight: ``leave.py HOW ENDING``. Prints "running"; what comes then is for stderr."""

import asyncio
import atexit
import faulthandler
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from kernel_calls import function_of, make

import gilfree
from gilfree.kernels import KERNELS

how, ending = sys.argv[1:]
faulthandler.enable()
faulthandler.dump_traceback_later(60, exit=True)
gilfree.mandelbrot(2, 2, workers=2)
atexit.register(os.write, 2, b"left\n")


def endless(workers=1):
    gilfree.mandelbrot(20_000, 20_000, max_iterations=10**9, workers=workers)


def finite():
    """A second or so; on a faster machine less."""
    gilfree.mandelbrot(1000, 1000, max_iterations=20_000, center=(-0.1, 0.7))
    os.write(2, b"finished\n")  # print writes the end of the line by itself, and another thread's word comes between


def end():
    time.sleep(0.3)  # kernels are at work by then
    print("running", flush=True)
    if ending == "exception":
        raise ZeroDivisionError
    if ending != "return":
        time.sleep(60)  # until the signal comes


def daemon():
    """A thread for each kernel, in and out of it until the end, and nobody who waits for them."""
    for name in KERNELS:
        threading.Thread(target=again_and_again, args=(make(name), function_of(name)), daemon=True).start()
    threading.Thread(target=endless, daemon=True).start()
    end()


def again_and_again(call, function):
    while True:
        call(function, release_gil=True)


def executor():
    """Python finishes the work of an executor, whatever happens."""
    pool = ThreadPoolExecutor(2)
    for _ in range(2):
        pool.submit(finite)
    end()


def scope():
    with ThreadPoolExecutor(3) as pool, gilfree.cancel_scope() as kernels:
        for workers in (1, 1, 2):
            pool.submit(kernels.run, endless, workers=workers)
        try:
            end()
        finally:
            if ending == "return":
                kernels.cancel()


def to_thread():
    async def main():
        task = asyncio.create_task(gilfree.to_thread(endless))
        await asyncio.sleep(0.3)
        print("running", flush=True)
        if ending == "exception":
            raise ZeroDivisionError
        if ending != "return":
            await asyncio.sleep(60)
        task.cancel()

    asyncio.run(main())


def asyncio_to_thread():
    """Of the standard library, which stops nothing by itself: the scope does."""

    async def main():
        with gilfree.cancel_scope() as kernels:
            task = asyncio.create_task(asyncio.to_thread(endless))
            await asyncio.sleep(0.3)
            print("running", flush=True)
            if ending == "exception":
                raise ZeroDivisionError
            if ending != "return":
                await asyncio.sleep(60)
            kernels.cancel()
            await asyncio.wait([task])
            task.exception()

    asyncio.run(main())


globals()[how]()
