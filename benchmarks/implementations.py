"""The three ways in which a kernel's work is done here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gilfree.kernels import Kernel

from .problems import Call

__all__ = ["IMPLEMENTATIONS", "REFERENCE", "Implementation", "Task"]


@dataclass(frozen=True)
class Task:
    """Does one piece of work. An object rather than a closure, so that it can be pickled."""

    function: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    takes_workers: bool = True  # whether the function has the keyword

    def __call__(self, call: Call) -> Any:  # noqa: ANN401 - whatever the kernel returns
        """Make the call."""
        return call(self.function, **self.options)


@dataclass(frozen=True)
class Implementation:
    """A way to do a kernel's work."""

    name: str
    title: str
    task: Callable[[Kernel], Task]
    twin: bool = False  # in pure Python: gets a smaller problem, and may be right without being bit for bit equal


IMPLEMENTATIONS = {
    implementation.name: implementation
    for implementation in (
        Implementation("pure", "pure Python", lambda kernel: Task(kernel.twins[0], takes_workers=False), twin=True),
        Implementation("held", "GIL held", lambda kernel: Task(kernel.functions[0], {"release_gil": False})),
        Implementation("released", "GIL released", lambda kernel: Task(kernel.functions[0], {"release_gil": True})),
    )
}

# Run serially, it gives the results that all others are compared with, and the machine's own limit is measured with it.
REFERENCE = IMPLEMENTATIONS["released"]
