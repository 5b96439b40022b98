"""The report's figures as files: the headline as PNG for light and dark backgrounds, and each as SVG and PNG."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from . import drawings
from .implementations import IMPLEMENTATIONS
from .models import MODELS
from .outlook import plots
from .palettes import PALETTES, Palette
from .views import TABLED, counts_of, curve, featured_model, highest, ideal, limit, ticks

__all__ = ["FOLDER", "write", "write_every"]

FOLDER = "figures"
DOTS_PER_INCH = 150
MOST_COLUMNS = 4
# Intervals of different implementations stand side by side rather than on top of each other.
ASIDE = {"pure": 0.94, "held": 1.0, "released": 1.0 / 0.94}


IDEAL, LIMIT = "ideal", "machine limit"
LINES = {"released": ("o", "-"), "held": ("s", "--"), "pure": ("^", ":")}


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write the headline figure; return the files."""
    model = featured_model(results)
    if model is None:
        return []
    files = []
    for theme, palette in PALETTES.items():
        path = folder / ("speedup.png" if theme == "light" else f"speedup-{theme}.png")
        draw(results, model, palette).savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.background)
        files.append(path)
    return files


def write_every(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write each figure of the report to a folder of their own; return the folder, if there is any."""
    model = featured_model(results)
    if model is None:
        return []
    (folder / FOLDER).mkdir(exist_ok=True)
    for name, figure in every(results, model, PALETTES["light"]):
        save(figure, folder / FOLDER / name, PALETTES["light"])
    return [folder / FOLDER]


def every(results: dict[str, Any], model: str, palette: Palette) -> Iterator[tuple[str, Figure]]:
    """Yield each figure of the report with its name."""
    for kernel in results["kernels"]:
        alone = results | {"kernels": [kernel]}
        # With the axes that they have beside each other in the report.
        yield f"speedup-{kernel['name']}", draw(alone, model, palette, top=highest(results, [model]))
        yield f"models-{kernel['name']}", drawings.model_bars(results, kernel, palette)
    for name in IMPLEMENTATIONS:
        if len(results["plan"]["models"]) >= TABLED:
            yield f"heatmap-{name}", drawings.heat_map(results, name, palette)
    timelines = results.get("timelines") or {"runs": []}
    longest = max((run["seconds"] for run in timelines["runs"]), default=0.0)
    for run in timelines["runs"]:
        yield f"timeline-{run['implementation']}", drawings.timeline(timelines["kernel"], run, longest, palette)
    for name, plot in plots(results):
        yield name, drawings.log_plot(plot, palette)


def save(figure: Figure, path: Path, palette: Palette) -> None:
    """Write a figure as SVG and as PNG."""
    with mpl.rc_context({"svg.hashsalt": "gilfree"}):  # so that equal figures are equal files
        figure.savefig(path.with_suffix(".svg"), facecolor=palette.background, metadata={"Date": None})
    figure.set_layout_engine("none")  # it has just been laid out, which takes a while
    figure.savefig(path.with_suffix(".png"), dpi=DOTS_PER_INCH, facecolor=palette.background)


def draw(results: dict[str, Any], model: str, palette: Palette, top: float | None = None) -> Figure:
    """Return the speed-ups by the number of workers, a small multiple each kernel; ``top`` ends the axes."""
    kernels = results["kernels"]
    columns = min(MOST_COLUMNS, len(kernels))
    rows = -(-len(kernels) // columns)
    top = top or highest(results, [model])
    with mpl.rc_context(palette.settings):
        figure = Figure(figsize=(max(6.6, 3.1 * columns), 3.3 * rows + 0.6), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for index, axes in enumerate(grid.flat):
            if index < len(kernels):
                _draw_kernel(axes, results, kernels[index], model, palette, top=top)
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


def _draw_kernel(
    axes: Axes, results: dict[str, Any], kernel: dict[str, Any], model: str, palette: Palette, *, top: float
) -> None:
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
    axes.set_ylim(0, top)
    axes.set_yticks(ticks(top))
