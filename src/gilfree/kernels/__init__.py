"""The kernels: what each computes, what it refuses, and how its work is cut."""

from gilfree.kernels import (
    asian_option_price,
    convolve2d,
    edit_distance,
    exact_cover,
    hamming_neighbors,
    lomb_scargle,
    mandelbrot,
    nbody_accelerations,
    nearest_neighbors,
    pattern_set,
    shortest_paths,
    smooth_mesh,
    sparse_matvec,
    viterbi,
)
from gilfree.kernels._kernel import Kernel

__all__ = ["KERNELS", "Kernel"]

# Tests, benchmarks and the command line iterate this table, in this order: that of the dwarfs, and the postcard.
KERNELS: dict[str, Kernel] = {
    module.KERNEL.name: module.KERNEL
    for module in (
        nearest_neighbors,
        sparse_matvec,
        lomb_scargle,
        nbody_accelerations,
        convolve2d,
        smooth_mesh,
        asian_option_price,
        hamming_neighbors,
        shortest_paths,
        edit_distance,
        exact_cover,
        viterbi,
        pattern_set,
        mandelbrot,
    )
}

for _row in KERNELS.values():
    for _function in _row.functions:
        # Where users find it, and where pickles look for it.
        _function.__module__ = "gilfree"
