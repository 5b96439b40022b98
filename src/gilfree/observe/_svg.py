"""A timeline as a static picture: SVG, light or dark as the viewer has it."""

import math
from html import escape
from typing import TYPE_CHECKING

from gilfree.observe._lanes import STATES, columns, lanes_of_stalls, shown_lanes, stall_words, words_for
from gilfree.observe._summary import headline, printable, shortened, worst_stalls
from gilfree.observe._words import duration, percent

if TYPE_CHECKING:
    from gilfree.observe._lanes import Column
    from gilfree.observe._observation import Lane, Observation, Stall

__all__ = ["MOST_LANES", "PALETTES", "as_svg", "lane_words", "ticks"]

MOST_LANES = 64
MOST_STALLS = 40
# Okabe and Ito's colours, which the colour-blind tell apart; waiting is hatched besides, and idle is only a line.
PALETTES = {
    "light": {
        "paper": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "faint": "#d8dee4",
        "holding": "#d55e00", "waiting": "#f3cfe2", "hatch": "#a8457c", "running": "#0072b2", "idle": "#b7bfc8",
    },
    "dark": {
        "paper": "#0d1117", "ink": "#e6edf3", "soft": "#9aa4af", "faint": "#30363d",
        "holding": "#e8782f", "waiting": "#4a2c3e", "hatch": "#dd8fb9", "running": "#56b4e9", "idle": "#59636e",
    },
}  # fmt: skip

WIDTH = 1200
LEFT, RIGHT = 214, 24  # of the plot: names stand to its left
COLUMNS = 481  # of 2 units each
TOP = 84
LANE, BAR = 30, 20
BOTTOM = 44
NAME = 23  # characters that fit to the left
STEPS = (1, 2, 5, 10)
MOST_TICKS = 8

STYLE = """
  .gilfree {{ {light} }}
  @media (prefers-color-scheme: dark) {{ .gilfree {{ {dark} }} }}
  .gilfree text {{ font: 13px system-ui, sans-serif; fill: var(--soft); }}
  .gilfree .title {{ font-size: 16px; font-weight: 600; fill: var(--ink); }}
  .gilfree .name {{ fill: var(--ink); text-anchor: end; }}
  .gilfree .tick {{ text-anchor: middle; font-size: 12px; }}
  .gilfree .paper {{ fill: var(--paper); }}
  .gilfree .grid {{ stroke: var(--faint); }}
  .gilfree .holding {{ fill: var(--holding); }}
  .gilfree .waiting {{ fill: url(#gilfree-waiting); }}
  .gilfree .running {{ fill: var(--running); }}
  .gilfree .idle {{ fill: var(--idle); }}
  .gilfree .stall {{ fill: none; stroke: var(--ink); stroke-width: 1.5; }}
  .gilfree .mark {{ fill: var(--ink); }}
"""
# An SVG of its own needs no other name for its parts; inside a page, theirs begin with the tool's.
HATCH = (
    '<defs><pattern id="gilfree-waiting" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" style="fill: var(--waiting)"/>'
    '<path d="M-1 6L6 -1M-1 1L1 -1M4 6L6 4" style="stroke: var(--hatch); stroke-width: 1.3"/></pattern></defs>'
)


def as_svg(observation: "Observation") -> str:
    """Return the picture as a document, or as part of an HTML page: it is both."""
    lanes = shown_lanes(observation, MOST_LANES)
    stalls = worst_stalls(observation, MOST_STALLS)
    left_out = len(observation.lanes) - len(lanes)
    height = TOP + LANE * len(lanes) + BOTTOM + (20 if left_out else 0)
    seconds = observation.seconds or 1.0
    title = headline(observation)
    style = STYLE.format(**{scheme: _variables(palette) for scheme, palette in PALETTES.items()})
    attributes = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gilfree" {attributes}>',
        f"<style>{style}</style>{HATCH}",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="28">{escape(title)}</text>',
        *_legend(observation, has_stalls=bool(stalls)),
        *_grid(seconds, TOP + LANE * len(lanes)),
        *(part for index, lane in enumerate(lanes) for part in _lane(index, lane, observation)),
        *_stalls(stalls, lanes, seconds),
    ]
    if left_out:
        parts.append(f'<text x="16" y="{height - 12}">and {left_out} more threads, less busy</text>')
    return "\n".join([*parts, "</svg>\n"])


def ticks(seconds: float) -> list[float]:
    """Return round times from 0 on."""
    rough = max(seconds, 1e-9) / MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in STEPS if factor * power >= rough)
    return [index * step for index in range(int(seconds / step) + 1)]


def lane_words(lane: "Lane", mechanism: str) -> str:
    """Return a lane's name and the shares of its states."""
    lived = sum(cell.seconds for cell in lane.cells) or 1.0
    words = "attached" if mechanism == "attached" else "holding"
    shares = [
        f"{words if state == 'holding' else state} {percent(sum(getattr(c, state) for c in lane.cells) / lived)}"
        for state in STATES
    ]
    return f"{printable(lane.name)}: {', '.join(shares)}"


def _variables(palette: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


def _legend(observation: "Observation", *, has_stalls: bool) -> list[str]:
    parts, x = [], 16.0
    entries = list(words_for(observation.mechanism).items())
    if has_stalls:
        entries.append(("stall", stall_words(observation.mechanism)))
    for state, words in entries:
        if state == "idle":
            parts.append(f'<rect class="idle" x="{x:g}" y="58" width="18" height="2"/>')
        elif state == "stall":
            parts.append(f'<path class="mark" d="M{x + 4:g} 47h10l-5 8z"/>')
        else:
            parts.append(f'<rect class="{state}" x="{x:g}" y="46" width="18" height="14"/>')
        parts.append(f'<text x="{x + 25:g}" y="58">{escape(words)}</text>')
        x += 54 + 6.7 * len(words)
    return parts


def _x(time: float, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * time / seconds


def _grid(seconds: float, bottom: int) -> list[str]:
    parts = []
    for time in ticks(seconds):
        x = _x(time, seconds)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP - 4}V{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 20}">{duration(time) if time else "0"}</text>')
    return parts


def _lane(index: int, lane: "Lane", observation: "Observation") -> list[str]:
    bottom = TOP + LANE * index + LANE - 4
    seconds = observation.seconds or 1.0
    parts = [
        f"<g><title>{escape(lane_words(lane, observation.mechanism))}</title>",
        f'<text class="name" x="{LEFT - 12}" y="{bottom - 5}">{escape(shortened(lane.name, NAME))}</text>',
    ]
    if lane.cells:
        last = lane.cells[-1]
        start, end = _x(lane.cells[0].start, seconds), _x(last.start + last.seconds, seconds)
        parts.append(
            f'<rect class="idle" x="{start:.1f}" y="{bottom - 2}" width="{max(1, end - start):.1f}" height="2"/>'
        )
        bars = _bars(columns(lane, seconds, COLUMNS), bottom)
        parts += [f'<path class="{state}" d="{path}"/>' for state, path in bars.items() if path]
    return [*parts, "</g>"]


def _bars(found: list["Column"], bottom: int) -> dict[str, str]:
    """Return each state's path: bars upon each other, a column's next to the last one's; equal neighbours are one."""
    width = (WIDTH - LEFT - RIGHT) / COLUMNS
    paths = dict.fromkeys(("holding", "running", "waiting"), "")
    heights = []
    for column in found:
        tops, top = [], 0.0
        for state in paths:
            top += getattr(column, state)
            tops.append(round(2 * BAR * top) / 2)
        heights.append(tops)
    for position, state in enumerate(paths):
        runs: list[tuple[float, float, int, int]] = []  # from, to (upwards), first and last column
        for index, tops in enumerate(heights):
            low, high = (tops[position - 1] if position else 0.0), tops[position]
            if high <= low:
                continue
            if runs and runs[-1][:2] == (low, high) and runs[-1][3] == index - 1:
                runs[-1] = (low, high, runs[-1][2], index)
            else:
                runs.append((low, high, index, index))
        paths[state] = "".join(
            f"M{LEFT + first * width:.4g} {bottom - high:g}h{(last - first + 1) * width:.4g}v{high - low:g}"
            f"h-{(last - first + 1) * width:.4g}z"
            for low, high, first, last in runs
        )
    return paths


def _stalls(stalls: list["Stall"], lanes: list["Lane"], seconds: float) -> list[str]:
    parts = []
    for stall, index in zip(stalls, lanes_of_stalls(stalls, lanes), strict=True):
        if index is None:
            continue
        top = TOP + LANE * index + LANE - 4 - BAR
        x, width = _x(stall.start, seconds), (WIDTH - LEFT - RIGHT) * stall.seconds / seconds
        words = f"held for {duration(stall.seconds)}: {printable(stall.where or 'place unknown')}"
        parts.append(
            f"<g><title>{escape(f'{printable(stall.thread)} {words}')}</title>"
            f'<rect class="stall" x="{x:.1f}" y="{top}" width="{max(1, width):.1f}" height="{BAR}"/>'
            f'<path class="mark" d="M{x + width / 2 - 5:.1f} {top - 8}h10l-5 7z"/></g>'
        )
    return parts
