"""An Asian option at the money, with a year to run and a date every day of trading, as textbooks have it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

OPTION = (100.0, 100.0, 0.05, 0.2, 1.0)  # spot, strike, rate, volatility, maturity
DAYS = 252
# Paths and steps; "small" is an option with a date a month that is priced roughly.
SIZES = {
    "tiny": (32, 252),
    "small": (128, 12),
    "medium": (100_000, DAYS),
    "large": (1_500_000, DAYS),
    "endless": (200_000_000, DAYS),
}
ENOUGH = 4.5  # standard errors: two right prices are further apart once in a hundred thousand times


def make(size: str) -> Call:
    """Return the option, with so many paths."""
    paths, steps = SIZES[size]
    return Call(OPTION, {"paths": paths, "steps": steps})


def split(call: Call, count: int) -> list[Call]:
    """Cut the paths into simulations of fewer, each with a seed of its own."""
    paths = call.kwargs["paths"]
    count = min(count, paths // 2)
    bounds = [paths * index // count for index in range(count + 1)]
    return [
        Call(call.args, {**call.kwargs, "paths": bounds[piece + 1] - bounds[piece], "seed": piece})
        for piece in range(count)
    ]


def units(call: Call) -> int:
    """Return the number of steps of all paths."""
    return int(call.kwargs["paths"] * call.kwargs["steps"])


def effort(call: Call) -> Effort:
    """Return the number of elementary functions."""
    return Effort(
        "exponentials", 2.0 * units(call), "two for each step: one to draw a normal number, and an exponential"
    )


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether the prices differ no more than two simulations do, and are as uncertain.

    Peers draw other numbers, so nothing closer can be asked of them.
    """
    (price, error), (other, uncertainty) = map(np.asarray, ours), map(np.asarray, theirs)
    return bool(abs(price - other) <= ENOUGH * math.hypot(error, uncertainty) and abs(error - uncertainty) <= error / 4)


def numba_peer(call: Call) -> Callable[[], Any]:
    """Compile the loop that everybody writes."""
    import numba  # noqa: PLC0415 - an optional peer

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator]
    def simulate(start: float, strike: float, step: tuple[float, float], steps: int, paths: int) -> Any:  # noqa: ANN401
        drift, deviation = step
        np.random.seed(0)  # noqa: NPY002 - numba's own generator
        total = squares = 0.0
        for _ in range(paths):
            price, prices = start, 0.0
            for _ in range(steps):
                price *= math.exp(drift + deviation * np.random.standard_normal())  # noqa: NPY002
                prices += price
            payoff = max(prices / steps - strike, 0.0)
            total += payoff
            squares += payoff * payoff
        return total, squares

    spot, strike, drift, deviation, discount = prepared(call)
    steps, paths = call.kwargs["steps"], call.kwargs["paths"]
    simulate(spot, strike, (drift, deviation), 1, 1)

    def run() -> tuple[float, float]:
        total, squares = simulate(spot, strike, (drift, deviation), steps, paths)
        mean = total / paths
        return discount * mean, discount * math.sqrt((squares / paths - mean * mean) / (paths - 1))

    return run


def numpy_peer(call: Call) -> Callable[[], Any]:
    """One array operation after the other, on blocks of paths that fit the caches."""
    spot, strike, drift, deviation, discount = prepared(call)
    steps, paths = call.kwargs["steps"], call.kwargs["paths"]
    block = 512

    def run() -> tuple[float, float]:
        random = np.random.default_rng(0)
        payoffs = np.empty(paths)
        for first in range(0, paths, block):
            count = min(block, paths - first)
            changes = random.standard_normal((steps, count))
            changes *= deviation
            changes += drift
            np.cumsum(changes, axis=0, out=changes)
            np.exp(changes, out=changes)
            payoffs[first : first + count] = np.maximum(spot * changes.mean(axis=0) - strike, 0)
        return discount * float(payoffs.mean()), discount * float(payoffs.std(ddof=1)) / math.sqrt(paths)

    return run


def quantlib_peer(call: Call) -> Callable[[], Any]:
    """Price by QuantLib's engine for discrete arithmetic averages; pseudo-random numbers, no control variate."""
    import QuantLib as ql  # noqa: PLC0415, N813 - an optional peer

    spot, strike, rate, volatility, maturity = call.args
    steps, paths = call.kwargs["steps"], call.kwargs["paths"]
    today = ql.Date(2, 1, 2023)
    ql.Settings.instance().evaluationDate = today
    # A calendar of steps: one day each, of a year with as many days.
    day_count = ql.Actual365Fixed()
    scale = maturity * 365 / steps  # volatility and rate for a year of `steps` days
    process = ql.BlackScholesProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate * scale, day_count)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), volatility * math.sqrt(scale), day_count)
        ),
    )
    dates = [today + day for day in range(1, steps + 1)]
    option = ql.DiscreteAveragingAsianOption(
        ql.Average.Arithmetic,
        0.0,
        0,
        dates,
        ql.PlainVanillaPayoff(ql.Option.Call, strike),
        ql.EuropeanExercise(dates[-1]),
    )

    def run() -> tuple[float, float]:
        engine = ql.MCDiscreteArithmeticAPEngine(
            process,
            "PseudoRandom",
            brownianBridge=False,
            antitheticVariate=False,
            controlVariate=False,
            requiredSamples=paths,
            seed=42,
        )
        option.setPricingEngine(engine)
        return option.NPV(), option.errorEstimate()

    return run


def prepared(call: Call) -> tuple[float, float, float, float, float]:
    """Return spot, strike, drift and deviation of a step of the logarithm, and the discount."""
    spot, strike, rate, volatility, maturity = call.args
    length = maturity / call.kwargs["steps"]
    drift = (rate - volatility**2 / 2) * length
    return spot, strike, drift, volatility * math.sqrt(length), math.exp(-rate * maturity)


PROBLEM = Problem(
    kernel="asian_option_price",
    source="an option as textbooks have it: at the money, 5 % interest, 20 % volatility, a year of 252 days",
    unit="steps",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("numba, fastmath", "numba", numba_peer),
        Peer("NumPy", "numpy", numpy_peer),
        Peer("QuantLib MCDiscreteArithmeticAPEngine", "QuantLib", quantlib_peer),
    ),
)
