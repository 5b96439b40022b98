"""A timeline as a static picture: PNG, made by matplotlib."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

from gilfree.observe._lanes import STATES, columns, lanes_of_stalls, shown_lanes, stall_words, words_for
from gilfree.observe._summary import headline, shortened, worst_stalls
from gilfree.observe._svg import MOST_LANES, PALETTES, ticks
from gilfree.observe._words import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gilfree.observe._observation import Lane, Observation

__all__ = ["as_png"]

COLUMNS = 1000
BAR = 0.66  # of a lane
MOST_STALLS = 40
NAME = 30
STACKED = ("holding", "running", "waiting")
COLOURS = PALETTES["light"]


def as_png(observation: "Observation") -> bytes:
    """Return the picture, on white."""
    # Without pyplot, which would choose a backend for the whole process and keep the figure.
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    lanes = shown_lanes(observation, MOST_LANES)
    seconds = observation.seconds or 1.0
    figure = Figure(figsize=(12, 1.7 + 0.3 * len(lanes)), dpi=150, layout="constrained", facecolor=COLOURS["paper"])
    axes = figure.add_subplot()
    for index, lane in enumerate(lanes):
        _draw_lane(axes, len(lanes) - 1 - index, lane, seconds)
    has_stalls = _draw_stalls(axes, observation, lanes, seconds)
    _draw_frame(axes, observation, lanes, seconds)
    _draw_legend(axes, observation.mechanism, has_stalls=has_stalls)
    content = BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _draw_lane(axes: "Axes", bottom: int, lane: "Lane", seconds: float) -> None:
    if not lane.cells:
        return
    last = lane.cells[-1]
    axes.hlines(bottom, lane.cells[0].start, last.start + last.seconds, colors=COLOURS["idle"], linewidth=1.5)
    found = columns(lane, seconds, COLUMNS)
    times = [index * seconds / COLUMNS for index in range(COLUMNS + 1)]
    low = [float(bottom)] * (COLUMNS + 1)
    for state in STACKED:
        shares = [BAR * getattr(column, state) for column in found]
        high = [start + share for start, share in zip(low, [*shares, shares[-1]], strict=True)]
        axes.fill_between(times, low, high, step="post", **_fill(state))
        low = high


def _fill(state: str) -> dict[str, Any]:
    if state == "waiting":
        return {"facecolor": COLOURS[state], "hatch": "//////", "edgecolor": COLOURS["hatch"], "linewidth": 0}
    return {"facecolor": COLOURS[state], "linewidth": 0}


def _draw_stalls(axes: "Axes", observation: "Observation", lanes: list["Lane"], seconds: float) -> bool:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - optional

    stalls = worst_stalls(observation, MOST_STALLS)
    for stall, index in zip(stalls, lanes_of_stalls(stalls, lanes), strict=True):
        if index is None:
            continue
        bottom, width = len(lanes) - 1 - index, max(stall.seconds, seconds / COLUMNS)
        axes.add_patch(Rectangle((stall.start, bottom), width, BAR, fill=False, edgecolor=COLOURS["ink"], linewidth=1))
        axes.plot(
            stall.start + width / 2, bottom + BAR + 0.13, marker="v", markersize=4, color=COLOURS["ink"], linewidth=0
        )
    return bool(stalls)


def _draw_frame(axes: "Axes", observation: "Observation", lanes: list["Lane"], seconds: float) -> None:
    axes.set_title(headline(observation), loc="left", fontsize=11, fontweight="bold", color=COLOURS["ink"])
    axes.set_xlim(0, seconds)
    axes.set_ylim(-0.35, max(1, len(lanes)))
    # Names are no mathematics, whatever dollar signs they have.
    axes.set_yticks(
        [index + BAR / 2 for index in range(len(lanes))],
        [shortened(lane.name, NAME) for lane in reversed(lanes)],
        parse_math=False,
    )
    times = ticks(seconds)
    axes.set_xticks(times, [duration(time) if time else "0" for time in times])
    axes.tick_params(length=0, labelsize=9, labelcolor=COLOURS["soft"])
    axes.grid(axis="x", color=COLOURS["faint"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    left_out = len(observation.lanes) - len(lanes)
    if left_out:
        axes.set_xlabel(f"and {left_out} more threads, less busy", fontsize=9, color=COLOURS["soft"], loc="left")


def _draw_legend(axes: "Axes", mechanism: str, *, has_stalls: bool) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - optional
    from matplotlib.patches import Patch  # noqa: PLC0415 - optional

    words = words_for(mechanism)
    handles: list[Patch | Line2D] = [Patch(label=words[state], **_fill(state)) for state in STATES[:-1]]
    handles.append(Line2D([], [], color=COLOURS["idle"], linewidth=1.5, label=words["idle"]))
    if has_stalls:
        mark: dict[str, Any] = {"marker": "v", "markersize": 5, "linewidth": 0, "color": COLOURS["ink"]}
        handles.append(Line2D([], [], label=stall_words(mechanism), **mark))
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=axes.transAxes, ncols=len(handles),
        frameon=False, fontsize=8.5, labelcolor=COLOURS["soft"], borderaxespad=2.6, handlelength=1.6, columnspacing=1.6,
        borderpad=0,
    )  # fmt: skip
