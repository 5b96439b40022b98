"""Which compiled variant of the kernels runs here.

The kernels are compiled once for every instruction-set level that the target has (on x86-64: the baseline, x86-64-v3
with AVX2 and FMA, x86-64-v4 with AVX-512), and the best one that this processor can run is chosen when gilfree is
imported. The environment variable ``GILFREE_ISA`` forces a level.
"""

import os
import sys
from importlib import import_module
from types import ModuleType

__all__ = ["current_level", "install"]

MODULES = {"baseline": "gilfree._kernels", "v3": "gilfree._v3._kernels", "v4": "gilfree._v4._kernels"}


def current_level() -> str:
    """Return the level in use: ``"baseline"``, ``"v3"`` or ``"v4"``."""
    level: str = sys.modules["gilfree._kernels"].LEVEL
    return level


def install() -> ModuleType:
    """Load the variant for this machine, for ``import gilfree._kernels`` to find, and return it."""
    baseline = import_module(MODULES["baseline"])
    supported = baseline.supported_levels()
    wanted = os.environ.get("GILFREE_ISA")
    if not wanted:
        chosen = next(filter(None, map(_load, reversed(supported))))
    elif wanted in supported and (forced := _load(wanted)):
        chosen = forced
    else:
        built = [level for level in supported if _load(level)]
        raise ImportError(
            f"GILFREE_ISA: wanted one of {', '.join(built)}, the levels built that run on this processor, got {wanted}"
        )
    sys.modules["gilfree._kernels"] = chosen
    return chosen


def _load(level: str) -> ModuleType | None:
    """Import a level's module; None where this installation has none."""
    try:
        return import_module(MODULES[level])
    except ModuleNotFoundError:
        return None
