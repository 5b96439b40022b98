"""Extension modules that are not where Python looks for them."""

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

__all__ = ["load_extension"]


def load_extension(name: str, path: Path) -> ModuleType:
    """Import this file as the module of this name, and leave `sys.modules` as it is."""
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # noqa: S101 - for the type checker
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
