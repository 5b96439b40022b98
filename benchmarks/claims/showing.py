"""Claims with their verdicts in a terminal, on a page of Markdown, and in the report of ``gilfree bench``."""

import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

from ..wording import bytes_, quantity, three_digits
from .claim import FAILS, HOLDS, UNCLEAR, UNTESTABLE

__all__ = ["as_markdown", "as_text", "claims_section", "show", "written"]

MOST_FIGURES = 6  # of one claim in a terminal; the JSON has all
MOST_FIGURES_ON_A_PAGE = 12
MOST_COLUMNS = 100
SCALED = ("s", "B")  # units that get a prefix, which may differ within an interval
STYLES = {HOLDS: "bold green", FAILS: "bold red", UNCLEAR: "bold yellow", UNTESTABLE: "bold cyan"}
CSS = {HOLDS: "holds", FAILS: "fails", UNCLEAR: "unclear", UNTESTABLE: "unclear"}
SIGNS = {HOLDS: "✓", FAILS: "✗", UNCLEAR: "?", UNTESTABLE: "–"}


def written(figure: Mapping[str, Any]) -> str:
    """Write a figure: ``1.95 × (1.93 – 1.96)``; what was counted has no interval."""
    low, middle, high = figure["low"], figure["median"], figure["high"]
    if low is None or low == high:
        return number(middle, figure["unit"])
    unit = figure["unit"]
    if unit in SCALED:
        return f"{number(middle, unit)} ({number(low, unit)} – {number(high, unit)})"
    return f"{number(middle, unit)} ({number(low, unit).split()[0]} – {number(high, unit).split()[0]})"


def number(value: float, unit: str) -> str:
    """Write a value with its unit."""
    if unit == "s":
        return quantity(value) if value else "0 s"
    if unit == "B":
        return bytes_(round(value))
    if unit == "%":
        return f"{digits(100 * value)} %"
    if unit == "×":
        return f"{digits(value)} ×"
    return f"{value:,}" if isinstance(value, int) else digits(value)


def digits(value: float) -> str:
    """Write a number with three digits, or with one if it is less than a hundredth; 0 and whole hundreds without."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    small = abs(value) < 0.01  # noqa: PLR2004 - where three_digits would show zeros only
    return f"{value:.1g}" if small else three_digits(value)


def show(results: Mapping[str, Any]) -> None:
    """Print the table: in colours if rich is installed and this is a terminal that shows them, else as text."""
    if find_spec("rich") is None:
        print(as_text(results, min(MOST_COLUMNS, shutil.get_terminal_size().columns)))
        return
    from rich.console import Console  # noqa: PLC0415 - an optional package
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    if not console.is_terminal:
        console = Console(width=MOST_COLUMNS)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("claim", ratio=4)
    table.add_column("verdict", min_width=10, ratio=1)
    table.add_column("figures", ratio=4)
    for row in results["claims"]:
        claim = Text.assemble(
            (row["statement"], "bold"), "\n", (row["because"], "dim"), "\n", (row["name"], "dim cyan")
        )
        table.add_row(claim, Text(row["verdict"], style=STYLES[row["verdict"]]), "\n".join(lines(row)))
    console.print(table)
    console.print(Text(summary(results), style="dim"))


def as_text(results: Mapping[str, Any], width: int = MOST_COLUMNS) -> str:
    """Return the table as plain text."""
    blocks = []
    for row in results["claims"]:
        block = [f"{row['verdict'].upper()}: {row['statement']} [{row['name']}]"]
        block += textwrap.wrap(row["because"], width, initial_indent="  ", subsequent_indent="  ")
        block += [f"    {line}" for line in lines(row)]
        blocks.append("\n".join(block))
    return "\n\n".join([*blocks, summary(results)])


def lines(row: Mapping[str, Any], most: int = MOST_FIGURES) -> list[str]:
    """Return a claim's figures, the first ones, a line each."""
    shown = [f"{figure['name']}: {written(figure)}" for figure in row["figures"][:most]]
    left = len(row["figures"]) - most
    return [*shown, f"and {left} more"] if left > 0 else shown


def summary(results: Mapping[str, Any]) -> str:
    """Return which Python this was, and how many claims got which verdict."""
    verdicts = [row["verdict"] for row in results["claims"]]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in STYLES if verdict in verdicts)
    return f"{where(results)}: {counts}; {results['seconds']:.0f} s"


def where(results: Mapping[str, Any]) -> str:
    """Return which Python this was."""
    machine = results["machine"]
    python = machine["python"]
    gil = "with the GIL" if machine["gil_enabled"] else "without a GIL"
    return f"{python['implementation']} {python['version']} {gil}, {machine['cpu']['usable']} CPUs"


def as_markdown(results: Mapping[str, Any]) -> str:
    """Return a page of documentation."""
    machine = results["machine"]
    load = f", load average {results['load'][0]:.1f} at the end" if results["load"] else ""
    page = [
        f"# On {machine['python']['implementation']} {machine['python']['version']}, "
        + ("with the GIL" if machine["gil_enabled"] else "without a GIL"),
        (
            f"What `gilfree claims --markdown` wrote on {results['started'][:10]}. "
            f"{machine['cpu']['model'] or 'Unknown processor'}, {machine['cpu']['usable']} CPUs{load}; "
            f"{results['seconds']:.0f} s in all. Brackets hold 95 % confidence intervals of medians."
        ),
    ]
    for row in results["claims"]:
        page += [
            f"## {row['statement']}",
            f"**{row['verdict'].capitalize()}.** {plain(row['because'])} (`{row['name']}`)",
        ]
        figures = row["figures"][:MOST_FIGURES_ON_A_PAGE]
        if figures:
            cells = (f"| {plain(figure['name'])} | {written(figure)} |" for figure in figures)
            page.append("\n".join(["| Figure | |", "|---|---:|", *cells]))
    return "\n\n".join(page) + "\n"


def plain(text: str) -> str:
    """Return the text so that Markdown takes it as it is."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>|" else character for character in text)


def claims_section(results: Mapping[str, Any]) -> str:
    """Return a section of HTML for the results of ``gilfree bench``, if they hold claims under that key."""
    claims = results.get("claims")
    if not claims:
        return ""
    return (
        "<h2>What people say about the GIL</h2>"
        f"<p>Each claim is an experiment of <code>gilfree claims</code>; here on {escape(summary(claims))}. Ranges are "
        "95 % confidence intervals of medians.</p>"
        f'<div class="claims">{"".join(map(html_claim, claims["claims"]))}</div>'
    )


def html_claim(row: Mapping[str, Any]) -> str:
    """Return a claim with its verdict and the figures that this rests on."""
    verdict = row["verdict"]
    first, others = (row["figures"][start:end] for start, end in ((0, MOST_FIGURES), (MOST_FIGURES, None)))
    more = f"<details><summary>{len(others)} more figures</summary>{html_figures(others)}</details>" if others else ""
    return (
        f'<section class="claim {CSS[verdict]}"><h3>{escape(row["statement"])}</h3>'
        f'<p><span class="verdict"><span aria-hidden="true">{SIGNS[verdict]}</span> {escape(verdict)}</span> '
        f"{escape(row['because'])}</p>{html_figures(first)}{more}"
        f'<p class="soft">code: <code>gilfree claims --show {escape(row["name"])}</code></p></section>'
    )


def html_figures(figures: Sequence[Mapping[str, Any]]) -> str:
    """Return figures as a list of names and values."""
    rows = "".join(f"<div><dt>{escape(each['name'])}</dt><dd>{escape(written(each))}</dd></div>" for each in figures)
    return f"<dl>{rows}</dl>" if rows else ""
