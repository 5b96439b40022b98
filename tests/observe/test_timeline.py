"""Saved timelines, and the table of an observation: made from known lanes, and from what was observed here."""

import base64
import hashlib
import json
import os
import re
import struct
import threading
import time
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

import gilfree
from gilfree.observe import Cell, Lane, Observation, Stall, ThreadReport, _lanes, _timeline

STATES = ("holding", "waiting", "running", "idle")
HOSTILE = '</script><b onclick="x">&amp; $x^2$ ]]> \u2028 \x1b[31m'
SUFFIXES = (".html", ".svg", ".json", ".png")


def cell(start, seconds, **parts):
    return Cell(start, seconds, **{state: parts.get(state, 0.0) for state in ("holding", "running", "waiting")})


def observation(lanes, stalls=(), seconds=1.0, mechanism="exact"):
    """Make a finished observation out of these lanes, {name: cells} or pairs of both."""
    seen = Observation()
    seen.seconds, seen.mechanism, seen._finished = seconds, mechanism, True
    pairs = lanes.items() if isinstance(lanes, dict) else lanes
    seen.lanes = [Lane(name, 100 + number, cells) for number, (name, cells) in enumerate(pairs)]
    seen.threads = [
        ThreadReport(lane.name, lane.ident, *(sum(getattr(c, of) for c in lane.cells)
                     for of in ("holding", "running", "waiting", "idle")))
        for lane in seen.lanes
    ]  # fmt: skip
    seen.stalls = list(stalls)
    return seen


def alternating(count, seconds=1.0):
    """Hold and wait in turn."""
    length = seconds / count
    return [cell(index * length, length, **{("holding", "waiting")[index % 2]: length}) for index in range(count)]


@pytest.fixture
def known():
    cells = [
        cell(0.0, 0.1, holding=0.1),
        cell(0.1, 0.2, holding=0.2),
        cell(0.3, 0.4, holding=0.1, waiting=0.1, running=0.1),
        cell(0.7, 0.3),
    ]
    return observation(
        [(HOSTILE, cells), ("twice", [cell(0.2, 0.5, running=0.5)]), ("twice", [cell(0.5, 0.25, holding=0.25)])],
        [Stall(HOSTILE, 0.0, 0.3, f"{HOSTILE}.py:3 in <lambda>"), Stall("twice", 0.5, 0.25, None)],
    )


@pytest.fixture(scope="module")
def real():
    def work():
        for _ in range(5):
            sum(range(100_000))
            hashlib.sha256(bytes(1_000_000)).digest()
            time.sleep(0.002)

    with gilfree.observe(stall=0.001) as seen:
        threads = [threading.Thread(target=work, name=f"worker {index}") for index in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return seen


def saved(seen, path):
    seen.save(path)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["a", "a.txt", "svg", ".svg", "a.svg.gz", "a.htm"])
def test_other_endings_are_refused_before_a_file_is_touched(known, tmp_path, name):
    with pytest.raises(ValueError, match=r"path: wanted .*\.html, \.svg, \.png, \.json, got .*" + re.escape(name)):
        known.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("convert", [str, lambda path: path])
def test_the_ending_decides_the_format(known, tmp_path, suffix, convert):
    if suffix == ".png":
        pytest.importorskip("matplotlib")
    path = tmp_path / f"seen{suffix.upper()}"
    known.save(convert(path))
    begins = {".html": b"<!doctype html>", ".svg": b"<svg ", ".json": b"{", ".png": b"\x89PNG\r\n"}
    assert path.read_bytes().startswith(begins[suffix])
    assert list(tmp_path.iterdir()) == [path]


def test_an_observation_that_goes_on_cannot_be_saved(tmp_path):
    seen = Observation()
    with pytest.raises(RuntimeError, match="ended"):
        seen.save(tmp_path / "a.svg")
    with seen, pytest.raises(RuntimeError, match="ended"):
        seen.save(tmp_path / "a.svg")
    seen.save(tmp_path / "a.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


@pytest.mark.thread_unsafe(reason="changes a module")
def test_on_an_error_the_file_stays_as_it_was(known, tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("before")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_timeline.Path, "replace", full)
    with pytest.raises(OSError, match="space"):
        known.save(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(known, tmp_path):
    (tmp_path / "link.svg").symlink_to(tmp_path / "real.svg")
    known.save(tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.thread_unsafe(reason="changes a module")
def test_without_matplotlib_a_png_says_what_to_install(known, tmp_path, monkeypatch):
    monkeypatch.setattr(_timeline, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"matplotlib.*pip install 'gilfree\[plot\]'"):
        known.save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def trace_of(seen, tmp_path):
    return json.loads(saved(seen, tmp_path / "trace.json"))["traceEvents"]


def tracks_of(events):
    """Check what must hold of any trace; return each track's name and events."""
    assert {event["ph"] for event in events} <= {"M", "X"}
    assert {event["pid"] for event in events} == {os.getpid()}
    assert [event for event in events if event["ph"] == "M" and event["name"] == "process_name"]
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert len(names) == sum(event["name"] == "thread_name" for event in events)
    tracks = {}
    for number, name in names.items():
        complete = [event for event in events if event["ph"] == "X" and event["tid"] == number]
        assert all(event["dur"] > 0 for event in complete)
        for one, other in pairwise(complete):
            assert one["ts"] + one["dur"] <= other["ts"] + 1e-6
        tracks[number] = (name, complete)
    assert {event["tid"] for event in events if event["ph"] == "X"} <= set(tracks)
    return list(tracks.values())


def in_states(events):
    sums = Counter()
    for event in events:
        sums[event["name"]] += event["dur"] / 1e6
    return {state: pytest.approx(sums[state], rel=1e-6, abs=1e-6) for state in STATES}


def test_the_trace_of_known_lanes(known, tmp_path):
    (name, first), *others = tracks_of(trace_of(known, tmp_path))
    assert name == HOSTILE
    assert [(event["name"], event["ts"], event["dur"]) for event in first] == [
        ("holding", 0, 400_000),  # three cells' merged: it is the first state in a cell of several
        ("waiting", 400_000, 100_000),
        ("running", 500_000, 100_000),
        ("idle", 600_000, 400_000),
    ]
    assert [(name, [event["name"] for event in events]) for name, events in others] == [
        ("twice", ["running"]),
        ("twice", ["holding"]),
        ("stalls", ["stall", "stall"]),
    ]
    assert [event["args"] for event in others[-1][1]] == [
        {"thread": HOSTILE, "where": f"{HOSTILE}.py:3 in <lambda>"},
        {"thread": "twice", "where": None},
    ]


def test_the_trace_of_an_observation(real, tmp_path):
    events = trace_of(real, tmp_path)
    tracks = tracks_of(events)
    while tracks[-1][0] == "stalls":  # there are several where holds overlap, as without a GIL
        tracks.pop()
    assert [name for name, _ in tracks] == [lane.name for lane in real.lanes]
    assert {f"worker {index}" for index in range(3)} <= {name for name, _ in tracks}
    for (_, complete), lane, thread in zip(tracks, real.lanes, real.threads, strict=False):
        assert {event["name"] for event in complete} <= set(STATES)
        for one, other in pairwise(complete):  # without gaps, and each change is one
            assert one["ts"] + one["dur"] == pytest.approx(other["ts"], abs=1e-3)
            assert one["name"] != other["name"]
        lived = sum(event["dur"] for event in complete) / 1e6
        assert lived == pytest.approx(thread.seconds, rel=0.02, abs=0.005)
        for state, total in in_states(complete).items():
            assert sum(getattr(cell, state) for cell in lane.cells) == pytest.approx(total.expected, abs=1e-4)
        # Running, the account is settled with the CPU clock at other moments than the cells.
        assert in_states(complete)["holding"].expected == pytest.approx(thread.holding, rel=0.05, abs=0.005)
        assert in_states(complete)["waiting"].expected == pytest.approx(thread.waiting, rel=0.05, abs=0.005)
    assert all(0 <= event["ts"] <= real.seconds * 1e6 for event in events if event["ph"] == "X")


def test_stalls_that_overlap_have_a_track_each(tmp_path):
    stalls = [Stall("a", 0.0, 0.5, None), Stall("b", 0.25, 0.5, None), Stall("a", 0.5, 0.1, None)]
    tracks = tracks_of(trace_of(observation({"a": [cell(0, 1)], "b": [cell(0, 1)]}, stalls), tmp_path))
    assert [[event["args"]["thread"] for event in events] for name, events in tracks if name == "stalls"] == [
        ["a", "a"],
        ["b"],
    ]


def test_columns_add_up_to_the_cells(real, known):
    for seen in (real, known):
        for lane in seen.lanes:
            found = _lanes.columns(lane, seen.seconds, 77)
            for state in STATES:
                total = sum(getattr(column, state) for column in found) * seen.seconds / 77
                assert total == pytest.approx(sum(getattr(cell, state) for cell in lane.cells), rel=1e-6, abs=1e-9)
            assert all(sum(column) <= 1 + 1e-6 for column in found)


def test_columns_of_known_cells():
    lane = Lane("a", 1, [cell(0.0, 0.5, holding=0.5), cell(0.5, 0.25, waiting=0.125)])
    assert _lanes.columns(lane, 1.0, 4) == [(1, 0, 0, 0), (1, 0, 0, 0), (0, 0.5, 0, 0.5), (0, 0, 0, 0)]


def test_of_many_lanes_the_busiest_are_shown():
    seen = observation([(str(index), [cell(0, 1, holding=index % 7 / 7)]) for index in range(70)])
    shown = _lanes.shown_lanes(seen, 10)
    assert [int(lane.name) % 7 for lane in shown] == [6] * 10
    assert [int(lane.name) for lane in shown] == sorted(int(lane.name) for lane in shown)


def test_the_lane_of_a_stall_is_the_one_that_held(known):
    assert _lanes.lanes_of_stalls(known.stalls, known.lanes) == [0, 2]
    assert _lanes.lanes_of_stalls([Stall("gone", 0, 1, None)], known.lanes) == [None]


SVG = "{http://www.w3.org/2000/svg}"


def outside(text):
    """Return what a page or a picture would load, were it allowed to."""
    text = text.replace("http://www.w3.org/2000/svg", "")
    return re.findall(r"(?:https?:|(?<![:\w/])//)[^\s\"']+|\ssrc=|@import|url\((?!#)", text)


def test_the_picture_of_known_lanes(known, tmp_path):
    source = saved(known, tmp_path / "a.svg")
    root = ET.fromstring(source)  # noqa: S314 - ours
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts.count("twice") == 2
    assert sum(text.startswith("</script><b on") for text in texts) == 1
    for words in ("holds the GIL", "waits for the GIL", "runs without the GIL", "stall: held for long"):
        assert words in texts
    titles = " ".join(element.text for element in root.iter(f"{SVG}title"))
    assert "holding 40.0 %, waiting 10.0 %, running 10.0 %, idle 40.0 %" in titles
    assert "held for 300 ms" in titles
    assert "\x1b" not in titles
    assert not any(root.iter(f"{SVG}b"))
    assert "@media (prefers-color-scheme: dark)" in source


def test_a_picture_needs_nothing_else(known, tmp_path):
    for suffix in (".svg", ".html"):
        assert outside(saved(known, tmp_path / f"a{suffix}")) == []
    assert outside('<img src="https://x.org/y">') != []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("lanes", [[], [("a", [])], [(str(n), [cell(0, 1, holding=0.5)]) for n in range(100)]])
@pytest.mark.parametrize("mechanism", ["exact", "sampled", "attached"])
def test_no_lanes_an_empty_one_and_many(tmp_path, suffix, lanes, mechanism):
    if suffix == ".png":
        pytest.importorskip("matplotlib")
        if len(lanes) > 1 and mechanism != "exact":
            pytest.skip("takes long, and is the same")
    path = tmp_path / f"a{suffix}"
    observation(lanes, mechanism=mechanism).save(path)
    if suffix == ".svg":
        left_out = "and 36 more threads" in path.read_text(encoding="utf-8")
        assert left_out is (len(lanes) == 100)
        assert ("attached" in path.read_text(encoding="utf-8")) is (mechanism == "attached")


class Page(HTMLParser):
    """The elements, their attributes, and the text in them."""

    VOID = ("meta", "br", "link", "img", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else None, data))

    def text_in(self, tag):
        return "".join(data for where, data in self.texts if where == tag)


@pytest.fixture
def page(known, tmp_path):
    return Page(saved(known, tmp_path / "a.html"))


def data_of(page):
    [payload] = [data for where, data in page.texts if where == "script" and data.startswith("{")]
    return json.loads(payload)


def test_a_page_shows_picture_and_tables_without_scripts(page):
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == 2
    assert tags.count("script") == 2
    assert "svg" in tags
    cells = [data for where, data in page.texts if where == "td"]
    assert {"40.0 %", "10.0 %", "400 ms", "300 ms", "250 ms", "place unknown"} <= set(cells)
    assert [data for where, data in page.texts if where == "th"].count("twice") == 3  # two threads, and a stall


def test_names_in_a_page_are_escaped(page):
    assert not any(tag == "b" or "onclick" in attributes for tag, attributes in page.elements)
    name = HOSTILE.replace("\u2028", "�").replace("\x1b", "�")
    assert name in page.text_in("th")
    assert data_of(page)["lanes"][0]["name"] == name


def test_a_page_has_both_schemes_and_says_what_the_states_are(page):
    style = page.text_in("style")
    assert "@media (prefers-color-scheme: dark)" in style
    assert set(data_of(page)["words"]) == set(STATES)


def test_a_page_has_the_cells(known, page):
    for lane, packed in zip(known.lanes, data_of(page)["lanes"], strict=True):
        count = len(lane.cells)
        values = struct.unpack(f"<{count}I{3 * count}H", base64.b64decode(packed["cells"]))
        starts = [value / 0xFFFFFFFF * known.seconds for value in values[:count]]
        assert starts == pytest.approx([cell.start for cell in lane.cells], abs=1e-9)
        for index, found in enumerate(lane.cells):
            shares = [value / 0xFFFF for value in values[count + 3 * index : count + 3 * index + 3]]
            wanted = [part / found.seconds for part in (found.holding, found.waiting, found.running)]
            assert shares == pytest.approx(wanted, abs=2e-5)
        assert packed["end"] == pytest.approx(lane.cells[-1].start + lane.cells[-1].seconds)
    assert [stall["lane"] for stall in data_of(page)["stalls"]] == [0, 2]


def test_a_page_of_many_cells_stays_small(tmp_path):
    path = tmp_path / "a.html"
    observation({f"thread {index}": alternating(10_000) for index in range(10)}).save(path)
    assert path.stat().st_size < 20 * 100_000


def test_the_table_of_known_lanes(known):
    text = str(known)
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert text.splitlines()[0] == "The GIL was held for 65.0 % of 1.00 s; threads waited 100 ms for it (exact)"
    [_, first, second, third] = [" ".join(line.split()) for line in text.split("\n\n")[1].splitlines()]
    assert first.endswith("1.00 s 400 ms 40.0 % 100 ms 10.0 % 100 ms 10.0 % 400 ms 40.0 %")
    assert second == "twice 500 ms 0 0.0 % 500 ms 100.0 % 0 0.0 % 0 0.0 %"
    assert third == "twice 250 ms 250 ms 100.0 % 0 0.0 % 0 0.0 % 0 0.0 %"
    assert "300 ms at 0.000 s" in text
    assert "twice, place unknown" in text


def test_the_table_leaves_out_the_least_busy_and_says_so():
    lanes = [(f"t{index}", [cell(0, 1, holding=index / 100)]) for index in range(100)]
    stalls = [Stall("t1", index / 100, index / 1000, None) for index in range(30)]
    text = str(observation(lanes, stalls))
    assert "and 60 more threads" in text
    assert "t99 " in text
    assert "t59 " not in text
    assert "the longest 20 of 30" in text


@pytest.mark.parametrize(("mechanism", "words"), [("sampled", "(sampled)"), ("attached", "0.50 threads were attached")])
def test_the_table_claims_only_what_the_mechanism_sees(mechanism, words):
    text = str(observation({"a": [cell(0, 1, holding=0.5)]}, mechanism=mechanism))
    assert words in text
    assert "nobody waited" not in text


def test_before_its_end_an_observation_has_no_table():
    assert str(Observation()).startswith("<gilfree.observe")
