"""The atlas: its table of functions, and that one that fails costs one row."""

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from gilfree import cli
from gilfree.observe import _atlas, _atlas_command, _atlas_entries, _atlas_report, _atlas_row
from gilfree.observe._atlas import Row, measure
from gilfree.observe._atlas_entries import ENTRIES, MODULES, matching
from gilfree.observe._atlas_entry import PYTHON, Entry

pytestmark = pytest.mark.thread_unsafe(reason="starts processes")

BUDGET = 0.05
GOOD = Entry(PYTHON, "good", "import time", "time.sleep(0.001)")
ABSENT = Entry("no_such_package", "absent", "import no_such_package", "1")
KEYS = {"function", "package", "version", "held", "releases", "seconds", "speedup", "mechanism", "error"}


def test_there_are_many_functions_of_many_packages():
    assert len(ENTRIES) >= 150
    assert sum(entry.package == PYTHON for entry in ENTRIES) >= 100
    assert len({entry.package for entry in ENTRIES}) >= 30


def test_names_are_unique():
    names = [entry.function for entry in ENTRIES]
    assert len(names) == len(set(names))


def test_a_package_is_in_one_piece_and_its_module_is_known():
    packages = [entry.package for entry in ENTRIES]
    changes = [package for package, before in zip(packages, [None, *packages], strict=False) if package != before]
    assert len(changes) == len(set(changes))
    assert set(changes) | {"gilfree"} == set(MODULES)


def test_texts_compile():
    for entry in ENTRIES:
        compile(entry.setup, f"setup of {entry.function}", "exec")
        compile(entry.expression, entry.function, "eval")


def test_nothing_is_fetched_and_no_file_lies_outside_of_the_rows_directory():
    for entry in ENTRIES:
        text = entry.setup + entry.expression
        addresses = [address for address in re.findall(r"\w+://[\w.]+", text) if "www.w3.org" not in address]
        assert set(addresses) <= {"https://example.org"}, entry.function  # only taken apart
        assert not re.search(r"urlopen|requests|create_connection|/tmp|/home|expanduser|['\"]/\w", text), entry.function


def test_our_kernels_are_there_where_the_benchmarks_problems_are(monkeypatch):
    monkeypatch.setattr(_atlas_entries, "find_spec", lambda _: object())
    rows = list(_atlas_entries._kernels())
    assert len(rows) == 3 * len(_atlas_entries.KERNELS)
    monkeypatch.setattr(_atlas_entries, "find_spec", lambda _: None)
    assert not list(_atlas_entries._kernels())


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Entry(PYTHON, "bad", "import os", "os.abort()"), "crashed: SIGABRT" if os.name == "posix" else "ended"),
        (Entry(PYTHON, "bad", "import os", "os._exit(3)"), "status 3"),
        (Entry(PYTHON, "bad", "x = 0", "1 / x"), "ZeroDivisionError: division by zero"),
        (Entry(PYTHON, "bad", "import sys", "sys.exit()"), "SystemExit"),
        (Entry(PYTHON, "bad", "1 +", "1"), "SyntaxError"),
    ],
)
def test_what_fails_costs_one_row(bad, error):
    before, row, after = measure([GOOD, bad, GOOD], budget=BUDGET)
    assert error in row.error
    assert not row.missing
    assert (row.held, row.releases, row.seconds, row.speedup, row.mechanism) == (None,) * 5
    for good in (before, after):
        assert good.error is None
        assert 0 <= good.held <= 1
        assert good.seconds >= 0.001


def test_a_hang_costs_one_row_and_leaves_no_process(tmp_path):
    pids = tmp_path / "pids"
    setup = (
        "import os, subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        f"with open({str(pids)!r}, 'w') as file: print(os.getpid(), other.pid, file=file)"
    )
    hang = Entry(PYTHON, "hang", setup, "time.sleep(1000)")
    [row] = measure([hang], budget=BUDGET, timeout=6)
    assert row.error == "took longer than 6 s"
    if sys.platform == "linux":
        deadline = time.monotonic() + 60
        while any(alive(int(pid)) for pid in pids.read_text().split()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_who_stops_listening_does_not_wait_for_the_rest():
    hang = Entry(PYTHON, "hang", "import time", "time.sleep(1000)")
    rows = measure([GOOD, hang, hang], budget=BUDGET, timeout=500)
    assert next(rows).error is None
    rows.close()  # or the test takes as long as its own time limit


def test_missing_packages_are_left_out_and_listed():
    entries = [GOOD, ABSENT]
    assert [row.function for row in measure(entries, budget=BUDGET)] == ["good"]
    assert _atlas.not_installed(entries) == ("no_such_package",)


@pytest.mark.parametrize(
    ("setup", "expression", "missing"),
    [
        ("import math", "math.there_is_no_such_function()", True),
        ("from math import there_is_no_such_function", "1", True),
        ("import no_such_module_anywhere", "1", True),
        ("import statistics", "statistics.mean(3)", False),
        ("import json", "json.loads(None)", False),
        ("import ast", "ast.NodeVisitor().visit(3)", False),  # an AttributeError, but further down
    ],
)
def test_a_function_that_this_version_lacks_is_told_from_one_that_fails(setup, expression, missing):
    found = _atlas_row.measure("f", setup, expression, BUDGET)
    assert found["missing"] is missing
    assert found["error"]


def test_children_have_one_thread_each_and_an_empty_directory():
    setup = (
        "import os\n"
        "assert os.environ['OMP_NUM_THREADS'] == os.environ['POLARS_MAX_THREADS'] == '1'\n"
        "assert os.listdir() == []\n"
        "print('noise')\nos.write(1, b'noise')"
    )
    [row] = measure([Entry(PYTHON, "f", setup, "print('noise')")], budget=BUDGET)
    assert row.error is None


def test_the_first_call_is_not_measured():
    setup = "import time\ncalls = []\ndef f():\n    if not calls:\n        time.sleep(2)\n    calls.append(1)"
    [row] = measure([Entry(PYTHON, "f", setup, "f()")], budget=BUDGET)
    assert row.seconds < 1


def test_jobs_keep_the_order():
    entries = [GOOD._replace(function=name) for name in "abcd"]
    assert [row.function for row in measure(entries, budget=BUDGET, jobs=3)] == list("abcd")


def test_robust_facts():
    wanted = ("hashlib.sha256, 4 MB", "bytes.count, 4 MB", "time.sleep")
    entries = [entry for entry in ENTRIES if entry.function in wanted]
    sha, count, sleep = sorted(measure(entries, budget=0.5), key=lambda row: wanted.index(row.function))
    assert count.held > 0.9
    if sha.mechanism == "exact":
        assert (sha.releases, count.releases, sleep.releases) == (1, 0, 1)
    if sha.mechanism != "attached":  # in a free-threaded build these are detached all the same, by samples
        assert sha.held < count.held
    assert sleep.held < count.held


def test_pattern():
    assert {entry.package for entry in matching("pandas")} == {"pandas"}
    assert all("SHA" in entry.function.upper() for entry in matching("sha256"))
    assert [entry.function for entry in matching("np.?ort")] == ["np.sort"]
    assert matching("no such function") == ()
    assert matching(None) == ENTRIES


@pytest.fixture
def two_entries(monkeypatch):
    entries = (GOOD, Entry(PYTHON, "a|b", "import math", "math.nothing()"), ABSENT)
    monkeypatch.setattr(_atlas_entries, "ENTRIES", entries)
    return entries


def test_command(two_entries, capsys, tmp_path):
    data, page = tmp_path / "atlas.json", tmp_path / "atlas.md"
    arguments = ["atlas", "--budget", str(BUDGET), "--json", str(data), "--markdown", str(page)]
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "Not installed: no_such_package." in out
    assert "not available" in out
    assert "[2/2] a|b" in err
    good, bad = json.loads(data.read_text())
    assert good.keys() == bad.keys() == KEYS
    assert (good["function"], good["package"], good["error"]) == ("good", "Python", None)
    assert good["version"] == sys.version.split()[0].rstrip("+")
    assert 0 <= good["held"] <= 1
    assert good["seconds"] >= 0.001
    assert good["speedup"] > 0
    assert "AttributeError" in bad["error"]
    assert bad["held"] is None
    assert "| `good` |" in page.read_text()


def test_command_fails_where_a_function_does(monkeypatch, capsys):
    monkeypatch.setattr(_atlas_entries, "ENTRIES", (Entry(PYTHON, "bad", "", "1 / 0"),))
    assert cli.main(["atlas", "--budget", str(BUDGET)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-k", "no such function"], "-k: wanted"),
        (["--json", "no/such/directory/a.json"], "no/such/directory"),
        (["--budget", "0"], "gilfree atlas: --budget: wanted"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_measured(arguments, words, capsys, monkeypatch):
    monkeypatch.setattr(_atlas_command, "measure", None)
    assert cli.main(["atlas", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "1,2", "x"])
def test_wrong_jobs_are_wrong_usage(jobs, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["atlas", "--jobs", jobs])
    assert "whole number" in capsys.readouterr().err


ROWS = [
    Row("f", "A", "1.0", 1.0, 0, 0.01, 1.0, "exact"),
    Row("g|h", "A", "1.0", 0.01, 2.5, 0.01, 1.9, "exact"),
    Row("k", "B", "2.0", 0.5, None, 0.01, 1.5, "sampled"),
    Row("m", "B", "2.0", error="crashed: SIGSEGV"),
]


def test_markdown_is_well_formed():
    page = _atlas_report.as_markdown(ROWS, ["C"], "2030-01-01")
    assert page.startswith("# ")
    assert page.endswith("\n")
    assert "2030-01-01" in page
    assert re.findall(r"^## (.*)", page, re.MULTILINE) == ["A 1.0", "B 2.0", "Not measured", "Not installed"]
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert bars == {6}
    assert "| `g\\|h` | 1.0 % | 2.5 | 10.0 ms | 1.90× |" in page
    assert "- `m` (B 2.0): crashed: SIGSEGV" in page


@pytest.mark.parametrize(("speedup", "busy"), [(1.95, False), (1.1, True)])
def test_markdown_tells_whether_the_machine_was_busy(speedup, busy):
    rows = [Row(name, "A", "1.0", 0.004, 1, 0.01, speedup, "exact") for name in "fg"]
    rows += [Row("h", "A", "1.0", 0.004, 1, 1e-6, 9.0, "exact"), Row("k", "A", "1.0", 1.0, 1, 1.0, 9.0, "exact")]
    page = _atlas_report.as_markdown(rows, [], "2030-01-01")
    assert re.search(rf"median of the 2 rows .* is {speedup:.2f}×", page.replace("\n", " "))
    assert ("gained little" in page) is busy


def test_summary_counts():
    assert _atlas_report.summary(ROWS) == (
        "Of 3 functions of 2 packages, 1 hold the GIL for 95 % of a call or more, 1 release it for 95 % or more, "
        "and 1 are in between."
    )
    assert _atlas_report.summary(ROWS[:1]).startswith("Of 1 function of 1 package, ")


def test_text_is_aligned_and_grouped():
    lines = _atlas_report.as_text(ROWS, []).splitlines()
    assert lines[2] == "A 1.0"
    assert len({len(line) for line in lines if "ms" in line} | {len(lines[0])}) == 1


def test_progress_is_a_bar_on_a_terminal(monkeypatch, two_entries, capsys):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert cli.main(["atlas", "--budget", str(BUDGET), "-k", "good"]) == 0
    assert "[1/" not in capsys.readouterr().err
