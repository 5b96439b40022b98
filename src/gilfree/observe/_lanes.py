"""A timeline's lanes, as pictures and traces need them: as spans of a single state, or by columns."""

from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gilfree.observe._observation import Cell, Lane, Observation, Stall

__all__ = ["STATES", "Column", "Span", "columns", "lanes_of_stalls", "shown_lanes", "spans", "stall_words", "words_for"]

# In the order in which a cell of several states is spelt out.
STATES = ("holding", "waiting", "running", "idle")
WORDS = {
    "holding": "holds the GIL",
    "waiting": "waits for the GIL",
    "running": "runs without the GIL",
    "idle": "idle: sleeping, blocked in I/O or a lock",
}
WORDS_WITHOUT_GIL = {**WORDS, "holding": "attached: may run Python", "running": "runs detached"}
SECOND = 1_000_000_000
_shares = attrgetter(*STATES)


def words_for(mechanism: str) -> dict[str, str]:
    """Return what each state means."""
    return WORDS_WITHOUT_GIL if mechanism == "attached" else WORDS


def stall_words(mechanism: str) -> str:
    """Return what the mark of a stall means. Without a GIL, others go on meanwhile."""
    return "attached for long" if mechanism == "attached" else "stall: held for long"


class Span(NamedTuple):
    """A time in one state, in nanoseconds from the start of the observation."""

    state: str
    start: int
    end: int


def spans(lane: "Lane") -> Iterator[Span]:
    """Spell a lane out as spans of one state each, without gaps between a cell's and the next one's.

    Within a cell the order of its states is unknown, and is taken to be that of `STATES`.
    """
    last: Span | None = None
    for cell in lane.cells:
        for span in _spans_of(cell):
            if last is None:
                last = span
            elif last.state == span.state and last.end == span.start:
                last = last._replace(end=span.end)
            else:
                yield last
                last = span
    if last is not None:
        yield last


def _spans_of(cell: "Cell") -> Iterator[Span]:
    start, end = round(cell.start * SECOND), round((cell.start + cell.seconds) * SECOND)
    spent = 0.0
    for state, part in zip(STATES, _shares(cell), strict=True):
        spent += part
        stop = end if state == STATES[-1] else min(end, round((cell.start + spent) * SECOND))
        if stop > start:
            yield Span(state, start, stop)
            start = stop


class Column(NamedTuple):
    """What a thread did during one column of a picture, as shares of its width; 0 in all where it did not live."""

    holding: float
    waiting: float
    running: float
    idle: float


def columns(lane: "Lane", seconds: float, count: int) -> list[Column]:
    """Aggregate a lane into so many columns of equal width, which reach from 0 to ``seconds``."""
    sums = [[0.0] * len(STATES) for _ in range(count)]
    width = seconds / count or 1.0
    for cell in lane.cells:
        start, end = cell.start, cell.start + cell.seconds
        first, last = min(count - 1, int(start / width)), min(count - 1, int(end / width))
        parts = _shares(cell)
        for index in range(first, last + 1):
            # Most cells of a long lane lie within one column.
            inside = (
                1.0 if first == last else (min(end, (index + 1) * width) - max(start, index * width)) / (end - start)
            )
            column = sums[index]
            for state, part in enumerate(parts):
                column[state] += part * inside / width
    return [Column(*column) for column in sums]


def shown_lanes(observation: "Observation", most: int) -> list["Lane"]:
    """Return at most so many lanes, in their order: the busiest, where there are more."""
    lanes = observation.lanes
    if len(lanes) <= most:
        return lanes
    busy = [sum(cell.seconds - cell.idle for cell in lane.cells) for lane in lanes]
    chosen = sorted(range(len(lanes)), key=lambda index: (-busy[index], index))[:most]
    return [lanes[index] for index in sorted(chosen)]


def lanes_of_stalls(stalls: list["Stall"], lanes: list["Lane"]) -> list[int | None]:
    """Return each stall's lane, as an index: of those with its name the one that holds the most meanwhile."""
    return [_lane_of(stall, lanes) for stall in stalls]


def _lane_of(stall: "Stall", lanes: list["Lane"]) -> int | None:
    end = stall.start + stall.seconds
    named = [index for index, lane in enumerate(lanes) if lane.name == stall.thread]
    if len(named) <= 1:
        return named[0] if named else None
    return max(
        named,
        key=lambda index: sum(
            cell.holding for cell in lanes[index].cells if cell.start < end and cell.start + cell.seconds > stall.start
        ),
    )
