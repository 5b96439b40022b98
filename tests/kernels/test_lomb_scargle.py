import threading
import time
from array import array
from math import inf, nan, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels import _kernel
from gilfree.kernels.lomb_scargle import lomb_scargle_pure


def star(n, seed=0, span=100.0, frequency=1.7):
    """Times, values and errors of a noisy sine."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, span, n))
    return times, 3 + np.sin(2 * pi * frequency * times) + rng.standard_normal(n), rng.uniform(0.5, 2, n)


def even(count, largest=10.0):
    return np.arange(1, count + 1) * (largest / count)


def uneven(count, largest=10.0, seed=1):
    return np.random.default_rng(seed).uniform(0.01, largest, count)


def assert_close(power, wanted, tolerance=1e-9):
    assert np.shape(power) == np.shape(wanted)
    np.testing.assert_allclose(power, wanted, rtol=0, atol=tolerance)


@st.composite
def series(draw):
    n = draw(st.integers(1, 40))
    number = st.floats(-100, 100).map(lambda x: round(x, 3))
    times = draw(st.lists(number, min_size=n, max_size=n))
    values = draw(st.lists(st.one_of(number, st.sampled_from([0.0, 1.0])), min_size=n, max_size=n))
    frequencies = draw(st.lists(st.floats(0.05, 30), max_size=20))
    errors = draw(st.none() | st.lists(st.floats(0.1, 10), min_size=n, max_size=n))
    return times, values, frequencies, errors, draw(st.booleans())


@given(series())
def test_equals_the_twin(problem):
    times, values, frequencies, errors, fit_mean = problem
    power = gilfree.lomb_scargle(times, values, frequencies, errors=errors, fit_mean=fit_mean)
    assert power.shape == (len(frequencies),)
    assert power.dtype == np.float64
    wanted = lomb_scargle_pure(times, values, frequencies, errors=errors, fit_mean=fit_mean)
    for frequency, got, expected in zip(frequencies, power, wanted, strict=True):
        if well_conditioned(times, frequency, errors):
            assert got == pytest.approx(expected, abs=1e-9)
        assert -1e-6 <= got <= 1 + 1e-6


def well_conditioned(times, frequency, errors):
    """Whether a cosine, a sine and a constant are different things at these times."""
    angles = 2 * pi * frequency * (np.asarray(times) - (min(times) + max(times)) / 2)
    columns = np.stack([np.ones(len(times)), np.cos(angles), np.sin(angles)])
    columns = columns / (1 if errors is None else np.asarray(errors))
    return len(times) > 3 and np.linalg.cond(columns @ columns.T) < 1e4


@pytest.mark.parametrize("count", [255, 256, 257, 300, 512, 700, 5000])
@pytest.mark.parametrize("n", [15, 16, 17, 50, 333])
@pytest.mark.parametrize("fit_mean", [True, False])
def test_even_frequencies_give_what_uneven_ones_do(count, n, fit_mean):
    times, values, errors = star(n)
    grid = even(count)
    power = gilfree.lomb_scargle(times, values, grid, errors=errors, fit_mean=fit_mean)
    # With one more at the end they are not evenly spaced, and so are computed one by one.
    by_one = gilfree.lomb_scargle(times, values, np.append(grid, 0.123), errors=errors, fit_mean=fit_mean)
    assert_close(power, by_one[:-1], 1e-10)


@pytest.mark.parametrize(
    "grid",
    [
        np.linspace(0, 10, 600),
        np.linspace(-5, 5, 501),
        np.linspace(10, 0, 600),
        np.linspace(999, 1000, 3000),
        np.full(300, 1.7),
        np.zeros(300),
        np.linspace(0, 1e-3, 400),
    ],
    ids=["from 0", "both signs", "descending", "high", "one", "zero", "low"],
)
def test_grids(grid):
    times, values, errors = star(60)
    power = gilfree.lomb_scargle(times, values, grid, errors=errors)
    by_one = gilfree.lomb_scargle(times, values, np.append(grid, 0.123), errors=errors)
    # High frequencies lose digits to the rounding of their product with the times.
    assert_close(power, by_one[:-1], 1e-9 if grid.max() < 100 else 1e-8)
    assert (power[grid == 0] == 0).all()


def test_large_blocks():
    times, values, _ = star(9000)
    grid = even(40_000, 100.0)
    power = gilfree.lomb_scargle(times, values, grid)
    places = np.arange(0, 40_000, 397)
    assert_close(power[places], gilfree.lomb_scargle(times, values, np.append(grid[places], 0.1))[:-1])


@pytest.mark.parametrize("fit_mean", [True, False])
@pytest.mark.parametrize("with_errors", [True, False])
@pytest.mark.parametrize("grid", [even(900), uneven(100), even(50)], ids=["even", "uneven", "few"])
def test_equals_astropy(fit_mean, with_errors, grid):
    timeseries = pytest.importorskip("astropy.timeseries")
    times, values, errors = star(150)
    errors = errors if with_errors else None
    wanted = timeseries.LombScargle(times, values, errors, fit_mean=fit_mean).power(
        grid, method="cython", normalization="standard"
    )
    assert_close(gilfree.lomb_scargle(times, values, grid, errors=errors, fit_mean=fit_mean), wanted)


def test_equals_scipy():
    signal = pytest.importorskip("scipy.signal")
    times, values, errors = star(80)
    for grid in (even(400), uneven(30)):
        wanted = signal.lombscargle(
            times, values, 2 * pi * grid, weights=errors**-2, floating_mean=True, normalize=True
        )
        assert_close(gilfree.lomb_scargle(times, values, grid, errors=errors), wanted)


@pytest.mark.parametrize("fit_mean", [True, False])
def test_equals_least_squares(fit_mean):
    """The definition: how much smaller the weighted squares become."""
    times, values, errors = star(40)
    centred = (values - np.average(values, weights=errors**-2)) / errors
    for frequency in (0.03, 1.7, 4.4):
        angles = 2 * pi * frequency * times
        columns = [np.cos(angles), np.sin(angles), *([np.ones(40)] if fit_mean else [])]
        design = np.stack(columns, axis=1) / errors[:, None]
        rest = centred - design @ np.linalg.lstsq(design, centred, rcond=None)[0]
        power = gilfree.lomb_scargle(times, values, [frequency], errors=errors, fit_mean=fit_mean)[0]
        assert power == pytest.approx(1 - rest @ rest / (centred @ centred), abs=1e-12)


@pytest.mark.parametrize("grid", [even(1000), uneven(7)], ids=["even", "uneven"])
def test_a_pure_sine_is_explained_wholly(grid):
    times = star(50)[0]
    grid = np.append(grid, grid[-1] + grid[1] - grid[0])
    for frequency in grid[[3, -1]]:
        values = 1e3 + 5 * np.cos(2 * pi * frequency * times + 1)
        assert gilfree.lomb_scargle(times, values, grid)[grid == frequency] == pytest.approx(1, abs=1e-9)


def test_sunspots_have_a_period_of_eleven_years():
    dataset = pytest.importorskip("statsmodels.datasets").sunspots.load_pandas().data
    years, spots = dataset["YEAR"].to_numpy(float), dataset["SUNACTIVITY"].to_numpy(float)
    grid = np.linspace(0.005, 0.45, 2000)
    power = gilfree.lomb_scargle(years, spots, grid)
    assert 1 / grid[power.argmax()] == pytest.approx(11.0, abs=0.1)


def test_scale_and_origin_do_not_matter():
    times, values, errors = star(70)
    for grid in (even(300), uneven(20)):
        wanted = gilfree.lomb_scargle(times, values, grid, errors=errors)
        for scale in (1e-300, 1e-3, 1e300):
            assert_close(gilfree.lomb_scargle(times, scale * values, grid, errors=errors), wanted, 1e-12)
            assert_close(gilfree.lomb_scargle(times, values, grid, errors=scale * errors), wanted, 1e-12)
        assert_close(gilfree.lomb_scargle(times, values + 1e6, grid, errors=errors), wanted, 1e-8)
        assert_close(gilfree.lomb_scargle(times + 2.0**20, values, grid, errors=errors), wanted, 1e-8)
        order = np.random.default_rng(0).permutation(70)
        assert_close(gilfree.lomb_scargle(times[order], values[order], grid, errors=errors[order]), wanted, 1e-12)


@pytest.mark.parametrize("fit_mean", [True, False])
@pytest.mark.parametrize("grid", [even(300), uneven(9)], ids=["even", "uneven"])
def test_equal_values_have_no_power(fit_mean, grid):
    times = star(100)[0]
    for value in (0.0, 0.1, -1e300, 5e-324):
        assert not gilfree.lomb_scargle(times, np.full(100, value), grid, fit_mean=fit_mean).any()
    assert gilfree.lomb_scargle([2.0], [7.0], grid).tolist() == [0] * grid.size
    assert not gilfree.lomb_scargle(np.full(20, 3.0), np.arange(20.0), grid).any()


def test_frequencies_that_regular_times_cannot_tell_apart():
    """At half of the sampling frequency the sine is 0 at all times; at the whole, the cosine is constant."""
    times = np.arange(40.0)
    values = np.where(times % 2 == 0, 1.0, -1.0)
    assert gilfree.lomb_scargle(times, values, [0.5])[0] == pytest.approx(1)
    assert gilfree.lomb_scargle(times, np.arange(40.0), [1.0, 2.0]).tolist() == pytest.approx([0, 0], abs=1e-9)
    grid = np.linspace(0, 2, 513)
    power = gilfree.lomb_scargle(times, values, grid)
    assert power[grid == 0.5] == pytest.approx(1)
    assert power.max() <= 1 + 1e-9
    assert power.min() >= -1e-9


@pytest.mark.parametrize("grid", [even(300), uneven(13)], ids=["even", "uneven"])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_many_series(grid, count):
    times, _, errors = star(60)
    values = np.random.default_rng(2).standard_normal((count, 60))
    power = gilfree.lomb_scargle(times, values, grid, errors=errors)
    assert power.shape == (count, grid.size)
    assert power.flags.c_contiguous
    for row, one in zip(power, values, strict=True):
        assert row.tobytes() == gilfree.lomb_scargle(times, one, grid, errors=errors).tobytes()
    out = np.empty_like(power)
    assert gilfree.lomb_scargle(times, values, grid, errors=errors, out=out) is out
    assert out.tobytes() == power.tobytes()


def test_empty():
    assert gilfree.lomb_scargle([1.0, 2.0], [1.0, 2.0], []).shape == (0,)
    assert gilfree.lomb_scargle([1.0, 2.0], np.ones((3, 2)), [], workers=2).shape == (3, 0)


def misaligned(values):
    raw = np.empty(values.nbytes + 1, np.uint8)[1:]
    view = raw.view(values.dtype).reshape(values.shape)
    view[...] = values
    return view


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


LAYOUTS = {
    "list": np.ndarray.tolist,
    "ints": lambda a: a.astype(np.int16),
    "float32": lambda a: a.astype(np.float32),
    "byte-swapped": lambda a: a.astype(">f8"),
    "strided": lambda a: np.repeat(a, 2)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "misaligned": misaligned,
    "read-only": read_only,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout):
    times, values, errors = (np.ceil(10 * part) for part in star(50))
    grid = np.arange(1.0, 30.0)
    wanted = gilfree.lomb_scargle(times, values, grid, errors=errors)
    convert = LAYOUTS[layout]
    result = gilfree.lomb_scargle(convert(times), convert(values), convert(grid), errors=convert(errors))
    assert result.tobytes() == wanted.tobytes()


T, Y, E = star(20)
PLACES = np.arange(20)
F = uneven(5)
BAD = {
    "no times": (([], [], F), {}, ValueError, ["times", "at least one"]),
    "times 2-D": (([T], Y, F), {}, ValueError, ["times", "1 dimension", "(1, 20)"]),
    "times complex": ((T + 1j, Y, F), {}, TypeError, ["times", "complex128"]),
    "times of text": ((["a"] * 20, Y, F), {}, TypeError, ["times"]),
    "times nan": ((np.where(PLACES == 7, nan, T), Y, F), {}, ValueError, ["times", "finite"]),
    "times infinite": ((np.where(PLACES == 19, -inf, T), Y, F), {}, ValueError, ["times", "finite"]),
    "values nan": ((T, np.where(PLACES == 0, nan, Y), F), {}, ValueError, ["values", "finite"]),
    "values infinite": ((T, np.where(PLACES == 0, inf, Y), F), {}, ValueError, ["values", "finite"]),
    "values too short": ((T, Y[:-1], F), {}, ValueError, ["values", "20 times", "(19,)"]),
    "values a number": ((T, 1.0, F), {}, ValueError, ["values", "1 or 2 dimensions", "got 0"]),
    "values transposed": ((T, np.ones((20, 2)), F), {}, ValueError, ["values", "20 times", "(20, 2)"]),
    "frequencies nan": ((T, Y, [1, nan]), {}, ValueError, ["frequencies", "finite"]),
    "frequencies infinite": ((T, Y, [inf, 1]), {}, ValueError, ["frequencies", "finite"]),
    "frequencies 0-D": ((T, Y, 1.0), {}, ValueError, ["frequencies", "1 dimension"]),
    "frequencies too large": ((T, Y, [1e14]), {}, ValueError, ["frequencies", "1e15 periods"]),
    "frequencies overflow": ((T * 1e300, Y, [1e300]), {}, ValueError, ["frequencies", "1e15 periods"]),
    "errors too short": ((T, Y, F), {"errors": E[1:]}, ValueError, ["errors", "20 times", "got 19"]),
    "error of 0": ((T, Y, F), {"errors": np.where(PLACES == 3, 0, E)}, ValueError, ["errors", "above 0"]),
    "error below 0": ((T, Y, F), {"errors": -E}, ValueError, ["errors", "above 0"]),
    "error nan": ((T, Y, F), {"errors": E * nan}, ValueError, ["errors", "above 0"]),
    "error infinite": ((T, Y, F), {"errors": E * inf}, ValueError, ["errors", "above 0"]),
    "out": ((T, Y, F), {"out": np.empty(4)}, ValueError, ["out", "(5,)", "(4,)"]),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("workers", [1, 2])
def test_bad_input(case, workers):
    arguments, options, error, words = BAD[case]
    with pytest.raises(error) as caught:
        gilfree.lomb_scargle(*arguments, **options, workers=workers)
    for word in words:
        assert word in str(caught.value)


def test_nothing_is_written_on_bad_input():
    out = np.full(5, 7.0)
    for case in BAD:
        if case not in ("out", "frequencies 0-D") and len(BAD[case][0][2]) == 5:
            with pytest.raises((TypeError, ValueError)):
                gilfree.lomb_scargle(*BAD[case][0], **BAD[case][1], out=out)
    assert out.tolist() == [7] * 5


@pytest.mark.parametrize("place", [0, 1, 150, 298, 299])
def test_one_number_out_of_place_makes_a_grid_uneven(place):
    times, values, _ = star(30)
    grid = even(300)
    grid[place] += 1e-6
    power = gilfree.lomb_scargle(times, values, grid)
    assert power.tobytes() == gilfree.lomb_scargle(times, values, np.append(grid, 0.1))[:-1].tobytes()


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("grid", [even(1000), uneven(301)], ids=["even", "uneven"])
@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_one_answer_however_it_is_cut(workers, release_gil, grid, monkeypatch):
    monkeypatch.setattr(_kernel, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(_kernel, "CHUNK_OVERHEAD", 1e9)
    monkeypatch.setattr(_kernel, "HANDOVER_SECONDS", -1)
    times, values, errors = star(90)
    power = gilfree.lomb_scargle(times, values, grid, errors=errors, workers=workers, release_gil=release_gil)
    assert power.tobytes() == gilfree.lomb_scargle(times, values, grid, errors=errors).tobytes()


@given(st.integers(0, 600), st.integers(0, 600))
def test_one_answer_wherever_it_is_cut(start, stop):
    times, values, _ = star(20)
    grid = even(600)
    start, stop = sorted((start, stop))
    power, fit_mean = np.empty((stop - start, 1)), True
    _kernels.lomb_scargle(range(start, stop), times, values[None], grid, None, fit_mean, power)
    assert power[:, 0].tobytes() == gilfree.lomb_scargle(times, values, grid)[start:stop].tobytes()
    alone = np.empty(stop - start)
    _kernels.lomb_scargle(range(start, stop), times, values, grid, None, fit_mean, alone)
    assert alone.tobytes() == power.tobytes()


GOOD = {
    "rows": range(5),
    "times": T,
    "values": Y[None],
    "frequencies": F,
    "errors": E,
    "fit_mean": True,
    "power": np.empty((5, 1)),
}


@pytest.mark.parametrize(
    "change",
    [
        {"rows": range(6)},
        {"rows": range(-1, 4)},
        {"rows": range(3, 8)},
        {"rows": range(0, 10, 2)},
        {"rows": range(2**62, 2**62 + 5)},
        {"rows": None},
        {"times": T[:-1]},
        {"times": np.empty(0)},
        {"values": Y},
        {"power": np.empty(5)},
        {"values": Y, "power": np.empty(4)},
        {"values": Y[:-1], "power": np.empty(5)},
        {"values": Y[None].astype(np.float32)},
        {"values": np.ones((2, 20))},
        {"frequencies": F.astype(np.float32)},
        {"errors": E[:-1]},
        {"power": np.empty((4, 1))},
        {"power": np.empty((5, 2))},
        {"power": read_only(np.empty((5, 1)))},
    ],
    ids=" ".join,
)
def test_bad_buffers_are_refused(change):
    _kernels.lomb_scargle(*GOOD.values())
    assert GOOD["power"][:, 0].tobytes() == gilfree.lomb_scargle(T, Y, F, errors=E).tobytes()
    with pytest.raises((TypeError, ValueError)):
        _kernels.lomb_scargle(*{**GOOD, **change}.values())


@pytest.mark.thread_unsafe(reason="starts threads of its own")
def test_survives_a_thread_that_rewrites_everything():
    times, values, errors = star(100)
    grid = even(600)
    sound = [part.copy() for part in (times, values, errors, grid)]
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            for part in (times, values, errors, grid):
                part[::3] = 1e300
                part[::7] = nan
                part[5] = inf
            for part, copy in zip((times, values, errors, grid), sound, strict=True):
                part[:] = copy

    other = threading.Thread(target=scribble)
    other.start()
    try:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            try:
                gilfree.lomb_scargle(times, values, grid, errors=errors, release_gil=True)
            except ValueError as error:
                assert "wanted" in str(error)  # noqa: PT017
    finally:
        stop.set()
        other.join()


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize(
    ("n", "count", "series"), [(2_000, 3_000, 1), (20, 1_000_000, 1), (500_000, 1, 1), (20, 300, 20_000)]
)
@pytest.mark.parametrize("spaced", [True, False])
def test_a_flag_stops_it(n, count, series, spaced, release_gil):
    flag = array("i", [0])
    _kernels.stop(flag)
    grid = even(count) if spaced else uneven(count)
    with pytest.raises(gilfree.Cancelled):
        _kernels.lomb_scargle(
            range(count), np.arange(n) * 1.1, np.zeros((series, n)), grid, None, 1, np.empty((count, series)),
            release_gil=release_gil, stop=flag,
        )  # fmt: skip
