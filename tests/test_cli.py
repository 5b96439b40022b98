"""The command line, but for the benchmarks themselves."""

import json
import platform
import subprocess
import sys

import pytest

import gilfree
from gilfree import cli, info


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"gilfree {gilfree.__version__}\n"


def test_info_names_what_runs_here(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for fact in (
        gilfree.__version__,
        platform.python_version(),
        gilfree._kernels.COMPILER,
        gilfree.isa.current_level(),
    ):
        assert fact in out
    assert f"{gilfree.cpu_count()} of" in out


def test_info_as_json_says_the_same(capsys):
    assert cli.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == info.facts()


def test_info_tells_where_the_number_of_cpus_comes_from(capsys, monkeypatch):
    monkeypatch.setenv("GILFREE_NUM_THREADS", "7")
    assert cli.main(["info"]) == 0
    assert "7 of" in (out := capsys.readouterr().out)
    assert "GILFREE_NUM_THREADS" in out


def test_info_imports_neither_numpy_nor_the_benchmarks_packages():
    code = (
        "import sys; from gilfree.cli import main; main(['info']); "
        "print(*{'numpy', 'rich', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_info_without_numpy(monkeypatch):
    monkeypatch.setattr(info, "_installed", lambda _: None)
    assert "not installed" in info.as_text(info.facts())


@pytest.mark.parametrize(("said", "enabled"), [(True, True), (False, False), (None, True)])
def test_gil_enabled(monkeypatch, said, enabled):
    if said is None:
        monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    else:
        monkeypatch.setattr(sys, "_is_gil_enabled", lambda: said, raising=False)
    assert info.gil_enabled() is enabled


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("processor\t: 0\nmodel name\t: Fast 9000\n\nprocessor\t: 1\nmodel name\t: Fast 9000\n", "Fast 9000"),
        ("processor\t: 0\n\nModel\t\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
    ],
)
def test_cpu_model(tmp_path, text, model):
    (tmp_path / "cpuinfo").write_text(text)
    assert info.cpu_model(tmp_path / "cpuinfo") == model


def test_wrong_arguments_get_the_usage_of_their_command(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["atlas", "numpy", "--jobs", "1"])
    err = capsys.readouterr().err
    assert "usage: gilfree atlas" in err
    assert err.endswith("gilfree atlas: error: unrecognized arguments: numpy\n")


def test_no_command_is_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main([])
    assert "COMMAND" in capsys.readouterr().err


def test_bench_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "rich" else object())
    assert cli.main(["bench"]) == 2
    err = capsys.readouterr().err
    assert "needs rich," in err
    assert "pip install 'gilfree[bench]'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-k", "no-such-kernel"], "wanted a part of"),
        (["--models", "threads,carrier-pigeons"], "got carrier-pigeons"),
    ],
)
def test_bench_refuses_what_it_does_not_know(capsys, tmp_path, arguments, message):
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    assert cli.main(["bench", *arguments, "--output", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["0", "two", "1,,2", ""])
def test_bench_refuses_workers_that_are_no_counts(capsys, workers):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["bench", "--workers", workers])
    assert "whole numbers from 1 up" in capsys.readouterr().err


def test_an_interrupt_ends_without_a_traceback(capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "facts", interrupted)
    assert cli.main(["info"]) == 130
    assert "interrupted" in capsys.readouterr().err
