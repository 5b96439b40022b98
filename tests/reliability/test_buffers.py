"""Memory that a second thread resizes, closes, releases or writes to while kernels read it."""

import mmap
import sys
import threading
import time
from array import array
from contextlib import contextmanager, suppress
from multiprocessing import shared_memory

import numpy as np
import pytest
from gilfree.benchmarks.problems import PROBLEMS
from kernel_calls import PLACES, arrays_of, at, function_of, identical, make, place_id, put, seeing
from stress_only import STRESS

import gilfree
from gilfree import _kernels
from gilfree.kernels import KERNELS

GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
SECONDS = 2.0 if STRESS else 0.03  # of each of the races
REFUSED = (BufferError, ValueError)

every_place = pytest.mark.parametrize(("name", "place"), PLACES, ids=place_id)
every_kernel = pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in PLACES))


@contextmanager
def meanwhile(func):
    """Calls the function again and again in another thread, and turns of Python are short."""
    over, turns, errors = threading.Event(), [0], []

    def work():
        try:
            while not over.is_set():
                func()
                turns[0] += 1
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=work)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        yield turns
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def again():
    """Numbers the rounds of a race."""
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or number < 3:
        yield number
        number += 1


# What a thread might write there: a bit of everything that is not to be trusted.
HOSTILE = {
    "f": [np.nan, np.inf, -np.inf, -1.0, 1e30],
    "i": [-1, 2**31 - 1, -(2**31), 0, 7],
    "u": [0, 255],
}


@every_kernel
@pytest.mark.thread_unsafe(reason="sets the switch interval")
def test_values_are_rewritten(name):
    """Any result is right, of the right shape and type; and there is none that writes or reads elsewhere."""
    call, function = make(name), function_of(name)
    places = [place for kernel, place in PLACES if kernel == name]
    for place in places:
        call = put(call, place, at(call, place).copy())
    expected = call(function)
    originals = [at(call, place).copy() for place in places]
    dice = np.random.default_rng(7)

    def rewrite():
        for place, original in zip(places, originals, strict=True):
            values = at(call, place)
            values.reshape(-1)[dice.integers(values.size, size=3)] = dice.choice(HOSTILE[values.dtype.kind])
            values[...] = original

    with meanwhile(rewrite) as turns:
        for number in again():
            try:
                result = call(function, release_gil=True, workers=1 + number % 2)
            except ValueError as error:
                assert "wanted" in str(error)  # noqa: PT017 - not each round raises
            else:
                for got, wanted in zip(arrays_of(result), arrays_of(expected), strict=True):
                    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    assert turns[0]
    assert identical(call(function), expected)


def shapes(result):
    return [part.shape for part in arrays_of(result)]


@pytest.mark.skipif(not GIL, reason="without a GIL, NumPy itself may look at an array while another thread resizes it")
@every_place
@pytest.mark.thread_unsafe(reason="sets the switch interval")
def test_an_array_is_resized(name, place):
    """The result is that before, or that after, or the change or the call is refused."""
    call, function = make(name), function_of(name)
    changing = at(call, place).copy()
    call = put(call, place, changing)
    short, long = changing.shape, (changing.shape[0] + 1, *changing.shape[1:])
    right = []
    for shape in (long, short):
        changing.resize(shape, refcheck=False)
        try:
            right.append(call(function))
        except ValueError as error:
            assert "wanted" in str(error)  # noqa: PT017 - only some sizes fit the other arguments
    assert right
    refused = [0]

    def resize():
        try:
            changing.resize(long if changing.shape == short else short, refcheck=False)
        except ValueError:
            refused[0] += 1
        time.sleep(0)

    results = 0
    with meanwhile(resize) as turns:
        for _ in again():
            try:
                result = call(function, release_gil=True)
            except ValueError:
                continue
            results += 1
            # Not bit for bit: evenly spaced frequencies, for instance, may seem not to be.
            assert any(shapes(result) == shapes(one) and PROBLEMS[name].same(result, one) for one in right)
    assert turns[0] > refused[0], "no change was made"


def of_mmap(data):
    memory = mmap.mmap(-1, max(1, len(data)))
    memory[: len(data)] = data
    return memory, memory.close


def of_bytearray(data):
    memory = bytearray(data)
    return memory, lambda: memory.extend(bytes(10_000_000))


def of_array(data):
    memory = array("B", data)
    return memory, lambda: memory.extend(array("B", bytes(10_000_000)))


def of_memoryview(data):
    owner = bytearray(data)
    memory = memoryview(owner)

    def change():
        memory.release()
        owner.extend(bytes(10_000_000))

    return memory, change


def of_shared_memory(data):
    block = shared_memory.SharedMemory(create=True, size=max(1, len(data)))
    block.unlink()
    block.buf[: len(data)] = data
    return block.buf, block.close


EXPORTERS = [of_mmap, of_bytearray, of_array, of_memoryview, of_shared_memory]
every_exporter = pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.__name__)


# Arguments of which the core that does the work sees what was made of them before.
CONVERTED = [("shortest_paths", (1,)), ("viterbi", ("lengths",))]


@every_exporter
@every_place
@pytest.mark.thread_unsafe(reason="patches")
def test_memory_under_an_array_goes_away(name, place, exporter):
    """Not while the call is at work: whose memory it is is told so."""
    call, function = make(name), function_of(name)
    original = at(call, place)
    expected = call(function)
    memory, change = exporter(original.tobytes())
    given = [np.ndarray(original.shape, original.dtype, memory)]  # unlike np.frombuffer, it locks nothing by itself
    refused = []

    def see(values):
        if any(np.shares_memory(value, given[0]) for value in values if isinstance(value, np.ndarray)):
            with pytest.raises(BufferError):
                change()
            refused.append(change)

    with seeing(see):
        assert identical(put(call, place, given[0])(function), expected)
    assert bool(refused) == ((name, place) not in CONVERTED)
    del given[:]
    change()


TEXT = b"she sells sea shells by the sea shore " * 4000
WORDS = gilfree.PatternSet([b"she", b"shells", b"shore", b"sea sh"])
USES = {
    "count": WORDS.count,
    "find_all": lambda text: WORDS.find_all(text)[1].sum(),
    "edit_distance": lambda text: gilfree.edit_distance(text, b"sea" * 30),
    "edit_distances": lambda text: gilfree.edit_distances([text, b"shore"], [text, b"sea" * 9]).sum(),
}


@pytest.mark.skipif(
    not GIL, reason="without a GIL, what owns memory may free it while another thread is about to take a buffer of it"
)
@every_exporter
@pytest.mark.parametrize("use", USES)
@pytest.mark.thread_unsafe(reason="sets the switch interval")
def test_text_goes_away(use, exporter):
    """A text is held while it is searched. Before or after, it may change or be gone."""
    text = TEXT if use in ("count", "find_all") else TEXT[:300]
    expected = USES[use](text)
    outcomes = {"right": 0, "refused": 0}
    fresh = [exporter(text)]

    def change():
        time.sleep(0.0002)
        try:
            fresh[0][1]()
        except BufferError:
            outcomes["refused"] += 1

    with meanwhile(change):
        for _ in again():
            fresh[0] = exporter(text)
            for _ in range(10):
                try:
                    found = USES[use](fresh[0][0])
                except (TypeError, *REFUSED):  # closed, released
                    break
                if exporter in (of_bytearray, of_array) and len(fresh[0][0]) != len(text):
                    break
                outcomes["right"] += found == expected
                assert found == expected
    assert outcomes["right"]


# Texts, and searches that take long enough to be found at work, as the compiled functions are called.
SEARCHES = {
    "pattern_set_count": (
        TEXT * 100,
        lambda text, stop: _kernels.pattern_set_count(WORDS._automaton, text, stop=stop),
    ),
    "pattern_set_find_all": (
        TEXT * 100,
        lambda text, stop: _kernels.pattern_set_find_all(WORDS._automaton, text, stop=stop),
    ),
    "edit_distance": (
        TEXT,
        lambda text, stop: _kernels.edit_distance(text, TEXT[::-1], stop=stop),
    ),
    "edit_distances": (
        TEXT[:300],
        lambda text, stop: _kernels.edit_distances(
            (text,), (b"sea" * 80,) * 100_000, None, np.empty((1, 100_000), np.int32), stop=stop
        ),
    ),
}


@every_exporter
@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.thread_unsafe(reason="has a thread of its own")
def test_text_is_held_while_it_is_searched(search, exporter):
    text, core = SEARCHES[search]

    def run(memory, stop):
        with suppress(gilfree.Cancelled):
            core(memory, stop)

    for _ in range(50):
        memory, change = exporter(text)
        stop = array("q", [0, 2**63 - 1, 0])  # never, by itself; and what is done so far
        thread = threading.Thread(target=run, args=(memory, stop))
        thread.start()
        while thread.is_alive() and not _kernels.progress(stop):
            time.sleep(0)
        refused = False
        try:
            change()
        except BufferError:
            refused = True
        finally:
            _kernels.stop(stop)
            thread.join()
        if refused:  # else the search was over before the change
            break
    assert refused
    change()


def test_every_kernel_that_takes_no_array_takes_immutable_things_or_text():
    assert set(KERNELS) - {name for name, _ in PLACES} == {
        "asian_option_price", "edit_distance", "exact_cover", "pattern_set", "mandelbrot",
    }  # fmt: skip
