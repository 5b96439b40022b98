"""The rows of the atlas, all of them, and the packages that they are of."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.util import find_spec

from gilfree.kernels import KERNELS
from gilfree.observe._atlas_entry import PYTHON, Entry, rows_of
from gilfree.observe._atlas_packages import PACKAGES
from gilfree.observe._atlas_standard import STANDARD

__all__ = ["ENTRIES", "MODULES", "matching"]

# The module by which to tell whether a package is installed.
MODULES = {
    PYTHON: "sys",
    "gilfree": "gilfree",
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-learn": "sklearn",
    "pandas": "pandas",
    "Polars": "polars",
    "PyArrow": "pyarrow",
    "DuckDB": "duckdb",
    "Numba": "numba",
    "NumExpr": "numexpr",
    "Bottleneck": "bottleneck",
    "h5py": "h5py",
    "Pillow": "PIL",
    "OpenCV": "cv2",
    "scikit-image": "skimage",
    "Shapely": "shapely",
    "Faiss": "faiss",
    "igraph": "igraph",
    "NetworkX": "networkx",
    "rustworkx": "rustworkx",
    "SymPy": "sympy",
    "gmpy2": "gmpy2",
    "cryptography": "cryptography",
    "bcrypt": "bcrypt",
    "argon2-cffi": "argon2",
    "blake3": "blake3",
    "xxhash": "xxhash",
    "zstandard": "zstandard",
    "lz4": "lz4",
    "Brotli": "brotli",
    "orjson": "orjson",
    "ujson": "ujson",
    "msgspec": "msgspec",
    "msgpack": "msgpack",
    "PyYAML": "yaml",
    "pydantic": "pydantic",
    "lxml": "lxml",
    "Beautiful Soup": "bs4",
    "Jinja2": "jinja2",
    "regex": "regex",
    "pyahocorasick": "ahocorasick",
    "RapidFuzz": "rapidfuzz",
    "Levenshtein": "Levenshtein",
    "polyleven": "polyleven",
    "edlib": "edlib",
    "tokenizers": "tokenizers",
    "tiktoken": "tiktoken",
}

# The benchmarks' problems are the kernels' input; they are not part of a checkout's import path.
PROBLEMS = "gilfree.benchmarks"


def _kernels() -> Iterator[Entry]:
    """Yield for each of our kernels a row that releases the GIL, one that holds it, and one of the pure twin."""
    if find_spec(PROBLEMS) is None:
        return
    for name, kernel in KERNELS.items():
        setup = (
            f"from {PROBLEMS}.problems.{name} import PROBLEM\n"
            f"from gilfree.kernels import KERNELS\nkernel = KERNELS[{name!r}]"
        )
        function, twin = kernel.functions[0].__name__, kernel.twins[0].__name__
        yield from rows_of(
            "gilfree",
            setup,
            (
                f"gilfree.{function}",
                "call = PROBLEM.make('medium')",
                "call(kernel.functions[0], release_gil=True)",
            ),
            (
                f"gilfree.{function}(release_gil=False)",
                "call = PROBLEM.make('medium')",
                "call(kernel.functions[0], release_gil=False)",
            ),
            (f"{twin}, the twin in Python", "call = PROBLEM.make('tiny')", "call(kernel.twins[0])"),
        )


ENTRIES: tuple[Entry, ...] = (*STANDARD, *_kernels(), *PACKAGES)


def matching(pattern: str | None) -> tuple[Entry, ...]:
    """Return the rows whose function or package contains the pattern or, as a glob, matches it; all for None."""
    return tuple(
        entry
        for entry in ENTRIES
        if pattern is None
        or any(
            pattern.lower() in text or fnmatchcase(text, pattern.lower())
            for text in (entry.function.lower(), entry.package.lower())
        )
    )
