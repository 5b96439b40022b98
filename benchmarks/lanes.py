"""Timelines of the GIL as a section of the report: inline SVG, a lane a thread."""

from html import escape
from itertools import accumulate, groupby
from math import ceil
from typing import Any

from gilfree.observe._lanes import words_for
from gilfree.observe._svg import ticks

from .implementations import IMPLEMENTATIONS
from .svg import WIDTH, picture, text
from .timelines import ASKER, STATES
from .wording import percent, quantity

__all__ = ["called", "section", "shares", "steps", "words"]

BAR, CAPTION, GAP, AXIS = 22, 20, 10, 30
SIDE = 4  # so that what stands at an end of the axis is not cut off
MOST_TICKS = 4
LEAST_SHARE = 0.005  # that is worth a word
FILLED_BY = {"waiting": "waits", "running": "runs"}  # names of patterns: told apart without colours, too
PATTERNS = (
    '<defs><pattern id="waits" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" '
    'class="pale"/><path class="hatch" d="M-1 6L6 -1M-1 1L1 -1M4 6L6 4"/></pattern><pattern id="runs" width="4" '
    'height="4" patternUnits="userSpaceOnUse"><rect width="4" height="4" class="full"/><rect x="1" y="1" width="1.2" '
    'height="1.2" class="dot"/></pattern></defs>'
)


def section(results: dict[str, Any]) -> str:
    """Return both timelines, or why there are none; nothing where none were wanted."""
    found = results.get("timelines")
    if not found:
        return ""
    head = "<h2>Who holds the GIL, and when</h2>"
    if not found["runs"]:
        return f'{head}<p class="soft">Not seen here: {escape(found["error"] or found["missing"])}</p>'
    longest = max(run["seconds"] for run in found["runs"])
    figures = "".join(
        f"<figure><h3>{escape(IMPLEMENTATIONS[run['implementation']].title)}, {quantity(run['seconds'])}</h3>"
        f"{timeline(found['kernel'], run, longest)}<figcaption>{escape(words(run))}</figcaption></figure>"
        for run in found["runs"]
    )
    return (
        f"{head}<p>The observer watched {found['workers']} threads go once through the pieces of "
        f"{escape(found['kernel'].replace('_', ' '))}, beside a thread that wants to run Python code each millisecond. "
        "Shown is the shortest of three runs of each; both have the same scale. The main thread, which waits for the "
        "results, is left out; a thread that gets no CPU counts as idle.</p>"
        f'{legend(found["runs"])}<div class="pair">{figures}</div>'
    )


def timeline(kernel: str, run: dict[str, Any], longest: float) -> str:
    """Draw a run, on an axis that ends with the longest."""

    def x(seconds: float) -> float:
        return SIDE + (WIDTH - 2 * SIDE) * seconds / longest

    lane_height = CAPTION + BAR + GAP
    bottom = lane_height * len(run["lanes"])
    parts = []
    for time in few(ticks(longest)):
        parts.append(f'<path class="grid" d="M{x(time):.1f},0V{bottom}"/>')
        anchor = "start" if not time else "end" if x(time) > WIDTH - 30 else "middle"
        parts.append(text(x(time), bottom + 18, quantity(time) if time else "0", anchor=anchor))
    for index, lane in enumerate(run["lanes"]):
        floor = lane_height * index + CAPTION + BAR
        told = ", ".join(f"{state} {percent(share)}" for state, share in shares(lane).items())
        parts.append(f"<g><title>{escape(f'{called(lane)}: {told}')}</title>")
        parts.append(text(0, floor - BAR - 6, called(lane), anchor="start", css="caption"))
        parts.append(f'<path class="idle" d="M{x(0):.1f},{floor - 1}H{x(run["seconds"]):.1f}"/>')
        parts += [
            f'<path class="state {state}" style="{fill(state)}" d="{path}"/>'
            for state, path in paths(lane, x(0), x(run["seconds"]), floor).items()
            if path
        ]
        parts.append("</g>")
    title = f"{kernel}: timeline, {IMPLEMENTATIONS[run['implementation']].title}"
    return picture(ceil(bottom + AXIS), title, words(run), parts)


def words(run: dict[str, Any]) -> str:
    """Return what a timeline shows."""
    means = words_for(run["mechanism"])
    clauses = []
    for lane in run["lanes"]:
        found = [f"{means[state]} {percent(share)}" for state, share in shares(lane).items() if share > LEAST_SHARE]
        clauses.append(f"{called(lane)}: {', '.join(found) or 'idle'}")
    return "Of the time, " + "; ".join(clauses) + "."


def shares(lane: dict[str, Any]) -> dict[str, float]:
    """Return what part of the run a lane's thread was in each state."""
    return {state: sum(lane[state]) / len(lane[state]) for state in STATES}


def called(lane: dict[str, Any]) -> str:
    """Return a lane's name as people read it: ``worker 1``, or ``a thread that asks for the GIL each ms``."""
    name: str = lane["name"]
    return f"a thread that {name}" if name == ASKER else name.replace("_", " ")


def steps(lane: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return from where to where, as parts of a bar, each state is drawn in each column: one upon the other."""
    found: dict[str, list[tuple[float, float]]] = {state: [] for state in STATES}
    for column in zip(*(lane[state] for state in STATES), strict=True):
        tops = list(accumulate(column, initial=0.0))
        for state, low, high in zip(STATES, tops, tops[1:], strict=False):
            found[state].append((low, min(1.0, high)))
    return found


def paths(lane: dict[str, Any], start: float, end: float, floor: float) -> dict[str, str]:
    """Return the path of each state; equal columns side by side are one rectangle."""
    drawn = {}
    for state, columns in steps(lane).items():
        width = (end - start) / len(columns)
        rounded = [(round(low * BAR, 1), round(high * BAR, 1)) for low, high in columns]
        path, index = "", 0
        for (low, high), same in groupby(rounded):
            count = len(list(same))
            if high > low:
                left, tall = start + index * width, high - low
                path += f"M{left:.1f},{floor - low:g}v{-tall:.1f}h{count * width:.2f}v{tall:.1f}z"
            index += count
        drawn[state] = path
    return drawn


def fill(state: str) -> str:
    """Return what a state's bars are filled with."""
    return f"fill: url(#{FILLED_BY[state]})" if state in FILLED_BY else "fill: var(--held)"


def few(times: list[float]) -> list[float]:
    """Return some of the times: as many as there is room for."""
    return times[:: ceil(len(times) / MOST_TICKS)]


def legend(runs: list[dict[str, Any]]) -> str:
    """Return what is what; the first sample holds the patterns that all pictures use."""
    entries: list[str] = []
    for state, meaning in words_for(runs[0]["mechanism"]).items():
        inside = (
            f'<rect x="1" y="1" width="34" height="14" style="{fill(state)}"/>'
            if state in STATES
            else '<path class="idle" d="M1,14H35"/>'
        )
        patterns = "" if entries else PATTERNS
        entries.append(
            f'<li><svg class="swatch" viewBox="0 0 36 16" aria-hidden="true">{patterns}{inside}</svg>'
            f"{escape(meaning)}</li>"
        )
    return f'<ul class="legend">{"".join(entries)}</ul>'
