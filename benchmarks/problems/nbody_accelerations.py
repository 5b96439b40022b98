"""A star cluster: a sphere of stars, distributed as Plummer (1911) found it in globular clusters."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# Multiples of 24: see `split`.
STARS = {"tiny": 144, "small": 48, "medium": 9_600, "large": 33_600, "endless": 600_000}


def make(size: str) -> Call:
    """Return a cluster of so many stars."""
    return Call(plummer(STARS[size], 0))


def plummer(count: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return positions and masses of a Plummer sphere of scale 1 and mass 1.

    A sphere of radius r holds the share (1 + r⁻²)^(−3/2) of the mass (Aarseth, Hénon and Wielen 1974).
    """
    random = np.random.Generator(np.random.Philox(seed))
    radius = (random.uniform(1e-6, 0.999, count) ** (-2 / 3) - 1) ** -0.5
    directions = random.standard_normal((count, 3))
    directions *= (radius / np.sqrt((directions**2).sum(axis=1)))[:, None]
    return directions, np.full(count, 1 / count)


def split(call: Call, count: int) -> list[Call]:
    """Return smaller clusters with as many pairs of stars together as this one: a square number of clusters.

    Parts of one cluster would be fewer pairs, because stars of different parts do not meet.
    """
    stars = len(call.args[1])
    side = max(side for side in (1, 2, 3, 4, 6, 8, 12, 24) if side == 1 or (side * side <= count and not stars % side))
    return [call] if side == 1 else [Call(plummer(stars // side, piece)) for piece in range(side * side)]


def units(call: Call) -> int:
    """Return the number of pairs, each way counted."""
    return int(len(call.args[1]) ** 2)


def effort(call: Call) -> Effort:
    """Return the number of reciprocal square roots."""
    return Effort("roots", float(units(call)), "one for each pair")


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether the accelerations are equal to some twelve digits of the size of each."""
    theirs = np.asarray(theirs)
    if theirs.shape != ours.shape:
        return False
    return bool((np.linalg.norm(ours - theirs, axis=1) <= 1e-11 * np.linalg.norm(ours, axis=1)).all())


def numba_peer(call: Call) -> Callable[[], Any]:
    """Compile the loop that everybody writes; fastmath lets the compiler add up in vectors."""
    import numba  # noqa: PLC0415 - an optional peer

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator]
    def accelerate(x: Any, y: Any, z: Any, mass: Any, out: Any) -> None:  # noqa: ANN401
        for i in range(len(mass)):
            ax = ay = az = 0.0
            for begin, end in ((0, i), (i + 1, len(mass))):
                for j in range(begin, end):
                    dx, dy, dz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
                    square = dx * dx + dy * dy + dz * dz
                    strength = mass[j] / (square * math.sqrt(square))
                    ax += dx * strength
                    ay += dy * strength
                    az += dz * strength
            out[i] = ax, ay, az

    positions, mass = call.args
    x, y, z = np.ascontiguousarray(positions.T)
    out = np.empty_like(positions)
    accelerate(x[:2], y[:2], z[:2], mass[:2], out)

    def run() -> Any:  # noqa: ANN401
        accelerate(x, y, z, mass, out)
        return out

    return run


def numpy_peer(call: Call) -> Callable[[], Any]:
    """All pairs at once, in blocks that fit the caches."""
    positions, mass = call.args
    block = max(1, 100_000 // len(mass))

    def pulls(some: Any) -> Any:  # noqa: ANN401
        differences = positions[None, :, :] - some[:, None, :]
        squares = np.einsum("ijk,ijk->ij", differences, differences)
        squares[squares == 0] = np.inf  # a star and itself
        return np.einsum("ij,ijk->ik", mass / (squares * np.sqrt(squares)), differences)

    return lambda: np.concatenate([pulls(positions[i : i + block]) for i in range(0, len(mass), block)])


def pytreegrav_peer(call: Call) -> Callable[[], Any]:
    """Add up directly, not by pytreegrav's tree, which is faster for many bodies and approximate."""
    from pytreegrav import Accel  # noqa: PLC0415 - an optional peer

    positions, mass = call.args
    Accel(positions[:2], mass[:2], method="bruteforce", parallel=False)
    return lambda: Accel(positions, mass, method="bruteforce", parallel=False)


PROBLEM = Problem(
    kernel="nbody_accelerations",
    source="a Plummer sphere, made by NumPy from a fixed seed",
    unit="pairs",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("numba, fastmath", "numba", numba_peer),
        Peer("NumPy", "numpy", numpy_peer),
        Peer("pytreegrav, direct", "pytreegrav", pytreegrav_peer),
    ),
)
