"""Who holds the GIL: the observer.

``gilfree.observe`` is this module and can be called: ``gilfree.observe(stall=0.1)`` makes an `Observation`, for a
``with`` statement, and takes the same arguments. `probe` measures one callable.

Thread safety: safe on shared objects; each call makes an observation of its own, and observations may overlap.
"""

import sys
from types import ModuleType
from typing import Any

from gilfree.observe._observation import Cell, Lane, Observation, Stall, ThreadReport
from gilfree.observe._probe import Probe, Prober, probe
from gilfree.observe._watching import NotMeasurableError

__all__ = [
    "Cell",
    "Lane",
    "NotMeasurableError",
    "Observation",
    "Probe",
    "Prober",
    "Stall",
    "ThreadReport",
    "probe",
]


class _Callable(ModuleType):
    """A module that makes an observation when it is called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Observation:  # noqa: ANN401 - as of Observation
        return Observation(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
