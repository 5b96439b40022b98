"""The extension; all else stands in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    ext_modules=cythonize(
        Extension("drawdown._drawdown", ["src/drawdown/_drawdown.pyx"]),
        build_dir="build",  # the generated C stays out of the package
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "freethreading_compatible": True,
        },
    )
)
