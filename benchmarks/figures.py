"""The headline figure as PNG, for pages that show no SVG: once for light and once for dark backgrounds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .implementations import IMPLEMENTATIONS
from .models import MODELS
from .views import counts_of, curve, featured_model, highest, ideal, limit, ticks

__all__ = ["PALETTES", "Palette", "write"]

DOTS_PER_INCH = 150
MOST_COLUMNS = 4
# Intervals of different implementations stand side by side rather than on top of each other.
ASIDE = {"pure": 0.94, "held": 1.0, "released": 1.0 / 0.94}


@dataclass(frozen=True)
class Palette:
    """Colours by Okabe and Ito, told apart by the colour-blind, in the shades that suit a background."""

    background: str
    ink: str
    faint: str
    colours: dict[str, str]


PALETTES = {
    "light": Palette("#ffffff", "#1f2328", "#d0d4d9", {"released": "#0072B2", "held": "#D55E00", "pure": "#009E73"}),
    "dark": Palette("#0d1117", "#e6edf3", "#3a424c", {"released": "#56B4E9", "held": "#E69F00", "pure": "#009E73"}),
}
IDEAL, LIMIT = "ideal", "machine limit"
LINES = {"released": ("o", "-"), "held": ("s", "--"), "pure": ("^", ":")}


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the speed-ups by the number of workers, a small multiple each kernel; return the files."""
    model = featured_model(results)
    if model is None:
        return []
    files = []
    for theme, palette in PALETTES.items():
        path = folder / ("speedup.png" if theme == "light" else f"speedup-{theme}.png")
        draw(results, model, palette).savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.background)
        files.append(path)
    return files


def draw(results: dict[str, Any], model: str, palette: Palette) -> Figure:
    """Return the figure in these colours."""
    kernels = results["kernels"]
    columns = min(MOST_COLUMNS, len(kernels))
    rows = -(-len(kernels) // columns)
    settings: dict[Any, Any] = {
        "text.color": palette.ink,
        "axes.labelcolor": palette.ink,
        "xtick.color": palette.ink,
        "ytick.color": palette.ink,
        "axes.edgecolor": palette.faint,
        "font.size": 11,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(max(6.6, 3.1 * columns), 3.3 * rows + 0.6), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for index, axes in enumerate(grid.flat):
            if index < len(kernels):
                _draw_kernel(axes, results, kernels[index], model, palette)
                axes.set_xlabel(MODELS[model].title)
            else:
                axes.set_visible(False)
        for row in grid:
            row[0].set_ylabel("speed-up")
        entries = dict(zip(*reversed(grid[0][0].get_legend_handles_labels()), strict=True))
        order = [*(IMPLEMENTATIONS[name].title for name in reversed(IMPLEMENTATIONS)), IDEAL, LIMIT]
        figure.legend(
            [entries[label] for label in order],
            order,
            loc="outside upper center",
            ncols=5 if columns > 2 else 3,  # noqa: PLR2004 - as many as fit side by side
            frameon=False,
            handlelength=2.6,
        )
    return figure


def _draw_kernel(axes: Axes, results: dict[str, Any], kernel: dict[str, Any], model: str, palette: Palette) -> None:
    plan = results["plan"]
    counts = counts_of(results, model)
    axes.set_facecolor(palette.background)
    axes.set_title(kernel["name"].replace("_", " "), fontsize=12, fontweight="bold")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=palette.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for name in reversed(IMPLEMENTATIONS):
        points = curve(kernel, name, model)
        marker, line = LINES[name]
        axes.errorbar(
            [point.workers * ASIDE[name] for point in points],
            [point.speedup for point in points],
            yerr=[[p.speedup - p.low for p in points], [p.high - p.speedup for p in points]],
            label=IMPLEMENTATIONS[name].title,
            color=palette.colours[name],
            marker=marker,
            linestyle=line,
            markersize=6,
            linewidth=2,
            elinewidth=1.2,
            capsize=3,
        )
    within = sorted({*counts, plan["cpus"]} & set(range(min(counts), max(counts) + 1)))
    axes.plot(within, [ideal(results, n) for n in within], color=palette.ink, linewidth=0.9, label=IDEAL)
    reachable = limit(results, kernel, max(counts))
    axes.plot(*zip(*reachable, strict=True), color=palette.ink, linewidth=1.1, linestyle="-.", label=LIMIT)
    top = highest(results, [model])
    axes.set_ylim(0, top)
    axes.set_yticks(ticks(top))
