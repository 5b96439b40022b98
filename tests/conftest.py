"""Settings of Hypothesis, and the gate that keeps the parallel run of the suite honest."""

import os
import signal
from importlib import import_module

import hypothesis
import pytest

pytest_plugins = ["pytester"]

hypothesis.settings.register_profile("fast", max_examples=50, deadline=None)
hypothesis.settings.register_profile("nightly", max_examples=2000, deadline=None)
hypothesis.settings.register_profile("parallel", max_examples=8, deadline=None)  # in each of several threads
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_addoption(parser):
    parser.addoption(
        "--at-least-parallel",
        type=int,
        metavar="N",
        help="fail unless at least N tests passed in several threads at once (with --parallel-threads)",
    )


# They start processes and set what these inherit.
PROCESSES = ("benchmarks", "test_cli.py", "test_import.py", "test_interrupt.py")

# They measure: shares of time, ratios of times, who gets a CPU within so many seconds. Where something else takes the
# machine for a moment, what they find is true and not what they are about; what is wrong is so a second time too.
MEASURING = (
    "benchmarks",
    "observe",
    "test_progress.py",
    "test_to_thread.py",
)


def pytest_collection_modifyitems(config, items):
    if config.getoption("at_least_parallel") is not None:
        # It imports a module, whose assertions pytest rewrites; CPython 3.11 cannot parse in two threads at once.
        hypothesis.strategies.randoms().validate()
    for item in items:
        if not set(PROCESSES).isdisjoint(item.path.parts):
            item.add_marker(pytest.mark.thread_unsafe(reason="starts processes"))
        if not set(MEASURING).isdisjoint(item.path.parts):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


class ParallelGate:
    """Counts the tests that pytest-run-parallel ran in several threads: it skips some, and could skip all unnoticed."""

    def __init__(self, config):
        self.wanted = config.getoption("at_least_parallel")
        self.passed = 0
        self.config = config

    def ran_in_parallel(self, nodeid):
        return any(
            nodeid in getattr(plugin, "run_in_parallel", ()) for plugin in self.config.pluginmanager.get_plugins()
        )

    def pytest_runtest_logreport(self, report):
        self.passed += report.when == "call" and report.passed and self.ran_in_parallel(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        if self.passed < self.wanted:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        verdict = "passed" if self.passed >= self.wanted else "FAILED"
        terminalreporter.write_line(f"parallel gate {verdict}: {self.passed} tests in parallel, wanted {self.wanted}")


@pytest.fixture(scope="session")
def counted():
    """Skips where the observer cannot count releases: without a GIL, and on most systems other than Linux."""
    from gilfree.observe import Prober  # noqa: PLC0415 - the compiled observer need not load for other tests

    mechanism = Prober(0.01, threads=(1,)).probe(int).mechanism
    if mechanism != "exact":
        pytest.skip(f"releases cannot be counted: the mechanism is {mechanism}")


def pytest_configure(config):
    # Shells have their jobs in the background ignore Ctrl-C, which processes that tests start and interrupt inherit.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not config.pluginmanager.has_plugin("gilfree"):  # gilfree is on the path, but not installed
        config.pluginmanager.register(import_module("gilfree.pytest_plugin"), "gilfree")
    config.addinivalue_line("markers", "thread_unsafe: not to be run in several threads at once (pytest-run-parallel)")
    if config.getoption("at_least_parallel") is not None:
        config.pluginmanager.register(ParallelGate(config), "parallel-gate")
        hypothesis.settings.load_profile("parallel")
