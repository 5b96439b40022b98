"""Random observations over random threaded work: ``python tests/observe/soak.py [--no-fork] SECONDS [SEED]``.

Ends with a line that says how much was done; anything that goes wrong ends it earlier. Under AddressSanitizer use
``--no-fork``: the child of a process with threads may find the sanitizer's own allocator locked for ever.
"""

import argparse
import faulthandler
import hashlib
import os
import queue
import random
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import gilfree
from gilfree.observe import Prober

arguments = argparse.ArgumentParser()
arguments.add_argument("seconds", type=float)
arguments.add_argument("seed", type=int, nargs="?", default=random.randrange(10**6))
arguments.add_argument("--no-fork", action="store_true")
given = arguments.parse_args()
SECONDS, SEED = given.seconds, given.seed

faulthandler.enable()
warnings.simplefilter("ignore")  # forking a process that has threads is part of it
done = Counter()
over = threading.Event()


def compute(dice):
    sum(number * number for number in range(dice.randrange(20_000)))


def digest(dice):
    hashlib.sha256(bytes(dice.randrange(200_000))).digest()


def doze(dice):
    time.sleep(dice.choice([0, 0, 1e-5, 1e-3]))


def start_threads(dice):
    threads = [threading.Thread(target=compute, args=(dice,), name="ä" * dice.randrange(200)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def use_pool(dice):
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: doze(dice), range(10)))


def talk(dice):
    channel = queue.Queue(1)
    thread = threading.Thread(target=lambda: [channel.put(index) for index in range(50)])
    thread.start()
    for _ in range(50):
        channel.get()
    thread.join()


def make_garbage(dice):
    class Node:
        def __del__(self):
            time.sleep(0)

    for _ in range(50):
        node = Node()
        node.itself = node


def recurse(dice, depth=80):
    if depth:
        recurse(dice, depth - 1)
    else:
        compute(dice)


WORK = [compute, digest, doze, start_threads, use_pool, talk, make_garbage, recurse]


def work(seed):
    dice = random.Random(seed)
    while not over.is_set():
        dice.choice(WORK)(dice)
        done["work"] += 1


def observe(dice):
    with gilfree.observe(stall=dice.choice([1e-6, 1e-4, 1e-2, 1])) as seen:
        for _ in range(dice.randrange(4)):
            dice.choice(WORK)(dice)
        if dice.random() < 0.3:
            probe(dice)
    assert seen.threads
    for report in seen.threads:
        assert min(report.holding, report.running, report.waiting, report.idle) >= 0, report
        # An entry that sums up many threads may well exceed the whole.
        assert "more threads" in report.name or report.seconds <= seen.seconds * 1.01 + 1e-3, (report, seen.seconds)


def probe(dice):
    found = Prober(budget=0.02, threads=dice.choice([(1,), (1, 2)])).probe(dice.choice(WORK), dice)
    assert 0 <= found.held <= 1


def fork(dice):
    if not hasattr(os, "fork") or dice.random() < 0.8:
        return
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(30, exit=True)
        code = 1
        try:
            observe(random.Random(1))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"child: {status}"


OBSERVE = [observe, observe, probe, *([] if given.no_fork else [fork])]


def watch(seed):
    dice = random.Random(seed)
    while not over.is_set():
        action = dice.choice(OBSERVE)
        action(dice)
        done[action.__name__] += 1


def main():
    errors = []

    def guarded(target, seed):
        try:
            target(seed)
        except BaseException as error:
            errors.append(error)
            over.set()
            raise

    threads = [threading.Thread(target=guarded, args=(work, SEED + index)) for index in range(3)]
    threads += [threading.Thread(target=guarded, args=(watch, SEED + 10 + index)) for index in range(2)]
    for thread in threads:
        thread.start()
    over.wait(SECONDS)
    over.set()
    faulthandler.dump_traceback_later(120, exit=True)
    for thread in threads:
        thread.join()
    faulthandler.cancel_dump_traceback_later()
    if errors:
        sys.exit(f"seed {SEED}: {errors[0]!r}")
    print(f"survived {SECONDS:g} s, seed {SEED}: {dict(done)}")


if __name__ == "__main__":
    main()
