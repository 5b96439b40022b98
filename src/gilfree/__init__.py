"""CPU-bound kernels that let the GIL go, so that plain Python threads use every core; and who holds the GIL elsewhere.

Every kernel is a plain function that can hold or release the GIL, may cut its work among workers, and gives the same
answer, bit for bit, whichever way it runs. Importing gilfree imports no NumPy; the kernels that return arrays do when
they are called.
"""

from importlib import import_module as _import_module

from gilfree import isa as _isa
from gilfree._version import __version__

TYPE_CHECKING = False  # as in `typing`, whose import would take longer than all the rest
if TYPE_CHECKING:
    from gilfree.aio import to_thread
    from gilfree.cancel import Cancelled
    from gilfree.kernels.asian_option_price import asian_option_price
    from gilfree.kernels.convolve2d import convolve2d
    from gilfree.kernels.edit_distance import edit_distance, edit_distances
    from gilfree.kernels.exact_cover import count_exact_covers, find_exact_cover
    from gilfree.kernels.hamming_neighbors import hamming_neighbors
    from gilfree.kernels.lomb_scargle import lomb_scargle
    from gilfree.kernels.mandelbrot import mandelbrot
    from gilfree.kernels.nbody_accelerations import nbody_accelerations
    from gilfree.kernels.nearest_neighbors import nearest_neighbors
    from gilfree.kernels.pattern_set import PatternSet
    from gilfree.kernels.shortest_paths import shortest_paths
    from gilfree.kernels.smooth_mesh import smooth_mesh
    from gilfree.kernels.sparse_matvec import sparse_matvec
    from gilfree.kernels.viterbi import viterbi
    from gilfree.observe import Observation as observe  # noqa: N813 - the module, which can be called
    from gilfree.observe._probe import probe
    from gilfree.progress_bar import Progress, ProgressScope, progress
    from gilfree.scope import CancelScope, cancel_scope
    from gilfree.workers import cpu_count

__all__ = [
    "CancelScope",
    "Cancelled",
    "PatternSet",
    "Progress",
    "ProgressScope",
    "__version__",
    "asian_option_price",
    "cancel_scope",
    "convolve2d",
    "count_exact_covers",
    "cpu_count",
    "edit_distance",
    "edit_distances",
    "find_exact_cover",
    "hamming_neighbors",
    "lomb_scargle",
    "mandelbrot",
    "nbody_accelerations",
    "nearest_neighbors",
    "observe",
    "probe",
    "progress",
    "shortest_paths",
    "smooth_mesh",
    "sparse_matvec",
    "to_thread",
    "viterbi",
]

_kernels = _isa.install()

# Where the public names come from, on first use (PEP 562).
_HOMES = {
    "CancelScope": "gilfree.scope",
    "Cancelled": "gilfree.cancel",
    "PatternSet": "gilfree.kernels.pattern_set",
    "Progress": "gilfree.progress_bar",
    "ProgressScope": "gilfree.progress_bar",
    "count_exact_covers": "gilfree.kernels.exact_cover",
    "convolve2d": "gilfree.kernels.convolve2d",
    "asian_option_price": "gilfree.kernels.asian_option_price",
    "cancel_scope": "gilfree.scope",
    "cpu_count": "gilfree.workers",
    "edit_distance": "gilfree.kernels.edit_distance",
    "edit_distances": "gilfree.kernels.edit_distance",
    "find_exact_cover": "gilfree.kernels.exact_cover",
    "hamming_neighbors": "gilfree.kernels.hamming_neighbors",
    "lomb_scargle": "gilfree.kernels.lomb_scargle",
    "mandelbrot": "gilfree.kernels.mandelbrot",
    "nbody_accelerations": "gilfree.kernels.nbody_accelerations",
    "nearest_neighbors": "gilfree.kernels.nearest_neighbors",
    "observe": "gilfree.observe",
    "probe": "gilfree.observe",
    "progress": "gilfree.progress_bar",
    "shortest_paths": "gilfree.kernels.shortest_paths",
    "sparse_matvec": "gilfree.kernels.sparse_matvec",
    "to_thread": "gilfree.aio",
    "viterbi": "gilfree.kernels.viterbi",
    "smooth_mesh": "gilfree.kernels.smooth_mesh",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(_HOMES[name])
    value = module if module.__name__ == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
