import math
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels.asian_option_price import asian_option_price_pure, geometric_price, normal_share, philox4x32

OPTION = (100.0, 100.0, 0.05, 0.2, 1.0)


def moments_of(steps, paths, *, drift=0.0, deviation=0.1, strike=0.0, seed=0, blocks=None):
    """Return what the core says about an option on a price of 1."""
    if blocks is None:
        blocks = range(-(-paths // 1024))
    moments = np.full((len(blocks), 5), np.nan)
    _kernels.asian_option_price(blocks, 1.0, strike, drift, deviation, steps, paths, seed, 1, 1, moments)
    return moments


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # kat_vectors of Random123, by the authors of the paper
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
            (0xFFFFFFFF, 0xFFFFFFFF),
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers_of_philox(counter, key, words):
    """The twin's generator. The core's is the same, or else its prices would have nothing to do with the twin's."""
    assert philox4x32(counter, key) == words


@given(
    spot=st.floats(1, 1000),
    moneyness=st.floats(0.0, 2.0),
    rate=st.floats(-0.1, 0.3),
    volatility=st.floats(0, 3),
    maturity=st.floats(0.01, 5),
    steps=st.integers(1, 20),
    paths=st.integers(2, 70),
    seed=st.integers(0, 2**64 - 1),
    kind=st.sampled_from(["call", "put"]),
    control_variate=st.booleans(),
)
def test_equals_the_twin(*, spot, moneyness, rate, volatility, maturity, steps, paths, seed, kind, control_variate):
    arguments = (spot, spot * moneyness, rate, volatility, maturity)
    options = {"steps": steps, "paths": paths, "seed": seed, "kind": kind}
    price, error = gilfree.asian_option_price(*arguments, **options)
    wanted, uncertainty = asian_option_price_pure(*arguments, **options)
    scale = 1e-12 * spot * (1 + math.exp(volatility * math.sqrt(maturity) * 6))
    assert price == pytest.approx(wanted, rel=1e-12, abs=scale)
    assert error == pytest.approx(uncertainty, rel=1e-9, abs=scale)
    if control_variate:
        # Hardly determined where few payoffs are not zero, but for what it is worth it is the same.
        price, error = gilfree.asian_option_price(*arguments, **options, control_variate=True)
        wanted, uncertainty = asian_option_price_pure(*arguments, **options, control_variate=True)
        assert math.isfinite(price)
        assert math.isfinite(error)
        if paths > 50 and kind == "call" and volatility > 0.1 and moneyness < 0.9:
            assert price == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 31])
@pytest.mark.parametrize("paths", [2, 15, 16, 17, 1023, 1024, 1025, 2500])
def test_every_remainder_of_tiles_and_blocks(steps, paths):
    options = {"steps": steps, "paths": paths, "seed": paths, "control_variate": paths > 2}
    price, error = gilfree.asian_option_price(*OPTION, **options)
    wanted, uncertainty = asian_option_price_pure(*OPTION, **options)
    assert price == pytest.approx(wanted, rel=1e-11)
    assert error == pytest.approx(uncertainty, rel=1e-9)


@pytest.mark.parametrize("block", [1, 2**22 - 1, 2**22, 2**32, 2**43 - 2])
def test_paths_of_large_numbers(block):
    """The number of a path has more than 32 bits; the twin's first path of such a block has the mean's payoff."""
    first = block * 1024
    got = moments_of(3, first + 1, blocks=range(block, block + 1))
    from gilfree.kernels.asian_option_price import normals  # noqa: PLC0415

    prices = np.exp(np.cumsum([0.1 * normal for normal in normals(0, first, 3)]))
    assert got[0, 0] == pytest.approx(prices.mean(), rel=1e-14)
    assert got[0, 2] == pytest.approx(np.exp(np.log(prices).mean()), rel=1e-14)


def test_many_steps():
    """The number of a step has more than 16 bits, and the loop over the steps looks up now and then."""
    steps = 200_001
    options = {"steps": steps, "paths": 2, "control_variate": False}
    got = gilfree.asian_option_price(*OPTION, **options)
    assert got == pytest.approx(asian_option_price_pure(*OPTION, **options), rel=1e-9)


def black_scholes(spot, strike, rate, volatility, maturity, *, kind):
    width = volatility * math.sqrt(maturity)
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * maturity) / width
    sign = 1 if kind == "call" else -1
    return sign * (
        spot * normal_share(sign * d1) - strike * math.exp(-rate * maturity) * normal_share(sign * (d1 - width))
    )


def test_a_textbook_price():
    """Hull, Options, Futures, and Other Derivatives, example 15.6: 4.76 and 0.81."""
    assert black_scholes(42, 40, 0.1, 0.2, 0.5, kind="call") == pytest.approx(4.76, abs=0.005)
    assert black_scholes(42, 40, 0.1, 0.2, 0.5, kind="put") == pytest.approx(0.81, abs=0.005)


@pytest.mark.parametrize("kind", ["call", "put"])
@pytest.mark.parametrize("strike", [70, 100, 140])
@pytest.mark.parametrize("control_variate", [False, True])
def test_one_step_is_a_european_option(kind, strike, control_variate):
    arguments = (100, strike, 0.03, 0.4, 2.0)
    price, error = gilfree.asian_option_price(
        *arguments, steps=1, paths=200_000, kind=kind, control_variate=control_variate
    )
    wanted = black_scholes(*arguments, kind=kind)
    assert 0 <= error < 0.3
    assert abs(price - wanted) < 4 * error + 1e-9
    if control_variate:  # the two averages are one
        assert error < 1e-6


@pytest.mark.parametrize("steps", [2, 12, 252])
@pytest.mark.parametrize("strike", [80, 100, 120])
def test_the_geometric_average_has_its_known_price(steps, strike):
    """Kemna and Vorst 1990: what the core simulates for the control variate, against the formula."""
    paths = 100 * 1024
    drift, deviation = (0.05 - 0.02) / steps, 0.2 / math.sqrt(steps)
    moments = np.empty((100, 5))
    _kernels.asian_option_price(range(100), 100.0, strike, drift, deviation, steps, paths, 7, 1, 1, moments)
    error = math.sqrt(moments[:, 3].sum()) / paths
    wanted = geometric_price(100.0, strike, drift, deviation, steps=steps, kind="call")
    assert abs(moments[:, 2].mean() - wanted) < 4 * error


def test_the_control_variate_agrees_and_is_surer():
    for kind in ("call", "put"):
        plain, error = gilfree.asian_option_price(*OPTION, paths=50_000, kind=kind)
        price, smaller = gilfree.asian_option_price(*OPTION, paths=50_000, kind=kind, control_variate=True)
        assert abs(plain - price) < 4 * error
        assert smaller < error / 20


@pytest.mark.parametrize(
    ("arguments", "steps", "wanted"),
    [
        # The benchmark of Večeř (2001), "A new PDE approach for pricing arithmetic average Asian options": r = 0.15,
        # S = K = 100, T = 1; continuous averages, from which those over many dates differ little.
        ((100, 100, 0.15, 0.1, 1.0), 2000, 7.028),
        ((100, 100, 0.15, 0.2, 1.0), 2000, 8.409),
        ((100, 100, 0.15, 0.3, 1.0), 2000, 10.210),
    ],
)
def test_published_prices(arguments, steps, wanted):
    price, error = gilfree.asian_option_price(*arguments, steps=steps, paths=4000, control_variate=True)
    assert price == pytest.approx(wanted, abs=4 * error + 0.01)


def test_put_call_parity():
    """Call minus put is what the average minus the strike is worth, which needs no simulation."""
    spot, strike, rate, volatility, maturity = 100, 105, 0.04, 0.3, 1.5
    steps = 50
    arguments = spot, strike, rate, volatility, maturity
    call, error = gilfree.asian_option_price(*arguments, steps=steps, paths=300_000)
    put, other = gilfree.asian_option_price(*arguments, steps=steps, paths=300_000, kind="put")
    average = sum(spot * math.exp(rate * maturity * date / steps) for date in range(1, steps + 1)) / steps
    assert abs(call - put - math.exp(-rate * maturity) * (average - strike)) < 4 * (error + other)


@pytest.mark.parametrize("control_variate", [False, True])
def test_without_volatility_nothing_is_uncertain(control_variate):
    spot, strike, rate, maturity, steps = 100, 90, 0.05, 2, 10
    price, error = gilfree.asian_option_price(
        spot, strike, rate, 0, maturity, steps=steps, paths=3000, control_variate=control_variate
    )
    average = sum(spot * math.exp(rate * maturity * date / steps) for date in range(1, steps + 1)) / steps
    assert price == pytest.approx(math.exp(-rate * maturity) * (average - strike), rel=1e-13)
    assert error < 1e-12
    assert gilfree.asian_option_price(100, 100, 0, 0, 1, paths=10) == (0, 0)


def test_a_strike_of_0_is_the_average():
    price, error = gilfree.asian_option_price(100, 0, 0, 0.2, 1, steps=4, paths=100_000)
    assert abs(price - 100) < 4 * error
    assert gilfree.asian_option_price(100, 0, 0, 0.2, 1, steps=4, paths=1000, kind="put") == (0, 0)


def test_the_normal_numbers_are_normal():
    """The moments of 2 million of them, from prices after one step: exp(x) − 1 ≈ x would not do, logarithms are exact.

    One path a block, so that the mean is the path's.
    """
    count = 20_000
    values = np.array([moments_of(1, block * 1024 + 1, deviation=1.0, blocks=range(block, block + 1))[0, 0]
                       for block in range(count)])  # fmt: skip
    values = np.log(values)
    for power, wanted in ((1, 0), (2, 1), (3, 0), (4, 3)):
        spread = math.sqrt(np.var(values**power) / count)
        assert abs(np.mean(values**power) - wanted) < 4.5 * spread
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(values, "norm").pvalue > 1e-4


def test_steps_are_independent():
    """The variance of the sum of the logarithms is that of a walk, and covariances of neighbours vanish."""
    for steps in (2, 3, 8):
        moments = moments_of(steps, 200 * 1024, deviation=0.01)
        variance = moments[:, 3].sum() / (200 * 1024)
        wanted = 0.01**2 * (steps + 1) * (2 * steps + 1) / (6 * steps)
        assert variance == pytest.approx(wanted, rel=0.02)


def test_seeds_differ_and_repeat():
    results = {seed: gilfree.asian_option_price(*OPTION, paths=3000, seed=seed) for seed in (0, 1, 2**32, 2**63)}
    assert len(set(results.values())) == 4
    assert all(gilfree.asian_option_price(*OPTION, paths=3000, seed=seed) == got for seed, got in results.items())


def test_the_first_of_many_paths_are_those_of_few():
    np.testing.assert_array_equal(moments_of(5, 10_240)[:4], moments_of(5, 4096))


@pytest.mark.parametrize("control_variate", [False, True])
def test_hold_equals_release_equals_any_workers(control_variate):
    options = {"paths": 50_001, "steps": 9, "control_variate": control_variate}
    wanted = gilfree.asian_option_price(*OPTION, **options, release_gil=False)
    with ThreadPoolExecutor(3) as pool:
        for more in (
            {"release_gil": True}, *({"workers": count} for count in (1, 2, 3, 7)), {"workers": pool}, {"workers": map}
        ):  # fmt: skip
            assert gilfree.asian_option_price(*OPTION, **options, **more) == wanted, more
    assert all(type(value) is float for value in wanted)


def test_pinned_bits():
    """One answer for every level: the same digits wherever this runs."""
    narrow = moments_of(25, 1500)
    wide = moments_of(25, 1500, deviation=0.7, drift=-0.2)
    assert [value.hex() for value in [*narrow[1].tolist(), *wide[1].tolist()]] == PINNED


PINNED = [
    "0x1.07e95e418abe0p+0",
    "0x1.645c9d56507b7p+5",
    "0x1.027b920e5736ep+0",
    "0x1.44dedaf475032p+5",
    "0x1.531971281ded4p+5",
    "0x1.7676d689719c1p+0",
    "0x1.5e517db917c47p+15",
    "0x1.bb0f0da940833p-2",
    "0x1.7fdbe4aca0141p+10",
    "0x1.66a994b994b49p+12",
]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"spot": 0}, ValueError, ["spot", "above 0", "got 0"]),
        ({"spot": math.nan}, ValueError, ["spot", "finite", "nan"]),
        ({"spot": "much"}, TypeError, ["spot", "float", "much"]),
        ({"strike": -1}, ValueError, ["strike", "0 or more", "-1"]),
        ({"strike": math.inf}, ValueError, ["strike", "finite", "inf"]),
        ({"rate": math.nan}, ValueError, ["rate", "finite"]),
        ({"rate": 1000.0}, ValueError, ["rate", "range of float64", "1000"]),
        ({"rate": -1000.0}, ValueError, ["rate", "range of float64", "-1000"]),
        ({"volatility": -0.1}, ValueError, ["volatility", "0 or more", "-0.1"]),
        ({"volatility": 1e6}, ValueError, ["volatility", "range of float64"]),
        ({"volatility": 1e200}, ValueError, ["volatility", "range of float64"]),
        ({"maturity": 0}, ValueError, ["maturity", "above 0"]),
        ({"maturity": None}, TypeError, ["maturity", "None"]),
        ({"maturity": 1e300}, ValueError, ["volatility", "1e+300 years"]),
        ({"steps": 0}, ValueError, ["steps", "1 to", "got 0"]),
        ({"steps": 2.0}, TypeError, ["steps", "int", "float"]),
        ({"steps": 2**60}, ValueError, ["steps", "1 to"]),
        ({"paths": 1}, ValueError, ["paths", "2 to", "got 1"]),
        ({"paths": 1e5}, TypeError, ["paths", "int", "float"]),
        ({"seed": -1}, ValueError, ["seed", "0 to", "-1"]),
        ({"seed": 2**64}, ValueError, ["seed", str(2**64)]),
        ({"kind": "Call"}, ValueError, ["kind", '"call" or "put"', "'Call'"]),
        ({"kind": ["call"]}, ValueError, ["kind", "['call']"]),
    ],
)
def test_bad_arguments(arguments, error, words):
    good = dict(zip(("spot", "strike", "rate", "volatility", "maturity"), OPTION, strict=True))
    with pytest.raises(error) as caught:
        gilfree.asian_option_price(**{**good, "paths": 10, **arguments})
    for word in words:
        assert word in str(caught.value)


def test_extreme_but_legal():
    """Every price is a number and no payoff is negative, whatever can be asked."""
    for volatility in (5, 40, 80):
        for kind in ("call", "put"):
            for control_variate in (False, True):
                price, error = gilfree.asian_option_price(
                    1e3, 1e-3, 0.1, volatility, 1.0, steps=300, paths=2000, kind=kind, control_variate=control_variate
                )
                assert math.isfinite(price)
                assert error >= 0


@pytest.mark.parametrize("steps", [1, 10**9])
def test_a_stop_set_by_another_thread_ends_a_long_call(steps):
    """Among many short paths, and in the midst of long ones."""
    blocks = range(1_000_000)
    stop = array("i", [0])
    timer = threading.Timer(0.05, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        _kernels.asian_option_price(
            blocks, 1.0, 1.0, 0.0, 0.1, steps, 1024 * len(blocks), 0, 1, 1, np.empty((len(blocks), 5)), stop=stop
        )
    timer.join()


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, range(3), ["moments", "length 3", "got 2"]),
        (0, range(1, 3), ["rows", "0 to 1"]),
        (0, range(-1, 1), ["rows", "0 to 1"]),
        (0, None, ["blocks"]),
        (5, 0, ["steps", "at least 1", "got 0"]),
        (6, -5, ["paths", "-5"]),
        (10, np.empty((2, 4)), ["moments", "length 5"]),
        (10, np.empty((2, 5), np.float32), ["moments", "8-byte"]),
        (10, np.empty(10), ["moments", "2 dimension"]),
        (10, bytes(80), ["moments", "writable"]),
    ],
)
def test_the_compiled_function_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [range(2), 1.0, 1.0, 0.0, 0.1, 3, 2000, 0, True, False, np.empty((2, 5))]
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.asian_option_price(*arguments)
    for word in words:
        assert word in str(caught.value)
