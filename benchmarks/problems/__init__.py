"""One problem for each kernel, by the kernel's name."""

from importlib import import_module

from gilfree.kernels import KERNELS

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEMS", "Call", "Effort", "Peer", "Problem"]

PROBLEMS: dict[str, Problem] = {name: import_module(f"{__name__}.{name}").PROBLEM for name in KERNELS}
