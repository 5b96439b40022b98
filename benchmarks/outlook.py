"""What the report and the terminal say of short calls, and of more CPUs than there are."""

from collections.abc import Iterator, Sequence
from html import escape
from math import log2, log10
from typing import Any

from .breakeven import WAYS
from .convoy import INTERVALS
from .implementations import IMPLEMENTATIONS
from .logplot import Axis, Line, LogPlot, decades, sample
from .markup import scrolling
from .prediction import COUNTS
from .wording import interval, percent, quantity, ratio

__all__ = ["lines", "plots", "sections"]

SPEEDUP_ENDS = (0.05, 3.0)
SPEEDUP_TICKS = (0.1, 0.25, 0.5, 1.0, 2.0)


def sections(results: dict[str, Any]) -> str:
    """Return the part of the report."""
    lengths = results.get("lengths")
    parts = [predictions(results)]
    if lengths:
        parts += [break_even(lengths["break_even"]), convoy(lengths["convoy"])]
    return "".join(parts)


def plots(results: dict[str, Any]) -> Iterator[tuple[str, LogPlot]]:
    """Yield each plot with its name."""
    for kernel in results["kernels"]:
        if implementations(kernel):
            yield f"prediction-{kernel['name']}", outlook(kernel)
    lengths = results.get("lengths")
    if lengths:
        for entry in lengths["break_even"]:
            if entry["points"]:
                yield f"break-even-{entry['kernel']}", break_even_plot(entry)
        points = lengths["convoy"]["points"]
        for number, each in enumerate(intervals_of(points), 1):
            yield f"convoy-{number}", convoy_plot(points, each)


def lines(results: dict[str, Any]) -> list[str]:
    """Return a line each for the terminal."""
    found = [line for kernel in results["kernels"] for line in predicted_lines(kernel)]
    lengths = results.get("lengths")
    if lengths:
        found += [
            f"{entry['kernel']}: {pays_in_words(entry['pays'])}" for entry in lengths["break_even"] if entry["pays"]
        ]
        found += convoy_lines(lengths["convoy"]["points"])
    return found


def predicted_lines(kernel: dict[str, Any]) -> list[str]:
    """Return how far the released kernel is predicted to scale, and how wrong the prediction is here."""
    found = []
    for each in implementations(kernel):
        if each["implementation"] == "released":
            most = each["points"][-1]
            words = (
                f"{kernel['name']}: predicted on {most['workers']} CPUs: {ratio(most['gil'])} × by the GIL, "
                f"{ratio(most['median'])} × [{interval(most)}] with this machine's losses"
            )
            found.append(words + checked_in_words(each["checks"]))
    return found


def checked_in_words(checks: Sequence[dict[str, Any]]) -> str:
    """Return how far the measurement with the most workers is from the prediction."""
    if not checks or checks[-1]["workers"] == 1:
        return ""
    last = checks[-1]
    return (
        f"; on {last['workers']}: predicted {ratio(last['predicted'])}, measured {ratio(last['measured'])} "
        f"({signed(last['deviation'])})"
    )


def signed(part: float) -> str:
    """Write a deviation: ``+3 %``."""
    return f"{'+' if part >= 0 else '−'}{percent(abs(part))}"


def pays_in_words(pays: dict[str, dict[str, float | None]]) -> str:
    """Return from which length of the call on each way pays."""
    return "two workers pay " + "; ".join(f"{WAYS[way]}: {between(pays[way])}" for way in pays)


def between(border: dict[str, float | None]) -> str:
    """Write from where on something pays."""
    low, high = border["low"], border["high"]
    if low is None and high is None:
        return "not measured"
    if low is None:
        return f"from less than {quantity(high)} on" if high is not None else ""
    if high is None:
        return f"not up to {quantity(low)}"
    return f"from {quantity(low)} – {quantity(high)} on"


def convoy_lines(points: Sequence[dict[str, Any]]) -> list[str]:
    """Return what the shortest call takes beside a thread that computes in Python."""
    own = [point for point in points if point["switch_interval"] == INTERVALS[0]]
    taken = {point["release_gil"]: point for point in reversed(own)}  # the shortest is the first
    if len(taken) < 2:  # noqa: PLR2004 - both
        return []
    released, held = taken[True], taken[False]
    words = (
        f"beside a thread that computes in Python, a call of {quantity(released['alone']['median'])} takes "
        f"{quantity(released['beside']['median'])} if it lets the GIL go, and one of "
        f"{quantity(held['alone']['median'])} that holds it {quantity(held['beside']['median'])} "
        f"(switch interval {quantity(released['switch_interval'])})"
    )
    return [words]


def implementations(kernel: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the predictions of a kernel; files of older versions have none."""
    prediction = kernel.get("prediction")
    found: list[dict[str, Any]] = prediction["implementations"] if prediction else []
    return found


def predictions(results: dict[str, Any]) -> str:
    """Return the predicted curves, and how far the measurements are from them."""
    kernels = [kernel for kernel in results["kernels"] if implementations(kernel)]
    if not kernels:
        return ""
    figures = "\n".join(
        f"<figure><h3>{title(kernel['name'])}</h3>{outlook(kernel).svg()}</figure>" for kernel in kernels
    )
    rows = "".join(prediction_row(kernel, each) for kernel in kernels for each in implementations(kernel))
    exchange = [kernel["prediction"]["exchange"] for kernel in kernels]
    lacking = " κ cannot be told from ρ with fewer than four CPUs, and is taken as 0." if None in exchange else ""
    return (
        f"<h2>Prediction up to {COUNTS[-1]} CPUs</h2>"
        "<p>A prediction, not a measurement. A thread needs the GIL for the share σ of its work, and one thread has it "
        "at a time, so that n threads are at most n / (1 + σ (n − 1)) times as fast (Amdahl 1967): the dashed line. "
        "The rest is slowed as independent processes are on this machine, which reach "
        "n / (1 + ρ (n − 1) + κ n (n − 1)) (Gunther's Universal Scalability Law): the dotted line, with both losses, "
        "and the shade for the interval of the machine limit. σ is what the observer saw one call hold, ρ and κ are "
        "fitted to the machine limit, and nothing is fitted to the measured speed-ups, which are the marks."
        f"{lacking} Other machines have other ρ and κ.</p>"
        f'{prediction_legend()}<div class="multiples">{figures}</div>'
        + scrolling(
            "Predictions",
            '<table><thead><tr><th></th><th></th><th class="n">σ, observed</th>'
            '<th class="n">outside of the core</th><th class="n">ρ</th>'
            f'<th class="n">{COUNTS[-1]} CPUs, the GIL alone</th><th class="n">with the machine</th>'
            f"<th>measured against predicted</th></tr></thead><tbody>{rows}</tbody></table>",
        )
        + '<p class="soft">Outside of the core is the share of the time before and after the compiled code, taken '
        "without the observer: where the GIL is released, it should be about σ. The last column has each number of "
        "threads up to that of the CPUs.</p>"
    )


def outlook(kernel: dict[str, Any]) -> LogPlot:
    """Draw the prediction for a kernel."""
    most = COUNTS[-1]
    ends = (0.8, 1.1 * most)
    x = Axis(ends, {count: f"{count:g}" for count in COUNTS}, "threads, a CPU for each")
    y = Axis(ends, {count: f"{count:g}" for count in COUNTS[::2]})
    plot = LogPlot(f"{kernel['name']}: predicted speed-up by number of CPUs", x, y)
    plot.path("ideal", [(1, 1), (most, most)])
    for each in implementations(kernel):
        name, points = each["implementation"], each["points"]
        if name == "released":
            plot.shade(name, ((point["workers"], point["low"], point["high"]) for point in points))
        for css, what in (("gil", "the GIL alone"), ("median", "with the machine's losses")):
            words = f"{IMPLEMENTATIONS[name].title}, predicted, {what}: {ratio(points[-1][css])} on {most} CPUs"
            plot.path(f"{name} predicted {css}", [(point["workers"], point[css]) for point in points], words)
        marks = [
            (
                check["workers"],
                check["measured"],
                f"{IMPLEMENTATIONS[name].title}, {check['workers']} threads, measured",
            )
            for check in each["checks"]
        ]
        plot.line(Line(name, marks))
    return plot


def prediction_legend() -> str:
    """Return what the lines are."""
    entries = [(sample(name), f"{IMPLEMENTATIONS[name].title}, measured") for name in ("released", "held")] + [
        (sample("released", "predicted gil", mark=False), "predicted, the GIL alone"),
        (sample("released", "predicted median", mark=False), "predicted, with the machine's losses"),
    ]
    return legend(entries)


def prediction_row(kernel: dict[str, Any], each: dict[str, Any]) -> str:
    """Return the figures of a prediction."""
    most, queueing = each["points"][-1], kernel["prediction"]["queueing"]
    checks = ", ".join(f"{check['workers']}: {signed(check['deviation'])}" for check in each["checks"])
    numbers = (
        share(each["held"]),
        "" if each["outside"] is None else share(each["outside"]),
        "" if queueing is None else f"{queueing:.3f}",
        ratio(most["gil"]),
        f"{ratio(most['median'])} ({interval(most)})",
    )
    cells = "".join(f'<td class="n">{escape(number)}</td>' for number in numbers)
    name = each["implementation"]
    return (
        f'<tr><th>{title(kernel["name"])}</th><td class="{name}"><span class="word">'
        f"{escape(IMPLEMENTATIONS[name].title)}</span></td>{cells}<td>{escape(checks)}</td></tr>"
    )


def share(part: float) -> str:
    """Write a small part of 1."""
    return f"{part * 100:.2f} %"


def break_even(entries: Sequence[dict[str, Any]]) -> str:
    """Return where two workers begin to pay."""
    drawn = [entry for entry in entries if entry["points"]]
    if not drawn:
        return ""
    figures = "\n".join(
        f"<figure><h3>{title(entry['kernel'])}</h3>{break_even_plot(entry).svg()}</figure>" for entry in drawn
    )
    head = "".join(f"<th>{escape(words)}</th>" for words in WAYS.values())
    rows = "".join(
        f"<tr><th>{title(entry['kernel'])}</th>"
        + "".join(f"<td>{escape(between(entry['pays'][way]))}</td>" for way in WAYS)
        + "</tr>"
        for entry in drawn
    )
    key = legend([(sample(way), words) for way, words in WAYS.items()])
    return (
        "<h2>From which length of a call on two workers pay</h2>"
        "<p>One call of the kernel with the GIL released, on two workers against one, by how long it takes on one. A "
        "number of workers is a wish: a kernel that expects to lose by it computes alone. A pool is an order, "
        "and what handing over costs then shows. To processes all is pickled, there and back.</p>"
        f'{key}<div class="multiples">{figures}</div>'
        + scrolling(
            "From which length on two workers pay",
            f"<table><thead><tr><th>pays</th>{head}</tr></thead><tbody>{rows}</tbody></table>",
        )
    )


def break_even_plot(entry: dict[str, Any]) -> LogPlot:
    """Draw the speed-up on two workers by the length of the call."""
    lengths = [point["seconds"]["median"] for point in entry["points"]]
    ends, ticks = decades(min(lengths) / 1.3, max(lengths) * 1.3)
    x = Axis(ends, {tick: short(tick) for tick in ticks}, "the call on one worker")
    y = Axis(SPEEDUP_ENDS, {tick: f"{tick:g}" for tick in SPEEDUP_TICKS})
    plot = LogPlot(f"{entry['kernel']}: speed-up on two workers by length of the call", x, y)
    plot.path("serial", [(ends[0], 1.0), (ends[1], 1.0)])
    for way, words in reversed(WAYS.items()):
        points = [(p["seconds"]["median"], p["speedup"][way]) for p in entry["points"] if way in p["speedup"]]
        for length, speedup in points:
            plot.bar(way, length, speedup["low"], speedup["high"])
        marks = [
            (
                length,
                speedup["median"],
                f"{words}: {quantity(length)}, {ratio(speedup['median'])} [{interval(speedup)}]",
            )
            for length, speedup in points
        ]
        plot.line(Line(way, marks))
    return plot


def convoy(found: dict[str, Any]) -> str:
    """Return what short calls take beside a thread that computes in Python."""
    points = found["points"]
    if not points:
        return ""
    figures = "\n".join(
        f"<figure><h3>switch interval {quantity(each)}</h3>{convoy_plot(points, each).svg()}</figure>"
        for each in intervals_of(points)
    )
    key = legend(
        [
            *((sample(name), IMPLEMENTATIONS[name].title) for name in ("released", "held")),
            (sample("convoy", "serial", mark=False), "as long as alone"),
            (sample("convoy", "limit", mark=False), "and a switch interval"),
        ]
    )
    words = "".join(f"<p><b>{escape(line[0].upper() + line[1:])}.</b></p>" for line in convoy_lines(points))
    return (
        "<h2>A short call beside a thread that computes in Python</h2>"
        "<p>A call that lets the GIL go has to get it back. Once the other thread has it, that takes a switch "
        "interval, however short the call; some calls are over before the other thread has woken up. Calls that hold "
        "the GIL take turns with that thread instead, many in each turn. So the kernels hold it in short calls unless "
        "they are told otherwise. Shown is the mean of the calls, the median over the rounds.</p>"
        f'{words}{key}<div class="multiples">{figures}</div>'
    )


def intervals_of(points: Sequence[dict[str, Any]]) -> list[float]:
    """Return the switch intervals, the longest first."""
    return sorted({point["switch_interval"] for point in points}, reverse=True)


def convoy_plot(points: Sequence[dict[str, Any]], switch_interval: float) -> LogPlot:
    """Draw the time of a call beside Python by that of the call alone; all intervals have the same axes."""
    times = [point[where]["median"] for point in points for where in ("alone", "beside")]
    low, high = min(times) / 1.5, max(times) * 1.5
    ends, ticks = decades(low, high)
    names = {tick: short(tick) for tick in ticks}
    label = f"time of a call beside Python, switch interval {quantity(switch_interval)}"
    plot = LogPlot(label, Axis(ends, names, "the call alone"), Axis(ends, names))
    plot.path("serial", [(low, low), (high, high)])
    plot.path("limit", [(x, x + switch_interval) for x in spaced(low, high)])
    for release, name in ((False, "held"), (True, "released")):
        found = [
            (point["alone"]["median"], point["beside"])
            for point in points
            if point["release_gil"] is release and point["switch_interval"] == switch_interval
        ]
        for alone, beside in found:
            plot.bar(name, alone, beside["low"], beside["high"])
        marks = [
            (alone, beside["median"], f"{IMPLEMENTATIONS[name].title}: {quantity(alone)}, {quantity(beside['median'])}")
            for alone, beside in found
        ]
        plot.line(Line(name, marks))
    return plot


def spaced(low: float, high: float) -> list[float]:
    """Return values from one to the other, an equal factor apart, some four of them in an octave."""
    steps = max(1, int(4 * log2(high / low)))
    return [low * (high / low) ** (step / steps) for step in range(steps + 1)]


def short(seconds: float) -> str:
    """Write a power of ten of a second: ``10 µs``."""
    power = round(log10(seconds))
    unit, below = next(((u, p) for u, p in (("s", 0), ("ms", -3), ("µs", -6)) if power >= p), ("ns", -9))
    return f"{10 ** (power - below)} {unit}"


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Return a legend of samples and words."""
    return '<ul class="legend">' + "".join(f"<li>{s}{escape(words)}</li>" for s, words in entries) + "</ul>"


def title(name: str) -> str:
    """Return a kernel's name as people read it."""
    return escape(name.replace("_", " "))
