"""What the report and the terminal say of short calls and of more CPUs, of made-up results."""

import re
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("rich")

import made_up_results
from gilfree.benchmarks import outlook
from gilfree.benchmarks.logplot import Axis, Line, LogPlot, decades, position
from gilfree.benchmarks.prediction import COUNTS


def prediction(name, held):
    points = [{"workers": n, "gil": n * 0.9, "median": n * 0.8, "low": n * 0.7, "high": n * 0.85} for n in COUNTS]
    checks = [
        {"workers": 1, "predicted": 1.0, "measured": 0.99, "deviation": -0.01},
        {"workers": 2, "predicted": 1.9, "measured": 1.957, "deviation": 0.03},
    ]
    return {"implementation": name, "held": held, "outside": 0.001, "points": points, "checks": checks}


KERNEL = {
    "name": "some_<kernel>",
    "prediction": {
        "queueing": 0.05,
        "exchange": None,
        "implementations": [prediction("held", 1.0), prediction("released", 0.0123)],
    },
}
LENGTHS = {
    "convoy": made_up_results.convoy(),
    "break_even": [
        made_up_results.break_even("some_<kernel>"),
        {"kernel": "broken", "error": "no such thing", "points": [], "pays": None},
    ],
}
RESULTS = {"kernels": [KERNEL], "lengths": LENGTHS}


@pytest.fixture(scope="module")
def plots():
    found = re.findall(r"<svg class=\"plot log\".*?</svg>", outlook.sections(RESULTS), re.DOTALL)
    return [*map(ET.fromstring, found)]


def marks(plot):
    return plot.findall(".//*[@class='mark']")


def test_every_point_has_its_mark(plots):
    predicted, pays, slow, fast = plots
    assert len(marks(predicted)) == 2 * 2
    assert len(marks(pays)) == 2 + 2 + 1
    assert len(marks(slow)) == len(marks(fast)) == 2 * 2


def test_predictions_are_dashed_and_say_so(plots):
    lines = [path for path in plots[0].iter("path") if "predicted" in path.get("class")]
    assert len(lines) == 2 * 2, "of each implementation, with and without the machine's losses"
    assert all("predicted" in path.find("title").text for path in lines)
    assert len([path for path in plots[0].iter("path") if "shade" in path.get("class")]) == 1


def test_marks_are_where_their_values_are():
    assert position(10, (1, 100)) == pytest.approx(0.5)
    assert position(1, (0.1, 10)) == pytest.approx(0.5)
    assert position(1e6, (1, 100)) == 1, "what is beyond the end is at the end"
    assert position(0.0, (1, 100)) == 0
    plot = LogPlot("a plot", Axis((1, 100), {}), Axis((0.1, 10), {}))
    plot.line(Line("held", [(1, 0.1, "low"), (100, 10, "high")]))
    low, high = ET.fromstring(plot.svg()).iter("rect")  # noqa: S314 - ours
    assert float(low.get("x")) < float(high.get("x"))
    assert float(low.get("y")) > float(high.get("y")), "large is above"


def test_powers_of_ten_are_named():
    assert decades(5e-6, 0.2)[1] == pytest.approx([1e-5, 1e-3, 1e-1])
    assert decades(1e-4, 1e-2)[1] == pytest.approx([1e-4, 1e-3, 1e-2])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1.0, "1 s"), (0.1, "100 ms"), (1e-3, "1 ms"), (1e-5, "10 µs"), (1e-7, "100 ns"), (10, "10 s")],
)
def test_powers_of_ten_are_short(seconds, words):
    assert outlook.short(seconds) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1e-4, 2e-4, "from 100 µs – 200 µs on"),
        (None, 1e-4, "from less than 100 µs on"),
        (2e-2, None, "not up to 20.0 ms"),
        (None, None, "not measured"),
    ],
)
def test_borders_in_words(low, high, words):
    assert outlook.between({"low": low, "high": high}) == words


def test_the_terminal_has_a_line_for_each():
    predicted, pays, beside = outlook.lines(RESULTS)
    assert predicted == (
        "some_<kernel>: predicted on 64 CPUs: 57.6 × by the GIL, 51.2 × [44.8 – 54.4] with this machine's losses; "
        "on 2: predicted 1.90, measured 1.96 (+3 %)"
    )
    assert "a pool of 2 processes: not up to 1.00 ms" in pays
    assert "a call of 2.00 µs takes 5.00 ms if it lets the GIL go" in beside
    assert "one of 2.00 µs that holds it 4.00 µs" in beside


def test_deviations_have_a_sign():
    page = outlook.sections(RESULTS)
    assert page.count("1: −1 %, 2: +3 %") == 2


def test_names_are_escaped():
    page = outlook.sections(RESULTS)
    assert "<kernel>" not in page
    assert "some &lt;kernel&gt;" in page


def test_that_kappa_is_unknown_is_said_only_where_it_is():
    assert "fewer than four CPUs" in outlook.sections(RESULTS)
    known = {**KERNEL, "prediction": {**KERNEL["prediction"], "exchange": 0.001}}
    assert "fewer than four CPUs" not in outlook.sections({"kernels": [known], "lengths": None})


def test_nothing_is_said_of_what_was_not_measured():
    assert outlook.sections({"kernels": [], "lengths": None}) == ""
    assert outlook.sections({"kernels": [{"name": "old"}]}) == "", "a file of an older version"
    empty = {"convoy": {"error": "broken", "points": []}, "break_even": LENGTHS["break_even"][1:]}
    assert outlook.sections({"kernels": [], "lengths": empty}) == ""
    assert outlook.lines({"kernels": [], "lengths": empty}) == []
