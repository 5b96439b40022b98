"""Interpreters with a GIL of their own, used by several threads in turns and at the same time as each other."""

import threading

import numpy as np
import pytest
from kernel_calls import core_call, identify

from gilfree.kernels import KERNELS
from gilfree.kernels._kernel import _crossing, run_core

interpreters = pytest.importorskip("concurrent.interpreters", reason="new in Python 3.14")

THREADS, INTERPRETERS = 4, 5
RELEASE = True


@pytest.mark.thread_unsafe(reason="patches, and starts threads of its own")
def test_four_threads_in_five_interpreters():
    flag = memoryview(np.zeros(1, np.int32))
    cores = {name: core_call(name) for name in KERNELS}

    def do(call, name):
        """What a compiled function returns and writes, given copies of its arguments."""
        core, arguments = cores[name]
        own = [value.copy() if type(value) is np.ndarray else value for value in arguments]
        returned = call(run_core, core.__name__, RELEASE, flag, *map(_crossing, own))
        returned = tuple(map(bytes, returned)) if isinstance(returned, tuple) and name == "pattern_set" else returned
        return returned, identify(tuple(value for value in own if type(value) is np.ndarray))

    expected = {name: do(lambda function, *arguments: function(*arguments), name) for name in KERNELS}
    made = [(interpreters.create(), threading.Lock()) for _ in range(INTERPRETERS)]  # each runs one call at a time
    results, errors = [], []

    def work(number):
        try:
            for turn in range(INTERPRETERS):
                interpreter, lock = made[(number + turn) % INTERPRETERS]
                with lock:
                    results.extend(do(interpreter.call, name) == expected[name] for name in KERNELS)
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for interpreter, _ in made:
        interpreter.close()
    if errors:
        raise errors[0]
    assert len(results) == THREADS * INTERPRETERS * len(KERNELS)
    assert all(results)
