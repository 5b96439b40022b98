"""The results as one page of HTML that needs nothing else: no script, no request."""

import shlex
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from statistics import median
from string import Template
from typing import Any

from gilfree.info import as_text

from . import lanes
from .bench import failures
from .claims.showing import claims_section
from .implementations import IMPLEMENTATIONS, REFERENCE
from .markup import scrolling
from .models import MODELS, SERIAL
from .outlook import sections
from .peers import page
from .peers.views import failed
from .svg import model_bars, speedup_curves, swatch
from .views import (
    TABLED,
    featured,
    featured_count,
    featured_model,
    gil_of,
    per_unit,
    reached,
    reasons,
    strength,
    strongest,
)
from .wording import (
    bytes_,
    columns_explained,
    costs_explained,
    flags,
    holding,
    interval,
    percent,
    quantity,
    ratio,
    singular,
    span,
)

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
        timelines=lanes.section(results),
        claims=claims_section(results),
        machine=machine_table(results),
        install=escape(install(results)),
    )


def scaling_parts(results: dict[str, Any]) -> dict[str, str]:
    """Return what the page says of how the kernels scale."""
    return {
        "headline": headline(results),
        "subline": subline(results),
        "alarms": alarms(failures(results)),
        "curves": curves(results),
        "bars": model_section(results) + heat_maps(results) + costs(results) + interpreters(results),
        "outlook": sections(results),
        "serial": serial_table(results),
        "tables": "<h2>Every measurement</h2>"
        f'<p class="soft">{escape(columns_explained(results))}</p>'
        + "\n".join(cell_table(kernel) for kernel in results["kernels"]),
        "method": method(results),
        "command": escape("\n".join(commands(results))),
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
        "outlook": "",
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
    failed = "1 measurement" if len(lines) == 1 else f"{len(lines)} measurements"
    return f'<section class="alarm"><h2>{failed} failed</h2><ul>{items}</ul></section>'


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
        "<h2>Execution models</h2><p>Speed-up with a worker for each CPU. Processes and interpreters each have a GIL "
        "of their own, so that holding it costs nothing there; the price of processes is pickling arguments and "
        "results.</p>"
        f'{legend("serial", "limit", bar=True)}<div class="multiples">{figures}</div>{not_run(results)}'
    )


def not_run(results: dict[str, Any]) -> str:
    """Return what could not run here, and why."""
    items = "".join(
        f"<li><b>{escape(', '.join(names))}</b>: {escape(reason)}</li>" for reason, names in reasons(results).items()
    )
    return f'<section class="warn"><h3>Not run here</h3><ul>{items}</ul></section>' if items else ""


def heat_maps(results: dict[str, Any]) -> str:
    """Return a table for each implementation, kernel by model, with the speed-ups as shades."""
    models = results["plan"]["models"]
    if len(models) < TABLED:
        return ""
    top = strongest(results)
    head = "".join(f'<th class="n">{escape(MODELS[model].title)}</th>' for model in models)
    maps = []
    for name in reversed(IMPLEMENTATIONS):
        rows = "".join(
            f"<tr><th>{title(kernel)}</th>"
            + "".join(heat_cell(featured(results, kernel, name, model), top) for model in models)
            + "</tr>"
            for kernel in results["kernels"]
        )
        maps.append(
            f'<h3 class="{name}"><span class="word">{escape(IMPLEMENTATIONS[name].title)}</span></h3>'
            + scrolling(
                f"Kernels by models, {IMPLEMENTATIONS[name].title}",
                f'<table class="heat"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>',
            )
        )
    return (
        "<h2>Kernels by models</h2><p>Speed-up over the same implementation run serially, with a worker for each CPU. "
        "The bluer, the faster; the more orange, the slower than a plain loop.</p>" + "".join(maps)
    )


def heat_cell(cell: dict[str, Any] | None, top: float) -> str:
    """Return a speed-up on its shade."""
    if cell is None or cell["speedup"] is None:
        return f'<td class="n" title="{escape(flags(cell)) if cell else ""}">–</td>'
    speedup = cell["speedup"]["median"]
    css = "gain" if speedup >= 1 else "loss"
    shade = f"--strength: {100 * strength(speedup, top):.0f}%"
    return (
        f'<td class="n {css}" style="{shade}" title="95 % interval: {interval(cell["speedup"])}">{ratio(speedup)}</td>'
    )


def costs(results: dict[str, Any]) -> str:
    """Return what each model takes besides time, over all kernels, and per kernel."""
    models = [SERIAL.name, *results["plan"]["models"]]
    rows = []
    for model in models:
        found = {
            name: [cell for kernel in results["kernels"] if (cell := featured(results, kernel, name, model))]
            for name in IMPLEMENTATIONS
        }
        cells = [cell for cell in found[REFERENCE.name] if cell["startup"] is not None]
        if not cells:
            continue
        waits = [[c["heartbeat"] for c in each if c["heartbeat"]] for each in found.values()]
        values = (
            "" if model == SERIAL.name else str(cells[0]["workers"]),
            quantity(median(cell["startup"] for cell in cells)) if model != SERIAL.name else "",
            reach([sum(cell["pickled"].values()) for cell in cells if cell["pickled"]], bytes_),
            reach([cell["memory"] for cell in cells if cell["memory"]], bytes_),
            *(quantity(max(wait)) if wait else "" for wait in waits),
        )
        numbers = "".join(f'<td class="n">{escape(value)}</td>' for value in values)
        rows.append(f"<tr><th>{escape(MODELS[model].title)}</th>{numbers}</tr>")
    several = len(results["kernels"]) > 1
    over = " Start-up is the median over the kernels, the wait the longest of all." if several else ""
    head = "".join(f'<th class="n">{name}</th>' for name in ("workers", "start-up", "pickled", "memory"))
    head += "".join(
        f'<th class="n {name}"><span class="word">waits, {escape(IMPLEMENTATIONS[name].title)}</span></th>'
        for name in IMPLEMENTATIONS
    )
    return (
        f"<h2>What the models take besides time</h2><p>Of the released kernel, if nothing else is said.{over}</p>"
        f'<p class="soft">{escape(costs_explained())}</p>'
        + scrolling(
            "What the models take besides time",
            f'<table class="costs"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>',
        )
    )


def reach(values: Sequence[int], write: Callable[[int], str]) -> str:
    """Write from where to where values go."""
    if not values:
        return ""
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low} – {high}"


def interpreters(results: dict[str, Any]) -> str:
    """Return how the kernels scale in threads in other interpreters."""
    others = results["interpreters"]
    if not others:
        return ""
    model = featured_model(results)
    names = {None: results["machine"]["python"]["version"] + " (this one)"}
    names |= {other["name"]: other["name"] for other in others if not other["missing"]}
    rows = []
    for kernel in results["kernels"]:
        for python, called in names.items():
            numbers = []
            for name in IMPLEMENTATIONS:
                alone = featured(results, kernel, name, SERIAL.name, python)
                numbers.append(quantity(alone["per_unit"]["median"]) if alone and alone["per_unit"] else "")
                cell = featured(results, kernel, name, model, python) if model else None
                numbers.append(ratio(cell["speedup"]["median"]) if cell and cell["speedup"] else "")
            cells = "".join(f'<td class="n">{escape(value)}</td>' for value in numbers)
            rows.append(f"<tr><th>{title(kernel)}</th><td>{escape(called)}</td>{cells}</tr>")
    head = "".join(
        f'<th class="n {name}"><span class="word">{escape(IMPLEMENTATIONS[name].title)}</span></th>'
        '<th class="n">speed-up</th>'
        for name in IMPLEMENTATIONS
    )
    where = f"{featured_count(results, model)} {escape(MODELS[model].title)}" if model else "one thread"
    lacking = "".join(f"<li>{escape(other['missing'])}</li>" for other in others if other["missing"])
    return (
        f"<h2>Other interpreters</h2><p>Serial time per unit of work, and the speed-up on {where} over the same "
        "interpreter.</p>"
        + scrolling(
            "Other interpreters",
            f"<table><thead><tr><td></td><th>Python</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>",
        )
        + (f'<section class="warn"><h3>Could not take part</h3><ul>{lacking}</ul></section>' if lacking else "")
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
        if sizes and cell["implementation"] == "released" and cell["model"].startswith("processes-"):
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
        "a smaller problem, so its figure is per unit of work.</p>"
        + scrolling(
            "One thread",
            f'<table><thead><tr><td></td><th>time per</th>{head}<th class="n">pure / released</th></tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>",
        )
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
        + scrolling(
            f"Every measurement of {kernel['name']}",
            f"<table><thead><tr><th>model</th>{head}<td></td></tr></thead><tbody>{''.join(rows)}</tbody></table>",
        )
        + "</details>"
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
    css = "failed" if cell["error"] else "reason" if cell["missing"] else "flag"
    where = "" if cell["python"] is None else f", Python {cell['python']}"
    name = escape(MODELS[cell["model"]].title + where)
    return f'<tr><td>{name}</td>{numbers}<td class="{css}">{escape(flags(cell))}</td></tr>'


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
        "in a loop, by the <code>map</code> of an executor, or as the model's own library does it. Each ran in a "
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


def install(results: dict[str, Any]) -> str:
    """Return the command that installs the versions that were measured."""
    machine = results["machine"]
    versions = {"numpy": machine["numpy"], **results.get("packages", {})}
    words = [f"gilfree[bench]=={machine['gilfree']}", *(f"{name}=={v}" for name, v in versions.items() if v)]
    return shlex.join(["pip", "install", *words])


def commands(results: dict[str, Any]) -> list[str]:
    """Return the commands that measure the same."""
    plan = results["plan"]
    words = ["gilfree", "bench", f"--{plan['mode']}"]
    if plan.get("pattern"):
        words += ["-k", plan["pattern"]]
    words += ["--models", ",".join(plan["models"] or [SERIAL.name])]
    if plan["thread_counts"] == plan["process_counts"]:
        words += ["--workers", ",".join(map(str, plan["thread_counts"]))]
    if plan["size"] != "medium":
        words += ["--size", plan["size"]]
    if results["interpreters"]:
        words += ["--python", *(other["path"] for other in results["interpreters"])]
    if not results.get("claims"):
        return [shlex.join(words)]
    return ["gilfree claims --json claims.json", shlex.join([*words, "--claims", "claims.json"])]


def title(kernel: dict[str, Any]) -> str:
    """Return a kernel's name as people read it."""
    return escape(kernel["name"].replace("_", " "))
