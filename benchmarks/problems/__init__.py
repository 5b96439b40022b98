"""One problem for each kernel, by the kernel's name."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from gilfree.kernels import KERNELS

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEMS", "Call", "Effort", "Peer", "Problem"]


class _Problems(Mapping[str, Problem]):
    """Imports a problem when it is asked for: a cell, which is a process, needs one."""

    def __getitem__(self, kernel: str) -> Problem:
        if kernel not in KERNELS:
            raise KeyError(kernel)
        problem: Problem = import_module(f"{__name__}.{kernel}").PROBLEM
        return problem

    def __iter__(self) -> Iterator[str]:
        return iter(KERNELS)

    def __len__(self) -> int:
        return len(KERNELS)


PROBLEMS = _Problems()
