"""Gravitational accelerations: every body is pulled by every other, by direct summation."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gilfree._kernels import finite_float
from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "nbody_accelerations", "nbody_accelerations_pure"]

AXES = 3

# Measured, in seconds: for each body, and for each pair by the bytes of a number.
BODY = 8e-9
PAIR = {4: 0.3e-9, 8: 0.9e-9}


def nbody_accelerations(
    positions: "ArrayLike",
    masses: "ArrayLike",
    *,
    softening: float = 0.0,
    gravitational_constant: float = 1.0,
    out: "NDArray[np.floating[Any]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.floating[Any]]":
    """Compute the acceleration of each of n bodies by the gravity of all the others.

    With positions x, masses m, the gravitational constant G and the softening length ε, body i is accelerated by
    ``G Σ_(j≠i) m_j (x_j − x_i) / (|x_j − x_i|² + ε²)^(3/2)``.

    Parameters
    ----------
    positions : array_like
        Shape (n, 3), finite. float32 and float64 are used as they are; other real numbers become float64.
    masses : array_like
        Shape (n,), finite; they may be 0 or negative. If one of the two arrays is float32 and the other is not, both
        become float64.
    softening : float
        The softening length ε, 0 or more, in the unit of the positions.
    gravitational_constant : float
        The constant G. The unit of the result follows from its own: metres, kilograms and 6.6743e-11 give m/s².
    out : ndarray, optional
        Where to write the accelerations: shape (n, 3), of the inputs' dtype.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        Accelerations, shape (n, 3), of the inputs' common dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape or not finite, or two bodies are in one place and ``softening`` is 0.
        That, and numbers in the arrays that are not finite, are found during the computation; ``out`` may then hold
        part of a result.

    Notes
    -----
    Takes time in proportion to n², and memory in proportion to n for each worker. For float64, the error is less than
    1e-13 of the sum of the terms' sizes, whatever n; so it is in proportion to the result except where pulls cancel
    out. float32 is added up in float32, with an error of some 1e-6. Differences and distances may be of any size: terms
    that leave the range of the dtype on the way are added up by a slower formula. Only an acceleration that is itself
    out of range is infinite or NaN. Coordinates less than 2**-1022 (float32: 2**-126) times the largest lose digits.
    Bodies are cut among the workers.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] S. J. Aarseth, "Gravitational N-Body Simulations", Cambridge University Press 2003: softening.
    .. [2] W. Kahan, "Further remarks on reducing truncation errors", Communications of the ACM 8 (1965) 40: the sums.

    Examples
    --------
    Two bodies at a distance of 2; the second has four times the mass of the first:

    >>> import gilfree
    >>> gilfree.nbody_accelerations([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]], [1.0, 4.0])
    array([[ 1.  ,  0.  ,  0.  ],
           [-0.25,  0.  ,  0.  ]])
    """
    at, weights = _arrays.float_arrays(0, ("positions", positions, 2), ("masses", masses, 1))
    bodies = len(at)
    if at.shape[1] != AXES:
        raise ValueError(f"positions: wanted shape (n, 3), got {at.shape}")
    if len(weights) != bodies:
        raise ValueError(f"masses: wanted one for each of {bodies} positions, got {len(weights)}")
    length = finite_float("softening", softening, 0)
    constant = finite_float("gravitational_constant", gravitational_constant)
    accelerations: NDArray[Any] = _arrays.compute(
        Bodies,
        (range(bodies), at, weights, length, constant),
        bodies,
        1e-6 + bodies * BODY + bodies * bodies * PAIR[at.itemsize],
        (("accelerations", (bodies, AXES), at.dtype),),
        out,
        workers,
        release_gil,
    )
    return accelerations


class Bodies(Work):
    """Bodies, each of which all others pull at."""

    __slots__ = ()
    core = "nbody_accelerations"

    @property
    def chunk_seconds(self) -> float:
        """What it takes to rearrange all bodies."""
        return len(self.inputs[1]) * BODY


def nbody_accelerations_pure(
    positions: Sequence[Sequence[float]],
    masses: Sequence[float],
    *,
    softening: float = 0.0,
    gravitational_constant: float = 1.0,
) -> list[list[float]]:
    """`nbody_accelerations` in pure Python: the accelerations as a list of rows."""
    bodies = [([float(x) for x in position], float(mass)) for position, mass in zip(positions, masses, strict=True)]
    return [
        [
            gravitational_constant * math.fsum(axis)
            for axis in zip(
                *(
                    pull_of(there, mass, here, softening)
                    for other, (there, mass) in enumerate(bodies)
                    if other != number
                ),
                strict=True,
            )
        ]
        or [0.0] * AXES
        for number, (here, _) in enumerate(bodies)
    ]


def pull_of(there: Sequence[float], mass: float, here: Sequence[float], softening: float) -> list[float]:
    """Return m d / (|d|² + ε²)^(3/2)."""
    differences = [a - b for a, b in zip(there, here, strict=True)]
    distance = math.hypot(*differences, softening)
    if distance == 0:
        raise ValueError("positions: wanted distinct ones where softening is 0, got two bodies in one place")
    return [mass * (difference / distance) / distance / distance for difference in differences]


KERNEL = Kernel(
    name="nbody_accelerations",
    dwarf="n-body methods",
    functions=(nbody_accelerations,),
    twins=(nbody_accelerations_pure,),
)
