"""The periods of sunspots, which were counted in each year since 1700, and of many stars' worth of made-up nights."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# Observations, and evenly spaced frequencies up to the largest; "tiny" is a real series where statsmodels is installed.
SIZES = {
    "tiny": (309, 400, 0.4),
    "small": (30, 40, 1.0),
    "medium": (3_000, 100_000, 50.0),
    "large": (30_000, 2_000_000, 100.0),
    "endless": (60_000, 3_000_000, 100.0),
}
YEARS = 10.0
CYCLE = 1 / 10.9  # of sunspots


def make(size: str) -> Call:
    """Return times, values and frequencies."""
    count, frequencies, largest = SIZES[size]
    if size == "tiny":
        times, values = sunspots(count)
    else:
        times, values = nights(count)
    grid = np.arange(1, frequencies + 1) * (largest / frequencies)
    if size == "endless":
        # At uneven frequencies, which there is no fast way for.
        grid += np.random.default_rng(21).uniform(0, largest / frequencies, frequencies)
    return Call((times, values, grid))


def sunspots(count: int) -> tuple[Any, Any]:
    """Return the yearly numbers of statsmodels, or a noisy cycle like theirs."""
    try:
        from statsmodels.datasets import sunspots as dataset  # noqa: PLC0415 - an optional source
    except ImportError:
        years = np.arange(1700.0, 1700.0 + count)
        noise = np.random.default_rng(20).normal(0, 15, count)
        return years, 50 * (1 + np.sin(2 * np.pi * CYCLE * years)) + noise
    data = dataset.load_pandas().data
    return data["YEAR"].to_numpy(np.float64)[:count], data["SUNACTIVITY"].to_numpy(np.float64)[:count]


def nights(count: int) -> tuple[Any, Any]:
    """Return the brightness of a variable star on nights that were clear, within ten years."""
    rng = np.random.default_rng(20)
    days = np.floor(np.sort(rng.uniform(0, 365.25 * YEARS, count)))
    times = days + rng.uniform(-0.2, 0.2, count)
    return times, 12 + 0.3 * np.sin(2 * np.pi * 0.613 * times) + rng.normal(0, 0.2, count)


def split(call: Call, count: int) -> list[Call]:
    """Cut the frequencies."""
    times, values, frequencies = call.args
    return [Call((times, values, part)) for part in np.array_split(frequencies, min(count, frequencies.size))]


def units(call: Call) -> int:
    """Return the number of frequencies."""
    return int(call.args[2].size)


def effort(call: Call) -> Effort:
    """Return the floating-point operations of the sums, if each were computed as it stands."""
    times, _, frequencies = call.args
    counted = "a rotation and six sums, 18 for each time and frequency; a Fourier transform takes far fewer"
    return Effort("fused64", 18.0 * times.size * frequencies.size, counted)


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether all powers are equal to nine digits."""
    return np.shape(ours) == np.shape(theirs) and np.allclose(theirs, ours, rtol=0, atol=1e-9)


def even(frequencies: Any) -> tuple[float, float, int]:  # noqa: ANN401
    """Return the first of evenly spaced frequencies, the spacing and their number."""
    return float(frequencies[0]), float(frequencies[-1] - frequencies[0]) / (frequencies.size - 1), frequencies.size


def astropy_peer(call: Call) -> Callable[[], Any]:
    """Run the compiled loop over all times."""
    from astropy.timeseries import LombScargle  # noqa: PLC0415 - an optional peer

    times, values, frequencies = call.args
    return lambda: LombScargle(times, values).power(frequencies, method="cython", normalization="standard")


def astropy_fast_peer(call: Call) -> Callable[[], Any]:
    """By fast Fourier transforms, of smeared times."""
    from astropy.timeseries import LombScargle  # noqa: PLC0415 - an optional peer

    times, values, frequencies = call.args
    return lambda: LombScargle(times, values).power(
        frequencies, method="fast", assume_regular_frequency=True, normalization="standard"
    )


def nifty_ls_peer(call: Call) -> Callable[[], Any]:
    """By nonuniform fast Fourier transforms, on one thread; as accurate as is asked for, which by default it is not."""
    import nifty_ls  # noqa: PLC0415 - an optional peer

    times, values, frequencies = call.args
    first, spacing, count = even(frequencies)
    last = first + spacing * (count - 1)
    accuracy = {"eps": 1e-10, "upsampfac": 2.0}
    return lambda: (
        nifty_ls.lombscargle(
            times, values, fmin=first, fmax=last, Nf=count, nthreads=1, backend="finufft", finufft_kwargs=accuracy
        ).power
    )


def scipy_peer(call: Call) -> Callable[[], Any]:
    """SciPy's array operations, one frequency after the other."""
    from scipy.signal import lombscargle  # noqa: PLC0415 - an optional peer

    times, values, frequencies = call.args
    return lambda: lombscargle(times, values, 2 * np.pi * frequencies, floating_mean=True, normalize=True)


PROBLEM = Problem(
    kernel="lomb_scargle",
    source=(
        "tiny: yearly numbers of sunspots (public domain, in statsmodels) where that is installed, else a generated "
        "cycle; all others: a generated star, the same everywhere"
    ),
    unit="frequencies",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("astropy, exact", "astropy", astropy_peer),
        Peer("astropy, fast", "astropy", astropy_fast_peer),
        Peer("nifty-ls", "nifty-ls", nifty_ls_peer),
        Peer("scipy.signal.lombscargle", "scipy", scipy_peer),
    ),
)
