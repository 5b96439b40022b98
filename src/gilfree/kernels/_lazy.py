"""NumPy, and what is made on it, imported when they are first used.

Importing gilfree imports no NumPy, and some kernels need none. An `import` in each face would do, but runs anew in each
call, for half a microsecond: as long as it takes to allocate four small arrays.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["_arrays", "_csr", "np"]


class Found:
    """What stands in a module. To look something up takes a tenth of the time that it takes where it may be missing."""


class Lazy(Found):
    """A module that is imported when something of it is asked for, and `Found` from then on."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # of those that look a module over: doctest, inspect, copy
            raise AttributeError(f"{self._name}: {name} is not looked up lazily")
        names = vars(import_module(self._name))
        vars(self).update({name: value for name, value in names.items() if not name.startswith("__")})
        self.__class__ = Found  # type: ignore[assignment]
        return getattr(self, name)


if TYPE_CHECKING:
    import numpy as np

    from gilfree.kernels import _arrays, _csr
else:
    np, _arrays, _csr = map(Lazy, ("numpy", "gilfree.kernels._arrays", "gilfree.kernels._csr"))
