"""What fuzzing runs millions of times, a few times, without a fuzzer: else it would rot between two runs of it."""

import random
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gilfree
from gilfree.kernels import KERNELS

sys.path.append(str(Path(__file__).parent))

from harnesses import HARNESSES, Case
from source import LAYOUTS, Source
from target import REFUSED, Captured, Wrong, call_as_users_do, call_core, call_disturbed, captured, outcome, plain, same

pytestmark = pytest.mark.thread_unsafe(reason="patches the kernels' common part")

every_kernel = pytest.mark.parametrize("name", KERNELS)


def inputs(name, count):
    rng = random.Random(name)
    return [Source(rng.randbytes(rng.choice((0, 5, 100, 1000)))) for _ in range(count)]


def test_every_kernel_has_a_harness():
    assert list(HARNESSES) == list(KERNELS)


@every_kernel
def test_calls_as_users_make_them(name):
    results = []
    for source in inputs(name, 150):
        case = HARNESSES[name](source)
        results.append(outcome(case.function, case.args, case.kwargs))
        call_as_users_do(case, source)
    assert sum(not isinstance(result, type) for result in results) >= 10, "nearly all calls are refused"


@every_kernel
def test_results_are_compared_with_the_twin(name):
    """Where they may be, which is not always; Lomb and Scargle's sums depend on their order too much."""
    cases = [HARNESSES[name](source) for source in inputs(name, 100)]
    compared = [case for case in cases if case.same is not None]
    assert len(compared) >= (0 if name == "lomb_scargle" else 5)


@every_kernel
def test_calls_of_cores(name):
    for source in inputs(name, 150):
        call_core(name, source)


@every_kernel
def test_calls_while_a_thread_writes(name, monkeypatch):
    """With one in Python, which is slow, for the one in C that sanitized builds have."""
    written = []

    def disturb(target, values, size, flag, seed):
        rng = random.Random(seed)
        while not flag[0]:
            place, value = rng.randrange(len(target) // size) * size, rng.randrange(len(values))
            target[place : place + size] = values[value].tobytes()
            written.append(place)

    monkeypatch.setitem(sys.modules, "gilfree._disturber", SimpleNamespace(disturb=disturb))
    monkeypatch.setattr(gilfree, "_disturber", SimpleNamespace(disturb=disturb), raising=False)
    for source in inputs(name, 30):
        call_disturbed(HARNESSES[name](source), source)
    assert written or name in {"asian_option_price", "mandelbrot"}, "nothing was there to write to"


def test_a_wrong_result_is_found():
    case = Case(lambda *_, **__: 4, (), twin=lambda: 5, same=lambda got, wanted: got == wanted)
    with pytest.raises(Wrong, match="twin 5"):
        call_as_users_do(case, Source(b""))


def test_a_result_that_depends_on_the_layout_is_found():
    case = Case(lambda array, **_: array.strides, (np.ones((2, 2))[:, ::-1],))
    with pytest.raises(Wrong, match="plain arrays"):
        call_as_users_do(case, Source(b""))


def test_an_error_of_another_kind_is_found():
    with pytest.raises(ZeroDivisionError):
        outcome(lambda: 1 / 0, (), {})


def test_an_error_without_a_word_is_found():
    def refuse():
        raise ValueError

    with pytest.raises(Wrong, match="without a word"):
        outcome(refuse, (), {})


def test_every_layout_keeps_the_numbers():
    seen = set()
    for seed in range(200):
        source = Source(bytes([seed % 3, seed % len(LAYOUTS)]))
        array = source.laid_out(np.arange(6.0).reshape(2, 3))
        if (array != array.flat[0]).any():
            assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert same(plain(array), plain(plain(array)))
        flags = array.flags
        seen.add((flags.c_contiguous, flags.aligned, flags.writeable, array.dtype.isnative, array.strides))
    assert len(seen) == len(LAYOUTS)


def test_a_source_ends_in_zeros():
    source = Source(b"\1")
    assert [source.below(256), source.below(256), source.chance(2)] == [1, 0, False]


def test_what_a_core_is_given():
    core, arguments = captured(Case(KERNELS["mandelbrot"].functions[0], (3, 2)))
    assert core == "mandelbrot"
    assert arguments[-1].shape == (2, 3)
    assert captured(Case(KERNELS["mandelbrot"].functions[0], (-3, 2))) == (None, [])
    assert not issubclass(Captured, REFUSED)
