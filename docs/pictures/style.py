"""The one style of all pictures: colours that the colour-blind can tell apart, and letters to be read on a phone."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from PIL import Image

WIDTH = 5.6  # inches, so that letters of 11 points have 10 pixels where the picture has 360
DOTS_PER_INCH = 150
MOST_BYTES = 60_000


@dataclass(frozen=True)
class Style:
    """The colours on one background; the background is that of the documentation's theme."""

    background: str
    ink: str
    faint: str
    colours: tuple[str, ...]  # by Okabe and Ito, in shades that suit the background
    shades: str  # the colour map of quantities that fill areas
    lines: Colormap  # that of lines and points: without the end that is too close to the background


def part_of(name: str, low: float, high: float) -> Colormap:
    """Return a colour map without its ends."""
    return ListedColormap(mpl.colormaps[name](np.linspace(low, high, 256)))


STYLES = {
    "": Style(
        "#ffffff",
        "#1f2328",
        "#d0d4d9",
        ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
        "viridis",
        part_of("viridis", 0.0, 0.88),
    ),
    "-dark": Style(
        "#131416",
        "#e6edf3",
        "#3a424c",
        ("#56B4E9", "#E69F00", "#2CC295", "#CC79A7", "#F0E442", "#3A8FC8"),
        "viridis",
        part_of("viridis", 0.22, 1.0),
    ),
}


def figure(style: Style, height: float) -> Figure:
    """Return an empty figure. What is drawn into it is to be drawn in `context`."""
    empty = Figure(figsize=(WIDTH, height), layout="constrained", facecolor=style.background)
    empty.get_layout_engine().set(w_pad=0.06, h_pad=0.08)
    return empty


def context(style: Style) -> mpl.rc_context:
    """Return the context in which Matplotlib draws in this style."""
    return mpl.rc_context(
        {
            "font.family": "DejaVu Sans",  # which comes with Matplotlib
            "font.size": 11,
            "axes.titlesize": 11,
            "text.color": style.ink,
            "axes.facecolor": style.background,
            "axes.edgecolor": style.faint,
            "axes.labelcolor": style.ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": style.ink,
            "ytick.color": style.ink,
            "legend.frameon": False,
        }
    )


def bare(axes: Axes) -> Axes:
    """Take away everything around the picture itself."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes


def save(drawn: Figure, path: Path) -> None:
    """Write a PNG with as many colours as fit into MOST_BYTES."""
    drawn.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
    with Image.open(path) as image:
        full = image.convert("RGB")
    for colours in (128, 64, 32, 16):
        reduced = full.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette, corner = reduced.getpalette(), 3 * reduced.getpixel((0, 0))
        palette[corner : corner + 3] = full.getpixel((0, 0))  # or the page would show where the picture ends
        reduced.putpalette(palette)
        reduced.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
    raise ValueError(f"{path.name}: more than {MOST_BYTES} bytes")
