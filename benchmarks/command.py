"""``gilfree bench``, once its arguments are parsed."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from gilfree.kernels import KERNELS
from gilfree.workers import cpu_count

from . import figures, report, table
from .bench import failures, measure
from .models import SERIAL, available_models
from .plan import QUICK, Plan, make_plan, matching
from .progress import listener

__all__ = ["bench", "write"]

FAILED = 1
USAGE_ERROR = 2


def bench(options: argparse.Namespace) -> int:
    """Measure, print and write; return the exit status."""
    try:
        plan = plan_for(options)
        options.output.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        print(f"gilfree bench: {error}", file=sys.stderr)
        return USAGE_ERROR
    with listener(console(stderr=True)) as told:
        results = measure(plan, told)
    table.show(results, out := console())
    written = write(results, options.output)
    out.print(f"\n{results['seconds']:.0f} s. Wrote {', '.join(map(str, written))}", highlight=False, soft_wrap=True)
    return FAILED if failures(results) else 0


def plan_for(options: argparse.Namespace) -> Plan:
    """Return what the arguments ask for."""
    if options.pattern is not None:
        kernels = matching(options.pattern)
    else:
        kernels = QUICK if options.mode == "quick" else tuple(KERNELS)
    if not kernels:
        raise ValueError(f"-k: wanted a part of {', '.join(KERNELS)}, got {options.pattern}")
    available = available_models()
    unknown = [name for name in options.models or () if name not in available]
    if unknown:
        raise ValueError(f"--models: wanted some of {', '.join(available)}, got {', '.join(unknown)}")
    models = [name for name in available if name in (options.models or available) or name == SERIAL.name]
    return make_plan(options.mode, kernels, models, cpu_count(), options.workers)


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write every form of the results; return where."""
    data, page = folder / "results.json", folder / "report.html"
    data.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    page.write_text(report.render(results), encoding="utf-8")
    return [data, page, *figures.write(results, folder)]


def console(*, stderr: bool = False) -> Console:
    """Return a console that, where it is no terminal, is as wide as the tables need."""
    plain = Console(stderr=stderr)
    return plain if plain.is_terminal else Console(stderr=stderr, width=table.WIDTH)
