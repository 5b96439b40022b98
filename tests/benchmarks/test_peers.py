"""Kernels beside other libraries: what becomes of peers that are slow, wrong, missing or worse, and of the figures."""

import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from functools import partial
from importlib.resources import files

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from gilfree.benchmarks import command, report
from gilfree.benchmarks.bench import recorded
from gilfree.benchmarks.peers import cell, limits, markdown, measure, page, table, views
from gilfree.benchmarks.problems import PROBLEMS, Peer, mandelbrot
from gilfree.benchmarks.progress import Silent
from gilfree.benchmarks.summary import summarise
from rich.console import Console

from gilfree import cli

pytestmark = pytest.mark.thread_unsafe(reason="starts processes and changes the environment")

# Peers as no library should be. They are put in place of the real ones, in this process by name alone, and by what
# follows in those where they are run: `sitecustomize` is imported on start-up.
FAKES = """
import os, sys, threading, time
from dataclasses import replace
import gilfree
from gilfree.benchmarks.problems import Peer, mandelbrot

def tenfold(call):
    return lambda: [call(gilfree.mandelbrot) for _ in range(10)][0]

def wrong(call):
    def run():
        result = call(gilfree.mandelbrot)
        result[-1, -1] += 1
        return result
    return run

def crashing(call):
    return lambda: os.kill(os.getpid(), 6)  # SIGABRT, which sanitizers let pass

def missing(call):
    import no_such_library

def raising(call):
    raise ValueError("not this")

def hanging(call):
    return lambda: time.sleep(1000)

def greedy(call):
    def run():
        import hashlib
        data = bytes(8_000_000)  # hashing lets the GIL go
        others = [threading.Thread(target=lambda: hashlib.sha256(data).digest()) for _ in range(2)]
        [other.start() for other in others]
        [other.join() for other in others]
        return call(gilfree.mandelbrot)
    return run

def variables(call):
    if not all(os.environ.get(name) == "1" for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS")):
        raise RuntimeError("threads are not pinned")
    return tenfold(call)

FAKES = {name: globals()[name] for name in os.environ["FAKES"].split(",")}
honest = mandelbrot.PROBLEM
mandelbrot.PROBLEM = replace(
    honest, make=lambda size: honest.make("small"), peers=tuple(Peer(name, name, make) for name, make in FAKES.items())
)
"""


def compared(folder, patch, *names, sizes=("small",)):
    """Compare mandelbrot with these fakes and no others."""
    (folder / "sitecustomize.py").write_text(FAKES)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    patch.setenv("PYTHONPATH", path)
    patch.setenv("FAKES", ",".join(names))
    peers = tuple(Peer(name, name, lambda call: call) for name in names)
    patch.setattr(mandelbrot, "PROBLEM", replaced(mandelbrot.PROBLEM, peers=peers))
    patch.setattr(measure, "SIZES", dict.fromkeys(measure.SIZES, 0.3))
    return measure.compare(["mandelbrot"], sizes, Silent())


@pytest.fixture
def with_peers(monkeypatch, tmp_path):
    return partial(compared, tmp_path, monkeypatch)


def replaced(frozen, **fields):
    return type(frozen)(**(vars(frozen) | fields))


def rows(comparison):
    [entry] = comparison["entries"]
    return {row["name"]: row for row in entry["peers"]}


def test_a_slow_peer_is_as_much_slower_as_it_is(with_peers):
    comparison = with_peers("tenfold")
    row = rows(comparison)["tenfold"]
    assert (row["status"], row["reason"]) == ("measured", None)
    assert 5 < row["ratio"] < 20, "ten calls of ours"
    assert row["interval"]["low"] <= row["ratio"] <= row["interval"]["high"]
    ratios = [theirs / ours for ours, theirs in zip(row["ours"], row["seconds"], strict=True)]
    assert row["interval"] == summarise(ratios).as_json()
    assert comparison["geometric_means"] == [{"size": "small", "kernels": 1, "ratio": pytest.approx(row["ratio"])}]


def test_each_peers_fate_is_its_own(with_peers):
    comparison = with_peers("crashing", "wrong", "missing", "raising", "tenfold")
    found = rows(comparison)
    assert {name: row["status"] for name, row in found.items()} == {
        "crashing": "failed",
        "wrong": "wrong",
        "missing": "missing",
        "raising": "failed",
        "tenfold": "measured",
    }
    assert "missing" in found["missing"]["reason"]
    assert "no_such_library" in found["missing"]["reason"]
    assert found["raising"]["reason"] == "ValueError: not this"
    if sys.platform != "win32":
        assert "SIGABRT" in found["crashing"]["reason"]
    assert all(row["ratio"] is row["time"] is None for row in found.values() if row["status"] != "measured")
    assert len(views.failed(comparison)) == 3, "a library that is not installed is no failure"


def test_a_peer_that_crashes_last_costs_nothing_else(with_peers):
    comparison = with_peers("tenfold", "crashing")
    assert [row["status"] for row in rows(comparison).values()] == ["measured", "failed"]
    [entry] = comparison["entries"]
    assert entry["error"] is None
    assert entry["time"]


def test_a_peer_that_hangs_is_given_up(with_peers, monkeypatch):
    monkeypatch.setattr(measure, "PATIENCE_SECONDS", 5.0)
    found = rows(with_peers("hanging", "tenfold"))
    assert found["hanging"]["reason"] == "gave no answer within 5 s"
    assert found["tenfold"]["status"] == "measured"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 if hasattr(os, "sched_getaffinity") else True, reason="one CPU")
def test_a_peer_on_several_threads_is_found_out(with_peers):
    row = rows(with_peers("greedy"))["greedy"]
    # Where another process has one of the CPUs, two threads get no more than one of them.
    if row["status"] == "measured":
        pytest.skip("the CPUs are busy")
    assert re.fullmatch(r"used \d\.\d CPUs where one was allowed", row["reason"])


def test_threads_are_pinned_before_anything_is_imported(with_peers):
    assert rows(with_peers("variables"))["variables"]["status"] == "measured"


def test_a_kernel_that_fails_is_reported(with_peers, monkeypatch):
    monkeypatch.setattr(measure, "MODULE", "gilfree.benchmarks.no_such_module")
    comparison = with_peers("tenfold")
    [entry] = comparison["entries"]
    assert "no_such_module" in entry["error"]
    assert [row["status"] for row in entry["peers"]] == ["failed"]
    assert len(views.failed(comparison)) == 1
    assert "failed" in shown(comparison)


def test_peers_that_would_take_too_long_are_left_out():
    peer = Peer("patient", "patient", lambda call: call)
    assert cell.too_slow(peer, cell.LONGEST_CALL_SECONDS) is None
    row = cell.too_slow(peer, 640.0)
    assert row["status"] == "skipped"
    assert "640 s" in row["reason"]


@pytest.mark.parametrize(("patience", "rounds"), [(0.0, 1), (0.35, 3), (100.0, 6)])
def test_slow_peers_get_as_many_rounds_as_there_is_patience_for(monkeypatch, patience, rounds):
    monkeypatch.setattr(cell, "PATIENT_SECONDS", patience)
    monkeypatch.setattr(cell, "seconds_of", lambda function, _: 0.1 if function is ours else 0.0)
    monkeypatch.setattr(cell.Watch, "stop", lambda _: (0.0, 1.0))

    def ours():
        return 1

    problem = replaced(PROBLEMS["mandelbrot"], same=lambda mine, other: mine == other)
    peer = Peer("peer", "peer", lambda _: lambda: 1)
    found = cell.measure_peer(problem, peer, None, ours=ours, expected=1, seconds=0.0)
    assert len(found["seconds"]) == len(found["ours"]) == rounds
    row = measure.peer_row("peer", found)
    assert (row["interval"] is None) == (rounds < 6)


@pytest.mark.parametrize(("used", "status"), [(1.0, "measured"), (1.9, "failed")])
def test_more_than_one_thread_is_a_failure(monkeypatch, used, status):
    monkeypatch.setattr(cell.Watch, "stop", lambda _: (0.0, used))
    problem = replaced(PROBLEMS["mandelbrot"], same=lambda mine, other: mine == other)
    peer = Peer("peer", "peer", lambda _: lambda: 1)
    found = cell.measure_peer(problem, peer, None, ours=lambda: 1, expected=1, seconds=0.0)
    assert found["status"] == status
    assert status == "measured" or found["reason"] == "used 1.9 CPUs where one was allowed"


@pytest.mark.parametrize(("size", "known"), [("small", {}), ("medium", {"fast": 0.02})])
def test_how_long_a_unit_takes_is_not_asked_of_small_problems(size, known):
    peers = [{"name": "fast", "seconds": [3.0, 2.0, 1.0]}, {"name": "missing", "seconds": []}]
    assert measure.paces({"size": size, "units": 100, "peers": peers}) == known
    assert measure.paces(None) == {}


def test_turns_alternate():
    calls = []
    rounds = cell.take_turns((lambda: calls.append("a"), lambda: calls.append("b")), 0.0, 6)
    assert len(rounds) == 6
    assert re.fullmatch(r"aaab+a+b+a+b+a+b+", "".join(calls)), "who began a round ends the one before"


def row(status="measured", ratio=None, interval=None, reason=None, name="peer"):
    seconds = [1.0] * (6 if interval else 1 if ratio else 0)
    known = interval and {"median": ratio, "low": interval[0], "high": interval[1], "coverage": 0.96}
    fields = {"name": name, "status": status, "reason": reason, "version": "1.0"}
    return fields | {"ratio": ratio, "interval": known, "seconds": seconds}


@pytest.mark.parametrize(
    ("case", "lost", "words"),
    [
        (row(ratio=0.5, interval=(0.4, 0.6)), True, "0.50 [0.40 – 0.60] lost"),
        (row(ratio=0.98, interval=(0.9, 1.1)), False, "0.98 [0.90 – 1.10]"),
        (row(ratio=12.34, interval=(12, 13)), False, "12.3 [12.0 – 13.0]"),
        (row(ratio=0.5), True, "0.50 [1 round] lost"),
        (row(ratio=20.0), False, "20.0 [1 round]"),
        (row("missing", reason="needs it"), False, "not installed"),
        (row("skipped", reason="640 s"), False, "too slow"),
        (row("wrong", reason="x"), False, "wrong"),
        (row("failed", reason="x"), False, "failed"),
    ],
)
def test_wording(case, lost, words):
    assert views.lost(case) is lost
    assert views.peer_words(case) == words


def test_means_are_over_the_best_peer_of_each_kernel():
    entries = [
        {"size": "small", "peers": [row(ratio=2.0), row(ratio=8.0)]},
        {"size": "small", "peers": [row(ratio=32.0), row("missing")]},
        {"size": "small", "peers": [row("missing")]},
        {"size": "large", "peers": [row("failed")]},
    ]
    small, large = measure.geometric_means(entries, ("small", "large"))
    assert small == {"size": "small", "kernels": 2, "ratio": pytest.approx(8.0)}
    assert large == {"size": "large", "kernels": 0, "ratio": None}


@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if problem.effort])
@pytest.mark.parametrize("size", ["tiny", "small"])
def test_efforts_are_of_known_limits(name, size):
    problem = PROBLEMS[name]
    effort = problem.effort(problem.make(size))
    assert effort.limit in limits.LIMITS
    assert effort.amount > 0
    assert (effort.footprint > 0) == (effort.limit in {"reads", "triads", "steps"})


def test_efforts_are_those_of_the_formula():
    queries, points = (PROBLEMS["nearest_neighbors"].make("small").args[at] for at in (0, 1))
    effort = PROBLEMS["nearest_neighbors"].effort(PROBLEMS["nearest_neighbors"].make("small"))
    assert effort.amount == 2 * len(queries) * len(points) * 128
    data, indices, indptr, (count, _) = PROBLEMS["sparse_matvec"].make("small").args[0]
    effort = PROBLEMS["sparse_matvec"].effort(PROBLEMS["sparse_matvec"].make("small"))
    assert effort.amount == 12 * len(data) + 4 * (count + 1) + 16 * count
    assert (data.itemsize, indices.itemsize, indptr.itemsize) == (8, 4, 4)


needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform == "win32", reason="needs a C compiler of the GNU kind"
)


@pytest.fixture(scope="module")
def probes(tmp_path_factory):
    return limits.load_limits(limits.compile_limits(tmp_path_factory.mktemp("limits")))


@needs_compiler
@pytest.mark.parametrize("name", limits.LIMITS)
def test_peaks_are_plausible(probes, name):
    found = limits.peak(probes, name, 1 << 16, seconds=0.02)
    # From a small board under an emulator's load to a core with several wide units.
    low, high = {"steps": (1e6, 1e10), "roots": (1e6, 1e11), "exponentials": (1e6, 1e11)}.get(name, (1e7, 1e13))
    assert low < found < high


@needs_compiler
def test_peaks_are_related_as_they_must_be(probes):
    kinds = [("fused32", 0), ("fused64", 0), ("roots", 0), ("exponentials", 0), ("steps", 1 << 14), ("steps", 1 << 26)]
    peaks = dict.fromkeys(kinds, 0.0)
    # Other programs only lower what is found: the highest of several turns is a peak, too.
    for _ in range(8):
        for kind in kinds:
            peaks[kind] = max(peaks[kind], limits.peak(probes, *kind, seconds=0.05))
    fused32, fused64, roots, exponentials, near, far = peaks.values()
    assert 1.5 < fused32 / fused64 < 2.6, "twice the lanes"
    assert roots < fused64 / 2
    assert exponentials < fused64 / 10
    assert near > 3 * far, "a cache is faster than memory"


@needs_compiler
def test_the_schema_and_the_probes_name_the_same_limits(probes):
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text())
    known = schema["$defs"]["entry"]["properties"]["limit"]["properties"]["name"]["enum"]
    assert sorted(known) == sorted(limits.LIMITS)
    assert {name for name in vars(probes) if not name.startswith("_")} == set(limits.LIMITS)


@needs_compiler
def test_a_kernel_is_set_beside_its_limit(with_peers):
    [entry] = with_peers("missing")["entries"]
    limit = entry["limit"]
    assert limit["name"] == "unfused64"
    assert limit["fraction"] == pytest.approx(limit["amount"] / entry["time"]["median"] / limit["peak"])
    assert 0.001 < limit["fraction"] < 2
    assert entry["no_limit"] is None


def test_without_a_compiler_it_says_so(with_peers, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    comparison = with_peers("missing")
    [entry] = comparison["entries"]
    assert entry["limit"] is None
    assert entry["no_limit"] == "no C compiler here"
    assert "not measured: no C compiler here" in shown(comparison)


@needs_compiler
def test_a_compiler_that_fails_is_quoted(monkeypatch, tmp_path):
    (tmp_path / "cc").write_text("#!/bin/sh\necho 'cannot do that' >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    with pytest.raises(OSError, match="the C compiler failed: cannot do that"):
        limits.compile_limits(tmp_path)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, recorded(None) as found:
        names = "tenfold", "wrong", "missing", "crashing"
        found["peers"] = compared(tmp_path_factory.mktemp("fakes"), patch, *names, sizes=("small", "medium"))
    return found


@pytest.fixture
def results(measured):
    return deepcopy(measured)


def shown(comparison):
    console = Console(file=io.StringIO(), width=table.WIDTH)
    table.show(comparison, console)
    return console.file.getvalue()


def test_every_form_shows_every_row(results, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(results)))
    comparison = results["peers"]
    text, written, html = shown(comparison), markdown.render(results), report.render(results)
    for entry in comparison["entries"]:
        for peer in entry["peers"]:
            for form in (text, written, html):
                assert peer["name"] in form
                assert views.peer_words(peer) in form
    for form in (text, written, html):
        assert "geometric mean" in form
        assert "needs missing: No module named" in form.replace("&#x27;", "'")
    assert "One thread" not in html, "of what was not measured"
    assert not re.search(r"\$[a-z{]", html)
    assert "…" not in text
    assert [path.name for path in command.write_pages(results, tmp_path)] == ["results.json", "report.html"]


def test_lost_rows_are_marked_in_every_form(results):
    row = results["peers"]["entries"][0]["peers"][0]
    row |= {"ratio": 0.5, "interval": {"median": 0.5, "low": 0.4, "high": 0.6, "coverage": 0.96}}
    assert '<td class="lost">0.50' in report.render(results)
    assert "0.50 [0.40 – 0.60] **lost**" in markdown.render(results)
    assert "1 of 2 comparisons lost:" in shown(results["peers"])
    assert "mandelbrot, small: tenfold 0.50" in shown(results["peers"])


def test_names_are_escaped(results):
    results["peers"]["entries"][0]["peers"][1]["reason"] = "<b>bold</b>"
    assert "<b>" not in page.section(results["peers"])
    assert page.section(None) == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sizes", "small"], "--sizes: only with --peers"),
        (["--markdown", "x.md"], "--markdown: only with --peers"),
        (["--peers", "--models", "threads"], "--models: not with --peers"),
        (["--peers", "--full"], "--full: not with --peers"),
        (["--peers", "--sizes", "huge"], "wanted some of small, medium, large, got huge"),
        (["--peers", "-k", "nothing"], "-k: wanted a part of"),
    ],
)
def test_wrong_usage(arguments, words, capsys):
    assert cli.main(["bench", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_command_writes_what_it_says(monkeypatch, tmp_path, with_peers, capsys):
    comparison = with_peers("missing")
    monkeypatch.setattr(command, "compare", lambda *_: comparison)
    page = tmp_path / "peers.md"
    assert cli.main(["bench", "--peers", "--markdown", str(page), "--output", str(tmp_path)]) == 0
    assert page.read_text().startswith("# Beside other libraries\n")
    assert json.loads((tmp_path / "results.json").read_text())["peers"] == json.loads(json.dumps(comparison))
    assert "peers.md" in capsys.readouterr().out.replace("\n", "")
    comparison["entries"][0]["error"] = "killed"
    assert cli.main(["bench", "--peers", "--output", str(tmp_path)]) == 1


def test_a_real_run_of_the_command(tmp_path):
    arguments = ["bench", "--peers", "-k", "sparse_matvec", "--sizes", "small", "--output", str(tmp_path)]
    run = subprocess.run([sys.executable, "-m", "gilfree", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    [entry] = json.loads((tmp_path / "results.json").read_text())["peers"]["entries"]
    assert entry["kernel"] == "sparse_matvec"
    assert entry["units"] == PROBLEMS["sparse_matvec"].units(PROBLEMS["sparse_matvec"].make("small"))
    assert {peer["status"] for peer in entry["peers"]} <= {"measured", "missing"}
    for peer in entry["peers"]:
        if peer["status"] == "measured":
            assert math.isfinite(peer["ratio"])
            assert peer["version"]
