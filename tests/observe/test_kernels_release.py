"""Every kernel lets the GIL go exactly once a call, or once for each of two passes; or not at all, as it is told."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from gilfree.benchmarks.problems import PROBLEMS

from gilfree.kernels import KERNELS, _kernel
from gilfree.observe import Prober

pytestmark = [
    pytest.mark.parametrize("name", KERNELS),
    pytest.mark.thread_unsafe(reason="other threads that want the GIL have Python release it in between"),
]


def medium(name):
    """The arguments of a call of some 50 milliseconds."""
    try:
        return PROBLEMS[name].make("medium")
    except ImportError as error:
        pytest.skip(f"its input comes from a package that is not here: {error.name}")


def releases(call, kernel, release_gil):
    """How often a call of some milliseconds lets the GIL go: not on the main thread, where it looks for signals too."""
    assert threading.current_thread() is not threading.main_thread()
    prober = Prober(0.1, threads=(1,))
    for _ in range(2):  # during the first, Python hands the GIL to the main thread, which goes to sleep
        found = prober.probe(call, kernel.functions[0], release_gil=release_gil)
    return found.releases


# Between its passes Python objects are made, of a size that the first one finds.
PASSES = {"pattern_set": 2}


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("release_gil", [True, False])
def test_counts(name, release_gil):
    piece = PROBLEMS[name].split(medium(name), 16)[0]
    with ThreadPoolExecutor(1) as executor:
        count = executor.submit(releases, piece, KERNELS[name], release_gil).result()
    assert count == (PASSES.get(name, 1) if release_gil else 0)


def test_told_to_release_it_holds_next_to_nothing(name, gil):
    gil.assert_releases(medium(name), KERNELS[name].functions[0], release_gil=True)


@pytest.mark.skipif(not _kernel.gil_enabled(), reason="there is no GIL to hold")
def test_told_to_hold_it_does(name, gil):
    gil.assert_holds(medium(name), KERNELS[name].functions[0], release_gil=False, min_held=0.99)
