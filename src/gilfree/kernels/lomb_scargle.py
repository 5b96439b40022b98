"""The Lomb-Scargle periodogram: which frequencies are in a series that was sampled at uneven times."""

import cmath
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "lomb_scargle", "lomb_scargle_pure"]

# As in the core.
LEAST_BLOCK, LARGEST_BLOCK, LEAST_TIMES = 256, 65_536, 16
SINGULAR = 1e-11


def lomb_scargle(
    times: "ArrayLike",
    values: "ArrayLike",
    frequencies: "ArrayLike",
    *,
    errors: "ArrayLike | None" = None,
    fit_mean: bool = True,
    out: "NDArray[np.float64] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.float64]":
    """Compute the generalised Lomb-Scargle periodogram of a series sampled at any times.

    The power at a frequency is the part of the weighted sum of squares around the mean that a sinusoid of this
    frequency explains, from 0 to 1: the "standard" normalisation.

    Parameters
    ----------
    times : array_like
        When the series was sampled, in any order; shape (n,), at least one.
    values : array_like
        What was found, shape (n,); or that of b series at the same times, shape (b, n).
    frequencies : array_like
        In periods per unit of time (not radians), shape (f,). Some hundred or more that are evenly spaced, as
        `numpy.linspace` makes them, are far faster than others.
    errors : array_like, optional
        Standard errors of the values, shape (n,), above 0. A value's weight is 1/error²; by default all are alike.
    fit_mean : bool
        Whether to fit a constant with each sinusoid (Zechmeister and Kürster's generalisation) and not only to subtract
        the weighted mean once.
    out : ndarray, optional
        Where to write the power: of its shape, float64.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        Power, shape (f,) or (b, f), float64. 0 where all values are equal, and at frequency 0.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape, is not finite, or an error is not above 0; or there are 1e15 periods
        or more between two times. Numbers are checked during the computation; ``out`` may then hold part of a result.

    Notes
    -----
    Takes O(n·f) sines and cosines [1]_, and for evenly spaced frequencies O(f·(log f + n/m)) steps with m up to 65,536,
    by fast Fourier transforms of smeared times [2]_, one for each m frequencies. Both give the same to some 10 digits.
    They need memory in proportion to (b + 10)·n, and m. Frequencies are cut among the workers; the result is bit for
    bit the same for any number of them.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] M. Zechmeister and M. Kürster, "The generalised Lomb-Scargle periodogram", Astronomy & Astrophysics 496
       (2009) 577-584.
    .. [2] L. Greengard and J.-Y. Lee, "Accelerating the nonuniform fast Fourier transform", SIAM Review 46 (2004)
       443-454.

    Examples
    --------
    >>> import gilfree
    >>> import numpy as np
    >>> times = np.random.default_rng(1).uniform(0, 50, 80)
    >>> values = 5 + np.sin(2 * np.pi * 0.3 * times)
    >>> frequencies = np.linspace(0.01, 1, 1000)
    >>> power = gilfree.lomb_scargle(times, values, frequencies)
    >>> round(float(frequencies[power.argmax()]), 2)
    0.3
    """
    y = values if type(values) is np.ndarray else np.asarray(values)
    ndim = y.ndim
    if ndim not in (1, 2):
        raise ValueError(f"values: wanted 1 or 2 dimensions, got {ndim} (shape {y.shape})")
    t, y, f = _arrays.float_arrays(8, ("times", times, 1), ("values", y, ndim), ("frequencies", frequencies, 1))
    n, count = t.size, f.size
    if not n:
        raise ValueError("times: wanted at least one, got none")
    if y.shape[-1] != n:
        raise ValueError(f"values: wanted a number for each of {n} times, got shape {y.shape}")
    e = None if errors is None else _arrays.float_array("errors", errors, 1, 8)
    if e is not None and e.size != n:
        raise ValueError(f"errors: wanted a number for each of {n} times, got {e.size}")

    double, series = _arrays.FLOAT64, 1 if ndim == 1 else y.shape[0]
    inputs = range(count), t, y, f, e, bool(fit_mean)
    seconds = _seconds(n, series, count, _block(n, f))
    power: NDArray[np.float64]
    if ndim == 1:
        power = _arrays.compute(
            Frequencies, inputs, count, seconds, (("power", (count,), double),), out, workers, release_gil
        )
        return power

    given = None
    if out is not None:
        given = _arrays.outputs(
            out, (("power", (series, count), double),), [value for value in (t, y, f, e) if value is not None]
        )
    # Blocks of rows are what is cut, and so a row holds all series at one frequency.
    power = _arrays.compute(
        Frequencies,
        inputs,
        count,
        seconds,
        (("power", (count, series), double),),
        None if given is None else np.empty((count, series)),
        workers,
        release_gil,
    )
    if given is None:
        return np.ascontiguousarray(power.T)
    given[0][...] = power.T
    _arrays.finish(out, given)
    return out  # type: ignore[return-value]


class Frequencies(Work):
    """Frequencies, for each of several series."""

    __slots__ = ()
    core = "lomb_scargle"

    @property
    def each(self) -> int:
        """The series."""
        values = self.inputs[2]
        return 1 if values.ndim == 1 else len(values)

    @property
    def block(self) -> int:
        """How many frequencies share what is prepared for them; 0: each is computed by itself."""
        return _block(self.inputs[1].size, self.inputs[3])

    @property
    def chunk_seconds(self) -> float:
        """What it takes to prepare the series."""
        times, block = len(self.inputs[1]), self.block
        return times * (20e-9 + 5e-9 * self.each) + (12e-9 * (times + block) if block else 0.0)

    @property
    def before(self) -> Callable[[int], float] | None:
        """Whole blocks of frequencies."""
        block, rows = self.block, self.rows
        return (lambda row: row if row == rows else row // block * block) if block else None


def lomb_scargle_pure(
    times: Sequence[float],
    values: Sequence[Any],
    frequencies: Sequence[float],
    *,
    errors: Sequence[float] | None = None,
    fit_mean: bool = True,
) -> list[Any]:
    """`lomb_scargle` in pure Python: a list of powers, or one for each series."""
    if len(values) and hasattr(values[0], "__len__"):
        return [lomb_scargle_pure(times, series, frequencies, errors=errors, fit_mean=fit_mean) for series in values]
    weights = [1.0 if errors is None else float(errors[i]) ** -2 for i in range(len(times))]
    total = math.fsum(weights)
    weights = [weight / total for weight in weights]
    mean = math.fsum(w * float(y) for w, y in zip(weights, values, strict=True))
    centred = [float(y) - mean for y in values]
    middle = (float(min(times)) + float(max(times))) / 2
    samples = [(float(t) - middle, w, w * y) for t, w, y in zip(times, weights, centred, strict=True)]
    squares = math.fsum(w * y * y for w, y in zip(weights, centred, strict=True))
    if min(values) == max(values):
        squares = 0.0
    return [explained(samples, squares, float(frequency), fit_mean=fit_mean) for frequency in frequencies]


def explained(samples: list[tuple[float, float, float]], squares: float, frequency: float, *, fit_mean: bool) -> float:
    """Return the share of the squares that a sinusoid explains, given each (time, weight, weight times value)."""
    waves = [(cmath.exp(2j * math.pi * math.fmod(frequency * t, 1.0)), w, wy) for t, w, wy in samples]
    c, s = math.fsum(w * z.real for z, w, _ in waves), math.fsum(w * z.imag for z, w, _ in waves)
    yc, ys = math.fsum(wy * z.real for z, _, wy in waves), math.fsum(wy * z.imag for z, _, wy in waves)
    if not fit_mean:
        c = s = 0.0
    # The normal equations of the fit, for a cosine and a sine from their means.
    cc = math.fsum(w * z.real * z.real for z, w, _ in waves) - c * c
    ss = math.fsum(w * z.imag * z.imag for z, w, _ in waves) - s * s
    cs = math.fsum(w * z.real * z.imag for z, w, _ in waves) - c * s
    larger = (cc + ss) / 2 + math.hypot((cc - ss) / 2, cs)
    if squares == 0 or larger <= SINGULAR:
        return 0.0  # nothing to explain, or nothing to do so
    determinant = cc * ss - cs * cs
    if determinant > SINGULAR * larger * larger:
        return (ss * yc * yc + cc * ys * ys - 2 * cs * yc * ys) / (determinant * squares)
    # At these times the two are multiples of each other, so one will do.
    return (cc * yc * yc + ss * ys * ys + 2 * cs * yc * ys) / (larger * larger * squares)


def _block(n: int, frequencies: "NDArray[np.float64]") -> int:
    """Return how many frequencies the core will transform at once, as far as one can tell without looking at all."""
    count = frequencies.size
    if count < LEAST_BLOCK or n < LEAST_TIMES:
        return 0
    first, last = float(frequencies[0]), float(frequencies[-1])
    spacing = (last - first) / (count - 1)
    near = 1e-15 * max(abs(first), abs(last))
    if not all(abs(float(frequencies[i]) - (first + i * spacing)) <= near for i in range(0, count, count // 8)):
        return 0
    block = LEAST_BLOCK
    while block < LARGEST_BLOCK and block < count and (block < 4096 or block < n):  # noqa: PLR2004
        block *= 2
    return block


def _seconds(n: int, series: int, count: int, block: int) -> float:
    """Return about how long the periodogram takes."""
    if not block:
        return 5e-6 + n * count * (3e-9 + 0.5e-9 * series)
    transforms = -(-count // block) * (2 + series)
    return 20e-6 + n * 40e-9 + transforms * (n * 15e-9 + block * 15e-9)


KERNEL = Kernel(
    name="lomb_scargle",
    dwarf="spectral methods",
    functions=(lomb_scargle,),
    twins=(lomb_scargle_pure,),
)
