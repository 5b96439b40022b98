"""What the observer's tests share."""

import importlib.machinery
import importlib.util
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    """An extension module whose `work` knows for how long it held the GIL."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.skip("needs a C compiler")
    target = tmp_path_factory.mktemp("known") / f"known{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = Path(__file__).with_name("known.c")
    subprocess.run(
        [*compiler, "-O1", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}", str(source), "-o", str(target)],
        check=True,
    )
    loader = importlib.machinery.ExtensionFileLoader("known", str(target))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("known", loader))
    loader.exec_module(module)
    return module
