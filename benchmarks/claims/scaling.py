# A script for any Python from 2.7 on, so that Jython and IronPython can run it: no annotations, no f-strings.
# mypy: ignore-errors
"""How much faster threads compute than one thread, on the interpreter that runs this; prints a line of JSON.

scaling.py who            which interpreter it is
scaling.py threads N      seconds of N pieces of work, one after the other and in N threads, several times
scaling.py alone          seconds of a fixed amount of work
"""

import json
import platform
import sys
import threading
import time

ROUNDS = 7
PIECE_SECONDS = 0.08
WARM_UP_SECONDS = 1.0  # compilers that translate while a program runs need a while
FIXED = 400000

clock = getattr(time, "perf_counter", time.time)


def work(count):
    """Compute something that takes numbers, lists and a dict, as most programs do."""
    seen = {}
    state = 1
    while count:
        count -= 1
        state = (state * 69069 + 12345) % 65537
        seen[state % 64] = [state, count]
    return state


def seconds_of(function, *arguments):
    """Return how long a call takes."""
    start = clock()
    function(*arguments)
    return clock() - start


def one_by_one(pieces, count):
    """Do pieces of work one after the other."""
    for _ in range(pieces):
        work(count)


def in_threads(pieces, count):
    """Do each piece in a thread of its own, all at once."""
    threads = [threading.Thread(target=work, args=(count,)) for _ in range(pieces)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def calibrated():
    """Return for which count a piece takes long enough, once the interpreter is warm."""
    count = 1000
    end = clock() + WARM_UP_SECONDS
    while True:
        seconds = seconds_of(work, count)
        if seconds < PIECE_SECONDS:
            count *= 2
        elif clock() > end:
            return count


def scaling(threads):
    """Return the seconds of as many pieces as threads, both ways, taking turns."""
    count = calibrated()
    in_threads(threads, count)
    serial, parallel = [], []
    for turn in range(ROUNDS):
        ways = [(serial, one_by_one), (parallel, in_threads)]
        for seconds, way in ways if turn % 2 else ways[::-1]:
            seconds.append(seconds_of(way, threads, count))
    return {"serial": serial, "threads": parallel}


def who():
    """Say which interpreter this is; whether it has a GIL is known of CPython alone."""
    implementation = platform.python_implementation()
    gil = None
    if implementation == "CPython":
        ask = getattr(sys, "_is_gil_enabled", None)
        gil = True if ask is None else bool(ask())
    return {
        "implementation": implementation,
        "version": implementation + " " + platform.python_version(),
        "version_info": list(sys.version_info[:2]),
        "executable": sys.executable,
        "gil": gil,
    }


def main(what, *arguments):
    """Print the answer."""
    if what == "who":
        answer = who()
    elif what == "threads":
        answer = scaling(int(arguments[0]))
    else:
        work(FIXED // 4)
        answer = {"seconds": seconds_of(work, FIXED)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
