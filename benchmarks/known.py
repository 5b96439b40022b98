"""An extension module that knows for how long it holds the GIL: what an observer has to find."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

from .extensions import load_extension

__all__ = ["build_known"]


def build_known(folder: Path) -> ModuleType:
    """Compile the module in this folder and import it.

    Raises
    ------
    FileNotFoundError
        There is no C compiler.
    """
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise FileNotFoundError(f"no C compiler: {compiler[0]}")
    target = folder / f"known{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = Path(__file__).with_name("known.c")
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run([*compiler, "-O1", "-shared", "-fPIC", include, str(source), "-o", str(target)], check=True)
    return load_extension("known", target)
