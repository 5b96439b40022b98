"""Plots as inline SVG, coloured by the page's style sheet so that they suit light and dark."""

import re
from collections.abc import Callable, Iterable
from html import escape
from math import ceil, log2
from typing import Any

from .implementations import IMPLEMENTATIONS
from .models import MODELS
from .views import Point, bars, counts_of, curve, highest, ideal, limit, ticks
from .wording import interval, ratio

__all__ = ["WIDTH", "model_bars", "picture", "speedup_curves", "swatch", "text"]

WIDTH, HEIGHT = 340, 250
LEFT, RIGHT, TOP, BOTTOM = 36, 14, 12, 42
# Intervals of different implementations stand side by side rather than on top of each other.
ASIDE = {"pure": -5.0, "held": 0.0, "released": 5.0}

BAR, BAR_GAP, GROUP_GAP, CAPTION = 14, 3, 12, 20
BARS_RIGHT = 48  # room for the number behind the longest bar
# What bars are filled with besides their colour, so that they are told apart without it; released ones are plain.
HATCHES = {
    "held": '<path d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5"/>',
    "pure": '<path d="M1 2h2M4 5h2"/>',
}


def speedup_curves(results: dict[str, Any], kernel: dict[str, Any], model: str) -> str:
    """Plot speed-up against workers, a line for each implementation, with the ideal and the machine's limit."""
    plan = results["plan"]
    counts = counts_of(results, model)
    most = max(counts)
    curves = {name: curve(kernel, name, model) for name in IMPLEMENTATIONS}
    top = highest(results, [model])

    def x(workers: float) -> float:
        return LEFT + 10 + (WIDTH - LEFT - RIGHT - 20) * (log2(workers) / log2(most) if most > 1 else 0.5)

    def y(speedup: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * speedup / top

    def path(points: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{'M' if i == 0 else 'L'}{x(n):.1f},{y(s):.1f}" for i, (n, s) in enumerate(points))

    parts = []
    for tick in ticks(top):
        parts.append(f'<path class="grid" d="M{LEFT},{y(tick):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text(LEFT - 6, y(tick) + 5, f"{tick:g}", anchor="end"))
    parts += [text(x(count), HEIGHT - BOTTOM + 18, str(count)) for count in counts]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, MODELS[model].title))
    bends = sorted({min(counts), *(n for n in (plan["cpus"],) if min(counts) < n < most), most})
    parts.append(f'<path class="ideal" d="{path((n, ideal(results, n)) for n in bends)}"/>')
    parts.append(f'<path class="limit" d="{path(limit(results, kernel, most))}"/>')
    for name, points in curves.items():
        aside = ASIDE[name]
        line = path((point.workers, point.speedup) for point in points)
        parts.append(f'<g class="{name}" transform="translate({aside:g},0)"><path class="line" d="{line}"/>')
        for point in points:
            where = x(point.workers)
            low, high = y(point.low), y(point.high)
            parts.append(
                f'<path class="whisker" d="M{where:.1f},{low:.1f}V{high:.1f}m-3,0h6M{where - 3:.1f},{low:.1f}h6"/>'
            )
            parts.append(f"<g>{marker(name, where, y(point.speedup))}<title>{described(name, point)}</title></g>")
        parts.append("</g>")
    label = f"{kernel['name']}: speed-up by number of workers, {MODELS[model].title}"
    ends = ["; ".join(described(name, point) for point in points) for name, points in curves.items() if points]
    return picture(HEIGHT, label, ". ".join(ends) or "Nothing was measured", parts)


def model_bars(results: dict[str, Any], kernel: dict[str, Any]) -> str:
    """Plot the speed-up of each execution model, a bar for each implementation, with the machine's limit."""
    groups = list(bars(results, kernel))
    most = max((count for _, count, _ in groups), default=1)
    top = highest(results, results["plan"]["models"])
    height = ceil(sum(CAPTION + len(points) * (BAR + BAR_GAP) + GROUP_GAP for *_, points in groups))

    def x(speedup: float) -> float:
        return 1 + (WIDTH - BARS_RIGHT) * speedup / top

    parts = [f'<path class="serial" d="M{x(1):.1f},0V{height}"/>']
    reachable = limit(results, kernel, most)[-1][1]
    parts.append(f'<path class="limit" d="M{x(reachable):.1f},0V{height}"/>')
    down = 0.0
    for model, count, points in groups:
        parts.append(text(0, down + 14, f"{MODELS[model].title}, {count} workers", anchor="start", css="caption"))
        down += CAPTION
        for name, point in reversed(points.items()):
            middle = down + BAR / 2
            parts.append(
                f'<g class="{name}"><rect x="0" y="{down:.1f}" width="{x(point.speedup):.1f}" height="{BAR}" rx="2"/>'
                f'<path class="whisker over" d="M{x(point.low):.1f},{middle}H{x(point.high):.1f}"/>'
                f"<title>{described(name, point)}</title></g>"
            )
            behind = max(x(point.speedup), x(point.high)) + 5
            parts.append(text(behind, middle + 5, ratio(point.speedup), anchor="start", css="number"))
            down += BAR + BAR_GAP
        down += GROUP_GAP
    told = [
        f"{MODELS[model].title}: " + "; ".join(described(name, point) for name, point in points.items())
        for model, _, points in groups
    ]
    label = f"{kernel['name']}: speed-up by execution model"
    return picture(height, label, ". ".join(told) or "Nothing was measured", parts)


def swatch(name: str, *, bar: bool = False) -> str:
    """Return the sample of an implementation, or of the line of that name, for a legend."""
    if name not in IMPLEMENTATIONS:
        inside = f'<path class="{name}" d="M1,8H35"/>'
    elif bar:
        inside = f'{pattern(name)}<g class="{name}"><rect x="1" y="1" width="34" height="14" rx="2"/></g>'
    else:
        inside = f'<g class="{name}"><path class="line" d="M1,8H35"/>{marker(name, 18, 8)}</g>'
    return f'<svg class="swatch" viewBox="0 0 36 16" aria-hidden="true">{inside}</svg>'


def pattern(name: str) -> str:
    """Return what the style sheet fills an implementation's bars with; the legend's sample holds it for all plots."""
    if name not in HATCHES:
        return ""
    return (
        f'<defs><pattern id="{name}-bar" class="bar {name}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<path class="mark" d="M0 0h6v6h-6z"/>{HATCHES[name]}</pattern></defs>'
    )


def marker(name: str, x: float, y: float) -> str:
    """Return an implementation's mark."""
    shapes: dict[str, Callable[[], str]] = {
        "released": lambda: f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>',
        "held": lambda: f'<rect class="mark" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>',
        "pure": lambda: f'<path class="mark" d="M{x:.1f},{y - 5:.1f}l5,9h-10z"/>',
    }
    return shapes[name]()


def text(x: float, y: float, words: str, *, anchor: str = "middle", css: str = "tick") -> str:
    """Return words at a place."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def described(name: str, point: Point) -> str:
    """Return what a mark shows, for a pointer that rests on it."""
    whole = interval({"low": point.low, "high": point.high})
    return f"{IMPLEMENTATIONS[name].title}, {point.workers} workers: {ratio(point.speedup)} [{whole}]"


def picture(height: int, label: str, told: str, parts: Iterable[str], css: str = "plot") -> str:
    """Return a picture with a name and, for those who do not see it, what it shows. No two may have the same name."""
    inside = "\n".join(parts)
    name = re.sub(r"\W+", "-", label.lower())
    return (
        f'<svg class="{css}" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}" '
        f'aria-describedby="{name}-told">\n<title id="{name}">{escape(label)}</title>\n'
        f'<desc id="{name}-told">{escape(told)}</desc>\n{inside}\n</svg>'
    )
