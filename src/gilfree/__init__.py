"""CPU-bound kernels that let the GIL go, so that plain Python threads use every core.

Every kernel is a plain function that can hold or release the GIL, may cut its work among workers, and gives the same
answer, bit for bit, whichever way it runs. Importing gilfree imports no NumPy; the kernels that return arrays do when
they are called.
"""

from importlib import import_module as _import_module

from gilfree import isa as _isa
from gilfree._version import __version__

TYPE_CHECKING = False  # as in `typing`, whose import would take longer than all the rest
if TYPE_CHECKING:
    from gilfree.cancel import Cancelled
    from gilfree.kernels.asian_option_price import asian_option_price
    from gilfree.kernels.edit_distance import edit_distance, edit_distances
    from gilfree.kernels.mandelbrot import mandelbrot
    from gilfree.kernels.nbody_accelerations import nbody_accelerations
    from gilfree.kernels.nearest_neighbors import nearest_neighbors
    from gilfree.kernels.shortest_paths import shortest_paths
    from gilfree.kernels.smooth_mesh import smooth_mesh
    from gilfree.workers import cpu_count

__all__ = [
    "Cancelled",
    "__version__",
    "asian_option_price",
    "cpu_count",
    "edit_distance",
    "edit_distances",
    "mandelbrot",
    "nbody_accelerations",
    "nearest_neighbors",
    "shortest_paths",
    "smooth_mesh",
]

_kernels = _isa.install()

# Where the public names come from, on first use (PEP 562).
_HOMES = {
    "Cancelled": "gilfree.cancel",
    "asian_option_price": "gilfree.kernels.asian_option_price",
    "cpu_count": "gilfree.workers",
    "edit_distance": "gilfree.kernels.edit_distance",
    "edit_distances": "gilfree.kernels.edit_distance",
    "mandelbrot": "gilfree.kernels.mandelbrot",
    "nbody_accelerations": "gilfree.kernels.nbody_accelerations",
    "nearest_neighbors": "gilfree.kernels.nearest_neighbors",
    "shortest_paths": "gilfree.kernels.shortest_paths",
    "smooth_mesh": "gilfree.kernels.smooth_mesh",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
