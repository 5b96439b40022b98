"""An extension module that knows for how long it holds the GIL: what an observer has to find."""

from pathlib import Path
from types import ModuleType

from .extensions import compile_extension, load_extension

__all__ = ["build_known"]


def build_known(folder: Path) -> ModuleType:
    """Compile the module in this folder and import it.

    Raises
    ------
    FileNotFoundError
        There is no C compiler.
    """
    return load_extension("known", compile_extension("known", folder, "-O1"))
