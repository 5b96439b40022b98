import math
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gilfree
from gilfree import _kernels
from gilfree.kernels.nbody_accelerations import nbody_accelerations_pure

DTYPES = [np.float64, np.float32]
# What the terms of BLOCK bodies may lose, relative to the sum of their sizes: 64 roundings, at the very most.
TOLERANCE = {np.float64: 64 * 2.0**-53, np.float32: 64 * 2.0**-24}


def cluster(count, dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    return random.standard_normal((count, 3)).astype(dtype), random.uniform(0.5, 2, count).astype(dtype)


def assert_close(got, positions, masses, softening=0.0, constant=1.0):
    """Compare with the twin, relative to the sum of the terms' sizes."""
    wanted = np.array(
        nbody_accelerations_pure(positions, masses, softening=softening, gravitational_constant=constant)
    ).reshape(-1, 3)
    assert got.shape == wanted.shape
    differences = positions[None].astype(float) - positions[:, None]
    squares = (differences**2).sum(axis=2) + softening**2
    squares[squares == 0] = np.inf
    sizes = np.einsum("ij,ijk->ik", np.abs(constant * masses.astype(float)) / squares**1.5, np.abs(differences))
    error = np.abs(got - wanted)
    assert (error <= TOLERANCE[got.dtype.type] * sizes).all(), np.nanmax(error / sizes)


def exact(positions, masses, softening, constant):
    """Add up in fifty digits."""
    with localcontext(prec=50):
        rows = [[Decimal(float(x)) for x in row] for row in positions]
        weights = [Decimal(float(mass)) for mass in masses]
        square = Decimal(softening) ** 2
        found = []
        for i, here in enumerate(rows):
            total = [Decimal(0)] * 3
            for j, there in enumerate(rows):
                if j != i:
                    d = [a - b for a, b in zip(there, here, strict=True)]
                    q = sum((x * x for x in d), square)
                    total = [t + weights[j] * x / (q * q.sqrt()) for t, x in zip(total, d, strict=True)]
            found.append([Decimal(constant) * t for t in total])
        return found


@given(
    positions=arrays.arrays(
        np.float64,
        st.tuples(st.integers(0, 40), st.just(3)),
        elements=st.floats(-1e3, 1e3).map(lambda x: x if abs(x) > 1e-60 else 0.0),
    ),
    seed=st.integers(0, 5),
    softening=st.sampled_from([0.0, 1e-3, 10.0]),
    constant=st.sampled_from([1.0, -2.5, 6.6743e-11]),
)
def test_equals_the_twin(positions, seed, softening, constant):
    assume(softening > 0 or len(np.unique(positions, axis=0)) == len(positions))
    masses = np.random.default_rng(seed).normal(size=len(positions))
    got = gilfree.nbody_accelerations(positions, masses, softening=softening, gravitational_constant=constant)
    wanted = np.array(
        nbody_accelerations_pure(positions, masses, softening=softening, gravitational_constant=constant)
    ).reshape(-1, 3)
    assert np.abs(got - wanted).max(initial=0) <= 1e-14 * np.abs(wanted).max(initial=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 321])
@pytest.mark.parametrize("softening", [0.0, 0.3])
def test_every_remainder_of_tiles_and_blocks(dtype, count, softening):
    positions, masses = cluster(count, dtype, seed=count)
    got = gilfree.nbody_accelerations(positions, masses, softening=softening, gravitational_constant=3.0)
    assert got.dtype == dtype
    assert_close(got, positions, masses, softening, 3.0)


# Keplerian elements at J2000: semi-major axis (au), eccentricity, inclination, mean longitude, longitudes of perihelion
# and node (degrees); Standish and Williams, "Approximate positions of the planets", JPL, table 1. Mass of the Sun over
# that of the planet: IAU 2009 system of astronomical constants. Earth includes the Moon.
PLANETS = {
    "Mercury": (0.38709927, 0.20563593, 7.00497902, 252.25032350, 77.45779628, 48.33076593, 6_023_600.0),
    "Venus": (0.72333566, 0.00677672, 3.39467605, 181.97909950, 131.60246718, 76.67984255, 408_523.719),
    "Earth": (1.00000261, 0.01671123, -0.00001531, 100.46457166, 102.93768193, 0.0, 328_900.5596),
    "Mars": (1.52371034, 0.09339410, 1.84969142, -4.55343205, -23.94362959, 49.55953891, 3_098_703.59),
    "Jupiter": (5.20288700, 0.04838624, 1.30439695, 34.39644051, 14.72847983, 100.47390909, 1_047.348644),
    "Saturn": (9.53667594, 0.05386179, 2.48599187, 49.95424423, 92.59887831, 113.66242448, 3_497.9018),
    "Uranus": (19.18916464, 0.04725744, 0.77263783, 313.23810451, 170.95427630, 74.01692503, 22_902.98),
    "Neptune": (30.06992276, 0.00859048, 1.77004347, -55.12002969, 44.96476227, 131.78422574, 19_412.26),
}
GAUSS = 0.01720209895**2  # G, in au³ per solar mass and day²


def place(elements):
    """Return heliocentric coordinates in the ecliptic of J2000, by Kepler's equation."""
    axis, eccentricity, *angles = elements
    inclination, longitude, perihelion, node = map(math.radians, angles)
    mean = longitude - perihelion
    anomaly = mean
    for _ in range(50):
        anomaly = mean + eccentricity * math.sin(anomaly)
    x = axis * (math.cos(anomaly) - eccentricity)
    y = axis * math.sqrt(1 - eccentricity**2) * math.sin(anomaly)
    argument = perihelion - node
    along = x * math.cos(argument) - y * math.sin(argument)
    across = x * math.sin(argument) + y * math.cos(argument)
    return (
        along * math.cos(node) - across * math.sin(node) * math.cos(inclination),
        along * math.sin(node) + across * math.cos(node) * math.cos(inclination),
        across * math.sin(inclination),
    )


def test_the_solar_system():
    positions = np.array([(0.0, 0.0, 0.0), *(place(elements[:6]) for elements in PLANETS.values())])
    masses = np.array([1.0, *(1 / elements[6] for elements in PLANETS.values())])
    # At the beginning of January, the Earth is nearest to the Sun, which is then seen at a longitude of 280°.
    earth = positions[3]
    assert np.linalg.norm(earth) == pytest.approx(0.9833, abs=1e-4)
    assert math.degrees(math.atan2(earth[1], earth[0])) == pytest.approx(280.4 - 180, abs=0.1)
    got = gilfree.nbody_accelerations(positions, masses, gravitational_constant=GAUSS)
    for row, wanted in zip(got, exact(positions, masses, 0.0, GAUSS), strict=True):
        np.testing.assert_allclose(row, [float(x) for x in wanted], rtol=1e-14)
    # Each planet falls towards the Sun nearly as if there were no other; Jupiter has a thousandth of the Sun's mass.
    for x, a in zip(positions[1:], got[1:], strict=True):
        np.testing.assert_allclose(a, -GAUSS * x / np.linalg.norm(x) ** 3, atol=1e-2 * np.linalg.norm(a))
    # The Sun is pulled about by Jupiter, Venus and the others; no force comes from nowhere.
    assert np.abs((masses[:, None] * got).sum(axis=0)).max() < 1e-15 * np.linalg.norm(got[0])


def test_two_bodies():
    got = gilfree.nbody_accelerations([[0, 0, 0], [3, 4, 0]], [2, 8])
    np.testing.assert_allclose(got, [[8 * 3 / 125, 8 * 4 / 125, 0], [-2 * 3 / 125, -2 * 4 / 125, 0]], rtol=1e-15)


def test_softening():
    got = gilfree.nbody_accelerations([[0, 0, 0], [3, 0, 0]], [1, 1], softening=4)
    np.testing.assert_allclose(got, [[3 / 125, 0, 0], [-3 / 125, 0, 0]], rtol=1e-15)


def test_a_shell_does_not_pull_inside():
    """Newton's shell theorem: the vertices of an icosahedron pull nothing in its centre, and alike on each other."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [p for a in (-1, 1) for b in (-golden, golden) for p in ((0, a, b), (a, b, 0), (b, 0, a))]
    got = gilfree.nbody_accelerations([(0, 0, 0), *corners], [0.0] + [1.0] * 12)
    np.testing.assert_allclose(got[0], 0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(got[1:], axis=1), np.linalg.norm(got[1]), rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 3), (1, 3)])
def test_nobody_to_be_pulled_by(dtype, shape):
    got = gilfree.nbody_accelerations(np.ones(shape, dtype), np.ones(shape[0], dtype))
    assert (got.shape, got.dtype) == (shape, dtype)
    assert (got == 0).all()


@pytest.mark.parametrize("count", [2, 17, 40, 200])
def test_many_in_one_place_with_softening(count):
    positions, masses = np.ones((count, 3)), np.ones(count)
    for softening in (1.0, 1e-160, 1e-320):
        assert (gilfree.nbody_accelerations(positions, masses, softening=softening) == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [2, 17, 40, 200])
@pytest.mark.parametrize("mass", [0.0, 1.0])
def test_two_in_one_place_without(dtype, count, mass):
    positions, masses = cluster(count, dtype)
    for one, other in ((0, count - 1), (count // 2, count // 2 - 1)):
        moved = positions.copy()
        moved[one] = moved[other]
        masses[one] = masses[other] = mass
        with pytest.raises(ValueError, match=r"positions.*softening is 0.*one place"):
            gilfree.nbody_accelerations(moved, masses)
        gilfree.nbody_accelerations(moved, masses, softening=1e-3)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-110, 1e-80, 1e80, 1e110, 1e160, 1e300])
def test_sizes_whose_squares_are_out_of_range(scale):
    positions, _ = cluster(20)
    mass = 1e-280 if scale < 1 else 1e280
    masses = np.full(20, mass)
    with np.errstate(over="ignore", under="ignore"):
        wanted = gilfree.nbody_accelerations(positions, np.ones(20)) * mass / scale / scale
    got = gilfree.nbody_accelerations(positions * scale, masses)
    usual = np.isfinite(wanted) & (np.abs(wanted) > 1e-290)
    np.testing.assert_allclose(got[usual], wanted[usual], rtol=1e-12)
    assert not np.isfinite(got[~np.isfinite(wanted)]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", [-140, -120, -100, -60, -20])
def test_a_close_pair_among_distant_bodies(dtype, exponent):
    """Their distance vanishes beside the others', and so do its square and the square's powers."""
    if dtype is np.float32:
        exponent //= 4
    positions, masses = cluster(50, dtype)
    distance = dtype(10.0**exponent)
    positions[20] = 0
    positions[21] = [distance, 0, 0]
    masses[20:22] = dtype(10.0 ** (exponent / 2))
    got = gilfree.nbody_accelerations(positions, masses)
    wanted = exact(positions, masses, 0.0, 1.0)
    for body in (20, 21, 22):
        for x, y in zip(got[body], wanted[body], strict=True):
            if abs(y) <= np.finfo(dtype).max:
                assert float(x) == pytest.approx(float(y), rel=1e-12 if dtype is np.float64 else 1e-4)
            else:
                assert abs(x) == np.inf


def test_errors_do_not_grow_with_the_number_of_bodies():
    """Equal terms, each rounded the same way: added one by one, the error would come to thousands of units."""
    count = 100_000
    positions = np.zeros((count + 1, 3))
    positions[1:, 0] = 3.0
    got = np.empty((1, 3))
    masses = np.full(count + 1, 0.125)
    _kernels.nbody_accelerations(range(1), positions, masses, 1e-9, 1.0, got)
    term = Decimal(1) * 3 / 8 / Decimal(math.sqrt(9 + 1e-18)) ** 3
    assert got[0, 0] == pytest.approx(float(term * count), rel=1e-14)


def test_integers_and_mixed_dtypes():
    positions, masses = [[0, 0, 0], [1, 2, 2], [5, 1, -3]], [1, 2, 3]
    wanted = gilfree.nbody_accelerations(np.array(positions, float), np.array(masses, float))
    for at, weights, dtype in (
        (np.array(positions, np.int8), np.array(masses, np.uint16), np.float64),
        (np.array(positions, np.float32), np.array(masses), np.float64),
        (np.array(positions), np.array(masses, np.float32), np.float64),
        (np.array(positions, np.float16), np.array(masses, np.float32), np.float32),
    ):
        got = gilfree.nbody_accelerations(at, weights)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-6 if dtype == np.float32 else 1e-15)


def layouts(array):
    misaligned = np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)
    read_only = array.copy()
    read_only.flags.writeable = False
    return {
        "list": array.tolist(),
        "fortran": np.asfortranarray(array),
        "strided": np.repeat(array, 2, axis=0)[::2],
        "negative": array[::-1].copy()[::-1],
        "swapped": array.astype(array.dtype.newbyteorder()),
        "misaligned": misaligned,
        "read_only": read_only,
        "memoryview": memoryview(array),
    }


@pytest.mark.parametrize("layout", sorted(layouts(np.ones((1, 1)))))
def test_layouts(layout):
    positions, masses = cluster(40)
    got = gilfree.nbody_accelerations(layouts(positions)[layout], layouts(masses)[layout])
    np.testing.assert_array_equal(got, gilfree.nbody_accelerations(positions, masses))


X, M = cluster(4)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((X[0], M), {}, ValueError, ["positions", "2 dimension", "got 1"]),
        ((X[:, :2], M), {}, ValueError, ["positions", "(n, 3)", "(4, 2)"]),
        ((X, M[:3]), {}, ValueError, ["masses", "4 positions", "got 3"]),
        ((X, M[:, None]), {}, ValueError, ["masses", "1 dimension", "got 2"]),
        ((X, 1.0), {}, ValueError, ["masses", "1 dimension", "got 0"]),
        ((X.astype(complex), M), {}, TypeError, ["positions", "complex128"]),
        ((X, ["a", "b", "c", "d"]), {}, TypeError, ["masses", "<U1"]),
        (([[1, 2, 3], [1]], [1, 1]), {}, ValueError, ["positions"]),
        ((X, M), {"softening": -1}, ValueError, ["softening", "0 or more", "-1"]),
        ((X, M), {"softening": math.nan}, ValueError, ["softening", "finite", "nan"]),
        ((X, M), {"softening": math.inf}, ValueError, ["softening", "finite", "inf"]),
        ((X, M), {"softening": "soft"}, TypeError, ["softening", "soft"]),
        ((X, M), {"gravitational_constant": math.inf}, ValueError, ["gravitational_constant", "finite"]),
        ((X, M), {"gravitational_constant": None}, TypeError, ["gravitational_constant", "None"]),
        ((X, M), {"out": np.empty((4, 3), np.float32)}, ValueError, ["out", "float64", "float32"]),
        ((X, M), {"out": np.empty((3, 4))}, ValueError, ["out", "(4, 3)", "(3, 4)"]),
    ],
)
def test_bad_arguments(arguments, options, error, words):
    out = np.full((4, 3), 7.0)
    with pytest.raises(error) as caught:
        gilfree.nbody_accelerations(*arguments, **{"out": out, **options})
    for word in words:
        assert word in str(caught.value)
    assert (out == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("count", [1, 20, 10_000])
def test_numbers_have_to_be_finite(dtype, bad, count):
    positions, masses = cluster(count, dtype)
    out = np.full((count, 3), 7, dtype)
    for place in (0, count // 2, count - 1):
        wrong = positions.copy()
        wrong[place, place % 3] = bad
        with pytest.raises(ValueError, match="positions.*finite"):
            gilfree.nbody_accelerations(wrong, masses, out=out)
        wrong = masses.copy()
        wrong[place] = bad
        with pytest.raises(ValueError, match="masses.*finite"):
            gilfree.nbody_accelerations(positions, wrong, out=out)
    assert (out == 7).all()


def test_out_may_be_the_positions():
    positions, masses = cluster(50)
    wanted = gilfree.nbody_accelerations(positions, masses)
    assert gilfree.nbody_accelerations(positions, masses, out=positions) is positions
    np.testing.assert_array_equal(positions, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hold_equals_release_equals_any_workers(dtype):
    positions, masses = cluster(701, dtype)
    positions[300] = positions[301] * dtype(1 + 1e-6)
    wanted = gilfree.nbody_accelerations(positions, masses, release_gil=False)
    with ThreadPoolExecutor(3) as pool:
        for options in (
            {"release_gil": True}, *({"workers": count} for count in (1, 2, 3, 7)), {"workers": pool}, {"workers": map}
        ):  # fmt: skip
            given = gilfree.nbody_accelerations(positions, masses, **options)
            assert given.tobytes() == wanted.tobytes(), options


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_by_one_equals_all_together(dtype):
    positions, masses = cluster(150, dtype)
    wanted = gilfree.nbody_accelerations(positions, masses)
    for body in range(150):
        got = np.empty((1, 3), dtype)
        _kernels.nbody_accelerations(range(body, body + 1), positions, masses, 0.0, 1.0, got)
        assert got.tobytes() == wanted[body].tobytes()


def test_pinned_bits():
    """One answer for every level: the same digits wherever this runs."""
    positions = np.array([[(7 * i + 3 * axis) % 11 / 8 + i for axis in range(3)] for i in range(100)])
    got = gilfree.nbody_accelerations(positions, 1 / np.arange(1, 101), softening=0.125)
    assert [value.hex() for value in got[[0, 50, 99], [0, 1, 2]].tolist()] == PINNED


PINNED = ["0x1.203dc290bcf24p-4", "0x1.9ddbac9c1bb94p-9", "-0x1.2aaa0efea0e93p-7"]


def test_a_stop_set_by_another_thread_ends_a_long_call():
    positions, masses = cluster(200_000)
    out = np.empty_like(positions)
    stop = array("i", [0])
    timer = threading.Timer(0.05, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        _kernels.nbody_accelerations(range(len(masses)), positions, masses, 0.0, 1.0, out, stop=stop)
    timer.join()


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("spread", [1.0, 1e-200])
def test_a_stop_set_before_ends_the_call(rows, spread):
    """While positions are looked at, and while pairs are added up, carefully too."""
    positions, masses = np.arange(300_000.0).reshape(-1, 3), np.ones(100_000)
    positions[1:] *= spread
    stop = array("i", [0])
    _kernels.stop(stop)
    with pytest.raises(gilfree.Cancelled):
        _kernels.nbody_accelerations(range(rows), positions, masses, 0.0, 1.0, np.empty((rows, 3)), stop=stop)


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, range(1, 5), ["rows", "0 to 3"]),
        (0, range(-1, 3), ["rows", "0 to 3"]),
        (0, range(0, 8, 2), ["rows", "consecutive"]),
        (0, range(3), ["accelerations", "length 3", "got 4"]),
        (0, None, ["rows"]),
        (1, X.astype(np.float32), ["masses", "4-byte"]),
        (1, X.astype(np.int64), ["positions", "floats"]),
        (1, np.ones((4, 4)), ["positions", "length 3"]),
        (1, X[::-1], ["positions", "C-contiguous"]),
        (2, M[:3], ["masses", "length 4", "got 3"]),
        (5, np.empty((4, 2)), ["accelerations", "length 3"]),
        (5, np.empty((3, 3)), ["accelerations", "length 4"]),
        (5, np.empty((4, 3), np.float32), ["accelerations", "8-byte"]),
        (5, bytes(96), ["accelerations", "writable"]),
    ],
)
def test_the_compiled_function_checks_what_its_memory_safety_needs(position, value, words):
    arguments = [range(4), X, M, 0.0, 1.0, np.empty((4, 3))]
    arguments[position] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        _kernels.nbody_accelerations(*arguments)
    for word in words:
        assert word in str(caught.value)


def test_pytreegrav_agrees():
    pytreegrav = pytest.importorskip("pytreegrav")
    positions, masses = cluster(300)
    theirs = pytreegrav.Accel(positions, masses, method="bruteforce", parallel=False)
    np.testing.assert_allclose(gilfree.nbody_accelerations(positions, masses), theirs, rtol=1e-10, atol=1e-10)
