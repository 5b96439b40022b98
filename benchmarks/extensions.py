"""Extension modules that are not where Python looks for them."""

import importlib.machinery
import importlib.util
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

__all__ = ["compile_extension", "load_extension"]


def load_extension(name: str, path: Path) -> ModuleType:
    """Import this file as the module of this name, and leave `sys.modules` as it is."""
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # noqa: S101 - for the type checker
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def compile_extension(name: str, folder: Path, *flags: str) -> Path:
    """Compile the C file of this name beside this one into a module in this folder; return where that is.

    Raises
    ------
    FileNotFoundError
        There is no C compiler.
    subprocess.CalledProcessError
        The compiler fails.
    """
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise FileNotFoundError(f"no C compiler: {compiler[0]}")
    target = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = Path(__file__).with_name(f"{name}.c")
    include = f"-I{sysconfig.get_path('include')}"
    # What it says goes nowhere but into the exception: a failure may be expected.
    subprocess.run(
        [*compiler, *flags, "-shared", "-fPIC", include, str(source), "-o", str(target)],
        check=True,
        capture_output=True,
        text=True,
    )
    return target
