"""The costs of a cluster, on paper and for real."""

import json
import pickle
import re
from pathlib import Path

import pytest
from gilfree.benchmarks import cluster, cluster_page
from gilfree.benchmarks.cluster import Scales, bytes_of_a_chunk, efficiency, ready_after
from gilfree.benchmarks.cluster_page import cores_fed, needed

import gilfree
from gilfree.kernels import KERNELS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("cores", "chunk", "expected"),
    [(1, 1.0, 1 / 1.001), (100, 1.0, 1 / 1.001), (1000, 1.0, 1.0 / 1.001), (10_000, 1.0, 0.1), (1000, 0.01, 0.01)],
)
def test_cores_are_busy_as_far_as_the_scheduler_can_feed_them(cores, chunk, expected):
    assert efficiency(cores, chunk, 1e-3) == pytest.approx(expected)


def test_chunks_leave_one_after_another():
    assert ready_after(100, 1_000_000, 1e-3, 1e-9) == pytest.approx(2 * 100 * 2e-3)


@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_the_script_measures_and_checks(capsys, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "bytes_of_a_chunk", len)
    arguments = ["--size", "tiny", "--rounds", "1", "--tasks", "20", "-k", "mandelbrot", "viterbi"]
    file = tmp_path / "figures.json"
    assert cluster.main([*arguments, "--json", str(file)]) == 0
    out = capsys.readouterr().out
    for words in ("mandelbrot", "viterbi", "a task among 20", "efficiency on paper"):
        assert words in out
    figures = json.loads(file.read_text())
    assert [row["kernel"] for row in figures["shapes"]] == ["mandelbrot", "viterbi"]
    assert figures["task"] > 0
    for row in figures["shapes"]:
        assert row["serial"] > 0
        assert row["broadcast"]["many"] == figures["workers"] * row["broadcast"]["one"]
    assert cluster_page.render(figures).keys() == {"machine", "shapes", "costs", "scale", "kernels"}


def test_a_wrong_result_ends_it(monkeypatch):
    class Client:
        def get_executor(self):
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

            return ThreadPoolExecutor(1)

    call = cluster.PROBLEMS["mandelbrot"].make("tiny")
    function = cluster.KERNELS["mandelbrot"].functions[0]
    right = call(function)
    assert cluster.run(Client(), call, function, release=True, expected=right) > 0
    with pytest.raises(AssertionError, match="something else"):
        cluster.run(Client(), call, function, release=True, expected=right + 1)


def test_without_distributed_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(cluster.sys.modules, "distributed", None)
    assert cluster.main([]) == 2
    assert "pip install distributed" in capsys.readouterr().err


@pytest.mark.parametrize("cores", [1, 10, 1000])
def test_chunks_as_long_as_needed_keep_the_cores_busy(cores):
    task = 1e-3
    chunk = needed(cores, task, busy=0.9)
    assert efficiency(cores, chunk, task) == pytest.approx(0.9)
    assert efficiency(cores, 0.99 * chunk, task) < 0.9


def test_chunks_feed_so_many_cores_and_no_more():
    assert efficiency(int(cores_fed(1.0, 1e-3)), 1.0, 1e-3) == pytest.approx(1.0, abs=2e-3)
    assert efficiency(2 * int(cores_fed(1.0, 1e-3)), 1.0, 1e-3) == pytest.approx(0.5, abs=2e-3)


def test_a_chunk_is_weighed_as_it_would_be_sent():
    scales = Scales(3)
    texts = [str(number) * 20 for number in range(300)]
    expected = gilfree.edit_distances(texts, texts)
    assert (gilfree.edit_distances(texts, texts, workers=scales) == expected).all()
    assert scales.weights[0] > len(pickle.dumps("".join(texts)))


def test_bytes_grow_with_what_all_rows_need():
    assert bytes_of_a_chunk("mandelbrot") < 1000
    bodies = len(cluster.PROBLEMS["nbody_accelerations"].make("medium").args[1])
    assert bytes_of_a_chunk("nbody_accelerations") > 32 * bodies


FIGURES = {
    "date": "2030-01-02",
    "machine": {"cpu": "Some CPU", "cpus": 2, "python": "3.99.0", "distributed": "1.2"},
    "load": 0.1,
    "workers": 2,
    "rounds": 7,
    "shapes": [
        {
            "kernel": "mandelbrot",
            "serial": 0.1,
            "released": {"one": 0.05, "many": 0.06},
            "held": {"one": 0.11, "many": 0.07},
            "broadcast": {"one": 100, "many": 200},
            "memory": {"one": 50_000_000, "many": 100_000_000},
        }
    ],
    "task": 0.5e-3,
    "byte": 1e-9,
    "chunks": [{"kernel": "mandelbrot", "bytes": 500}, {"kernel": "nearest_neighbors", "bytes": 9_500_000}],
}


def test_tables_are_computed_from_the_figures():
    tables = cluster_page.render(FIGURES)
    assert (
        "| `mandelbrot` | 100 ms | 50.0 ms / 60.0 ms | 110 ms / 70.0 ms | 100 B / 200 B | 50.0 MB / 100 MB |"
        in (tables["shapes"])
    )
    assert "| 500 µs, measured here | 4.50 ms | 45.0 ms | 450 ms | 2,000 cores |" in tables["scale"]
    heavy, light = tables["kernels"].splitlines()[2:]
    assert heavy == "| `nearest_neighbors` | 9.50 MB | 90.0 ms | 900 ms | 9.00 s | 1,000 cores |"
    assert light.startswith("| `mandelbrot` | 500 B | 4.50 ms |")


def test_a_busy_machine_is_named():
    assert "other programs" not in cluster_page.render(FIGURES)["machine"]
    busy = cluster_page.render({**FIGURES, "load": 3.0})["machine"]
    assert "The load average was 3.0" in busy


def test_tables_are_put_into_their_places(tmp_path):
    page, file = tmp_path / "page.md", tmp_path / "figures.json"
    names = cluster_page.render(FIGURES)
    page.write_text("# Page\n" + "".join(f"<!-- cluster: {name} -->\nold\n<!-- /cluster -->\n" for name in names))
    file.write_text(json.dumps(FIGURES))
    for _ in range(2):
        assert cluster.main(["--read", str(file), "--page", str(page)]) == 0
    text = page.read_text()
    assert "old" not in text
    assert all(text.count(table) == 1 for table in names.values())
    page.write_text("no places")
    with pytest.raises(ValueError, match="cluster: machine"):
        cluster.main(["--read", str(file), "--page", str(page)])


def test_figures_without_a_page_are_refused(capsys):
    with pytest.raises(SystemExit):
        cluster.main(["--read", "figures.json"])
    assert "--read: only with --page" in capsys.readouterr().err


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs a checkout")
def test_the_page_shows_what_was_measured(tmp_path):
    figures = json.loads((DOCS / "cluster.json").read_text(encoding="utf-8"))
    assert {row["kernel"] for row in figures["chunks"]} == set(KERNELS)
    page = tmp_path / "dask.md"
    page.write_text((DOCS / "dask.md").read_text(encoding="utf-8"), encoding="utf-8")
    cluster_page.write(figures, page)
    assert page.read_text(encoding="utf-8") == (DOCS / "dask.md").read_text(encoding="utf-8")
    assert len(re.findall(r"<!-- cluster: ", page.read_text(encoding="utf-8"))) == len(cluster_page.render(figures))
