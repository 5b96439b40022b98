"""What runs here: versions, instruction-set level, GIL, CPUs. For bug reports and for the benchmarks' records."""

import os
import platform
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gilfree import __version__, _kernels
from gilfree.isa import MODULES, current_level
from gilfree.workers import cgroup_quota, cpu_count_and_source

__all__ = ["as_text", "facts", "gil_enabled"]


def facts() -> dict[str, Any]:
    """Return all that `gilfree info` tells, ready for JSON."""
    cpus, source = cpu_count_and_source()
    return {
        "gilfree": __version__,
        "numpy": _installed("numpy"),
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "build": " ".join(platform.python_build()),
            "compiler": platform.python_compiler(),
            "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        },
        "gil_enabled": gil_enabled(),
        "switch_interval": sys.getswitchinterval(),
        "isa": {
            "level": current_level(),
            "built": [level for level, module in MODULES.items() if find_spec(module)],
            "supported": list(_kernels.supported_levels()),
            "forced": bool(os.environ.get("GILFREE_ISA")),
        },
        "compiler": _kernels.COMPILER,
        "cpu": {
            "model": cpu_model(),
            "architecture": platform.machine(),
            "machine": os.cpu_count(),
            "usable": cpus,
            "source": source,
            "quota": cgroup_quota(),
        },
        "os": platform.platform(),
    }


def gil_enabled() -> bool:
    """Tell whether this process runs with the GIL; before Python 3.13 all do."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return True if ask is None else bool(ask())


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return what the processor calls itself, or None where the system does not tell."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return platform.processor() or None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"} and value.strip():
            return value.strip()
    return platform.processor() or None


def as_text(facts: dict[str, Any]) -> str:
    """Lay the facts out for people."""
    python, isa, cpu = facts["python"], facts["isa"], facts["cpu"]
    gil = "enabled" if facts["gil_enabled"] else "disabled"
    build = "a free-threaded build" if python["free_threaded"] else "a build with the GIL"
    chosen = "forced by GILFREE_ISA" if isa["forced"] else "chosen for this processor"
    quota = "none" if cpu["quota"] is None else f"{cpu['quota']:g} CPUs"
    rows = {
        "gilfree": facts["gilfree"],
        "Python": f"{python['version']} ({python['implementation']}, {python['compiler']})",
        "NumPy": facts["numpy"] or "not installed",
        "GIL": f"{gil}, in {build}; switch interval {facts['switch_interval'] * 1e3:g} ms",
        "ISA level": f"{isa['level']}, {chosen}; built: {', '.join(isa['built'])}; "
        f"this processor runs: {', '.join(isa['supported'])}",
        "Compiler": facts["compiler"],
        "Processor": f"{cpu['model'] or 'unknown'} ({cpu['architecture']})",
        "CPUs": f"{cpu['usable']} of {cpu['machine']}, from: {cpu['source']}",
        "cgroup quota": quota,
        "System": facts["os"],
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _installed(package: str) -> str | None:
    """Return a package's version without importing it: some interpreters cannot import NumPy."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - takes longer than all the rest

    try:
        return version(package)
    except PackageNotFoundError:
        return None
