"""A pytest plugin that fails a run in which the sanitizer was off, the GIL was on, or too few tests passed."""

import importlib
import re
import sys
from pathlib import Path

import pytest

# What compiled code refers to when it is instrumented, and what is loaded then.
MARKS = {
    "address": (b"__asan_report_", ("libasan", "libclang_rt.asan")),
    "thread": (b"__tsan_read", ()),  # the runtime is part of the interpreter
}
# The first words of a report, except that an allocation was refused.
REPORT = re.compile(rb"(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error): ")
ENDED = "gate-ended"  # a file among the reports: the tests came to their end, and did not crash
MODULES = ("gilfree._kernels", "gilfree.observe._native")


def pytest_addoption(parser):
    parser.addoption("--sanitizer", choices=MARKS)
    parser.addoption("--sanitized", metavar="FOLDER", help="where gilfree has to come from")
    parser.addoption("--sanitizer-reports", metavar="FOLDER", help="where reports go: tells which tests they are of")
    parser.addoption("--at-least", type=int, metavar="N", help="fail unless so many tests passed")


class Gate:
    def __init__(self, config):
        self.sanitizer = config.getoption("sanitizer")
        self.folder = Path(config.getoption("sanitized"))
        self.wanted = config.getoption("at_least")
        self.passed = 0
        self.reports = Path(config.getoption("sanitizer_reports"))
        self.reported = 0
        self.reporting = []

    def pytest_sessionstart(self):
        check_modules(self.sanitizer, self.folder)

    def pytest_runtest_logreport(self, report):
        self.passed += report.when == "call" and report.passed
        if report.when == "teardown":
            files = self.reports.glob("report.*")
            before, self.reported = self.reported, sum(len(REPORT.findall(file.read_bytes())) for file in files)
            if self.reported > before:
                self.reporting.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        check_modules(self.sanitizer, self.folder)  # also whether an import has switched the GIL back on
        if self.passed < self.wanted:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        (self.reports / ENDED).touch()

    def pytest_terminal_summary(self, terminalreporter):
        verdict = "passed" if self.passed >= self.wanted else "FAILED"
        for test in self.reporting:
            terminalreporter.write_line(f"reported until the end of {test}")
        terminalreporter.write_line(f"gate {verdict}: {self.passed} tests passed, wanted {self.wanted}")


def pytest_configure(config):
    if config.getoption("sanitizer"):
        config.pluginmanager.register(Gate(config), "sanitizer-gate")


def check_modules(sanitizer, folder):
    """Fail unless the compiled modules in use are those of the folder, are instrumented, and the runtime is there."""
    mark, runtimes = MARKS[sanitizer]
    for name in MODULES:
        file = Path(importlib.import_module(name).__file__)
        if not file.is_relative_to(folder):
            pytest.exit(f"{file} is in use, not what was built in {folder}", returncode=3)
        if mark not in file.read_bytes():
            pytest.exit(f"{file} is not instrumented", returncode=3)
    mapped = Path("/proc/self/maps").read_text()
    if runtimes and not any(runtime in mapped for runtime in runtimes):
        pytest.exit("the sanitizer's runtime is not loaded", returncode=3)
    if sanitizer == "thread" and sys._is_gil_enabled():
        pytest.exit("the GIL is on: it keeps threads from racing", returncode=3)
