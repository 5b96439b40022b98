"""A timeline as a page to zoom and pan in: one file, which needs nothing else."""

import json
import struct
from base64 import b64encode
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from gilfree.observe._lanes import STATES, lanes_of_stalls, stall_words, words_for
from gilfree.observe._summary import MOST_STALLS, headline, printable, thread_row, worst_stalls
from gilfree.observe._svg import PALETTES, as_svg
from gilfree.observe._words import duration

if TYPE_CHECKING:
    from gilfree.observe._observation import Lane, Observation, Stall

__all__ = ["as_html"]

PAGE = Path(__file__).with_name("timeline.html")
FULL = 0xFFFFFFFF  # the whole observation, as a start of a cell
WHOLE = 0xFFFF  # the whole cell, as a share of it
# Characters that could end a script element, whatever names and paths contain.
SAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def as_html(observation: "Observation") -> str:
    """Return the page. Without scripts it shows the picture and the tables."""
    page = Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(
        title=escape(headline(observation)),
        light=_variables("light"),
        dark=_variables("dark"),
        picture=as_svg(observation),
        threads=_thread_table(observation),
        stalls=_stall_table(observation),
        data=json.dumps(_data(observation)).translate(SAFE),
    )


def _variables(scheme: str) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in PALETTES[scheme].items())


def _data(observation: "Observation") -> dict[str, Any]:
    seconds = observation.seconds or 1.0
    lanes = lanes_of_stalls(observation.stalls, observation.lanes)
    return {
        "seconds": seconds,
        "words": words_for(observation.mechanism),
        "stall": stall_words(observation.mechanism),
        "lanes": [_packed(lane, seconds) for lane in observation.lanes],
        "stalls": [_stall(stall, lane) for stall, lane in zip(observation.stalls, lanes, strict=True)],
    }


def _packed(lane: "Lane", seconds: float) -> dict[str, Any]:
    """Pack a lane's cells: starts in 32 bits, as parts of the whole, then shares in 16 bits."""
    cells = lane.cells
    starts = [min(FULL, round(cell.start / seconds * FULL)) for cell in cells]
    shares = [
        min(WHOLE, round(getattr(cell, state) / (cell.seconds or 1.0) * WHOLE))
        for cell in cells
        for state in STATES[:3]
    ]
    packed = struct.pack(f"<{len(starts)}I{len(shares)}H", *starts, *shares)
    return {
        "name": printable(lane.name),
        "end": cells[-1].start + cells[-1].seconds if cells else 0.0,
        "cells": b64encode(packed).decode(),
    }


def _stall(stall: "Stall", lane: int | None) -> dict[str, Any]:
    where = printable(stall.where) if stall.where else "place unknown"
    return {"lane": lane, "start": stall.start, "seconds": stall.seconds, "where": where}


def _thread_table(observation: "Observation") -> str:
    holding = "attached" if observation.mechanism == "attached" else "holding"
    states = (holding, "running", "waiting", "idle")
    heads = "".join(f'<th scope="colgroup" colspan="2">{state}</th>' for state in states)
    rows = "".join(
        f'<tr><th scope="row">{escape(printable(thread.name))}</th>{_figures(thread_row(thread))}</tr>\n'
        for thread in observation.threads
    )
    return f"<table><thead><tr><th>thread</th><th>lived</th>{heads}</tr></thead><tbody>\n{rows}</tbody></table>"


def _figures(cells: tuple[str, ...]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _stall_table(observation: "Observation") -> str:
    shown = worst_stalls(observation, 10 * MOST_STALLS)
    if not shown:
        return "<p>None.</p>"
    rows = "".join(
        f"<tr><td>{stall.start:.3f} s</td><td>{duration(stall.seconds)}</td>"
        f'<th scope="row">{escape(printable(stall.thread))}</th>'
        f'<td class="where">{escape(printable(stall.where or "place unknown"))}</td></tr>\n'
        for stall in shown
    )
    note = (
        f"<p>The longest {len(shown)} of {len(observation.stalls)}.</p>" if len(shown) < len(observation.stalls) else ""
    )
    head = "<tr><th>at</th><th>held for</th><th>thread</th><th>where</th></tr>"
    return f"{note}<table><thead>{head}</thead><tbody>\n{rows}</tbody></table>"
