"""Claims: the rules, fed with figures made up for every verdict that is possible; cheap experiments; what is shown."""

import ast
import json
import os
import re
import shutil
import sys
import sysconfig
from dataclasses import replace
from html import escape
from importlib.resources import files
from pathlib import Path

import pytest
from gilfree.benchmarks.claims import command, interpreters, measuring, running, showing
from gilfree.benchmarks.claims.catalogue import CLAIMS, matching
from gilfree.benchmarks.claims.claim import (
    FAILS,
    HOLDS,
    UNCLEAR,
    UNTESTABLE,
    VERDICTS,
    Judgement,
    UntestableError,
    all_of,
    figure,
    judge,
    opposite,
)

from gilfree import cli

DOCS = Path(__file__).parents[2] / "docs"
ROUNDS = 7
NOISY = (0.6, 0.8, 1.0, 1.3, 1.6, 1.9, 2.2)
BIG = 10**6


def about(value):
    """Measurements of this value that hardly differ."""
    return [value * (1 + (turn - ROUNDS // 2) / 200) for turn in range(ROUNDS)]


def noisy(value):
    return [value * factor for factor in NOISY]


def seconds(base, **speedups):
    """Times of ways that are so many times as fast as the base."""
    names = {name.replace("_", " "): speedup for name, speedup in speedups.items()}
    return {base: [1.0] * ROUNDS} | {
        name: [1 / each for each in (speedup if isinstance(speedup, list) else about(speedup))]
        for name, speedup in names.items()
    }


def threads(two, processes, *, four=1.0, gil=True):
    ways = {"1 thread": about(1.0), "2 threads": two, "4 threads": four, "2 processes": processes}
    return {"seconds": seconds("serial", **ways), "gil": gil, "hand_overs": {"alone": 0.0, "beside": 190.0}}


def io(sleep=7.0, ask=6.0, read=1.8, query=1.9, control=1.95):
    speedups = {"sleep": sleep, "ask": ask, "read": read, "query": query, "control": control}
    return {
        "seconds": {
            name: {
                "one by one": [1.0] * ROUNDS,
                "in threads": [1 / each for each in (value if isinstance(value, list) else about(value))],
            }
            for name, value in speedups.items()
        },
        "held": {"sleep": {"share": 0.01, "mechanism": "exact"}, "ask": None},
    }


def loop(waits=0.12, in_the_loop=1.0):
    made = {"waits": waits, "in the loop": in_the_loop, "held": 0.9, "released": 0.03}
    return {name: value if isinstance(value, list) else about(value) for name, value in made.items()} | {"gil": True}


def counts(*, gil, miscounted=0, unprotected=0.3, builds=None):
    return {"gil": gil, "miscounted": miscounted, "unprotected": unprotected, "builds": builds}


def writers(keys=0, wins=((1, 2, 3), (3, 2, 1)), careless=100, careful=0, *, gil=True):
    lost = {"+= 1": 0, "read, call, write": careless, "read, call, write, with a lock": careful}
    return {"gil": gil, "keys lost": keys, "wins": [list(run) for run in wins], "lost": lost, "counted": 1000}


def pools(processes, control=1.9):
    return {
        "seconds": seconds("serial", processes=processes) | seconds("control serial", control=control),
    }


def starts(ratio):
    each = {count: {"seconds": [1e-4] * rounds, "bytes": [BIG] * rounds} for count, rounds in (("1", 7), ("32", 1))}
    slow = ratio if isinstance(ratio, list) else about(ratio)
    return {
        "default": "spawn",
        "found": {
            "threads": each | {"8": {"seconds": [1e-4] * ROUNDS, "bytes": []}},
            "spawn": each | {"8": {"seconds": [1e-4 * times for times in slow], "bytes": [BIG] * ROUNDS}},
        },
    }


def sent(process=50.0, thread=1.0, pickled=1, by_thread=0):
    sizes = (1_000, 100_000, 1_000_000, 16_000_000)
    times = {}
    for name, growth in (("process", process), ("thread", thread)):
        for size in sizes:
            last = size == sizes[-1]
            times[f"{name} {size}"] = (
                (growth if isinstance(growth, list) else about(growth)) if last else [1.0] * ROUNDS
            )
    return {"seconds": times, "pickled": {"process": pickled, "thread": by_thread}}


def given(process="TypeError: no", thread=None):
    return {
        "a lambda": {"process": "PicklingError: no", "thread": None},
        "a lock": {"process": process, "thread": thread},
    }


def memory(gain=20.0, lost=100, lost_with_lock=0):
    shared = gain if isinstance(gain, list) else about(gain)
    return {
        "seconds": {"pickled": shared, "shared": [1.0] * ROUNDS},
        "unlocked": {"count": BIG - lost, "wanted": BIG, "seconds": 1e-7},
        "locked": {"count": 1000 - lost_with_lock, "wanted": 1000, "seconds": 1e-6},
    }


def crowded(two=1.9, four=1.9):
    return {"cpus": 2, "seconds": seconds("1", **{"2": two, "4": four, "8": 1.9})}


def elsewhere(control=1.9, *, error=None, **speedups):
    rows = [row("CPython 3.11.7", 1.0, gil=True, other=False)]
    rows += [row(name, speedup, gil=None, other=True) for name, speedup in speedups.items()]
    if error:
        rows.append(row("GraalPy", 1.0, gil=None, other=True) | {"seconds": None, "error": error})
    return {"control": about(control), "interpreters": rows}


def row(name, speedup, **more):
    found = {"version": name, "path": name, "error": None, "seconds": seconds("serial", threads=speedup)}
    return found | more


def inside(python=1.9, held=1.9, control=1.9):
    return {
        "seconds": seconds("python", **{"python, threads": 1.0, "python, interpreters": python})
        | seconds("held", **{"held, interpreters": held})
        | seconds("control", **{"control, threads": control})
    }


def extension(released=1.9, held=1.0, control=1.9, *, gil=True):
    share = {"share": 0.002, "mechanism": "exact"}
    kernel = {"seconds": seconds("serial", held=held, released=released), "held": share}
    return {
        "gil": gil,
        "kernels": {"one": kernel, "other": kernel},
        "left out": {"third": "No module named 'fish'"},
        "control": seconds("serial", processes=control),
    }


CASES = [
    ("cpu-threads", threads(1.0, 1.9), HOLDS),
    ("cpu-threads", threads(0.8, 1.9, four=0.7), HOLDS),
    ("cpu-threads", threads(1.9, 1.9, four=1.9, gil=False), FAILS),
    ("cpu-threads", threads(1.0, 1.9, four=1.9), FAILS),
    ("cpu-threads", threads(list(NOISY), 1.9), UNCLEAR),
    ("cpu-threads", threads(1.0, 1.1), UNCLEAR),  # nothing ran in parallel
    ("io-threads", io(), HOLDS),
    ("io-threads", io(sleep=1.0), FAILS),
    ("io-threads", io(query=1.0), FAILS),
    ("io-threads", io(ask=list(NOISY)), UNCLEAR),
    ("io-threads", io(read=1.0, control=1.1), UNCLEAR),
    ("asyncio-loop", loop(), HOLDS),
    ("asyncio-loop", loop(waits=50.0), FAILS),
    ("asyncio-loop", loop(in_the_loop=0.1), FAILS),
    ("asyncio-loop", loop(in_the_loop=noisy(0.5)), UNCLEAR),
    ("reference-counts", counts(gil=True), HOLDS),
    ("reference-counts", counts(gil=True, miscounted=3), FAILS),
    ("reference-counts", counts(gil=True, unprotected=0.0), UNCLEAR),
    ("reference-counts", counts(gil=False), FAILS),
    ("reference-counts", counts(gil=False, miscounted=3), HOLDS),
    ("shared-dict", writers(), HOLDS),
    ("shared-dict", writers(gil=False), HOLDS),
    ("shared-dict", writers(keys=2), FAILS),
    ("shared-dict", writers(careful=1), FAILS),
    ("shared-dict", writers(careless=0), UNCLEAR),
    ("shared-dict", writers(wins=((1, 2, 3), (1, 2, 3))), UNCLEAR),
    ("processes", pools(1.9), HOLDS),
    ("processes", pools(1.0), FAILS),
    ("processes", pools(list(NOISY)), UNCLEAR),
    ("processes", pools(1.0, control=1.2), UNCLEAR),
    ("starting", starts(100.0), HOLDS),
    ("starting", starts(2.0), FAILS),
    ("starting", starts(noisy(5.0)), UNCLEAR),
    ("pickling-cost", sent(), HOLDS),
    ("pickling-cost", sent(process=1.0), FAILS),
    ("pickling-cost", sent(pickled=0), FAILS),
    ("pickling-cost", sent(by_thread=1), FAILS),
    ("pickling-cost", sent(thread=50.0), FAILS),
    ("pickling-cost", sent(process=noisy(3.0)), UNCLEAR),
    ("unpicklable", given(), HOLDS),
    ("unpicklable", given(process=None), FAILS),
    ("unpicklable", given(thread="TypeError: no"), FAILS),
    ("shared-memory", memory(), HOLDS),
    ("shared-memory", memory(lost_with_lock=1), FAILS),
    ("shared-memory", memory(gain=0.5), FAILS),
    ("shared-memory", memory(gain=list(NOISY)), UNCLEAR),
    ("shared-memory", memory(lost=0), UNCLEAR),
    ("cores", crowded(), HOLDS),
    ("cores", crowded(four=3.8), FAILS),
    ("cores", crowded(four=noisy(2.2)), UNCLEAR),
    ("cores", crowded(two=1.0), UNCLEAR),
    ("other-interpreters", elsewhere(Jython=1.9), HOLDS),
    ("other-interpreters", elsewhere(Jython=1.9, PyPy=1.0), FAILS),
    ("other-interpreters", elsewhere(Jython=1.9, PyPy=list(NOISY)), UNCLEAR),
    ("other-interpreters", elsewhere(1.1, PyPy=1.0), UNCLEAR),
    ("other-interpreters", elsewhere(error="exit status 1"), UNCLEAR),
    ("subinterpreters", inside(), HOLDS),
    ("subinterpreters", inside(held=1.0), FAILS),
    ("subinterpreters", inside(python=list(NOISY)), UNCLEAR),
    ("subinterpreters", inside(held=1.0, control=1.0), UNCLEAR),
    ("c-extension", extension(), HOLDS),
    ("c-extension", extension(released=1.0), FAILS),
    ("c-extension", extension(held=1.9), FAILS),
    ("c-extension", extension(released=list(NOISY)), UNCLEAR),
    ("c-extension", extension(released=1.0, control=1.0), UNCLEAR),
    ("c-extension", extension(gil=False), UNTESTABLE),
]


@pytest.mark.parametrize(("name", "measured", "verdict"), CASES)
def test_rule(name, measured, verdict):
    found = CLAIMS[name].rule(json.loads(json.dumps(measured)))  # what comes from an experiment was JSON, too
    assert found.verdict == verdict
    assert found.because
    assert found.figures
    assert {entry.unit for entry in found.figures} <= {"×", "s", "B", "%", ""}


def test_every_claim_has_a_case_of_every_verdict():
    assert len(CLAIMS) == 14
    for name in CLAIMS:
        covered = {verdict for case, _, verdict in CASES if case == name}
        # Errors of pickling are the same each time: there is nothing to be in doubt about.
        assert covered >= ({HOLDS, FAILS} if name == "unpicklable" else {HOLDS, FAILS, UNCLEAR})


@pytest.mark.parametrize(
    "name", ["cpu-threads", "io-threads", "reference-counts", "processes", "shared-memory", "cores", "c-extension",
             "other-interpreters", "subinterpreters"]
)  # fmt: skip
def test_one_cpu_is_too_few(name, monkeypatch):
    monkeypatch.setattr(measuring, "cpu_count", lambda: 1)
    with pytest.raises(UntestableError, match="2 CPUs, and this process may use 1"):
        CLAIMS[name].experiment()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python has a pool of interpreters")
def test_no_pool_of_interpreters(monkeypatch):
    monkeypatch.setattr(measuring, "cpu_count", lambda: 2)
    with pytest.raises(UntestableError, match="takes Python 3.14"):
        CLAIMS["subinterpreters"].experiment()


def test_no_other_interpreter(monkeypatch):
    monkeypatch.setattr(measuring, "cpu_count", lambda: 2)
    monkeypatch.setattr(interpreters, "identities", lambda: {"python3": {"gil": True}})
    with pytest.raises(UntestableError, match="--python names more"):
        CLAIMS["other-interpreters"].experiment()


def test_answers():
    assert [opposite(answer) for answer in (True, False, None)] == [False, True, None]
    for answers, all_together in (
        ((True, True), True),
        ((True, None), None),
        ((None, False), False),
        ((), True),
    ):
        assert all_of(*answers) is all_together


def test_a_figure_is_compared_by_its_interval():
    found = figure("x", [1, 2, 3, 4, 5, 6], "s")
    assert (found.low, found.median, found.high) == (1, 3.5, 6)
    assert (found.above(0.5), found.above(3), found.above(7)) == (True, None, False)
    assert (found.below(0.5), found.below(3), found.below(7)) == (False, None, True)


def test_too_few_measurements_prove_nothing():
    found = figure("x", [1.0, 1.0], "s")
    assert found.above(0) is None
    assert found.below(BIG) is None
    [entry] = judge(None, {None: "few"}, [found]).as_json()["figures"]
    assert (entry["median"], entry["low"], entry["high"]) == (1.0, None, None)


def test_no_parallelism_is_no_answer_on_a_busy_machine():
    fast, slow = figure("fast", about(1.9), "×"), figure("slow", about(1.0), "×")
    assert measuring.parallel(fast, slow) is True
    assert measuring.parallel(slow, fast) is False
    assert measuring.parallel(slow, slow) is None


def test_ways_take_turns():
    order = []
    ways = {name: lambda name=name: order.append(name) for name in "abc"}
    assert {name: len(times) for name, times in measuring.take_turns(ways, 3).items()} == dict.fromkeys("abc", 3)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"


def test_a_task_that_fails_in_a_thread_is_reported():
    with pytest.raises(ZeroDivisionError):
        measuring.in_threads(lambda: 1 // 0, 2)


def path_with(folder):
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import time; time.sleep(600)", "gave no answer within 2 s"),
        ("raise SystemExit(3)", "status 3"),
        ('print(\'{"error": "ValueError: x"}\')', "ValueError: x"),
        ("print('{\"measured\": {}}')", "KeyError"),  # not what the rule wants
    ],
)
def test_a_crash_or_a_hang_costs_one_row(code, words, tmp_path, monkeypatch):
    (tmp_path / "broken_experiment.py").write_text(code)
    monkeypatch.setattr(running, "MODULE", "broken_experiment")
    monkeypatch.setitem(running.CLAIMS, "cores", replace(CLAIMS["cores"], seconds=2.0))
    monkeypatch.setenv("PYTHONPATH", path_with(tmp_path))
    results = running.measure(["cores"], [], lambda _: None)
    [row] = results["claims"]
    assert row["verdict"] == UNTESTABLE
    assert words in row["error"]
    assert words in row["because"]
    assert running.failed(results) == [f"cores: {row['error']}"]


def test_an_experiment_that_cannot_be_made_is_no_failure(tmp_path, monkeypatch):
    (tmp_path / "modest_experiment.py").write_text('print(\'{"untestable": "it takes a fish"}\')')
    monkeypatch.setattr(running, "MODULE", "modest_experiment")
    found = running.put_to_test(CLAIMS["cores"], {"PYTHONPATH": path_with(tmp_path)})
    assert (found["verdict"], found["because"], found["error"]) == (UNTESTABLE, "It takes a fish.", None)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """What the command gives for a cheap claim: exit status, JSON, Markdown."""
    folder = tmp_path_factory.mktemp("claims")
    arguments = ["--json", str(folder / "claims.json"), "--markdown", str(folder / "claims.md")]
    status = cli.main(["claims", "-k", "unpicklable", *arguments])
    return status, json.loads((folder / "claims.json").read_text()), (folder / "claims.md").read_text()


def test_cheap_experiment(real):
    status, results, _ = real
    [row] = results["claims"]
    assert status == 0
    assert row["verdict"] == HOLDS
    assert {name for name, of in row["measured"].items() if of["process"] and of["thread"] is None} == {
        "a lambda", "an open file", "a generator", "a lock",
    }  # fmt: skip
    assert "generator" in row["because"]


def test_threads_that_write_to_one_dict():
    row = running.put_to_test(CLAIMS["shared-dict"], {})
    assert row["verdict"] in (HOLDS, UNCLEAR)  # by luck, or on one CPU, threads may happen never to meet
    assert row["measured"]["keys lost"] == 0
    assert row["measured"]["lost"]["read, call, write, with a lock"] == 0


def test_json_follows_the_schema(real):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gilfree.benchmarks.claims").joinpath("claims.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(real[1])
    verdicts = schema["properties"]["claims"]["items"]["properties"]["verdict"]["enum"]
    assert tuple(verdicts) == VERDICTS


def test_markdown_names_every_claim_and_verdict(real):
    _, results, page = real
    assert page.startswith("# On ")
    for row in results["claims"]:
        assert f"## {row['statement']}\n" in page
        assert f"**{row['verdict'].capitalize()}.**" in page
        assert page.count("\n| ") >= len(row["figures"])


def test_real_results_in_the_report_of_bench(real):
    section = showing.claims_section({"claims": real[1]})
    for row in real[1]["claims"]:
        [claim] = re.findall(f"<h3>{re.escape(escape(row['statement']))}</h3>.*?</section>", section)
        assert f"{showing.SIGNS[row['verdict']]}</span> {row['verdict']}</span>" in claim
        assert claim.count("<dt>") == len(row["figures"])
    assert showing.claims_section({}) == ""


MADE_UP = {
    "machine": {
        "python": {"implementation": "CPython", "version": "3.99"},
        "gil_enabled": True,
        "cpu": {"usable": 2, "model": "Z80"},
    },
    "started": "2001-01-01T00:00:00+00:00",
    "seconds": 2.0,
    "load": None,
    "claims": [
        {
            "name": "a-claim",
            "statement": "Lists <b>sort|themselves</b>.",
            **Judgement(
                FAILS, "They `do` not.", tuple(figure(f"figure {n}", about(n / 7), "s") for n in range(20))
            ).as_json(),
        }
    ],
}


def test_text_shows_the_first_figures_and_says_that_there_are_more():
    text = showing.as_text(MADE_UP)
    assert "DOES NOT HOLD HERE: Lists" in text
    assert "figure 1: 143 ms (141 ms – 145 ms)" in text
    assert "and 14 more" in text
    assert "1 does not hold here" in text


@pytest.mark.parametrize("with_rich", [True, False])
def test_table_with_and_without_rich(with_rich, capsys, monkeypatch):
    if with_rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setattr(showing, "find_spec", lambda _: None)
    showing.show(MADE_UP)
    out = capsys.readouterr().out
    assert "does not hold" in out.lower()
    assert "figure 1: 143 ms" in out
    assert "CPython 3.99" in out


@pytest.mark.parametrize(
    ("values", "unit", "words"),
    [
        (about(1.95), "×", "1.95 × (1.92 – 1.98)"),
        (about(0.5), "%", "50.0 % (49.2 – 50.7)"),
        ([1.0], "s", "1.00 s"),
        (3, "", "3"),
    ],
)
def test_intervals(values, unit, words):
    [entry] = judge(None, {None: ""}, [figure("x", values, unit)]).as_json()["figures"]
    assert showing.written(entry) == words


def test_kernels_whose_input_is_missing_are_named():
    for gil in (True, False):
        assert "Left out: third, No module named 'fish'." in CLAIMS["c-extension"].rule(extension(gil=gil)).because


def test_markup_is_escaped():
    assert "sort\\|themselves" in showing.as_markdown(MADE_UP).split("## ")[0] + showing.plain("sort|themselves")
    assert "They \\`do\\` not" in showing.as_markdown(MADE_UP)
    section = showing.claims_section({"claims": MADE_UP})
    assert "&lt;b&gt;" in section
    assert "<b>" not in section


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0, "s", "0 s"), (0.0123, "s", "12.3 ms"), (7_654_321.0, "B", "7.65 MB"), (0.5, "%", "50.0 %"),
        (4.5e-05, "%", "0.005 %"), (0.0, "%", "0 %"), (1.953, "×", "1.95 ×"), (1234, "", "1,234"), (190.4, "", "190"),
    ],
)  # fmt: skip
def test_numbers(value, unit, words):
    assert showing.number(value, unit) == words


@pytest.fixture
def bench_command(monkeypatch):
    """The benchmarks' command, which measures nothing."""
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    from gilfree.benchmarks import command  # noqa: PLC0415 - needs optional packages

    def measure(plan, *_):
        with command.recorded(plan) as results:
            pass
        return results

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command.figures, "write", lambda *_: [])
    return command


@pytest.mark.usefixtures("bench_command")
def test_report_of_bench_shows_claims(tmp_path):
    given = tmp_path / "claims.json"
    given.write_text(json.dumps({"schema": 1} | MADE_UP))
    assert cli.main(["bench", "--claims", str(given), "--output", str(tmp_path)]) == 0
    assert "What people say about the GIL" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["claims"]["claims"][0]["name"] == "a-claim"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--full"], True), (["--full", "-k", "viterbi"], False), (["--full", "--models", "threads"], False),
        (["--full", "-k", "viterbi", "--claims"], True), (["--claims"], True), ([], False),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("bench_command")
def test_a_full_run_of_bench_tests_claims(options, wanted, tmp_path, monkeypatch):
    asked = []

    def measure(names, *_):
        asked.extend(names)
        return {"schema": 1} | MADE_UP | {"claims": [row | {"error": None} for row in MADE_UP["claims"]]}

    monkeypatch.setattr(running, "measure", measure)
    assert cli.main(["bench", *options, "--output", str(tmp_path)]) == 0
    assert asked == (list(CLAIMS) if wanted else [])
    assert ("What people say about the GIL" in (tmp_path / "report.html").read_text()) is wanted


@pytest.mark.usefixtures("bench_command")
@pytest.mark.parametrize("error", [None, "it crashed"])
def test_bench_prints_verdicts_and_fails_where_an_experiment_did(error, tmp_path, monkeypatch, capsys):
    found = {"schema": 1} | MADE_UP | {"claims": [row | {"error": error} for row in MADE_UP["claims"]]}
    monkeypatch.setattr(running, "measure", lambda *_: found)
    assert cli.main(["bench", "--claims", "--output", str(tmp_path)]) == (0 if error is None else 1)
    assert "a-claim" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"schema": 2, "claims": []}'])
def test_bench_refuses_other_files_before_it_measures(content, tmp_path, capsys):
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    (tmp_path / "x.json").write_text(content)
    assert cli.main(["bench", "--claims", str(tmp_path / "x.json"), "--output", str(tmp_path)]) == 2
    assert "gilfree bench: " in capsys.readouterr().err


def test_list(capsys):
    assert cli.main(["claims", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CLAIMS)
    assert all(CLAIMS[line.split()[0]].statement in line for line in lines)


def test_list_of_some(capsys):
    assert cli.main(["claims", "--list", "-k", "thread"]) == 0
    assert capsys.readouterr().out.count("\n") == 2
    assert matching("c*") == ("cpu-threads", "cores", "c-extension")


@pytest.mark.parametrize("name", CLAIMS)
def test_show_prints_the_file(name, capsys):
    assert cli.main(["claims", "--show", name]) == 0
    out = capsys.readouterr().out
    module = name.replace("-", "_")
    assert out == files("gilfree.benchmarks.claims").joinpath(f"{module}.py").read_text(encoding="utf-8")
    for part in ("def experiment() ->", "def rule(", "CLAIM = Claim("):
        assert part in out
    assert len(out.splitlines()) < 200, "too long for a beginner"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-k", "no such"], "-k: wanted a part of"),
        (["--show", "no such"], "--show: wanted one of"),
        (["--python", "/no/such/python"], "--python: wanted the path"),
        (["--json", "/no/such/folder/x.json"], "/no/such/folder"),
    ],
)
def test_wrong_usage(arguments, words, capsys):
    assert cli.main(["claims", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_status_tells_of_a_failure(tmp_path, monkeypatch, capsys):
    (tmp_path / "broken_experiment.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(running, "MODULE", "broken_experiment")
    monkeypatch.setenv("PYTHONPATH", path_with(tmp_path))
    assert cli.main(["claims", "-k", "cores"]) == command.FAILED
    assert "FAILED: cores: process exited with status 3" in capsys.readouterr().err


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs a checkout")
def test_example_of_the_documentation():
    [code] = re.findall(r"^```python\n(.*?)^```$", (DOCS / "claims.md").read_text(), re.MULTILINE | re.DOTALL)
    names = {"__name__": "gilfree.benchmarks.claims.sorting", "__package__": "gilfree.benchmarks.claims"}
    exec(code, names)  # noqa: S102 - it is ours
    found = names["CLAIM"].rule(names["CLAIM"].experiment())
    assert found.verdict in (HOLDS, UNCLEAR)
    [gain] = found.figures
    assert gain.median > 1


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs a checkout")
@pytest.mark.parametrize("page", ["cpython-3.13", "cpython-3.13t"])
def test_documented_results_are_of_these_claims(page):
    text = (DOCS / "claims" / f"{page}.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [claim.statement for claim in CLAIMS.values()]
    verdicts = re.findall(r"^\*\*(.*)\.\*\*.*\(`([\w-]+)`\)$", text, re.MULTILINE)
    assert [name for _, name in verdicts] == list(CLAIMS)
    assert {verdict.lower() for verdict, _ in verdicts} <= set(VERDICTS)


@pytest.fixture
def only_this_python(monkeypatch):
    monkeypatch.setattr(interpreters, "NAMES", ())
    interpreters.identities.cache_clear()
    yield
    interpreters.identities.cache_clear()


@pytest.mark.usefixtures("only_this_python")
def test_interpreters_that_do_not_run_are_left_out_and_each_is_there_once(tmp_path, monkeypatch):
    broken, twice = tmp_path / "broken", tmp_path / "twice"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 7\n")
    twice.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for script in (broken, twice):
        script.chmod(0o755)
    monkeypatch.setenv(interpreters.VARIABLE, os.pathsep.join(map(str, (broken, twice))))
    assert interpreters.candidates() == [sys.executable, str(broken), str(twice)]
    [(path, who)] = interpreters.identities().items()
    assert path == sys.executable
    assert who["version_info"] == sys.version_info[:2]
    assert who["gil"] is not bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    with pytest.raises(interpreters.BrokenInterpreterError, match="exit status 7: it is broken"):
        interpreters.scaling(str(broken), 2)
    with pytest.raises(interpreters.BrokenInterpreterError):
        interpreters.alone(str(tmp_path / "none"))


def test_script_measures_scaling():
    found = interpreters.scaling(sys.executable, 2)
    assert {name: len(times) for name, times in found.items()} == {"serial": ROUNDS, "threads": ROUNDS}
    assert min(map(min, found.values())) > 0
    assert interpreters.alone(sys.executable) > 0


def test_script_is_of_python_2_too():
    tree = ast.parse(interpreters.SCRIPT.read_text())
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.AsyncFunctionDef))
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print" or len(node.args) == 1  # a statement with parentheses
    assert re.search(r"^#.*2\.7", interpreters.SCRIPT.read_text())


@pytest.mark.parametrize("name", ["jython", "pypy3", "graalpy", "ipy"])
def test_script_runs_on_others(name):
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    who = interpreters.ask(name, "who")
    assert who["version"].startswith(who["implementation"])
    assert who["gil"] in (None, True, False)
