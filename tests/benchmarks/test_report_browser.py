"""The report as Chromium draws it: the layout, the colours, what can be seen and read."""

import io
import json
import os
from collections import Counter
from itertools import pairwise

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")
if os.name != "posix":
    pytest.skip("passes file descriptors to the browser", allow_module_level=True)

import browser
import made_up_results
from gilfree.benchmarks import report
from gilfree.benchmarks.implementations import IMPLEMENTATIONS
from gilfree.benchmarks.models import MODELS
from matplotlib.image import imread

from gilfree.kernels import KERNELS

pytestmark = [
    pytest.mark.thread_unsafe(reason="one browser for all"),
    pytest.mark.skipif(browser.chromium() is None, reason="needs Chromium"),
]

SHOWN_WIDTHS = (360, 768, 1200)
# All that is wider than the window or reaches out of it, but for what scrolls on its own.
WIDER = """(() => [...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    const cut = element.parentElement.closest('.scroll, pre');
    return box.width > 0 && !cut && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(element => element.outerHTML.slice(0, 120)))()"""
# Each text with its colour and the colours behind it, from the innermost to the page's.
TEXTS = """(() => {
    const found = new Map(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const seen = new Map();
    const rgb = colour => {
        if (!seen.has(colour)) {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            seen.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
        }
        return seen.get(colour);
    };
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || element.closest('title, desc, style')) continue;
        const style = getComputedStyle(element);
        let behind = element, paper = [0, 0, 0, 0];
        while (behind && paper[3] === 0) {
            paper = rgb(getComputedStyle(behind).backgroundColor);
            behind = behind.parentElement;
        }
        const ink = rgb(element instanceof SVGElement ? style.fill : style.color);
        found.set(JSON.stringify([ink, paper]), walker.currentNode.data.trim().slice(0, 60));
    }
    return [...found].map(([colours, text]) => [...JSON.parse(colours), text]);
})()"""
LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def results():
    return json.loads(json.dumps(made_up_results.results()))


@pytest.fixture(scope="module")
def path(results, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report.render(results), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    try:
        with browser.browser(tmp_path_factory.mktemp("browser")) as page:
            yield page
    except (EOFError, TimeoutError, OSError) as error:
        pytest.skip(f"Chromium does not start here: {error}")


def pixels(page, selector="body", tall=900):
    """Rows of pixels: red, green, blue from 0 to 1."""
    return imread(io.BytesIO(page.screenshot(selector, tall)), format="png")[:, :, :3]


def brightness(rgb):
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), map(linear, rgb), strict=True))


def linear(value):
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(ink, paper):
    """As WCAG defines it; both are opaque."""
    darker, lighter = sorted(brightness([part / 255 for part in colour[:3]]) for colour in (ink, paper))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("width", SHOWN_WIDTHS)
def test_nothing_is_wider_than_the_window(page, path, width):
    page.open(path, width=width)
    assert page.ask("innerWidth") == width
    assert page.ask("document.documentElement.scrollWidth") <= width
    assert page.ask(WIDER) == []


def test_it_is_one_file_that_asks_for_nothing_and_complains_of_nothing(page, path):
    page.open(path)
    page.ask("document.readyState")
    assert page.requests == [path.as_uri()]
    assert page.complaints == []
    assert path.stat().st_size < 2_000_000


def test_requests_and_complaints_would_be_noticed(page, path, tmp_path):
    """Or the test before could not fail."""
    bad = tmp_path / "bad.html"
    bad.write_text(path.read_text("utf-8").replace("</body>", "<img src='x.png'><script>nothing()</script></body>"))
    page.open(bad)
    assert page.requests == [bad.as_uri(), (tmp_path / "x.png").as_uri()]
    assert any("nothing is not defined" in json.dumps(complaint) for complaint in page.complaints)


def test_every_measurement_is_drawn(page, path, results):
    page.open(path)
    drawn = page.ask(
        """(() => {
        const seen = element => (box => box.width > 1 || box.height > 1)(element.getBoundingClientRect());
        const count = selector => [...document.querySelectorAll(selector)].filter(seen).length;
        return {curves: count('.plot:not(.log) .line'), marks: count('.plot:not(.log) .mark'),
            bars: count('.plot rect[rx]'), rows: count('details tbody tr:not(.group)'),
            plots: count('.plot:not(.log)'), shades: count('.heat .gain, .heat .loss'),
            predicted: count('.log .predicted.gil'), calls: count('.log .mark')};
        })()"""
    )
    cells = [cell for kernel in results["kernels"] for cell in kernel["cells"]]
    own = [cell for cell in cells if cell["python"] is None and cell["speedup"]]
    threads = [cell for cell in own if cell["model"] == "threads"]
    on_all_cpus = [cell for cell in own if cell["model"] != "serial" and cell["workers"] == 2]
    lengths = results["lengths"]
    tried = [way for each in lengths["break_even"] for point in each["points"] for way in point["speedup"]]
    predictions = [each for kernel in results["kernels"] for each in kernel["prediction"]["implementations"]]
    checks = [check for each in predictions for check in each["checks"]]
    assert drawn == {
        "curves": len(KERNELS) * len(IMPLEMENTATIONS),
        "marks": len(threads),
        "bars": len(on_all_cpus),
        "rows": len(cells),
        "plots": 2 * len(KERNELS) + len(results["timelines"]["runs"]),
        "shades": len(on_all_cpus),
        "predicted": len(KERNELS) * 2,
        "calls": len(checks) + len(lengths["convoy"]["points"]) + len(tried),
    }
    assert len(threads) == len(KERNELS) * len(IMPLEMENTATIONS) * 3 - 1, "but for the one that failed"
    assert len(MODELS) - 2 == len(on_all_cpus) // len(KERNELS) // len(IMPLEMENTATIONS), "one is missing, one serial"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_has_the_colours_of_the_legend(page, path, scheme):
    """Most pixels of each of a plot's bars have its implementation's colour; some bars are hatched besides."""
    page.open(path, scheme=scheme)
    plot = ".plot:has(rect[rx])"
    bars = page.ask(
        f"""(() => {{ const plot = document.querySelector('{plot}'), top = plot.getBoundingClientRect().top;
        return [...plot.querySelectorAll('rect[rx]')].map(bar => {{ const box = bar.getBoundingClientRect();
            return [bar.parentElement.className.baseVal, box.left, box.top - top, box.height]; }}); }})()"""
    )
    colours = {
        name: page.ask(f"getComputedStyle(document.body).getPropertyValue('--{name}')").strip()
        for name in IMPLEMENTATIONS
    }
    assert len(set(colours.values())) == len(IMPLEMENTATIONS)
    picture = pixels(page, plot)
    assert {name for name, *_ in bars} == set(IMPLEMENTATIONS)
    for name, left, top, height in bars:
        inside = picture[int(top) + 2 : int(top + height) - 1, int(left) + 4 : int(left) + 60]
        found = Counter(tuple(round(255 * float(value)) for value in pixel) for row in inside for pixel in row)
        [(most, _)] = found.most_common(1)
        assert "#{:02x}{:02x}{:02x}".format(*most) == colours[name]
        assert (len(found) > 1) == (name != "released"), "told apart without colours, too"
    assert page.ask("getComputedStyle(document.querySelector('.plot .held rect.mark')).fill").startswith("rgb"), "plain"


def test_timelines_show_who_holds(page, path):
    """The first of the made-up workers waits for the first tenth, and holds the GIL in the second."""
    page.open(path)
    left, right, middle = page.ask(
        """(() => { const plot = document.querySelector('.pair .plot'), bar = plot.querySelector('.state.holding');
        const line = plot.querySelector('.idle').getBoundingClientRect(), box = bar.getBoundingClientRect();
        return [line.left, line.right, box.top + box.height / 2 - plot.getBoundingClientRect().top]; })()"""
    )
    row = pixels(page, ".pair .plot")[int(middle)]
    waited, held = (
        [tuple(row[int(left + (right - left) * (start + part))]) for part in (0.03, 0.05, 0.07)] for start in (0.0, 0.1)
    )
    orange = [0xD5 / 255, 0x5E / 255, 0]
    assert all(colour == pytest.approx(orange, abs=0.01) for colour in held)
    assert not any(colour == pytest.approx(orange, abs=0.05) for colour in waited)


def test_dark_is_dark_and_light_is_light(page, path):
    means = {}
    for scheme in ("light", "dark"):
        page.open(path, scheme=scheme)
        picture = pixels(page)
        means[scheme] = [float(picture.mean()), brightness(picture[5, 5])]
    assert min(means["light"]) > 0.85
    assert max(means["dark"]) < 0.15


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page, path, scheme):
    page.open(path, scheme=scheme)
    texts = page.ask(TEXTS)
    assert len(texts) > 10
    unreadable = [(text, ink, paper) for ink, paper, text in texts if contrast(ink, paper) < LEAST_CONTRAST]
    assert unreadable == []


def test_without_scripts_it_looks_the_same(page, path):
    shown = []
    for scripts in (True, False):
        page.open(path, scripts=scripts)
        shown.append([page.screenshot(selector, tall=400) for selector in ("body", ".pair")])
    assert shown[0] == shown[1]


def test_headings_are_in_order_and_every_picture_has_a_name(page, path):
    page.open(path)
    levels = page.ask("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(each => +each.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(after - before for before, after in pairwise(levels)) == 1
    names = page.ask(
        """[...document.querySelectorAll('svg:not([aria-hidden])')].map(svg => [
        svg.getAttribute('role'),
        document.getElementById(svg.getAttribute('aria-labelledby'))?.closest('svg') === svg,
        document.getElementById(svg.getAttribute('aria-describedby'))?.closest('svg') === svg,
        svg.querySelector('title').textContent, svg.querySelector('desc').textContent])"""
    )
    assert len(names) == 3 * len(KERNELS) + 2 + 2 + 2  # timelines, break-even, two switch intervals
    assert all(role == "img" and own and told for role, own, told, *_ in names)
    assert len({title for *_, title, _ in names}) == len(names)
    assert all(words for *_, words in names)
    ids = page.ask("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))


def test_what_scrolls_can_be_reached_by_the_keyboard(page, path):
    page.open(path, width=360)
    assert (
        page.ask(
            """[...document.querySelectorAll('*')].filter(element => element.scrollWidth > element.clientWidth + 1
        && ['auto', 'scroll'].includes(getComputedStyle(element).overflowX) && element.tabIndex < 0)
        .map(element => element.outerHTML.slice(0, 100))"""
        )
        == []
    )
