"""An observation in plain text: a sentence, the threads, the stalls."""

from typing import TYPE_CHECKING

from gilfree.observe._words import duration, percent

if TYPE_CHECKING:
    from gilfree.observe._observation import Observation, Stall, ThreadReport

__all__ = ["MOST_STALLS", "MOST_THREADS", "as_text", "headline", "printable", "shortened", "thread_row", "worst_stalls"]

MOST_THREADS = 40
MOST_STALLS = 20
LONGEST_NAME = 40
HEADINGS = ("thread", "lived", "holding", "", "running", "", "waiting", "", "idle", "")


def as_text(observation: "Observation") -> str:
    """Return the sentence, then a table of the threads, then the stalls."""
    threads = _busiest(observation.threads)
    rows = [(shortened(thread.name, LONGEST_NAME), *thread_row(thread)) for thread in threads]
    lines = [headline(observation), "", *_aligned([_headings(observation.mechanism), *rows])]
    left_out = len(observation.threads) - len(threads)
    if left_out:
        lines.append(f"and {left_out} more threads, less busy")
    return "\n".join([*lines, *_stall_lines(observation)])


def headline(observation: "Observation") -> str:
    """Return what the observation comes to, in a sentence."""
    seconds = observation.seconds or 1.0
    holding, waiting = (sum(getattr(thread, of) for thread in observation.threads) for of in ("holding", "waiting"))
    if observation.mechanism == "attached":
        return f"On average, {holding / seconds:.2f} threads were attached during {duration(seconds)} (attached)"
    sentence = f"The GIL was held for {percent(min(1.0, holding / seconds))} of {duration(seconds)}"
    if observation.mechanism == "exact":
        sentence += f"; threads waited {duration(waiting)} for it" if waiting else "; nobody waited for it"
    return f"{sentence} ({observation.mechanism})"


def thread_row(thread: "ThreadReport") -> tuple[str, ...]:
    """Return how long a thread lived and, for each state, its time and its share, in the order of `HEADINGS`."""
    parts = (thread.holding, thread.running, thread.waiting, thread.idle)
    lived = thread.seconds
    cells = [
        cell for part in parts for cell in (duration(part) if part else "0", percent(part / lived if lived else 0.0))
    ]
    return (duration(lived), *cells)


def worst_stalls(observation: "Observation", most: int) -> list["Stall"]:
    """Return the longest stalls, in the order of their start."""
    longest = sorted(observation.stalls, key=lambda stall: -stall.seconds)[:most]
    return sorted(longest, key=lambda stall: stall.start)


def printable(text: str) -> str:
    """Replace what would move the cursor, or worse."""
    return "".join(character if character.isprintable() else "�" for character in text)


def shortened(name: str, most: int) -> str:
    """Return a name of so many printable characters, without its middle if it is longer: many names end in a number."""
    name, end = printable(name), most // 3
    return name if len(name) <= most else f"{name[: most - 1 - end]}…{name[len(name) - end :]}"


def _busiest(threads: list["ThreadReport"]) -> list["ThreadReport"]:
    order = sorted(range(len(threads)), key=lambda index: (threads[index].idle - threads[index].seconds, index))
    return [threads[index] for index in sorted(order[:MOST_THREADS])]


def _headings(mechanism: str) -> tuple[str, ...]:
    return tuple("attached" if mechanism == "attached" and word == "holding" else word for word in HEADINGS)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def _stall_lines(observation: "Observation") -> list[str]:
    shown = worst_stalls(observation, MOST_STALLS)
    if not shown:
        return []
    of_how_many = (
        f", the longest {len(shown)} of {len(observation.stalls)}" if len(shown) < len(observation.stalls) else ""
    )
    rows = [
        (
            f"{duration(stall.seconds)} at {stall.start:.3f} s",
            f"{shortened(stall.thread, LONGEST_NAME)}, {printable(stall.where) if stall.where else 'place unknown'}",
        )
        for stall in shown
    ]
    width = max(len(row[0]) for row in rows)
    what = "Attached for long" if observation.mechanism == "attached" else "Stalls: long holds of the GIL"
    return ["", f"{what}{of_how_many}", *(f"  {what:>{width}}  {where}" for what, where in rows)]
