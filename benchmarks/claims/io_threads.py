"""Threads and I/O: calls that wait, or that work outside Python, let the GIL go.

Four kinds of call, each made in several threads and as often in one: sleeping, asking a server on this machine that
takes 20 ms to answer, reading a file, and querying SQLite. The first two only wait; the others keep a CPU busy outside
of Python.
"""

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import (
    PARALLEL,
    SOME,
    at_once,
    compute_released,
    held_share,
    need_cpus,
    parallel,
    speedup_figure,
    take_turns,
)

__all__ = ["CLAIM"]

WAITING_THREADS = 8
WAIT_SECONDS = 0.02
FILE_BYTES = 1 << 22
PASSES = 60
QUERY = """
    WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 200000) SELECT sum(i) FROM number
"""
SERVER = f"""
import asyncio

async def answer(reader, writer):
    question = await reader.readline()
    await asyncio.sleep({WAIT_SECONDS})
    writer.write(question)
    await writer.drain()
    writer.close()

async def serve():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(serve())
"""
WAITING = {"sleep": "sleeping", "ask": "asking a server"}
WORKING = {"read": "reading a file", "query": "querying SQLite"}


def experiment() -> dict[str, Any]:
    """Time each kind of call, in one thread and in several."""
    need_cpus(SOME)
    with server() as port, some_file() as path:
        calls = {
            "sleep": lambda: time.sleep(WAIT_SECONDS),
            "ask": lambda: ask(port),
            "read": lambda: read(path),
            "query": query,
            "control": compute_released,
        }
        seconds = {
            name: take_turns(at_once(call, WAITING_THREADS if name in WAITING else SOME))
            for name, call in calls.items()
        }
        held = {name: held_share(name, call) for name, call in calls.items() if name != "control"}
    return {"seconds": seconds, "held": held}


@contextmanager
def server() -> Iterator[int]:
    """Run a server in a process of its own; yields its port."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline() if process.stdout else 0)
        finally:
            process.kill()


def ask(port: int) -> None:
    """Send the server a line and wait until it comes back."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"Are you there?\n")
        if connection.recv(100) != b"Are you there?\n":
            raise RuntimeError("the server answered something else")


@contextmanager
def some_file() -> Iterator[Path]:
    """Make a file; the system keeps what is in it in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(os.urandom(FILE_BYTES))
        yield path


def read(path: Path) -> None:
    """Read the whole file some times."""
    into = bytearray(FILE_BYTES)
    with path.open("rb", buffering=0) as file:
        for _ in range(PASSES):
            file.seek(0)
            file.readinto(into)


def query() -> None:
    """Have SQLite add up some numbers."""
    connection = sqlite3.connect(":memory:")
    connection.execute(QUERY).fetchall()
    connection.close()


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that each kind of call is faster in threads than one by one."""
    seconds = measured["seconds"]
    found = {
        name: speedup_figure(
            f"{words}, {WAITING_THREADS if name in WAITING else SOME} threads, speed-up",
            seconds[name],
            "one by one",
            "in threads",
        )
        for name, words in (WAITING | WORKING | {"control": "a kernel that releases the GIL"}).items()
    }
    answers = {name: found[name].above(PARALLEL) for name in WAITING}
    answers |= {name: parallel(found[name], found["control"]) for name in WORKING}
    slow = ", ".join(words for name, words in (WAITING | WORKING).items() if answers[name] is False)
    held = [
        figure(f"GIL held while {(WAITING | WORKING)[name]}", share["share"], "%")
        for name, share in measured["held"].items()
        if share and share["mechanism"] != "attached"
    ]
    return judge(
        all_of(*answers.values()),
        {
            True: "Sleeping, network, files and SQLite were all faster in threads.",
            False: f"No faster in threads: {slow}.",
            None: "The figures are too noisy, or the machine had no second CPU free.",
        },
        [*found.values(), *held],
    )


CLAIM = Claim(
    "io-threads",
    "Threads do help I/O-bound work: blocking calls let the GIL go.",
    experiment,
    rule,
)
