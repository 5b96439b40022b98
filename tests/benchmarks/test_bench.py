"""From a plan to the files people look at, on a problem so small that only the form of the results counts."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

import made_up_results
from gilfree.benchmarks import bench, command, figures, report, table
from gilfree.benchmarks.bench import failures, measure
from gilfree.benchmarks.implementations import IMPLEMENTATIONS
from gilfree.benchmarks.models import MODELS
from gilfree.benchmarks.plan import QUICK, Plan
from gilfree.benchmarks.progress import Silent, listener
from gilfree.benchmarks.pythons import Python
from gilfree.benchmarks.views import STRONGEST
from gilfree.benchmarks.wording import holding
from matplotlib.image import imread
from rich.console import Console

from gilfree import cli
from gilfree.kernels import KERNELS

psutil = pytest.importorskip("psutil")

PLAN = Plan(
    "quick", ("mandelbrot",), ("threads", "processes-spawn", "asyncio"), (1, 2), (2,), 2, "small", "tiny", 0.002, 6
)


@pytest.fixture(scope="module", autouse=True)
def _no_timelines():
    """They have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "measure_timelines", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def results():
    return measure(PLAN, Silent())


SMALLER_PLAN = replace(PLAN, models=("threads",), thread_counts=(2,))


def measure_sabotaged(folder, *lines):
    """Run the smaller plan where the compiled kernel is followed by these lines, in the cells' processes alone."""
    (folder / "sitecustomize.py").write_text(
        "import gilfree\n"
        "right = gilfree._kernels.mandelbrot\n"
        "def wrong(*arguments, release_gil=True, **options):\n"
        "    right(*arguments, release_gil=release_gil, **options)\n"
        + "".join(f"    {line}\n" for line in lines)
        + "gilfree._kernels.mandelbrot = wrong\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        path = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([path] if path else [])]))
        return measure(SMALLER_PLAN, Silent())


@pytest.fixture(scope="module")
def failed_results(tmp_path_factory):
    """Results of a run in which the kernel goes wrong when it holds the GIL."""
    return measure_sabotaged(tmp_path_factory.mktemp("wrong"), "if not release_gil: arguments[-1][-1, -1] += 1")


def cells(results, **wanted):
    [kernel] = results["kernels"]
    return [cell for cell in kernel["cells"] if all(cell[key] == value for key, value in wanted.items())]


def shown(results, width=100):
    console = Console(file=io.StringIO(), width=width)
    table.show(results, console)
    return console.file.getvalue()


def test_every_cell_of_the_plan_is_measured_in_every_round(results):
    assert failures(results) == []
    measured = [(cell["implementation"], cell["model"], cell["workers"]) for cell in cells(results)]
    assert measured == [(c.implementation, c.model, c.workers) for c in PLAN.cells("mandelbrot")]
    assert {len(cell["seconds"]) for cell in cells(results)} == {PLAN.rounds}
    [limit] = results["kernels"][0]["limits"]
    assert (limit["workers"], len(limit["ratios"])) == (2, PLAN.rounds)


def test_speedups_compare_the_same_round_and_implementation(results):
    for name in IMPLEMENTATIONS:
        [serial] = cells(results, implementation=name, model="serial")
        for cell in cells(results, implementation=name):
            ratios = sorted(alone / one for alone, one in zip(serial["seconds"], cell["seconds"], strict=True))
            assert cell["speedup"]["median"] == pytest.approx((ratios[2] + ratios[3]) / 2)
            assert (cell["speedup"]["low"], cell["speedup"]["high"]) == pytest.approx((ratios[0], ratios[-1]))
            assert cell["efficiency"] == pytest.approx(cell["speedup"]["median"] / cell["workers"])


def test_of_limit_compares_with_the_limit_of_the_same_round(results):
    [limit] = results["kernels"][0]["limits"]
    [serial] = cells(results, implementation="held", model="serial")
    [cell] = cells(results, implementation="held", model="threads", workers=2)
    parts = sorted(
        alone / seconds / ratio
        for alone, seconds, ratio in zip(serial["seconds"], cell["seconds"], limit["ratios"], strict=True)
    )
    assert cell["of_limit"]["median"] == pytest.approx((parts[2] + parts[3]) / 2)


def test_times_are_per_unit_of_the_work_of_each_implementation(results):
    work = results["kernels"][0]["work"]
    assert work["pure"]["size"] == "tiny"
    assert work["released"]["size"] == "small"
    for cell in cells(results):
        units = work[cell["implementation"]]["units"]
        assert cell["per_unit"]["median"] == pytest.approx(cell["time"]["median"] / units)


def test_only_processes_pickle(results):
    assert {cell["model"] for cell in cells(results) if cell["pickled"]} == {"processes-spawn"}


def test_rounds_beyond_the_fewest_are_dropped_when_time_is_up():
    plan = replace(PLAN, models=(), rounds=20, seconds=0.0)
    assert measure(plan, Silent())["kernels"][0]["rounds"] == 6


def test_runs_last_and_are_alike_where_the_problem_is():
    rows = [bench.Row(cell) for cell in SMALLER_PLAN.cells("mandelbrot")]
    for row in rows:
        serial = {"pure": 0.0005, "held": 0.0011, "released": 0.0009}[row.cell.implementation]
        row.ready = {"seconds": serial if row.cell.model == "serial" else 1e-9}
    slow, slower, _ = (row for row in rows if row.cell.model == "threads")
    slow.ready["seconds"], slower.ready["seconds"] = 0.0101, 5.0
    bench.choose_repeats(replace(SMALLER_PLAN, serial_seconds=0.06), rows)
    assert (slow.repeats, slower.repeats) == (18, 1)
    others = {(row.cell.implementation, row.repeats) for row in rows if row not in (slow, slower)}
    assert others == {("pure", 120), ("held", 67), ("released", 67)}


def test_too_few_rounds_are_refused():
    with pytest.raises(ValueError, match="wanted 6 or more, got 5"):
        replace(PLAN, rounds=5)


@pytest.mark.parametrize("which", ["results", "failed_results", "poor_results"])
def test_results_follow_the_schema(request, which):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    written = json.loads(json.dumps(request.getfixturevalue(which)))
    jsonschema.Draft202012Validator(schema).validate(written)


def test_the_schema_names_every_implementation_and_model():
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text())
    cell = schema["$defs"]["cell"]["properties"]
    assert cell["implementation"]["enum"] == list(IMPLEMENTATIONS)
    assert cell["model"]["enum"] == list(MODELS)


def test_wrong_results_fail_visibly(failed_results):
    for cell in cells(failed_results, implementation="held"):
        assert "WrongResultError: piece 0 of" in cell["error"]
        assert cell["time"] is cell["speedup"] is None
        assert cell["seconds"] == []
    assert all(
        cell["error"] is None for name in ("pure", "released") for cell in cells(failed_results, implementation=name)
    )
    assert len(failures(failed_results)) == 2
    text = shown(failed_results)
    assert text.count("FAILED") == 2 * 2
    page = report.render(failed_results)
    assert "2 measurements failed" in page
    assert page.count("WrongResultError: piece 0 of") == 2 * 2


def test_a_run_in_which_all_fails_still_reports(tmp_path):
    results = measure_sabotaged(tmp_path, "raise MemoryError('no room')")
    assert all("MemoryError: no room" in cell["error"] for cell in cells(results))
    assert len(failures(results)) == 6 + 1, "every cell and the limit"
    assert shown(results).count("no room") == 6 + 1 + 1, "and the limit above the table"
    assert "No parallel measurement succeeded." in report.render(results)
    assert len(command.write(results, tmp_path)) == 4


def test_the_exit_status_tells_of_failures(monkeypatch, tmp_path, results, failed_results, capsys):
    monkeypatch.setattr(command, "measure", lambda *_: results)
    assert cli.main(["bench", "-k", "mandelbrot", "--output", str(tmp_path)]) == 0
    monkeypatch.setattr(command, "measure", lambda *_: failed_results)
    assert cli.main(["bench", "-k", "mandelbrot", "--output", str(tmp_path)]) == 1
    assert "WrongResultError" in capsys.readouterr().out.replace("\n", "")


def test_a_cell_that_dies_leaves_the_others_alone(monkeypatch):
    honest = bench.Row.run

    def deadly(row):
        if (row.cell.implementation, row.cell.model) == ("held", "threads") and len(row.seconds) == 2:
            os.kill(row.live.pid, signal.SIGKILL)
        honest(row)

    monkeypatch.setattr(bench.Row, "run", deadly)
    results = measure(SMALLER_PLAN, Silent())
    [dead] = cells(results, implementation="held", model="threads")
    assert dead["error"] == "process killed by SIGKILL"
    assert len(dead["seconds"]) == 2
    assert len(failures(results)) == 1


def test_a_failed_limit_is_reported(monkeypatch):
    honest = bench.Limit.run

    def deadly(limit):
        if len(limit.ratios) == 3 and limit.error is None:
            os.kill(limit.others[0].live.pid, signal.SIGKILL)
        honest(limit)

    monkeypatch.setattr(bench.Limit, "run", deadly)
    results = measure(SMALLER_PLAN, Silent())
    [failure] = failures(results)
    assert failure.startswith("mandelbrot, 2 independent processes: ")
    assert all(cell["speedup"] and cell["of_limit"] is None for cell in cells(results, workers=2))
    assert "2 independent processes reach" in shown(results)


def test_noise_is_flagged_in_every_form(results):
    noisy = json.loads(json.dumps(results))
    for cell in cells(noisy):
        cell.update(noisy=False)
    calm = shown(noisy).count("noisy")
    cells(noisy)[1].update(noisy=True, noise=0.42)
    assert shown(noisy).count("noisy") == calm + 1
    assert "noisy 42 %" in shown(noisy)
    assert "noisy 42 %" in report.render(noisy)


def test_who_holds_the_gil_is_shown_in_every_form(results):
    known = json.loads(json.dumps(results))
    for name, gil in {
        "held": {"held": 0.9996, "ceiling": 1 / 0.9996, "mechanism": "exact"},
        "released": {"held": 0.0021, "ceiling": 1 / 0.0021, "mechanism": "exact"},
    }.items():
        [serial] = cells(known, implementation=name, model="serial")
        assert serial["gil"].keys() == gil.keys()
        serial["gil"] = gil
    for text in (shown(known), report.render(known)):
        assert text.count("GIL held 100.0 % of a call: ceiling 1.00 ×") == 1
        assert text.count("GIL held 0.2 % of a call: ceiling 476 ×") == 1
    assert [cell["gil"] for cell in cells(known) if cell["gil"]] == [
        cell["gil"] for name in ("held", "released") for cell in cells(known, implementation=name, model="serial")
    ]
    for cell in cells(known):
        cell["gil"] = None
    for text in (shown(known), report.render(known)):
        assert "of a call" not in text


@pytest.mark.parametrize(
    ("gil", "words"),
    [
        ({"held": 0.0, "ceiling": None, "mechanism": "sampled"}, "GIL held 0.0 % of a call: no ceiling"),
        ({"held": 0.25, "ceiling": 4.0, "mechanism": "attached"}, "attached 25.0 % of a call: ceiling 4.00 ×"),
    ],
)
def test_wording_of_who_holds_the_gil(gil, words):
    assert holding(gil) == words


def test_the_table_fits_a_hundred_columns(results):
    lines = shown(results).splitlines()
    assert max(map(len, lines)) <= 100
    models = ("  serial", "  threads", "  processes", "  asyncio")
    assert sum(line.startswith(models) for line in lines) == len(cells(results)) + 1 + len(PLAN.models)
    assert "…" not in shown(results)


class Page(HTMLParser):
    """What a page refers to, and whether its tags match."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.references += [
            value for name, value in attributes if name in {"src", "href", "xlink:href", "data", "action"}
        ]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("made_up", [False, True])
def test_the_report_needs_nothing_else(made_up, request):
    text = report.render(made_up_results.results() if made_up else request.getfixturevalue("results"))
    page = Page(text)
    assert page.open == []
    assert page.references == []
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(page.tags)
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    assert not re.search(r"\$[a-z{]", text), "a placeholder was left"


def test_the_report_shows_every_cell_and_suits_light_and_dark(results):
    text = report.render(results)
    rows = re.findall(r"<tr><td>(serial|threads|processes|asyncio)", text)
    assert len(rows) == len(cells(results))
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    for colour in ("--released", "--held", "--pure"):
        assert len(re.findall(rf"{colour}: #", text)) == 2, "one for light, one for dark"


def test_plots_are_well_formed_and_have_a_mark_for_every_speedup(results):
    plots = re.findall(r"<svg class=\"plot\".*?</svg>", report.render(results), re.DOTALL)
    curves, bars = map(ET.fromstring, plots)
    assert len(curves.findall(".//*[@class='mark']")) == len(cells(results, model="threads"))
    assert len(bars.findall(".//rect")) == len(cells(results, workers=2))
    assert curves.findall(".//*[@class='ideal']")
    assert curves.findall(".//*[@class='limit']")


def test_what_a_model_takes_is_measured_and_shown(results):
    for cell in cells(results):
        assert (cell["startup"] > 0) == (cell["model"] != "serial")
        assert cell["heartbeat"] > 0.5e-3
        assert cell["memory"] is None or cell["memory"] > 10_000_000
        assert cell["missing"] is cell["python"] is None
    known = json.loads(json.dumps(results))
    [cell] = cells(known, implementation="released", model="processes-spawn")
    cell |= {"startup": 1.234, "memory": 123_400_000, "pickled": {"arguments": 4000, "results": 560}}
    cell["heartbeat"] = 0.0876
    for text in (shown(known), report.render(known)):
        for words in ("1.23 s", "123 MB", "4.56 kB", "87.6 ms"):
            assert text.count(words) == 1


def test_the_heat_maps_have_a_shade_for_every_speedup(results):
    known = json.loads(json.dumps(results))
    [cell] = cells(known, implementation="released", model="asyncio")
    cell["speedup"] |= {"median": 0.5}
    maps = re.findall(r'<table class="heat">.*?</table>', report.render(known), re.DOTALL)
    assert len(maps) == len(IMPLEMENTATIONS)
    shades = re.findall(r'class="n (gain|loss)" style="--strength: (\d+)%"[^>]*>([\d.]+)<', "".join(maps))
    assert len(shades) == len(IMPLEMENTATIONS) * len(PLAN.models)
    assert ("loss", f"{100 * STRONGEST:.0f}", "0.50") in shades, "a halving on two CPUs is as far as it goes"


@pytest.fixture(scope="module")
def poor_results():
    """Results of a run where asyncio cannot be used, and another interpreter lacks gilfree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "asyncio", replace(MODELS["asyncio"], missing=lambda: "no loop: pip install <loop>"))
        plan = replace(SMALLER_PLAN, models=("threads", "asyncio"), pythons=("3.99",))
        return measure(plan, Silent(), [Python("3.99", "/no/python", "3.99.0", missing="/no/python lacks gilfree")])


def test_what_cannot_run_here_is_a_row_with_its_reason(poor_results):
    assert failures(poor_results) == []
    for cell in cells(poor_results):
        other, asyncio = cell["python"] == "3.99", cell["model"] == "asyncio"
        assert cell["missing"] == (
            "/no/python lacks gilfree" if other else "no loop: pip install <loop>" if asyncio else None
        )
        assert (cell["speedup"] is None) == (other or asyncio)
    text, page = shown(poor_results), report.render(poor_results)
    assert "Not run: asyncio: no loop: pip install <loop>" in text
    assert "Not run: Python 3.99: /no/python lacks gilfree" in text
    assert text.count("not run") == 3 * (1 + 1 + 1 + 1)
    assert "<b>asyncio</b>: no loop: pip install &lt;loop&gt;" in page
    assert "<b>Python 3.99</b>: /no/python lacks gilfree" in page
    assert Page(page).open == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program that is a script")
def test_the_same_cells_run_in_another_interpreter(tmp_path):
    plan = replace(SMALLER_PLAN, pythons=("other",))
    results = measure(plan, Silent(), [Python("other", same_python(tmp_path), "3.12.1", gil_enabled=True)])
    assert failures(results) == []
    own, other = cells(results, python=None), cells(results, python="other")
    assert [(c["implementation"], c["model"]) for c in own] == [(c["implementation"], c["model"]) for c in other]
    for name in IMPLEMENTATIONS:
        [serial] = cells(results, implementation=name, model="serial", python="other")
        [cell] = cells(results, implementation=name, model="threads", python="other")
        ratios = sorted(alone / one for alone, one in zip(serial["seconds"], cell["seconds"], strict=True))
        assert cell["speedup"]["median"] == pytest.approx((ratios[2] + ratios[3]) / 2)
    assert "Python other" in shown(results)
    assert "<h2>Other interpreters</h2>" in report.render(results)
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(results)))


def same_python(folder):
    """An interpreter that is this one, by another name, with its modules."""
    program = folder / "python"
    path = os.environ.get("PYTHONPATH", "")
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o700)
    return str(program)


def test_names_are_escaped(results):
    hostile = json.loads(json.dumps(results))
    hostile["machine"]["cpu"]["model"] = "<script>alert(1)</script> & Co"
    hostile["kernels"][0]["source"] = "<b>bold</b>"
    text = report.render(hostile)
    assert "<script>" not in text
    assert "<b>" not in text


def test_files_are_written(results, tmp_path):
    written = command.write(results, tmp_path)
    assert [path.name for path in written] == ["results.json", "report.html", "speedup.png", "speedup-dark.png"]
    assert json.loads(written[0].read_text()) == json.loads(json.dumps(results))
    for picture in written[2:]:
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_each_figure_is_written_as_svg_and_png(tmp_path):
    made_up = made_up_results.results(kernels=("viterbi", "mandelbrot"))
    assert figures.write_every(made_up, tmp_path) == [tmp_path / "figures"]
    names = {
        *(f"{what}-{kernel}" for what in ("speedup", "models") for kernel in ("viterbi", "mandelbrot")),
        *(f"heatmap-{name}" for name in IMPLEMENTATIONS),
        "timeline-held",
        "timeline-released",
        *(f"{what}-{kernel}" for what in ("prediction", "break-even") for kernel in ("viterbi", "mandelbrot")),
        "convoy-1",
        "convoy-2",
    }
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}.{form}" for name in names for form in ("svg", "png")
    }
    for path in (tmp_path / "figures").iterdir():
        if path.suffix == ".svg":
            root = ET.fromstring(path.read_text("utf-8"))  # noqa: S314 - ours
            assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 5, "not empty"
        else:
            assert imread(path)[:, :, :3].std() > 0.05, "not empty"
    assert figures.write_every(made_up_results.results(("viterbi",), ("serial",)), tmp_path) == []


@pytest.mark.parametrize("wanted", [True, False])
def test_figures_are_written_if_asked_for(monkeypatch, tmp_path, wanted):
    made_up = made_up_results.results(("viterbi",), ("serial", "threads"))
    made_up["kernels"][0]["cells"][3]["error"] = None
    written = []
    monkeypatch.setattr(command, "measure", lambda *_: made_up)
    monkeypatch.setattr(figures, "write_every", lambda *given: written.append(given) or [tmp_path / "figures"])
    arguments = ["bench", "-k", "viterbi", "--output", str(tmp_path), *(["--figures"] if wanted else [])]
    assert cli.main(arguments) == 0
    assert written == ([(made_up, tmp_path)] if wanted else [])


def test_the_report_tells_how_to_get_the_same():
    made_up = made_up_results.results(("viterbi",), ("serial", "threads"))
    made_up["packages"] = {"joblib": "1.2.3", "distributed": None}
    made_up["plan"]["pattern"] = "vit*"
    made_up["interpreters"] = []
    machine = made_up["machine"]
    [listing] = re.findall(r"<pre>(.*?)</pre>", report.render(made_up), re.DOTALL)
    assert unescape(listing).splitlines() == [
        f"pip install 'gilfree[bench]=={machine['gilfree']}' numpy=={machine['numpy']} joblib==1.2.3",
        "gilfree claims --json claims.json",
        "gilfree bench --full -k 'vit*' --models threads --claims claims.json",
    ]
    parsed = cli.parser().parse_args(unescape(listing).splitlines()[2].replace("'", "").split()[1:])
    assert (parsed.pattern, parsed.mode, parsed.models) == ("vit*", "full", ("threads",))


def test_progress_is_lines_where_there_is_no_terminal():
    console = Console(file=io.StringIO(), width=100)
    with listener(console) as told:
        told.begin("mandelbrot", 3)
        told.step("starting 3 cells", notable=True)
        told.step("something small")
        told.end()
    assert console.file.getvalue().splitlines() == ["mandelbrot: starting 3 cells", "mandelbrot: done"]


def test_progress_is_a_bar_on_a_terminal():
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with listener(console) as told:
        told.begin("mandelbrot", 3)
        told.step("starting 3 cells", notable=True)
        told.end()
    assert "mandelbrot" in console.file.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "gilfree: interrupted"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_all_processes_without_a_traceback(tmp_path, number, status, said):
    arguments = [
        "bench",
        "-k",
        "mandelbrot",
        "--models",
        "processes-spawn",
        "--workers",
        "2",
        "--output",
        str(tmp_path),
    ]
    run = subprocess.Popen(
        [sys.executable, "-m", "gilfree", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for line in run.stderr:
        if "round 1" in line:
            break
    children = descendants(run.pid)
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == status
    assert said in err
    assert "Traceback" not in out + err
    deadline = time.monotonic() + 10
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, children))


def descendants(pid):
    found = psutil.Process(pid).children(recursive=True)
    assert len(found) > 7, "cells and their workers"
    return found


def alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_quick_run_takes_four_kernels_unless_told_otherwise():
    def kernels(*arguments):
        return command.kernels_for(cli.parser().parse_args(["bench", *arguments]))

    assert kernels() == QUICK
    assert set(QUICK) < set(KERNELS)
    assert kernels("-k", "*") == tuple(KERNELS)
    assert kernels("--full") == tuple(KERNELS)
    assert kernels("--peers") == tuple(KERNELS)
    assert kernels("--full", "-k", "viterbi") == ("viterbi",)


def test_a_quick_run_takes_the_common_models_and_a_full_one_all():
    def models(*arguments):
        return command.models_for(cli.parser().parse_args(["bench", *arguments]))

    assert models() == ["serial", "threads", "processes-spawn"]
    assert models("--full") == list(MODELS)
    assert models("--models", "j*,dask") == ["serial", "joblib-threads", "joblib-loky", "dask"]
    with pytest.raises(ValueError, match=r"--models: wanted some of serial, .*, got fibers"):
        models("--models", "threads,fibers")
