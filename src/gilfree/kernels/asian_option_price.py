"""The price of an Asian option, by simulation: what a payoff by an average price is worth today."""

import math
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Literal, TypeAlias

from gilfree._kernels import numbers
from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays
from gilfree.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Means: TypeAlias = tuple[Sequence[float], float]

Kind: TypeAlias = Literal["call", "put"]

__all__ = ["KERNEL", "asian_option_price", "asian_option_price_pure", "geometric_price"]

BLOCK = 1024  # paths, as in the core
MOMENTS = 5  # likewise
MAX_STEPS = 2**53
MAX_PATHS = 2**53
LARGEST_SEED = 2**64 - 1
# Name and type; the least and the largest of an int, the least of a float and what it has to be greater than.
NUMBERS = (
    ("spot", float, -math.inf, 0.0),
    ("strike", float, 0.0, -math.inf),
    ("rate", float, -math.inf, -math.inf),
    ("volatility", float, 0.0, -math.inf),
    ("maturity", float, -math.inf, 0.0),
    ("steps", int, 1, MAX_STEPS),
    ("paths", int, 2, MAX_PATHS),
    ("seed", int, 0, LARGEST_SEED),
)
LARGEST_EXPONENT = 700  # of e
LARGEST_NORMAL = 8.58  # above any that a simulation draws

# Measured, in seconds: of each path's steps, and of a block of paths.
STEP = 2.7e-9
BLOCK_SECONDS = 4e-6


def asian_option_price(
    spot: float,
    strike: float,
    rate: float,
    volatility: float,
    maturity: float,
    *,
    steps: int = 252,
    paths: int = 100_000,
    seed: int = 0,
    kind: Kind = "call",
    control_variate: bool = False,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> tuple[float, float]:
    """Price an Asian option on the arithmetic average of an asset's price, by simulation.

    The option pays at maturity what the average price exceeds the strike by (a call) or falls short of it (a put). The
    average is over ``steps`` equally spaced dates, the first of which is one step after today and the last at maturity.
    The asset's price follows a geometric Brownian motion, without dividends.

    Parameters
    ----------
    spot : float
        Price of the asset today, above 0.
    strike : float
        The strike, 0 or more.
    rate : float
        Riskless interest rate, continuously compounded, per year (0.05 is 5 %); it may be negative.
    volatility : float
        Standard deviation of the logarithm of the price, per square root of a year; 0 or more.
    maturity : float
        Years until the option pays, above 0.
    steps : int
        How many dates are averaged, 1 or more. With 1, the option is a European one.
    paths : int
        How many paths to simulate, 2 or more.
    seed : int
        Which paths these are, from 0 to 2**64 − 1. With another seed, all are independent of those with this one. The
        first of many paths are those of few.
    kind : {"call", "put"}
        What the option is.
    control_variate : bool
        Whether to use that the price by the geometric average is known exactly [3]_: the simulation's error there tells
        of its error here. This makes the standard error many times smaller, for the same paths.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    price : float
        The mean of the discounted payoffs.
    standard_error : float
        Its standard error, estimated from the same payoffs: the price is within two of them in 19 cases out of 20.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or out of range, or rate and volatility are so large that prices leave the
        range of float64. Nothing was computed.

    Notes
    -----
    Takes time in proportion to ``paths`` times ``steps``. Random numbers come from Philox4x32-10 [1]_, keyed by the
    seed, the path and the step, and are made normal by Box and Muller's transform [2]_ of 52-bit numbers. So the result
    depends on the arguments alone: it is bit for bit the same for any number of workers and any instruction set. Paths
    are cut among the workers in blocks of 1024. Prices are exact on the dates, whatever the length of a step.

    Thread safety: safe on shared objects; arguments are numbers, and calls share nothing.

    References
    ----------
    .. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
    .. [2] G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", Annals of Mathematical
       Statistics 29 (1958) 610-611.
    .. [3] A. G. Z. Kemna, A. C. F. Vorst, "A pricing method for options based on average asset values", Journal of
       Banking and Finance 14 (1990) 113-129.

    Examples
    --------
    >>> import gilfree
    >>> price, error = gilfree.asian_option_price(100, 100, 0.05, 0.2, 1.0, paths=10_000)
    >>> round(price, 2), round(error, 2)
    (5.75, 0.08)
    >>> price, error = gilfree.asian_option_price(100, 100, 0.05, 0.2, 1.0, paths=10_000, control_variate=True)
    >>> round(price, 2), round(error, 4)
    (5.78, 0.0022)
    """
    spot, strike, rate, volatility, maturity, steps, paths, seed = numbers(
        NUMBERS, spot, strike, rate, volatility, maturity, steps, paths, seed
    )
    if kind not in ("call", "put"):
        raise ValueError(f'kind: wanted "call" or "put", got {kind!r}')
    drift, deviation = logarithmic_step(rate, volatility, maturity, steps)
    largest = abs(drift) + LARGEST_NORMAL * deviation
    if not (largest <= LARGEST_EXPONENT and abs(rate) * maturity <= LARGEST_EXPONENT):
        raise ValueError(
            f"rate, volatility: wanted prices in the range of float64, got {rate!r} and {volatility!r} for "
            f"{maturity!r} years in {steps} step(s)"
        )

    blocks = -(-paths // BLOCK)
    control_variate = bool(control_variate)
    moments = _arrays.compute(
        Blocks,
        (range(blocks), spot, strike, drift, deviation, steps, paths, seed, kind == "call", control_variate),
        blocks,
        paths * (steps + 1.0) * STEP + blocks * BLOCK_SECONDS,
        (("moments", (blocks, MOMENTS), _arrays.FLOAT64),),
        None,
        workers,
        release_gil,
    )
    exact = None
    if control_variate:
        exact = geometric_price(spot, strike, drift, deviation, steps=steps, kind=kind)
    # Of a small call there is one block, and nothing to join.
    joined = moments.tolist()[0] if blocks == 1 else _joined(_counts(paths), moments.tolist())
    price, error = estimated(paths, joined, exact)
    discount = math.exp(-rate * maturity)
    return discount * price, discount * error


class Blocks(Work):
    """Blocks of paths."""

    __slots__ = ()
    core = "asian_option_price"

    @property
    def each(self) -> int:
        """The paths of a block, though the last may have fewer."""
        return BLOCK


def asian_option_price_pure(
    spot: float,
    strike: float,
    rate: float,
    volatility: float,
    maturity: float,
    *,
    steps: int = 252,
    paths: int = 100_000,
    seed: int = 0,
    kind: Kind = "call",
    control_variate: bool = False,
) -> tuple[float, float]:
    """`asian_option_price` in pure Python: the same paths, and the same numbers but for rounding."""
    drift, deviation = logarithmic_step(rate, volatility, maturity, steps)
    sign = 1.0 if kind == "call" else -1.0
    payoffs, controls = [], []
    for path in range(paths):
        changes = [drift + deviation * normal for normal in normals(seed, path, steps)]
        logarithms = list(accumulate(changes))
        average = math.fsum(spot * math.exp(logarithm) for logarithm in logarithms) / steps
        geometric = spot * math.exp(math.fsum(logarithms) / steps)
        payoffs.append(max(sign * (average - strike), 0.0))
        controls.append(max(sign * (geometric - strike), 0.0))
    mean, control = math.fsum(payoffs) / paths, math.fsum(controls) / paths
    moments = [
        mean,
        math.fsum((payoff - mean) ** 2 for payoff in payoffs),
        control,
        math.fsum((payoff - control) ** 2 for payoff in controls),
        math.fsum((one - mean) * (other - control) for one, other in zip(payoffs, controls, strict=True)),
    ]
    exact = geometric_price(spot, strike, drift, deviation, steps=steps, kind=kind) if control_variate else None
    price, error = estimated(paths, moments, exact)
    discount = math.exp(-rate * maturity)
    return discount * price, discount * error


def normals(seed: int, path: int, steps: int) -> "Iterator[float]":
    """Yield a path's normal numbers: two for every block of random bits (Box and Muller 1958)."""
    for step in range(0, steps, 2):
        pair = step // 2
        counter = path & 0xFFFFFFFF, path >> 32, pair & 0xFFFFFFFF, pair >> 32
        words = philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))
        first, second = words[0] | words[1] << 32, words[2] | words[3] << 32
        radius = math.sqrt(-2 * math.log(((first >> 12) + 0.5) / 2**52))
        if second & 1:
            radius = -radius
        angle = math.pi * ((second >> 12) / 2**52 - 0.5)
        yield radius * math.cos(angle)
        if step + 1 < steps:
            yield radius * math.sin(angle)


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int], rounds: int = 10) -> tuple[int, int, int, int]:
    """Return 128 random bits for this counter under this key, as four words (Salmon et al. 2011)."""
    (a, b, c, d), (low, high) = counter, key
    for _ in range(rounds):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b = (right >> 32) ^ b ^ low, right & 0xFFFFFFFF
        c, d = (left >> 32) ^ d ^ high, left & 0xFFFFFFFF
        low, high = (low + 0x9E3779B9) & 0xFFFFFFFF, (high + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def logarithmic_step(rate: float, volatility: float, maturity: float, steps: int) -> tuple[float, float]:
    """Return mean and standard deviation of what the price's logarithm changes by from date to date."""
    length = maturity / steps
    return (rate - volatility * volatility / 2) * length, volatility * math.sqrt(length)


def geometric_price(spot: float, strike: float, drift: float, deviation: float, *, steps: int, kind: Kind) -> float:
    """Return what the option on the geometric average pays on average.

    The average's logarithm is normal, so this is Black and Scholes' formula with another mean and variance (Kemna and
    Vorst 1990). ``drift`` and ``deviation`` are those of a `logarithmic_step`.
    """
    mean = math.log(spot) + drift * (steps + 1) / 2
    width = deviation * math.sqrt((steps + 1) * (2 * steps + 1) / (6 * steps))
    forward = math.exp(mean + width * width / 2)
    if strike == 0 or width == 0:
        gain = forward - strike if kind == "call" else strike - forward
        return max(gain, 0.0)
    sign = 1.0 if kind == "call" else -1.0
    d2 = (mean - math.log(strike)) / width
    return sign * (forward * normal_share(sign * (d2 + width)) - strike * normal_share(sign * d2))


def normal_share(x: float) -> float:
    """Return the probability that a standard normal number is at most x."""
    return math.erfc(-x / math.sqrt(2)) / 2


def estimated(paths: int, moments: "Sequence[float]", exact: float | None) -> tuple[float, float]:
    """Return mean and standard error of the payoffs, from the `MOMENTS` of so many.

    Given the ``exact`` mean of the controls, what is known of their error is taken off that of the payoffs.
    """
    mean, square, control, control_square, product = moments
    if exact is None:
        return mean, math.sqrt(square / (paths - 1) / paths)
    slope = product / control_square if control_square > 0 else 0.0
    rest = max(square - slope * product, 0.0)
    return mean - slope * (control - exact), math.sqrt(rest / max(paths - 2, 1) / paths)


def _counts(paths: int) -> list[int]:
    """Return how many paths each block has."""
    blocks = -(-paths // BLOCK)
    return [BLOCK] * (blocks - 1) + [paths - BLOCK * (blocks - 1)]


def _joined(counts: "Sequence[int]", moments: "Sequence[Sequence[float]]") -> "Sequence[float]":
    """Return the moments of all blocks together.

    Sums are exact (`math.fsum`), so the order of the blocks is of no consequence.
    """
    means, squares, control_means, control_squares, products = zip(*moments, strict=True)
    mean, control = _mean(counts, means), _mean(counts, control_means)
    return (
        mean,
        _spread(counts, squares, (means, mean), (means, mean)),
        control,
        _spread(counts, control_squares, (control_means, control), (control_means, control)),
        _spread(counts, products, (means, mean), (control_means, control)),
    )


def _mean(counts: "Sequence[int]", means: "Sequence[float]") -> float:
    return math.fsum(map(mul, counts, means)) / sum(counts)


def _spread(counts: "Sequence[int]", within: "Sequence[float]", a: "Means", b: "Means") -> float:
    """Return the sum of products of deviations: those within blocks, and those of the blocks' means."""
    (means, mean), (others, other_mean) = a, b
    between = [
        count * (one - mean) * (other - other_mean) for count, one, other in zip(counts, means, others, strict=True)
    ]
    return math.fsum((*within, *between))


KERNEL = Kernel(
    name="asian_option_price",
    dwarf="mapreduce (Monte Carlo)",
    functions=(asian_option_price,),
    twins=(asian_option_price_pure,),
)
