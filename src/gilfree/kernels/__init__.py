"""The kernels: what each computes, what it refuses, and how its work is cut."""

from gilfree.kernels import (
    asian_option_price,
    edit_distance,
    mandelbrot,
    nbody_accelerations,
    nearest_neighbors,
    shortest_paths,
    smooth_mesh,
)
from gilfree.kernels._kernel import Kernel

__all__ = ["KERNELS", "Kernel"]

# Tests, benchmarks and the command line iterate this table, in this order.
KERNELS: dict[str, Kernel] = {
    module.KERNEL.name: module.KERNEL
    for module in (
        nearest_neighbors,
        shortest_paths,
        edit_distance,
        nbody_accelerations,
        asian_option_price,
        smooth_mesh,
        mandelbrot,
    )
}

for _row in KERNELS.values():
    for _function in _row.functions:
        # Where users find it, and where pickles look for it.
        _function.__module__ = "gilfree"
