import threading
import time
from array import array
from math import exp, inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.kernels import _kernel
from gilfree.kernels.viterbi import viterbi_pure


def random_model(states, steps, seed=0):
    """Logarithms as they come: nothing adds up to one."""
    rng = np.random.default_rng(seed)
    return tuple(np.log(rng.random(shape)) for shape in (states, (states, states), (steps, states)))


def score(model, path):
    """What a path is worth, added up in the same order."""
    initial, transition, likelihood = (np.asarray(part, np.float64) for part in model)
    total = initial[path[0]] + likelihood[0][path[0]]
    for step in range(1, len(path)):
        total = total + transition[path[step - 1], path[step]] + likelihood[step][path[step]]
    return total


def assert_equals_the_twin(model, **options):
    path, probability = gilfree.viterbi(*model, **options)
    wanted_path, wanted_probability = viterbi_pure(*(np.asarray(part).tolist() for part in model), **options)
    assert path.dtype == np.int32
    assert path.tolist() == wanted_path
    assert np.array_equal(probability, wanted_probability)


# Few different numbers, so that ties are common.
NUMBERS = st.one_of(st.sampled_from([-inf, -2.0, -1.0, -0.5, 0.0, 1.0]), st.floats(-1e3, 1e3, width=32))


@st.composite
def models(draw):
    states = draw(st.integers(1, 11))
    steps = draw(st.integers(0, 7))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    numbers = iter(draw(st.lists(NUMBERS, min_size=50, max_size=50)) * 5)
    rows = [[next(numbers) for _ in range(states)] for _ in range(1 + states + steps)]
    initial, transition, likelihood = rows[0], rows[1 : states + 1], rows[states + 1 :]
    return (
        np.array(initial, dtype),
        np.array(transition, dtype),
        np.array(likelihood, dtype).reshape(steps, states),
    )


@given(models(), st.randoms())
def test_equals_the_twin(model, random):
    assert_equals_the_twin(model)
    steps = model[2].shape[0]
    cuts = sorted(random.choices(range(steps + 1), k=random.randrange(4)))
    assert_equals_the_twin(model, lengths=np.diff([0, *cuts, steps]).tolist())


@pytest.mark.parametrize("states", [1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 40, 64, 71])
def test_every_number_of_states(states):
    assert_equals_the_twin(random_model(states, 30, seed=states))


@pytest.mark.parametrize("states", [1, 2, 5, 8, 9, 33, 70])
def test_ties_go_to_the_lower_state(states):
    path, probability = gilfree.viterbi(np.zeros(states), np.zeros((states, states)), np.zeros((20, states)))
    assert not path.any()
    assert probability == 0
    # All but the lowest few states are equally good.
    initial = np.where(np.arange(states) < states // 2, -1.0, 0.0)
    path, _ = gilfree.viterbi(initial, np.zeros((states, states)), np.tile(initial, (20, 1)))
    assert (path == states // 2).all()


@pytest.mark.parametrize("states", [1, 3, 8, 40])
def test_all_is_impossible(states):
    path, probability = gilfree.viterbi(*(np.full(shape, -inf) for shape in (states, (states, states), (9, states))))
    assert not path.any()
    assert probability == -inf


def test_textbook():
    # The example of Wikipedia's article "Viterbi algorithm": healthy, healthy, ill.
    initial, transition = np.log([0.6, 0.4]), np.log([[0.7, 0.3], [0.4, 0.6]])
    likelihood = np.log([[0.5, 0.1], [0.4, 0.3], [0.1, 0.6]])
    path, probability = gilfree.viterbi(initial, transition, likelihood)
    assert path.tolist() == [0, 0, 1]
    assert exp(probability) == pytest.approx(0.01512)
    assert type(probability) is float


def test_an_occasionally_dishonest_casino():
    """Durbin, Eddy, Krogh, Mitchison, "Biological sequence analysis", 3.2: the loaded die is found."""
    transition = np.log([[0.95, 0.05], [0.1, 0.9]])
    faces = np.log(np.array([[1 / 6] * 6, [0.1] * 5 + [0.5]]))
    rolls = [0, 3, 1, 4, 2, 0, 3, 1, 4, 2] * 2 + [5, 5, 5, 0, 5, 5, 5, 5, 2, 5, 5, 5] + [1, 3, 0, 2, 4, 1, 3, 0] * 3
    path, _ = gilfree.viterbi(np.log([0.5, 0.5]), transition, faces[:, rolls].T)
    assert path.tolist() == [0] * 20 + [1] * 12 + [0] * 24


def test_no_path_is_better():
    model = random_model(4, 6, seed=3)
    path, probability = gilfree.viterbi(*model)
    every = np.stack(np.meshgrid(*[range(4)] * 6, indexing="ij"), axis=-1).reshape(-1, 6)
    assert score(model, path) == probability == max(score(model, other) for other in every)


def test_long_sequences_stay_exact():
    model = random_model(5, 20_000, seed=4)
    path, probability = gilfree.viterbi(*model)
    assert score(model, path) == probability


def test_float32_is_added_up_in_float64():
    model = [part.astype(np.float32) for part in random_model(6, 3000, seed=5)]
    path, probability = gilfree.viterbi(*model)
    wide_path, wide_probability = gilfree.viterbi(*(part.astype(np.float64) for part in model))
    assert np.array_equal(path, wide_path)
    assert probability == wide_probability
    mixed = gilfree.viterbi(model[0], model[1].astype(np.float64), model[2])
    assert np.array_equal(mixed[0], wide_path)


@pytest.mark.parametrize("package", ["hmmlearn", "librosa"])
def test_equals_other_libraries(package):
    pytest.importorskip(package)
    rng = np.random.default_rng(7)
    initial, transition = rng.dirichlet(np.ones(12)), rng.dirichlet(np.ones(12), 12)
    likelihood = rng.dirichlet(np.ones(12), 200)
    path, probability = gilfree.viterbi(np.log(initial), np.log(transition), np.log(likelihood))
    if package == "hmmlearn":
        from hmmlearn import _hmmc  # noqa: PLC0415

        wanted_probability, wanted = _hmmc.viterbi(initial, transition, np.log(likelihood))
    else:
        from librosa.sequence import viterbi  # noqa: PLC0415

        wanted, wanted_probability = viterbi(likelihood.T, transition, p_init=initial, return_logp=True)
    assert np.array_equal(path, wanted)
    assert probability == pytest.approx(float(np.squeeze(wanted_probability)), rel=1e-9)


@pytest.mark.parametrize("lengths", [[50], [20, 30], [0, 20, 0, 0, 30, 0], [1] * 50, np.array([49, 1], np.uint8)])
def test_lengths(lengths):
    model = random_model(6, 50)
    path, probabilities = gilfree.viterbi(*model, lengths=lengths)
    assert probabilities.shape == (len(lengths),)
    assert probabilities.dtype == np.float64
    first = 0
    for length, probability in zip(lengths, probabilities, strict=True):
        part = slice(first, first + int(length))
        wanted, wanted_probability = gilfree.viterbi(*model[:2], model[2][part])
        assert np.array_equal(path[part], wanted)
        assert probability == wanted_probability
        first = part.stop


def test_empty():
    path, probability = gilfree.viterbi(*random_model(3, 0))
    assert path.shape == (0,)
    assert probability == 0
    path, probabilities = gilfree.viterbi(*random_model(3, 0), lengths=[])
    assert path.shape == probabilities.shape == (0,)
    assert gilfree.viterbi(*random_model(3, 0), lengths=[0, 0], workers=2)[1].tolist() == [0, 0]


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
    "ints": lambda a: a.astype(np.int8),
    "float16": lambda a: a.astype(np.float16),
    "byte-swapped": lambda a: a.astype(">f8"),
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "misaligned": misaligned,
    "read-only": read_only,
    "Fortran": np.asfortranarray,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout):
    model = [np.round(part) for part in random_model(9, 25)]
    wanted = gilfree.viterbi(*model, lengths=[10, 15])
    result = gilfree.viterbi(*map(LAYOUTS[layout], model), lengths=[10, 15])
    assert all(map(np.array_equal, result, wanted))


def changed(part, place, value):
    model = [np.array(values) for values in random_model(3, 4)]
    model[part][place] = value
    return model


GOOD = random_model(3, 4)
BAD = {
    "nan first": (changed(0, 1, nan), {}, ValueError, ["log_initial", "below infinity"]),
    "nan between": (changed(1, (2, 2), nan), {}, ValueError, ["log_transition", "below infinity"]),
    "nan seen": (changed(2, (3, 2), nan), {}, ValueError, ["log_likelihood", "below infinity"]),
    "nan seen first": (changed(2, (0, 0), nan), {}, ValueError, ["log_likelihood", "below infinity"]),
    "infinity first": (changed(0, 2, inf), {}, ValueError, ["log_initial", "below infinity"]),
    "infinity between": (changed(1, (0, 1), inf), {}, ValueError, ["log_transition", "below infinity"]),
    "infinity seen": (changed(2, (1, 0), inf), {}, ValueError, ["log_likelihood", "below infinity"]),
    "no states": ((np.empty(0), np.empty((0, 0)), np.empty((4, 0))), {}, ValueError, ["log_initial", "got 0"]),
    "initial 2-D": ((GOOD[1], GOOD[1], GOOD[2]), {}, ValueError, ["log_initial", "1 dimension", "(3, 3)"]),
    "transition 1-D": ((GOOD[0], GOOD[0], GOOD[2]), {}, ValueError, ["log_transition", "2 dimension"]),
    "transition not square": ((*GOOD[::2], GOOD[2]), {}, ValueError, ["log_transition", "(3, 3)", "(4, 3)"]),
    "too many columns": ((*GOOD[:2], np.zeros((4, 5))), {}, ValueError, ["log_likelihood", "3 columns", "got 5"]),
    "complex": ((GOOD[0] + 0j, *GOOD[1:]), {}, TypeError, ["log_initial", "complex128"]),
    "text": ((["a"], *GOOD[1:]), {}, TypeError, ["log_initial"]),
    "lengths too small": (GOOD, {"lengths": [1, 2]}, ValueError, ["lengths", "sum of 4", "got 3"]),
    "lengths too large": (GOOD, {"lengths": [3, 2]}, ValueError, ["lengths", "sum of 4", "got 5"]),
    "lengths overflow": (GOOD, {"lengths": [2**63 - 1, 2**63 - 1, 6]}, ValueError, ["lengths", "sum of 4"]),
    "a length below 0": (GOOD, {"lengths": [5, -1]}, ValueError, ["lengths", "0 or more", "-1"]),
    "lengths of floats": (GOOD, {"lengths": [4.0]}, TypeError, ["lengths", "float64"]),
    "one length": (GOOD, {"lengths": 4}, ValueError, ["lengths", "1 dimension"]),
    "out": (GOOD, {"out": (np.empty(4, np.int32), np.empty(1))}, ValueError, ["out (log_probability)", "()", "(1,)"]),
}


def transition_of_wrong_shape():
    return GOOD[0], GOOD[2], GOOD[2]


BAD["transition not square"] = (transition_of_wrong_shape(), *BAD["transition not square"][1:])


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("workers", [1, 2])
def test_bad_input(case, workers):
    model, options, error, words = BAD[case]
    with pytest.raises(error) as caught:
        gilfree.viterbi(*model, **options, workers=workers)
    for word in words:
        assert word in str(caught.value)


def test_nothing_is_written_on_bad_arguments():
    out = np.full(4, 7, np.int32), np.full((), 7.0)
    for case in ("no states", "complex", "too many columns"):
        with pytest.raises((TypeError, ValueError)):
            gilfree.viterbi(*BAD[case][0], out=out)
    assert out[0].tolist() == [7] * 4
    assert out[1] == 7


def test_out_that_is_an_input():
    initial, transition, likelihood = random_model(6, 50)
    wanted = gilfree.viterbi(initial, transition, likelihood, lengths=[20, 10, 5, 5, 5, 5])
    out = np.empty(50, np.int32), initial
    result = gilfree.viterbi(initial, transition, likelihood, lengths=[20, 10, 5, 5, 5, 5], out=out)
    assert result is out
    assert np.array_equal(initial, wanted[1])
    assert np.array_equal(out[0], wanted[0])


@pytest.mark.parametrize("release_gil", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("lengths", [None, [200], [150, 1, 0, 3, 40, 6], [1] * 200, [0, 100, 100, 0]])
@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_one_answer_however_it_is_cut(workers, release_gil, lengths, monkeypatch):
    monkeypatch.setattr(_kernel, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(_kernel, "CHUNK_OVERHEAD", 1e9)
    monkeypatch.setattr(_kernel, "HANDOVER_SECONDS", -1)
    model = random_model(6, 200)
    path, probability = gilfree.viterbi(*model, lengths=lengths, workers=workers, release_gil=release_gil)
    wanted = gilfree.viterbi(*model, lengths=lengths)
    assert path.tobytes() == wanted[0].tobytes()
    assert np.asarray(probability).tobytes() == np.asarray(wanted[1]).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"log_initial": np.zeros(2)},
        {"log_initial": np.zeros(3, np.float32)},
        {"log_transition": np.zeros((3, 4))},
        {"log_transition": np.zeros(9)},
        {"log_likelihood": np.zeros((4, 2))},
        {"log_likelihood": np.zeros((5, 3))},
        {"last": np.zeros(3, np.uint8)},
        {"last": np.zeros(4, np.int32)},
        {"path": np.zeros(4, np.int64)},
        {"path": np.zeros(5, np.int32)},
        {"path": read_only(np.zeros(4, np.int32))},
        {"log_probabilities": np.zeros(3)},
        {"log_probabilities": np.zeros(4, np.float32)},
    ],
    ids=" ".join,
)
def test_bad_buffers_are_refused(change):
    good = dict(
        zip(("log_initial", "log_transition", "log_likelihood"), GOOD, strict=True),
        last=np.zeros(4, np.uint8),
        path=np.empty(4, np.int32),
        log_probabilities=np.empty(4),
    )
    _kernels.viterbi(*good.values())
    assert good["log_probabilities"][-1] == gilfree.viterbi(*GOOD)[1]
    with pytest.raises((TypeError, ValueError)):
        _kernels.viterbi(*{**good, **change}.values())


@pytest.mark.thread_unsafe(reason="starts threads of its own")
def test_survives_a_thread_that_rewrites_everything():
    """Inputs, ends of sequences, and the path while it is traced back; AddressSanitizer sees what could happen."""
    initial, transition, likelihood = random_model(9, 400)
    last, path, probabilities = np.zeros(400, np.uint8), np.empty(400, np.int32), np.empty(400)
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            path[:] = 2**31 - 1
            last[::3] ^= 1
            likelihood[5, 3] = nan
            path[::2] = -5
            likelihood[5, 3] = log(0.5)

    other = threading.Thread(target=scribble)
    other.start()
    try:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            try:
                _kernels.viterbi(initial, transition, likelihood, last, path, probabilities)
            except ValueError as error:
                assert "log_likelihood" in str(error)  # noqa: PT017
    finally:
        stop.set()
        other.join()


@pytest.mark.parametrize(("states", "steps"), [(3, 300_000), (200, 100), (1500, 2)])
@pytest.mark.parametrize("release_gil", [True, False])
def test_a_flag_stops_it(states, steps, release_gil):
    flag = array("i", [0])
    _kernels.stop(flag)
    with pytest.raises(gilfree.Cancelled):
        _kernels.viterbi(
            *(np.zeros(shape) for shape in (states, (states, states), (steps, states))),
            np.zeros(steps, np.uint8), np.empty(steps, np.int32), np.empty(steps), release_gil=release_gil, stop=flag,
        )  # fmt: skip


def test_a_flag_stops_many_short_sequences():
    flag = array("i", [0])
    _kernels.stop(flag)
    with pytest.raises(gilfree.Cancelled):
        _kernels.viterbi(
            np.zeros(1), np.zeros((1, 1)), np.zeros((1_000_000, 1)),
            np.ones(1_000_000, np.uint8), np.empty(1_000_000, np.int32), np.empty(1_000_000), stop=flag,
        )  # fmt: skip
