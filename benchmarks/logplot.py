"""Plots whose axes are both logarithmic, as inline SVG, coloured by the page's style sheet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

from .svg import WIDTH, picture, text

__all__ = ["Axis", "Line", "LogPlot", "decades", "sample"]

HEIGHT = 250
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 12, 46
MOST_DECADES = 4  # with more of them on an axis, only every second one has its name


@dataclass(frozen=True)
class Line:
    """Points (x, y) of one kind, joined by a line; each with words for a pointer that rests on it."""

    kind: str  # the class, and what its marks are
    points: Sequence[tuple[float, float, str]]


@dataclass(frozen=True)
class Axis:
    """One axis: its ends, and where it has which names."""

    ends: tuple[float, float]
    ticks: dict[float, str]
    title: str = ""


@dataclass
class LogPlot:
    """One plot in the making; what is drawn later lies on top."""

    label: str
    x: Axis
    y: Axis
    shades: list[tuple[str, list[tuple[float, float, float]]]] = field(default_factory=list)
    paths: list[tuple[str, list[tuple[float, float]], str]] = field(default_factory=list)
    bars: list[tuple[str, float, float, float]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def shade(self, kind: str, band: Iterable[tuple[float, float, float]]) -> None:
        """Fill what is between two lines, given as x, low, high."""
        self.shades.append((kind, list(band)))

    def path(self, css: str, points: Iterable[tuple[float, float]], title: str = "") -> None:
        """Draw a line without marks."""
        self.paths.append((css, list(points), title))

    def bar(self, kind: str, x: float, low: float, high: float) -> None:
        """Draw an interval."""
        self.bars.append((kind, x, low, high))

    def line(self, line: Line) -> None:
        """Draw points and what joins them."""
        if line.points:
            self.lines.append(line)

    @property
    def told(self) -> str:
        """What there is to see, in words."""
        marks = [words for line in self.lines for _, _, words in line.points]
        return "; ".join([*(title for *_, title in self.paths if title), *marks])

    def svg(self) -> str:
        """Return the picture."""
        parts = [*self._axes()]
        for kind, band in self.shades:
            around = [*((x, low) for x, low, _ in band), *((x, high) for x, _, high in reversed(band))]
            parts.append(f'<path class="{kind} shade" d="{self._d(around)}Z"/>')
        for css, points, title in self.paths:
            inside = f"<title>{escape(title)}</title>" if title else ""
            parts.append(f'<path class="{css}" d="{self._d(points)}">{inside}</path>')
        for kind, x, low, high in self.bars:
            whisker = f"M{self._across(x):.1f},{self._down(low):.1f}V{self._down(high):.1f}"
            parts.append(f'<g class="{kind}"><path class="whisker" d="{whisker}"/></g>')
        for line in self.lines:
            joined = self._d((x, y) for x, y, _ in line.points)
            parts.append(f'<g class="{line.kind}"><path class="line" d="{joined}"/>')
            parts += [
                f"<g>{shape(line.kind, self._across(x), self._down(y))}<title>{escape(words)}</title></g>"
                for x, y, words in line.points
            ]
            parts.append("</g>")
        return picture(HEIGHT, self.label, self.told, parts, "plot log")

    def _axes(self) -> Iterator[str]:
        for tick, name in self.y.ticks.items():
            yield f'<path class="grid" d="M{LEFT},{self._down(tick):.1f}H{WIDTH - RIGHT}"/>'
            yield text(LEFT - 6, self._down(tick) + 5, name, anchor="end")
        for tick, name in self.x.ticks.items():
            yield f'<path class="grid" d="M{self._across(tick):.1f},{TOP}V{HEIGHT - BOTTOM}"/>'
            yield text(self._across(tick), HEIGHT - BOTTOM + 17, name)
        yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, self.x.title)

    def _across(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * position(value, self.x.ends)

    def _down(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * position(value, self.y.ends)

    def _d(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join(
            f"{'L' if index else 'M'}{self._across(x):.1f},{self._down(y):.1f}" for index, (x, y) in enumerate(points)
        )


def position(value: float, ends: tuple[float, float]) -> float:
    """Return where between the ends of an axis a value is, from 0 to 1; what is beyond them is at an end."""
    low, high = map(log10, ends)
    return min(1.0, max(0.0, (log10(max(value, ends[0] / 10)) - low) / (high - low)))


def decades(low: float, high: float) -> tuple[tuple[float, float], list[float]]:
    """Return the ends of an axis that contains these, and where on it powers of ten stand."""
    inside = [10.0**power for power in range(ceil(log10(low)), floor(log10(high)) + 1)]
    step = 1 if len(inside) <= MOST_DECADES else 2
    return (low, high), inside[::step]


def shape(kind: str, x: float, y: float) -> str:
    """Return the mark of a kind: colour is not all that tells lines apart."""
    if kind in ("held", "threads"):
        return f'<rect class="mark" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    if kind == "processes":
        return f'<path class="mark" d="M{x:.1f},{y - 5:.1f}l5,9h-10z"/>'
    return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def sample(kind: str, css: str = "line", *, mark: bool = True) -> str:
    """Return the sample of a line for a legend."""
    inside = shape(kind, 18, 8) if mark else ""
    return (
        '<svg class="swatch" viewBox="0 0 36 16" aria-hidden="true">'
        f'<g class="{kind}"><path class="{css}" d="M1,8H35"/>{inside}</g></svg>'
    )
