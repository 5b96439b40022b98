"""The results as one page of HTML that needs nothing else: no script, no request."""

import shlex
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from gilfree.info import as_text

from .bench import failures
from .claims.showing import claims_section
from .implementations import IMPLEMENTATIONS
from .models import MODELS, SERIAL
from .peers import page
from .peers.views import failed
from .svg import model_bars, speedup_curves, swatch
from .views import featured_count, featured_model, gil_of, per_unit, reached
from .wording import bytes_, columns_explained, flags, holding, interval, percent, quantity, ratio, singular, span

__all__ = ["render"]

TEMPLATE = "report.html"


def render(results: dict[str, Any]) -> str:
    """Return the page."""
    template = files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    machine = results["machine"]
    parts = peers_parts(results) if results["plan"] is None else scaling_parts(results)
    return Template(template).substitute(
        parts,
        cpu=escape(str(machine["cpu"]["model"])),
        date=escape(results["started"][:10]),
        peers=page.section(results["peers"]),
        claims=claims_section(results),
        machine=machine_table(results),
    )


def scaling_parts(results: dict[str, Any]) -> dict[str, str]:
    """Return what the page says of how the kernels scale."""
    return {
        "headline": headline(results),
        "subline": subline(results),
        "alarms": alarms(failures(results)),
        "curves": curves(results),
        "bars": model_section(results),
        "serial": serial_table(results),
        "tables": "<h2>Every measurement</h2>"
        f'<p class="soft">{escape(columns_explained(results))}</p>'
        + "\n".join(cell_table(kernel) for kernel in results["kernels"]),
        "method": method(results),
        "command": escape(command(results)),
    }


def peers_parts(results: dict[str, Any]) -> dict[str, str]:
    """Return what the page says if other libraries were measured, and not how the kernels scale."""
    comparison = results["peers"]
    kernels = sorted({entry["kernel"] for entry in comparison["entries"]})
    words = ["gilfree", "bench", "--peers", *(["-k", *kernels] if len(kernels) == 1 else [])]
    words += ["--sizes", ",".join(comparison["sizes"])]
    return {
        "headline": page.headline(comparison),
        "subline": escape(where(results) + "."),
        "alarms": alarms(failed(comparison)),
        "curves": "",
        "bars": "",
        "serial": "",
        "tables": "",
        "method": page.METHOD,
        "command": escape(shlex.join(words)),
    }


def where(results: dict[str, Any]) -> str:
    """Return which machine and Python it was."""
    machine, python = results["machine"], results["machine"]["python"]
    gil = "with the GIL" if machine["gil_enabled"] else "without a GIL"
    return (
        f"{machine['cpu']['model'] or 'Unknown processor'}, {machine['cpu']['usable']} CPUs, "
        f"{python['implementation']} {python['version']} {gil}"
    )


def headline(results: dict[str, Any]) -> str:
    """Return what was found, in a sentence or two."""
    model = featured_model(results)
    if model is None:
        return "Everything was run serially."
    count = featured_count(results, model)
    found = {name: reached(results, name, model) for name in IMPLEMENTATIONS}
    several = len(results["kernels"]) > 1
    clauses = []
    if found["released"]:
        subject = "kernels that release the GIL run" if several else f"{results['kernels'][0]['name']} runs"
        clauses.append(f'{subject} <span class="released word">{span(found["released"])}</span> as fast as serially')
    if found["held"]:
        subject = "the same kernels holding it" if several else "the same code holding the GIL"
        clauses.append(f'{subject}, <span class="held word">{span(found["held"])}</span>')
    if found["pure"]:
        clauses.append(f'pure Python, <span class="pure word">{span(found["pure"])}</span>')
    return (
        f"On {count} {escape(MODELS[model].title)}, {'; '.join(clauses)}."
        if clauses
        else "No parallel measurement succeeded."
    )


def subline(results: dict[str, Any]) -> str:
    """Return what the machine itself can reach, and what it is."""
    cpus = results["plan"]["cpus"]
    limits = [
        entry["ratio"]["median"]
        for kernel in results["kernels"]
        for entry in kernel["limits"]
        if entry["ratio"] and entry["workers"] == cpus
    ]
    own = f"{cpus} independent processes reach {span(limits)} on this machine, which is the limit. " if limits else ""
    noisy = sum(cell["noisy"] for kernel in results["kernels"] for cell in kernel["cells"])
    total = sum(len(kernel["cells"]) for kernel in results["kernels"])
    noise = f" {noisy} of {total} measurements were noisy and are marked." if noisy else ""
    return escape(f"{own}{where(results)}.{noise}")


def alarms(lines: list[str]) -> str:
    """Return what failed."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<section class="alarm"><h2>{len(lines)} measurements failed</h2><ul>{items}</ul></section>'


def curves(results: dict[str, Any]) -> str:
    """Return the small multiples of speed-up by workers."""
    model = featured_model(results)
    if model is None:
        return ""
    figures = "\n".join(
        f"<figure><h3>{title(kernel)}</h3>{speedup_curves(results, kernel, model)}</figure>"
        for kernel in results["kernels"]
    )
    return (
        f"<h2>Speed-up in {escape(MODELS[model].title)}</h2>"
        "<p>How many times as fast as the same implementation run serially. Bars show 95 % confidence intervals of the "
        "median. The machine limit is what independent processes running the released kernel reached, in the "
        f'same rounds.</p>{legend("ideal", "limit")}<div class="multiples">{figures}</div>'
    )


def model_section(results: dict[str, Any]) -> str:
    """Return the bars of each execution model."""
    if not results["plan"]["models"]:
        return ""
    figures = "\n".join(
        f"<figure><h3>{title(kernel)}</h3>{model_bars(results, kernel)}"
        f"<figcaption>{pickling(kernel)}</figcaption></figure>"
        for kernel in results["kernels"]
    )
    return (
        "<h2>Execution models</h2><p>Speed-up with a worker for each CPU. Processes each have a GIL of their own, so "
        "that holding it costs nothing there; their price is pickling arguments and results.</p>"
        f'{legend("serial", "limit", bar=True)}<div class="multiples">{figures}</div>'
    )


def legend(*lines: str, bar: bool = False) -> str:
    """Return the legend of the implementations and these lines."""
    names = {"serial": "serial", "ideal": "ideal", "limit": "machine limit"}
    entries = {name: IMPLEMENTATIONS[name].title for name in reversed(IMPLEMENTATIONS)} | {k: names[k] for k in lines}
    return (
        '<ul class="legend">'
        + "".join(f"<li>{swatch(k, bar=bar)}{escape(v)}</li>" for k, v in entries.items())
        + "</ul>"
    )


def pickling(kernel: dict[str, Any]) -> str:
    """Return how many bytes processes exchange in a pass over the released kernel's pieces."""
    for cell in kernel["cells"]:
        sizes = cell["pickled"]
        if sizes and cell["implementation"] == "released":
            passed = f"{bytes_(sizes['arguments'])} of arguments and {bytes_(sizes['results'])} of results"
            return f"Pickled for processes: {passed} each time through the pieces."
    return ""


def serial_table(results: dict[str, Any]) -> str:
    """Return what the implementations cost in one thread."""
    names = list(IMPLEMENTATIONS)
    head = "".join(f'<th class="n">{escape(IMPLEMENTATIONS[name].title)}</th>' for name in names)
    rows = []
    for kernel in results["kernels"]:
        times = {name: per_unit(kernel, name) for name in names}
        cells = "".join(f'<td class="n">{quantity(time) if time else "failed"}</td>' for time in times.values())
        pure, released = times["pure"], times["released"]
        factor = f"{pure / released:,.0f} ×" if pure and released else ""
        rows.append(
            f"<tr><th>{title(kernel)}</th><td>{escape(singular(kernel['unit']))}</td>{cells}"
            f'<td class="n">{factor}</td></tr>'
        )
    return (
        "<h2>One thread</h2><p>What each kernel costs before anything runs in parallel. The pure-Python twin works on "
        'a smaller problem, so its figure is per unit of work.</p><div class="scroll">'
        f'<table><thead><tr><th></th><th>time per</th>{head}<th class="n">pure / released</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def cell_table(kernel: dict[str, Any]) -> str:
    """Return all of a kernel's measurements."""
    head = "".join(
        f'<th class="n">{escape(name)}</th>'
        for name in ("workers", f"per {singular(kernel['unit'])}", "speed-up", "95 % interval", "of ideal", "of limit")
    )
    rows = []
    for name, implementation in IMPLEMENTATIONS.items():
        work = kernel["work"][name]
        gil = gil_of(kernel, name)
        seen = f"; {holding(gil)}" if gil else ""
        amount = f": {work['units']:,} {kernel['unit']} ({work['size']} problem)" if work["units"] else ""
        rows.append(
            f'<tr class="group {name}"><th colspan="8">{escape(implementation.title)}'
            f'<span class="soft">{escape(amount + seen)}</span></th></tr>'
        )
        rows += [cell_row(cell) for cell in kernel["cells"] if cell["implementation"] == name]
    return (
        f'<details open><summary>{title(kernel)}</summary><p class="soft">{escape(kernel["dwarf"])}; input: '
        f"{escape(kernel['source'])}; {kernel['rounds']} rounds</p>"
        f'<div class="scroll"><table><thead><tr><th>model</th>{head}<th></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def cell_row(cell: dict[str, Any]) -> str:
    """Return a measurement."""
    serial = cell["model"] == SERIAL.name
    speedup = None if serial else cell["speedup"]
    values = (
        "" if serial else str(cell["workers"]),
        quantity(cell["per_unit"]["median"]) if cell["per_unit"] else "",
        f"{ratio(speedup['median'])}" if speedup else "",
        interval(speedup) if speedup else "",
        percent(cell["efficiency"]) if speedup else "",
        percent(cell["of_limit"]["median"]) if speedup and cell["of_limit"] else "",
    )
    numbers = "".join(f'<td class="n">{escape(value)}</td>' for value in values)
    css = "failed" if cell["error"] else "flag"
    return (
        f'<tr><td>{escape(MODELS[cell["model"]].title)}</td>{numbers}<td class="{css}">{escape(flags(cell))}</td></tr>'
    )


def machine_table(results: dict[str, Any]) -> str:
    """Return the facts that `gilfree info` tells, and the load."""
    lines = [line.split("  ", 1) for line in as_text(results["machine"]).splitlines()]
    load = results["load"]
    if load["before"]:
        before, after = (" ".join(f"{value:.2f}" for value in load[when]) for when in ("before", "after"))
        lines.append(["Load averages", f"{before} before, {after} after"])
    states = {
        f"{'enabled' if s['before'] else 'disabled'} before and {'enabled' if s['after'] else 'disabled'} after"
        for kernel in results["kernels"]
        for cell in kernel["cells"]
        if (s := cell["gil_enabled"])
    }
    if states:
        lines.append(["GIL in the cells", "; ".join(sorted(states))])
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value.strip())}</td></tr>" for name, value in lines)
    return f'<table class="facts">{rows}</table>'


def method(results: dict[str, Any]) -> str:
    """Return how the numbers came about."""
    plan = results["plan"]
    pieces = sorted(
        {work["pieces"] for kernel in results["kernels"] for work in kernel["work"].values() if work["pieces"]}
    )
    cut = " or ".join(map(str, pieces)) or "some"
    return (
        f"<p>Each problem was cut into {cut} pieces, and every measurement maps the kernel over the very same pieces: "
        "in a loop, or by the <code>map</code> of a plain executor from <code>concurrent.futures</code>. Each ran in a "
        "process of its own, which had made its input and started its workers before any clock ran. Every result, in "
        "every round, was compared with what the released kernel computes serially: bit for bit, and for the "
        "pure-Python twin by the problem's own criterion.</p>"
        "<p>All measurements of a kernel take turns, one at a time, in a new order each round. A speed-up is the "
        "serial time over the time in the same round; shown are medians over the rounds and their confidence "
        "intervals from order statistics, which assume nothing about how times are distributed. Measurements whose "
        "times spread (the interquartile range over the median) by more than "
        f"{percent(results['noise_bound'])} are marked noisy. "
        f"The run took {results['seconds']:.0f} s and began at {escape(results['started'])}; the order of turns is "
        f"drawn with seed {plan['seed']}.</p>"
    )


def command(results: dict[str, Any]) -> str:
    """Return the command that measures the same."""
    plan = results["plan"]
    words = ["gilfree", "bench", f"--{plan['mode']}"]
    if len(plan["kernels"]) == 1:
        words += ["-k", *plan["kernels"]]
    if plan["models"]:
        words += ["--models", ",".join(plan["models"])]
    if plan["thread_counts"] == plan["process_counts"]:
        words += ["--workers", ",".join(map(str, plan["thread_counts"]))]
    return shlex.join(words)


def title(kernel: dict[str, Any]) -> str:
    """Return a kernel's name as people read it."""
    return escape(kernel["name"].replace("_", " "))
