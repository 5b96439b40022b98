"""``gilfree bench --compare``: what is faster and what slower in one run than in another.

Two runs never meet the same machine: it is warmer, or busier, and no rounds within a run tell by how much. So a cell
counts as changed only if its times differ by more than `MARGIN`. And since among hundreds of cells some differ by
chance, the verdicts are those that Benjamini and Hochberg's procedure leaves of them.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .plan import Cell
from .summary import CONFIDENCE
from .wording import interval, ratio

__all__ = ["MARGIN", "Comparison", "compare", "compared", "ratio_interval"]

MARGIN = 0.05  # two runs of the very same code differ by as much on a quiet machine
FALSE_DISCOVERIES = 0.05  # of all verdicts but "no difference can be told", at the most so many are wrong, on average

SLOWER, FASTER, SAME, LOST = "slower", "faster", "no difference can be told", "not measured again"
STYLES = {SLOWER: "bold red", FASTER: "green", SAME: "", LOST: "bold red"}


@dataclass(frozen=True)
class Comparison:
    """A cell in two runs: the times in the second over those in the first."""

    cell: Cell
    verdict: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def compare(before: Path, after: Path, console: Console) -> int:
    """Print a table; return 0 if nothing is slower, 1 if something is or was not measured again."""
    first, second = load(before), load(after)
    comparisons = compared(first, second)
    if not comparisons:
        raise ValueError(f"--compare: {before} and {after} have no cell in common")
    for difference in differences(first, second):
        console.print(Text(difference, style="yellow"))
    console.print(table(comparisons))
    console.print(Text(summary(comparisons), style="bold"))
    console.print(Text(EXPLAINED, style="dim"))
    return int(any(comparison.verdict in (SLOWER, LOST) for comparison in comparisons))


EXPLAINED = (
    f"ratio: times in the second run over those in the first, with a {CONFIDENCE:.0%} confidence interval from the "
    "ranks of all rounds (Hodges and Lehmann). A cell is slower or faster if the rounds show that its times differ by "
    f"more than {MARGIN:.0%}, with at most {FALSE_DISCOVERIES:.0%} false discoveries among all cells (Benjamini and "
    "Hochberg)."
)


def load(file: Path) -> dict[str, Any]:
    """Return the results of a run that measured execution models."""
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
        kernels = results["kernels"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--compare: {file} is no results.json of gilfree bench ({error})") from None
    if not kernels:
        raise ValueError(f"--compare: {file} has no measurements of execution models")
    return dict(results)


def differences(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    """Yield in what the runs differ that their times depend on."""
    facts: tuple[tuple[str, Callable[[dict[str, Any]], object]], ...] = (
        ("processor", lambda machine: machine["cpu"]["model"]),
        ("usable CPUs", lambda machine: machine["cpu"]["usable"]),
        ("Python", lambda machine: machine["python"]["version"]),
        ("instruction-set level", lambda machine: machine["isa"]["level"]),
        ("NumPy", lambda machine: machine["numpy"]),
        ("compiler", lambda machine: machine["compiler"]),
    )
    for what, value in facts:
        before, after = value(first["machine"]), value(second["machine"])
        if before != after:
            yield f"The {what} differs: {before} then, {after} now."


def compared(first: dict[str, Any], second: dict[str, Any]) -> list[Comparison]:
    """Compare every cell of the first run that was measured with the same cell of the second.

    Those whose problem is another are left out, and so are those that the second run did not set out to measure.
    """
    old, new = dict(timings(first)), dict(timings(second))
    pairs = [(cell, before, new[cell]) for cell, before in old.items() if cell in new and before.seconds]
    alike = [(cell, b, a) for cell, b, a in pairs if b.size == a.size or not a.seconds]
    tested = [(cell, b.seconds, a.seconds) for cell, b, a in alike if a.seconds]
    chances = [chance_of_no_change(b, a) for _, b, a in tested]
    found = discovered(chances)
    results = []
    for (cell, b, a), changed in zip(tested, found, strict=True):
        middle, low, high = ratio_interval(b, a)
        verdict = SAME if not changed else SLOWER if middle > 1 else FASTER
        results.append(Comparison(cell, verdict, middle, low, high))
    results += [Comparison(cell, LOST, note=a.why) for cell, _, a in alike if not a.seconds]
    place = {cell: index for index, cell in enumerate(old)}
    return sorted(results, key=lambda result: place[result.cell])


@dataclass(frozen=True)
class Timing:
    """Times for a unit of work, by round; none with the reason why."""

    size: str
    seconds: tuple[float, ...]
    why: str


def timings(results: dict[str, Any]) -> Iterator[tuple[Cell, Timing]]:
    """Yield the times of each cell."""
    for kernel in results["kernels"]:
        for cell in kernel["cells"]:
            work = kernel["work"][cell["implementation"]]
            # Files of older versions know neither other interpreters nor models that are missing.
            key = Cell(kernel["name"], cell["implementation"], cell["model"], cell["workers"], cell.get("python"))
            why = cell["error"] or cell.get("missing") or ""
            seconds = () if why else tuple(second / (work["units"] or 1) for second in cell["seconds"])
            yield key, Timing(work["size"], seconds, why)


def chance_of_no_change(before: Sequence[float], after: Sequence[float]) -> float:
    """Return how likely times so far apart are if the true ones differ by no more than the margin.

    Twice the smaller p-value of two one-sided rank-sum tests (Mann and Whitney), which are exact.
    """
    least = 1 + MARGIN
    slower = rank_sum_chance([value * least for value in before], after)
    faster = rank_sum_chance([value * least for value in after], before)
    return min(1.0, 2 * min(slower, faster))


def rank_sum_chance(low: Sequence[float], high: Sequence[float]) -> float:
    """Return how likely it is that at least so many pairs are in order if both samples come from one distribution."""
    ordered = sum(a < b for a in low for b in high)
    return sum(pair_counts(len(low), len(high))[ordered:]) / comb(len(low) + len(high), len(low))


@cache
def pair_counts(first: int, second: int) -> tuple[int, ...]:
    """Return for each number of pairs how many orders of two samples have so many with the smaller value first."""
    if first == 0 or second == 0:
        return (1,)
    # The largest of all is of the second sample, and in order with all of the first; or it is of the first.
    with_second, with_first = pair_counts(first, second - 1), pair_counts(first - 1, second)
    counts = [0] * (first * second + 1)
    for pairs, orders in enumerate(with_second):
        counts[pairs + first] += orders
    for pairs, orders in enumerate(with_first):
        counts[pairs] += orders
    return tuple(counts)


def ratio_interval(before: Sequence[float], after: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of all ratios between the samples, and the exact interval that goes with the rank-sum test."""
    ratios = sorted(a / b for a in after for b in before)
    counts, outside = pair_counts(len(before), len(after)), (1 - CONFIDENCE) / 2
    total, below, rank = sum(counts), 0, 0
    while (below := below + counts[rank]) / total <= outside:
        rank += 1
    middle = (ratios[(len(ratios) - 1) // 2] + ratios[len(ratios) // 2]) / 2
    rank = max(rank, 1)
    return middle, ratios[rank - 1], ratios[-rank]


def discovered(chances: Sequence[float]) -> list[bool]:
    """Return which are so unlikely that, all of them considered, few are there by chance (Benjamini-Hochberg)."""
    ordered = sorted(chances)
    passed = [p for rank, p in enumerate(ordered, 1) if p <= FALSE_DISCOVERIES * rank / len(ordered)]
    bound = bisect_right(ordered, passed[-1]) if passed else 0
    return [bound > 0 and chance <= ordered[bound - 1] for chance in chances]


def table(comparisons: Sequence[Comparison]) -> Table:
    """Return a row for each cell."""
    result = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    result.add_column("")
    result.add_column("ratio", justify="right")
    result.add_column("interval", no_wrap=True)
    result.add_column("")
    for each in comparisons:
        measured = each.ratio is not None and each.low is not None and each.high is not None
        result.add_row(
            str(each.cell),
            ratio(each.ratio) if each.ratio is not None else "",
            f"[{interval({'low': each.low, 'high': each.high})}]" if measured else "",
            Text(f"{each.verdict}: {each.note}" if each.note else each.verdict, style=STYLES[each.verdict]),
        )
    return result


def summary(comparisons: Sequence[Comparison]) -> str:
    """Return how many there are of each verdict."""
    verdicts = [comparison.verdict for comparison in comparisons]
    told = ((verdicts.count(verdict), verdict) for verdict in (SLOWER, FASTER, SAME, LOST))
    return "; ".join(f"{count} {verdict}" for count, verdict in told if count)
