"""Plots whose axes are both logarithmic, as inline SVG, coloured by the page's style sheet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from .svg import WIDTH, picture

__all__ = ["Line", "LogPlot", "decades", "sample"]

HEIGHT = 250
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 12, 46
MOST_DECADES = 4  # with more of them on an axis, only every second one has its name


@dataclass(frozen=True)
class Line:
    """Points (x, y) of one kind, joined by a line; each with words for a pointer that rests on it."""

    kind: str  # the class, and what its marks are
    points: Sequence[tuple[float, float, str]]
    marks: bool = True


class LogPlot:
    """One plot in the making."""

    def __init__(self, label: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._label, self._x, self._y = label, x, y
        self._parts: list[str] = []
        self._told: list[str] = []  # for those who do not see it

    def x(self, value: float) -> float:
        """Return where a value is."""
        return LEFT + (WIDTH - LEFT - RIGHT) * position(value, self._x)

    def y(self, value: float) -> float:
        """Return where a value is."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * position(value, self._y)

    def axes(
        self,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        write_x: Callable[[float], str],
        write_y: Callable[[float], str],
        title: str,
    ) -> None:
        """Draw the grid and its names."""
        for tick in y_ticks:
            self._parts.append(f'<path class="grid" d="M{LEFT},{self.y(tick):.1f}H{WIDTH - RIGHT}"/>')
            self._text(LEFT - 6, self.y(tick) + 5, write_y(tick), "end")
        for tick in x_ticks:
            self._parts.append(f'<path class="grid" d="M{self.x(tick):.1f},{TOP}V{HEIGHT - BOTTOM}"/>')
            self._text(self.x(tick), HEIGHT - BOTTOM + 17, write_x(tick), "middle")
        self._text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, title, "middle")

    def path(self, css: str, points: Iterable[tuple[float, float]], title: str = "") -> None:
        """Draw a line without marks."""
        if title:
            self._told.append(title)
        inside = f"<title>{escape(title)}</title>" if title else ""
        self._parts.append(f'<path class="{css}" d="{self._d(points)}">{inside}</path>')

    def area(self, css: str, low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> None:
        """Fill what is between two lines."""
        self._parts.append(f'<path class="{css}" d="{self._d([*low, *reversed(high)])}Z"/>')

    def bar(self, kind: str, x: float, low: float, high: float) -> None:
        """Draw an interval."""
        self._parts.append(
            f'<g class="{kind}"><path class="whisker" d="M{self.x(x):.1f},{self.y(low):.1f}V{self.y(high):.1f}"/></g>'
        )

    def line(self, line: Line) -> None:
        """Draw points and what joins them."""
        if not line.points:
            return
        self._told += [words for _, _, words in line.points]
        joined = self._d((x, y) for x, y, _ in line.points)
        self._parts.append(f'<g class="{line.kind}"><path class="line" d="{joined}"/>')
        if line.marks:
            self._parts += [
                f"<g>{shape(line.kind, self.x(x), self.y(y))}<title>{escape(words)}</title></g>"
                for x, y, words in line.points
            ]
        self._parts.append("</g>")

    def svg(self) -> str:
        """Return the picture."""
        return picture(HEIGHT, self._label, "; ".join(self._told), self._parts, "plot log")

    def _d(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join(
            f"{'L' if index else 'M'}{self.x(x):.1f},{self.y(y):.1f}" for index, (x, y) in enumerate(points)
        )

    def _text(self, x: float, y: float, words: str, anchor: str) -> None:
        self._parts.append(f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')


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
