"""`probe` against functions of which it is known what they do with the GIL."""

import hashlib
import itertools
import math
import signal
import sys
import threading
import time

import pytest

import gilfree
from gilfree.observe import Prober, _probe, _watching

np = pytest.importorskip("numpy")

ALONE = Prober(threads=(1,))
FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()

exact = pytest.mark.skipif(FREE_THREADED, reason="a free-threaded build has no releases to count")
pytestmark = pytest.mark.thread_unsafe(reason="measures what threads do, other tests' included")


class Log:
    """Calls `known.work` and adds up what it says of itself, but for the first call, which probes do not count."""

    def __init__(self, known, *arguments):
        self.known = known
        self.arguments = arguments
        self.results = []

    def __call__(self):
        self.results.append(self.known.work(*self.arguments))

    def off(self, found):
        """Return by how much a found share is off the bounds of the true one."""
        least, most, _, _, seconds, _ = map(sum, zip(*self.results[1:], strict=True))
        return max(least / seconds - found.held, found.held - most / seconds)

    def longest(self):
        """Return between which bounds the longest hold was, in seconds."""
        return [max(result[which] for result in self.results[1:]) / 1e9 for which in (2, 3)]


MS, US = 1_000_000, 1_000


@pytest.mark.parametrize(
    ("hold", "release", "rounds", "tolerance"),
    [
        # calls of some 10 ms
        (500 * US, 9 * MS, 1, 0.01),
        (1 * MS, 1 * MS, 5, 0.01),
        (3 * MS, 500 * US, 3, 0.01),
        (10 * US, 90 * US, 100, 0.01),
        # calls of some 0.2 ms
        (10 * US, 180 * US, 1, 0.02),
        (10 * US, 10 * US, 10, 0.02),
        (90 * US, 20 * US, 1, 0.02),
    ],
)
def test_held_share_is_true(known, hold, release, rounds, tolerance):
    # Another program that gets the CPU while a call begins or ends does not spoil every one of some attempts.
    for attempt in reversed(range(5)):
        work = Log(known, hold, release, rounds)
        found = ALONE.probe(work)
        low, high = found.held_interval
        assert low <= found.held <= high
        if found.mechanism == "exact":
            assert found.releases == rounds
            assert type(found.releases) is int
        # Calls that differ are told by the interval; and a sampler comes late.
        slack = (high - low) / 2 + (0.0 if found.mechanism == "exact" else 0.1)
        least, most = work.longest()
        if work.off(found) <= tolerance + slack and (
            found.mechanism != "exact" or least * 0.8 <= found.longest_hold <= most * 1.2 + 20e-6
        ):
            break
        assert attempt, (found, work.off(found), least, most)


@exact
@pytest.mark.parametrize("mechanism", ["sampled"])
def test_samples_tell_the_same(known, monkeypatch, mechanism):
    monkeypatch.setattr(_watching, "_wanted", mechanism)
    work = Log(known, 1 * MS, 1 * MS, 5)
    found = ALONE.probe(work)
    assert found.mechanism == mechanism
    assert found.releases is None
    low, high = found.held_interval
    assert work.off(found) <= 0.1 + (high - low) / 2


def ten_digests():
    for _ in range(10):
        hashlib.sha256(bytes(100_000))


ARRAY = np.random.default_rng(1).random(100_000)


@exact
@pytest.mark.parametrize(
    ("name", "call", "releases"),
    [
        ("sha256 of 4 MB", lambda: hashlib.sha256(bytes(4_000_000)), 1),
        ("sha256 of 100 bytes", lambda: hashlib.sha256(bytes(100)), 0),
        ("ten times sha256 of 100 kB", ten_digests, 10),
        ("sleep", lambda: time.sleep(0.001), 1),
        ("bytes.count", lambda: bytes(1_000_000).count(b"x"), 0),
        ("1-D a @ a", lambda: ARRAY @ ARRAY, 0),
        ("np.dot(a, a)", lambda: np.dot(ARRAY, ARRAY), 1),
        ("np.sort", lambda: np.sort(ARRAY), 2),
    ],
)
def test_known_facts(name, call, releases):
    found = ALONE.probe(call)
    if name in ("1-D a @ a", "np.sort") and found.releases != releases:
        # of NumPy's choice: whether it releases at all is what people ask
        assert (found.releases > 0) == (releases > 0)
    else:
        assert found.releases == releases, name


@exact
def test_histogram_releases_dozens_of_times():
    found = ALONE.probe(np.histogram, ARRAY)
    assert found.releases > 20


@exact
def test_calls_that_differ_give_a_mean():
    counter = itertools.count()

    def every_second_time():
        if next(counter) % 2:
            time.sleep(0)

    found = Prober(budget=0.2, threads=(1,)).probe(every_second_time)
    assert isinstance(found.releases, float)
    assert found.releases == pytest.approx(0.5, abs=0.2)


def test_what_never_releases_is_held(known):
    found = ALONE.probe(known.work, 2 * MS, 0, 0)
    assert found.held > 0.99
    assert found.ceiling == pytest.approx(1, abs=0.02)
    if found.mechanism == "exact":
        assert found.releases == 0
        assert "holds the GIL for all of its" in str(found)


def test_sleep_has_no_ceiling_worth_mentioning():
    found = ALONE.probe(time.sleep, 0.005)
    assert found.held < 0.2
    assert found.ceiling > 5


def test_several_threads_are_measured(monkeypatch):
    """The speed-up is the time of one thread, times the number of threads, over the time of all at once."""
    blocks = []

    def in_threads(count, calls, func, *_):
        blocks.append((count, calls))
        return {1: 1.0, 2: 1.25, 4: 4.0}[count]

    monkeypatch.setattr(_probe, "in_threads", in_threads)
    found = Prober(threads=(1, 2, 4)).probe(time.sleep, 0.001)
    assert found.speedup == {1: 1.0, 2: 1.6, 4: 1.0}
    assert {count for count, _ in blocks} == {1, 2, 4}
    assert len({calls for _, calls in blocks}) == 1
    assert "four threads run 1.00× as fast" in str(found)


def test_threads_are_started_at_once():
    together = threading.Barrier(3, timeout=30)
    seconds = _probe.in_threads(3, 2, together.wait, (), {})
    assert 0 < seconds < 30


def test_arguments_are_passed():
    seen = []

    def target(*args, **kwargs):
        seen.append((args, kwargs))

    Prober(budget=0.01, threads=(1,)).probe(target, 1, name=2)
    assert seen
    assert all(call == ((1,), {"name": 2}) for call in seen)


class MyError(Exception):
    pass


@pytest.mark.parametrize("failing", [1, 2, 5, 12])
def test_errors_are_the_callers(failing):
    """In the first call, in a later one, and in the threads of the speed-up."""
    counter = itertools.count(1)

    def sometimes():
        if next(counter) == failing:
            raise MyError("mine")
        time.sleep(0.01)

    with pytest.raises(MyError, match="mine"):
        Prober(budget=1, threads=(1, 2)).probe(sometimes)
    # and nothing keeps being watched
    assert threading.Thread._bootstrap_inner is _watching._bootstrap


def test_keyboard_interrupt_gets_through():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ALONE.probe(interrupted)


def test_functions_that_start_threads():
    def work():
        sum(range(100_000))
        time.sleep(0.01)  # or the caller, once woken, might be kept from running while the other thread computes

    def start():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    found = Prober(budget=0.3).probe(start)
    assert 0 <= found.held < 0.9
    if found.mechanism == "exact":
        assert found.releases >= 1


def test_long_calls_are_made_a_few_times_only():
    calls = []
    Prober(budget=0.02, threads=(1, 2)).probe(lambda: (calls.append(1), time.sleep(0.2)))
    assert 1 <= len(calls) <= 1 + 1 + 2


def test_short_calls_are_made_often():
    assert ALONE.probe(sum, range(100)).calls >= 7


def test_nothing_is_left_changed():
    interval, handlers = (
        sys.getswitchinterval(),
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    )
    threads = threading.active_count()
    gilfree.probe(time.sleep, 0.001)
    assert sys.getswitchinterval() == interval
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert threading.active_count() == threads
    assert threading.Thread._bootstrap_inner is _watching._bootstrap


def test_probes_nest():
    inner = []
    outer = Prober(budget=0.05, threads=(1,)).probe(lambda: inner.append(Prober(0.01, (1,)).probe(time.sleep, 0.001)))
    assert outer.held <= 1
    assert all(found.held < 0.6 for found in inner)


def test_probes_run_side_by_side(known):
    found = {}

    def probe(name, *work):
        found[name] = Prober(budget=0.3, threads=(1,)).measure(name, known.work, work, {}, count_cpu=True)

    threads = [
        threading.Thread(target=probe, args=("releasing", 10 * US, 2 * MS, 1)),
        threading.Thread(target=probe, args=("sleeping", 10 * US, 3 * MS, 1)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found.values():
        assert one.held_by_itself < 0.3
        assert one.releases in (1, None)


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"budget": 0}, ValueError, ["budget", "above 0", "0"]),
        ({"budget": math.nan}, ValueError, ["budget"]),
        ({"budget": "long"}, TypeError, ["budget", "'long'"]),
        ({"threads": (0,)}, ValueError, ["threads", "1 up"]),
        ({"threads": (1.5,)}, ValueError, ["threads"]),
    ],
)
def test_bad_knobs(kwargs, error, words):
    with pytest.raises(error) as caught:
        Prober(**kwargs)
    for word in words:
        assert word in str(caught.value)


def test_only_callables():
    with pytest.raises(TypeError, match="func: wanted a callable, got int"):
        gilfree.probe(3)


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (math.sqrt, "math.sqrt"),
        (sum, "sum"),
        (np.sort, "numpy.sort"),
        (b"".count, "bytes.count"),
        (Prober, "gilfree.observe._probe.Prober"),
    ],
)
def test_names(func, name):
    assert _probe.name_of(func) == name


def call(wall, holding):
    return _probe.Call(wall, holding, 0, holding, 1, holding, 0, 0, 0)


def test_the_interval_is_students():
    """Of the ratio of two sums; by hand for two calls."""
    share, (low, high) = _probe.held_share([call(100, 10), call(100, 20)], "exact")
    assert share == pytest.approx(0.15)
    half = 12.71 * math.sqrt((5**2 + 5**2) / 1) / math.sqrt(2) / 100
    assert (low, high) == (pytest.approx(max(0, 0.15 - half)), pytest.approx(min(1, 0.15 + half)))


def test_the_interval_of_samples_is_wilsons():
    share, (low, high) = _probe.sampled_share(8, 10)
    assert share == 0.8
    # E. B. Wilson's formula, evaluated elsewhere: 8 of 10 successes
    assert (low, high) == (pytest.approx(0.4902, abs=2e-4), pytest.approx(0.9433, abs=2e-4))


def test_undisturbed_leaves_out_interrupted_holds():
    interrupted = _probe.Call(1000, 900, 0, 900, 1, 5, 95, 0, 0)
    assert _probe.undisturbed_share([interrupted]) == pytest.approx(5 / 105)
