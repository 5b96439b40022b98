"""The figures of the report that are no curves, drawn by matplotlib for files."""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gilfree.observe._lanes import words_for
from gilfree.observe._svg import PALETTES as STATE_COLOURS
from gilfree.observe._svg import ticks as times

from .breakeven import WAYS
from .implementations import IMPLEMENTATIONS
from .lanes import called, steps
from .logplot import LogPlot
from .models import MODELS
from .palettes import Palette
from .timelines import STATES
from .views import bars, featured, highest, limit, strength, strongest, ticks
from .wording import quantity, ratio

__all__ = ["heat_map", "log_plot", "model_bars", "timeline"]

GAIN, LOSS = "#7cc0ea", "#f5a86b"
HATCHES = {"pure": "...", "held": "///", "released": ""}  # told apart without colours, too
STATE_HATCHES = {"holding": "", "waiting": "////", "running": "...."}
BAR = 0.66  # of a lane
MOST_TIMES = 5
# Of kinds in plots with two logarithmic axes: those that are no implementations, marks, and lines.
KINDS = {"number": "#0072B2", "threads": "#8250DF", "processes": "#59636E"}
MARKS = {"held": "s", "threads": "s", "processes": "^"}
DASHES = {"gil": "--", "median": ":", "limit": "-."}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure; without pyplot, which would keep it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def model_bars(results: dict[str, Any], kernel: dict[str, Any], palette: Palette) -> Figure:
    """Draw the speed-up of each execution model, a bar for each implementation, with the machine's limit."""
    groups = list(bars(results, kernel))
    rows = sum(len(points) + 1 for *_, points in groups)
    with mpl.rc_context(palette.settings):
        figure, axes = canvas(6.6, 1.4 + 0.24 * rows)
        down, labels = 0.0, {}
        for model, count, points in groups:
            labels[down + (len(points) - 1) / 2] = f"{MODELS[model].title}, {count} workers"
            for name, point in reversed(points.items()):
                axes.barh(
                    down,
                    point.speedup,
                    0.85,
                    xerr=[[point.speedup - point.low], [point.high - point.speedup]],
                    color=palette.colours[name],
                    hatch=HATCHES[name],
                    edgecolor=palette.background,
                    ecolor=palette.ink,
                    capsize=2,
                )
                axes.text(point.high + 0.03, down, ratio(point.speedup), va="center", fontsize=9)
                down += 1
            down += 1
        most = max((count for _, count, _ in groups), default=1)
        axes.axvline(limit(results, kernel, most)[-1][1], color=palette.ink, linewidth=1.1, linestyle="-.")
        axes.axvline(1, color=palette.ink, linewidth=0.8)
        top = highest(results, results["plan"]["models"])
        axes.set_xlim(0, 1.1 * top)
        axes.set_xticks(ticks(top))
        axes.set_yticks(list(labels), list(labels.values()))
        axes.invert_yaxis()
        axes.set_xlabel("speed-up; dash-dotted: machine limit")
        axes.set_title(kernel["name"].replace("_", " "), fontsize=12, fontweight="bold")
        axes.spines[["top", "right"]].set_visible(False)
        samples = [
            Patch(
                facecolor=palette.colours[name],
                hatch=HATCHES[name],
                edgecolor=palette.background,
                label=IMPLEMENTATIONS[name].title,
            )
            for name in reversed(IMPLEMENTATIONS)
        ]
        figure.legend(handles=samples, loc="outside upper center", ncols=3, frameon=False)
    return figure


def heat_map(results: dict[str, Any], implementation: str, palette: Palette) -> Figure:
    """Draw kernels by models, the speed-ups of an implementation as numbers on shades."""
    models, kernels = results["plan"]["models"], results["kernels"]
    top = strongest(results)
    with mpl.rc_context(palette.settings):
        figure, axes = canvas(2.2 + 1.15 * len(models), 1.6 + 0.34 * len(kernels))
        for row, kernel in enumerate(kernels):
            for column, model in enumerate(models):
                cell = featured(results, kernel, implementation, model)
                speedup = cell["speedup"]["median"] if cell and cell["speedup"] else None
                if speedup is not None:
                    axes.add_patch(
                        mpl.patches.Rectangle(
                            (column - 0.48, row - 0.46), 0.96, 0.92, facecolor=shade(speedup, top, palette)
                        )
                    )
                axes.text(column, row, "–" if speedup is None else ratio(speedup), ha="center", va="center")
        axes.set_xlim(-0.5, len(models) - 0.5)
        axes.set_ylim(len(kernels) - 0.5, -0.5)
        axes.set_xticks(range(len(models)), [MODELS[model].title.replace(", ", ",\n") for model in models])
        axes.set_yticks(range(len(kernels)), [kernel["name"].replace("_", " ") for kernel in kernels])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(f"Speed-up, {IMPLEMENTATIONS[implementation].title}", fontsize=12, fontweight="bold", pad=10)
    return figure


def shade(speedup: float, top: float, palette: Palette) -> str:
    """Return the colour behind a speed-up."""
    part = strength(speedup, top)
    pure, paper = to_rgb(GAIN if speedup >= 1 else LOSS), to_rgb(palette.background)
    return to_hex([part * of_pure + (1 - part) * of_paper for of_pure, of_paper in zip(pure, paper, strict=True)])


def timeline(kernel: str, run: dict[str, Any], longest: float, palette: Palette) -> Figure:
    """Draw who held the GIL, a lane a thread, on an axis that ends with the longest run."""
    lanes, seconds = run["lanes"], run["seconds"]
    colours = STATE_COLOURS["light"]
    with mpl.rc_context(palette.settings):
        figure, axes = canvas(9, 1.5 + 0.5 * len(lanes))
        for index, lane in enumerate(lanes):
            bottom = len(lanes) - 1 - index
            axes.hlines(bottom, 0, seconds, colors=colours["idle"], linewidth=1.5)
            for state, found in steps(lane).items():
                edges = [seconds * column / len(found) for column in range(len(found) + 1)]
                low, high = ([bottom + BAR * pair[end] for pair in [*found, found[-1]]] for end in (0, 1))
                axes.fill_between(edges, low, high, step="post", **filled(state))
        means = words_for(run["mechanism"])
        samples = [Patch(label=means[state], **filled(state)) for state in STATES]
        figure.legend(handles=samples, loc="outside lower center", ncols=len(samples), frameon=False)
        axes.set_xlim(0, longest)
        axes.set_ylim(-0.2, len(lanes))
        axes.set_yticks(
            [len(lanes) - 1 - index + BAR / 2 for index in range(len(lanes))], [called(lane) for lane in lanes]
        )
        marks = times(longest)[:: max(1, len(times(longest)) // MOST_TIMES)]
        axes.set_xticks(marks, [quantity(mark) if mark else "0" for mark in marks])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        title = f"{kernel.replace('_', ' ')}: {IMPLEMENTATIONS[run['implementation']].title}, {quantity(seconds)}"
        axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    return figure


def log_plot(plot: LogPlot, palette: Palette) -> Figure:
    """Draw what the report has as inline SVG."""
    colours = KINDS | palette.colours
    with mpl.rc_context(palette.settings):
        figure, axes = canvas(6.6, 5.0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for kind, band in plot.shades:
            across, low, high = zip(*band, strict=True)
            axes.fill_between(across, low, high, color=colours[kind], alpha=0.16, linewidth=0)
        for css, points, _ in plot.paths:
            kind, *_, what = css.split() if " " in css else ("", css)
            axes.plot(
                *zip(*points, strict=True),
                color=colours.get(kind, palette.ink),
                linestyle=DASHES.get(what, "-"),
                linewidth=1.8 if kind else 0.9,
            )
        for kind, x, least, most in plot.bars:
            axes.vlines(x, least, most, colors=colours[kind], linewidth=1.2)
        for line in plot.lines:
            axes.plot(
                [x for x, _, _ in line.points],
                [y for _, y, _ in line.points],
                color=colours[line.kind],
                marker=MARKS.get(line.kind, "o"),
                label=WAYS.get(line.kind) or IMPLEMENTATIONS[line.kind].title,
                linewidth=2,
            )
        axes.set_xlim(plot.x.ends)
        axes.set_ylim(plot.y.ends)
        axes.set_xticks(list(plot.x.ticks), list(plot.x.ticks.values()))
        axes.set_yticks(list(plot.y.ticks), list(plot.y.ticks.values()))
        axes.minorticks_off()
        axes.grid(color=palette.faint, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(plot.x.title)
        axes.set_title(plot.label.replace("_", " "), fontsize=12, fontweight="bold")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def filled(state: str) -> dict[str, Any]:
    """Return how a state is filled."""
    colours = STATE_COLOURS["light"]
    edge = colours["hatch"] if state == "waiting" else colours["paper"]
    return {"facecolor": colours[state], "hatch": STATE_HATCHES[state], "edgecolor": edge, "linewidth": 0}
