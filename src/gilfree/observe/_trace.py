"""A timeline in the Trace Event Format, which Perfetto and chrome://tracing open."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gilfree.observe._lanes import spans

if TYPE_CHECKING:
    from gilfree.observe._observation import Observation, Stall

__all__ = ["as_trace"]

NANOSECONDS = 1_000_000_000
MICROSECOND = 1_000


def as_trace(observation: "Observation") -> str:
    """Return the trace as JSON, one event a line."""
    events = ",\n".join(json.dumps(event) for event in _events(observation, os.getpid()))
    facts = {
        "tool": "gilfree",
        "mechanism": observation.mechanism,
        "seconds": observation.seconds,
    }
    return f'{{"displayTimeUnit": "ms", "otherData": {json.dumps(facts)}, "traceEvents": [\n{events}\n]}}\n'


def _events(observation: "Observation", process: int) -> Iterator[dict[str, Any]]:
    yield _metadata("process_name", process, 0, name=f"Python {process}")
    # Tracks are numbered, since an ended thread's ident may be given to another one.
    for track, lane in enumerate(observation.lanes, 1):
        yield _metadata("thread_name", process, track, name=lane.name)
        yield _metadata("thread_sort_index", process, track, sort_index=track)
        for state, start, end in spans(lane):
            yield _complete(state, process, track, start, end)
    for track, stalls in enumerate(_tracks(observation.stalls), len(observation.lanes) + 1):
        yield _metadata("thread_name", process, track, name="stalls")
        yield _metadata("thread_sort_index", process, track, sort_index=track)
        for stall in stalls:
            start, end = (round(time * NANOSECONDS) for time in (stall.start, stall.start + stall.seconds))
            told = {"thread": stall.thread, "where": stall.where}
            yield {**_complete("stall", process, track, start, end), "args": told}


def _metadata(what: str, process: int, track: int, **args: str | int) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": track, "args": args}


def _complete(name: str, process: int, track: int, start: int, end: int) -> dict[str, Any]:
    times = {"ts": start / MICROSECOND, "dur": (end - start) / MICROSECOND}
    return {"ph": "X", "cat": "gil", "name": name, "pid": process, "tid": track, **times}


def _tracks(stalls: list["Stall"]) -> list[list["Stall"]]:
    """Stalls overlap where interpreters have a GIL each; events on one track must not."""
    tracks: list[list[Stall]] = []
    for stall in sorted(stalls, key=lambda stall: stall.start):
        free = [track for track in tracks if track[-1].start + track[-1].seconds <= stall.start]
        if free:
            free[0].append(stall)
        else:
            tracks.append([stall])
    return tracks
