"""Who holds the GIL and when: seen in a process of its own, kept in the results, and drawn."""

import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("rich")

import made_up_results
from gilfree.benchmarks import lanes, timelines
from gilfree.benchmarks.bench import failures
from gilfree.benchmarks.cell import Order
from gilfree.benchmarks.implementations import IMPLEMENTATIONS
from gilfree.benchmarks.plan import make_plan
from gilfree.benchmarks.progress import Silent
from gilfree.benchmarks.remote import CellError, MissingError, Remote

from gilfree.info import gil_enabled
from gilfree.kernels import KERNELS
from gilfree.observe import NotMeasurableError

PLAN = make_plan("quick", ("viterbi", "mandelbrot"), ("threads",), 2)


@pytest.fixture(scope="module")
def measured():
    found = timelines.measure(PLAN, Silent())
    assert found["error"] is None
    if found["missing"]:
        pytest.skip(found["missing"])
    return found


def validator(name):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema if name is None else schema | {"$ref": f"#/$defs/{name}"})


def test_both_runs_are_seen(measured):
    assert measured["kernel"] == "mandelbrot"
    assert [run["implementation"] for run in measured["runs"]] == ["held", "released"]
    for run in measured["runs"]:
        names = [lane["name"] for lane in run["lanes"]]
        assert names == ["worker_0", "worker_1", timelines.ASKER]
        for lane in run["lanes"]:
            assert {len(lane[state]) for state in timelines.STATES} == {timelines.COLUMNS}


@pytest.mark.skipif(not gil_enabled(), reason="needs a GIL")
def test_workers_hold_the_gil_in_one_run_and_not_in_the_other(measured):
    """Shares of what they did, not of time: a busy machine lets them do nothing at all for a while."""
    held, released = (
        [lanes.shares(lane) for lane in run["lanes"] if lane["name"] != timelines.ASKER] for run in measured["runs"]
    )
    assert sum(lane["running"] for lane in held) < 0.1 * sum(lane["holding"] for lane in held)
    assert sum(lane["running"] for lane in released) > 0.05
    if measured["runs"][0]["mechanism"] == "exact":
        assert sum(lane["waiting"] for lane in held) > 3 * sum(lane["waiting"] for lane in released)


def test_what_was_measured_follows_the_schema(measured):
    schema = validator(None)
    schema.evolve(schema=schema.schema["properties"]["timelines"] | {"$defs": schema.schema["$defs"]}).validate(
        measured
    )


def test_made_up_results_follow_the_schema_too():
    """What other tests look at is what a run could have written."""
    validator(None).validate(json.loads(json.dumps(made_up_results.results(kernels=("viterbi",)))))


def test_without_threads_there_are_none():
    assert timelines.measure(replace(PLAN, models=("asyncio",)), Silent()) is None
    assert lanes.section({"timelines": None}) == lanes.section({}) == ""


@pytest.mark.parametrize(("kernels", "chosen"), [(("viterbi",), "viterbi"), (("viterbi", "mandelbrot"), "mandelbrot")])
def test_one_kernel_is_chosen(monkeypatch, kernels, chosen):
    seen = []

    class Fake:
        def __init__(self, module, order, _):
            seen.append((module, order["kernel"], order["workers"]))

        def listen(self, _):
            return {"runs": []}

        def close(self):
            seen.append("closed")

    monkeypatch.setattr(timelines, "Remote", Fake)
    assert timelines.measure(replace(PLAN, kernels=kernels, cpus=64), Silent())["kernel"] == chosen
    assert seen == [("gilfree.benchmarks.timelines", chosen, timelines.MOST_WORKERS), "closed"]


@pytest.mark.parametrize(("failure", "field"), [(MissingError("no observer"), "missing"), (CellError("died"), "error")])
def test_why_there_are_none_is_told(monkeypatch, failure, field):
    def listen(*_):
        raise failure

    monkeypatch.setattr(Remote, "listen", listen)
    found = timelines.measure(PLAN, Silent())
    assert found[field] == str(failure)
    assert found["runs"] == []
    assert f"Not seen here: {failure}" in lanes.section({"timelines": found})
    lines = failures({"kernels": [], "timelines": found})
    assert lines == ([f"timelines of mandelbrot: {failure}"] if field == "error" else [])


def test_where_nothing_can_be_seen_the_process_says_so(monkeypatch):
    def refuse(*_):
        raise NotMeasurableError("this Python shows nothing")

    monkeypatch.setattr(timelines, "observed", refuse)
    order = Order("mandelbrot", "", "threads", 2, "small", 4)
    answers = io.StringIO()
    timelines.take_part(io.StringIO(json.dumps(vars(order)) + "\n"), answers)
    assert json.loads(answers.getvalue()) == {"missing": "this Python shows nothing"}


def lane(**shares):
    return {"name": "worker_1", **{state: shares.get(state, [0.0] * 4) for state in timelines.STATES}}


def test_states_of_a_column_stand_upon_each_other():
    found = lanes.steps(lane(holding=[0.5, 1, 0, 0], waiting=[0.25, 0, 0, 0], running=[0.25, 0.2, 0, 0.5]))
    assert found["holding"] == [(0, 0.5), (0, 1), (0, 0), (0, 0)]
    assert found["waiting"] == [(0.5, 0.75), (1, 1), (0, 0), (0, 0)]
    assert found["running"] == [(0.75, 1), (1, 1), (0, 0), (0, 0.5)], "no higher than the bar"


def test_equal_columns_are_one_rectangle():
    found = lanes.paths(lane(holding=[1, 1, 0, 0.5]), start=10, end=50, floor=42)
    assert found["holding"] == "M10.0,42v-22.0h20.00v22.0zM40.0,42v-11.0h10.00v11.0z"
    assert found["waiting"] == found["running"] == ""


def test_words_tell_what_the_picture_shows():
    run = {"mechanism": "exact", "lanes": [lane(holding=[1, 1, 1, 0], waiting=[0, 0, 0, 1]), lane()]}
    assert lanes.words(run) == ("Of the time, worker 1: holds the GIL 75 %, waits for the GIL 25 %; worker 1: idle.")
    assert "attached: may run Python 75 %" in lanes.words(run | {"mechanism": "attached"})


def test_pictures_have_the_same_scale_and_are_well_formed():
    made_up = made_up_results.results(kernels=("mandelbrot",), models=("serial", "threads"))
    section = lanes.section(made_up)
    held, released = map(ET.fromstring, re.findall(r'<svg class="plot".*?</svg>', section, re.DOTALL))
    ends = [
        float(re.search(r"H([\d.]+)", picture.find(".//*[@class='idle']").get("d"))[1]) for picture in (held, released)
    ]
    assert ends == [336, pytest.approx((336 + 4) / 2)], "twice as long, from 4 on"
    assert [len(picture.findall("g")) for picture in (held, released)] == [3, 3]
    for picture, name in ((held, "GIL held"), (released, "GIL released")):
        assert picture.find("title").text == f"mandelbrot: timeline, {name}"
        assert picture.find("desc").text.startswith("Of the time, worker 0:")
    assert len(IMPLEMENTATIONS) == 3
    assert set(timelines.RUNS) < set(IMPLEMENTATIONS)
    assert timelines.FAVOURITE in KERNELS
