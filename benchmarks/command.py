"""``gilfree bench``, once its arguments are parsed."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from gilfree.kernels import KERNELS
from gilfree.workers import cpu_count

from . import comparison, figures, report, table
from .bench import failures, measure, recorded
from .claims import running as claims
from .claims import showing
from .claims.catalogue import CLAIMS
from .models import MODELS, SERIAL, models_matching
from .peers import markdown
from .peers import table as peers_table
from .peers.measure import SIZES, compare
from .peers.views import failed
from .plan import QUICK, QUICK_MODELS, Plan, make_plan, matching
from .progress import Listener, listener
from .pythons import Python, find

__all__ = ["bench", "write"]

FAILED = 1
USAGE_ERROR = 2


def bench(options: argparse.Namespace) -> int:
    """Measure, print and write; return the exit status."""
    try:
        if options.compare:
            before, after = options.compare
            return comparison.compare(before, after, console())
        check(options)
        kernels = kernels_for(options)
        models = models_for(options)
        verdicts = claims.read(options.claims) if isinstance(options.claims, Path) else None
        options.output.mkdir(parents=True, exist_ok=True)
        pythons = find(options.python or (), options.output / "environments" if options.install else None)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"gilfree bench: {error}", file=sys.stderr)
        return USAGE_ERROR
    if options.peers:
        return bench_peers(options, kernels)
    names = [python.name for python in pythons]
    plan = make_plan(
        options.mode,
        kernels,
        models,
        cpu_count(),
        options.workers,
        pythons=names,
        size=options.size or "medium",
        pattern=options.pattern,
    )
    return bench_models(options, plan, verdicts, pythons)


def bench_models(
    options: argparse.Namespace, plan: Plan, verdicts: dict[str, Any] | None, pythons: Sequence[Python]
) -> int:
    """Measure how the kernels scale, and test the claims if they are asked for and not given."""
    tested = None
    with listener(console(stderr=True)) as told:
        results = measure(plan, told, pythons)
        if verdicts is None and with_claims(options):
            verdicts = tested = try_claims(told, pythons)
            results["seconds"] = round(results["seconds"] + tested["seconds"], 3)
    if verdicts is not None:
        results["claims"] = verdicts
    table.show(results, out := console())
    if tested is not None:
        out.print()
        showing.show(tested)
    written = write(results, options.output)
    if options.figures:
        written += figures.write_every(results, options.output)
    end(results, written, out)
    return FAILED if failures(results) or (tested is not None and claims.failed(tested)) else 0


def with_claims(options: argparse.Namespace) -> bool:
    """Return whether claims are to be tested: on demand, and where everything is."""
    everything = options.mode == "full" and options.pattern is None and options.models is None
    return options.claims is not None or everything


def try_claims(told: Listener, pythons: Sequence[Python]) -> dict[str, Any]:
    """Test all claims, with these interpreters among those that are tried."""
    told.begin("claims", len(CLAIMS))
    paths = [python.path for python in pythons if python.version]
    results = claims.measure(tuple(CLAIMS), paths, lambda line: told.step(line, notable=True))
    told.end()
    return results


def bench_peers(options: argparse.Namespace, kernels: Sequence[str]) -> int:
    """Measure the kernels beside other libraries."""
    with listener(console(stderr=True)) as told, recorded(None) as results:
        results["peers"] = compare(kernels, options.sizes or tuple(SIZES), told)
    peers_table.show(results["peers"], out := console(width=peers_table.WIDTH))
    written = write_pages(results, options.output)
    if options.markdown:
        options.markdown.write_text(markdown.render(results), encoding="utf-8")
        written.append(options.markdown)
    end(results, written, out)
    return FAILED if failed(results["peers"]) else 0


def end(results: dict[str, Any], written: list[Path], out: Console) -> None:
    """Say how long it took and where everything is."""
    out.print(f"\n{results['seconds']:.0f} s. Wrote {', '.join(map(str, written))}", highlight=False, soft_wrap=True)


def check(options: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    of_peers = {"--sizes": options.sizes, "--markdown": options.markdown}
    of_models = {
        "--models": options.models,
        "--workers": options.workers,
        "--full": options.mode == "full",
        "--claims": options.claims,
        "--python": options.python,
        "--size": options.size,
        "--figures": options.figures,
    }
    misplaced = [name for name, value in (of_models if options.peers else of_peers).items() if value]
    if misplaced:
        raise ValueError(f"{misplaced[0]}: " + ("not with --peers" if options.peers else "only with --peers"))
    if options.install and not options.python:
        raise ValueError("--install: only with --python")
    unknown = [size for size in options.sizes or () if size not in SIZES]
    if unknown:
        raise ValueError(f"--sizes: wanted some of {', '.join(SIZES)}, got {', '.join(unknown)}")


def kernels_for(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the kernels that the arguments ask for."""
    if options.pattern is not None:
        kernels = matching(options.pattern)
    else:
        kernels = QUICK if options.mode == "quick" and not options.peers else tuple(KERNELS)
    if not kernels:
        raise ValueError(f"-k: wanted a part of {', '.join(KERNELS)}, got {options.pattern}")
    return kernels


def models_for(options: argparse.Namespace) -> list[str]:
    """Return the models that the arguments ask for, serial among them; those that cannot run here too."""
    if options.models is None:
        wanted = set(QUICK_MODELS if options.mode == "quick" else MODELS)
    else:
        found = {pattern: models_matching(pattern) for pattern in options.models}
        unknown = [pattern for pattern, names in found.items() if not names]
        if unknown:
            raise ValueError(f"--models: wanted some of {', '.join(MODELS)}, got {', '.join(unknown)}")
        wanted = {name for names in found.values() for name in names}
    return [name for name in MODELS if name in wanted or name == SERIAL.name]


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write every form of the results; return where."""
    return [*write_pages(results, folder), *figures.write(results, folder)]


def write_pages(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write the results as data and as a page; return where."""
    data, page = folder / "results.json", folder / "report.html"
    data.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    page.write_text(report.render(results), encoding="utf-8")
    return [data, page]


def console(*, stderr: bool = False, width: int = table.WIDTH) -> Console:
    """Return a console that, where it is no terminal, is as wide as the tables need."""
    plain = Console(stderr=stderr)
    return plain if plain.is_terminal else Console(stderr=stderr, width=width)
