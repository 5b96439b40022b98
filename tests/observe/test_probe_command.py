"""``gilfree probe``: what it prints, and what it says of code that fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gilfree
from gilfree import cli
from gilfree.observe import _expression

pytestmark = pytest.mark.thread_unsafe(reason="captures output and starts processes")

OURS = str(Path(gilfree.__file__).parent)
SHORT = ["--budget", "0.05", "--threads", "1"]


@pytest.fixture(autouse=True)
def same_path(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())


def probe(*arguments):
    return cli.main(["probe", *SHORT, *arguments])


def test_the_verdict_names_the_expression_as_typed(capsys):
    assert probe(" time.sleep( 0.002 )", "--setup", "import time") == 0
    verdict, _, *figures = capsys.readouterr().out.splitlines()
    assert verdict.startswith("time.sleep( 0.002 ) ")
    assert {line.split()[0] for line in figures} >= {"a", "ceiling", "mechanism"}


def test_threads_and_budget_reach_the_prober(capsys):
    assert cli.main(["probe", "sum(range(1000))", "--budget", "0.05", "--threads", "1,3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["speedup"].keys() == {"1", "3"}


def test_setup_runs_once_and_the_expression_often(capsys):
    assert probe("seen.append(1)", "--setup", "import builtins; builtins.seen = []; print('set up')") == 0
    import builtins  # noqa: PLC0415

    assert capsys.readouterr().out.count("set up") == 1
    assert len(builtins.seen) > 1
    del builtins.seen


def test_functions_of_the_setup_see_its_names(capsys):
    assert probe("f()", "--setup", "import math\ndef f():\n    return math.sqrt(x)\nx = 2") == 0


def test_json(capsys):
    assert probe("(print('noise'), time.sleep(0.001))", "--setup", "import time", "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "noise" in err
    assert found.keys() == {
        "expression",
        "verdict",
        "held",
        "held_interval",
        "releases",
        "longest_hold",
        "seconds",
        "speedup",
        "ceiling",
        "mechanism",
        "calls",
    }
    assert found["expression"] in found["verdict"]
    assert 0 <= found["held"] <= 1
    assert found["calls"] >= 1


def test_an_infinite_ceiling_is_valid_json():
    from gilfree.observe import Probe  # noqa: PLC0415
    from gilfree.observe._probe_command import as_json  # noqa: PLC0415

    found = Probe("f()", 0.0, (0.0, 0.1), 1, 0.0, 1.0, {1: 1.0}, "exact", 3)
    assert json.loads(json.dumps(as_json(found), allow_nan=False))["ceiling"] is None


@pytest.mark.parametrize(
    ("expression", "setup", "error", "lines"),
    [
        ("1 / zero", "zero = 0", "ZeroDivisionError", ["1 / zero"]),
        ("f(3)", "def f(x):\n    return x.there", "AttributeError", ["f(3)", "return x.there"]),
        ("1", "import json\njson.loads('{')", "JSONDecodeError", ["json.loads('{')"]),
        ("1", "exec('1 +')", "SyntaxError", ["exec('1 +')"]),
        ("exit(3)", "from sys import exit", "SystemExit", ["exit(3)"]),
    ],
)
def test_an_exception_shows_the_users_traceback(capsys, expression, setup, error, lines):
    assert probe(expression, "--setup", setup) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith('Traceback (most recent call last):\n  File "<')
    assert OURS not in err
    assert "lambda" not in err
    assert err.rstrip().splitlines()[-1].startswith((error, f"json.decoder.{error}"))
    for line in lines:
        assert f"    {line}\n" in err


def test_an_exception_in_only_one_of_the_threads_shows_the_users_traceback(capsys):
    setup = (
        "import threading\ndef f():\n    if threading.current_thread() is not threading.main_thread(): raise OSError"
    )
    assert cli.main(["probe", "f()", "--setup", setup, "--budget", "0.1", "--threads", "1,2"]) == 1
    err = capsys.readouterr().err
    assert OURS not in err
    assert err.rstrip().endswith("OSError")


@pytest.mark.parametrize(
    ("expression", "setup", "words"),
    [
        ("np.sort(a", "", ["EXPRESSION", "np.sort(a", "^"]),
        ("x = 1", "", ["EXPRESSION", "x = 1", "^"]),
        ("", "", ["EXPRESSION"]),
        ("(yield)", "", ["EXPRESSION", "yield"]),
        ("1", "for x in", ["--setup", "for x in", "^"]),
    ],
)
def test_wrong_syntax_is_wrong_usage(capsys, expression, setup, words):
    assert probe(expression, "--setup", setup) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_wrong_syntax_is_found_before_the_setup_runs(capsys):
    assert probe("1 +", "--setup", "print('ran')") == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf"])
def test_a_wrong_budget_is_wrong_usage(capsys, budget):
    assert cli.main(["probe", "1", f"--budget={budget}"]) == 2
    assert "gilfree probe: --budget: wanted" in capsys.readouterr().err


def test_the_help_says_that_the_texts_are_executed(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["probe", "--help"])
    assert "executed as Python code" in " ".join(capsys.readouterr().out.split())


def test_modules_of_the_current_directory_can_be_imported(tmp_path):
    (tmp_path / "mine.py").write_text("def f():\n    return 1\n")
    code = "import sys; from gilfree.cli import main; sys.path.remove(''); sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "probe", "mine.f()", "--setup", "import mine", *SHORT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine.f() holds" in done.stdout or "mine.f() is attached" in done.stdout


def test_an_expression_is_compiled_once():
    function = _expression.as_function("x + 1", "x = 1")
    assert function() == 2
    assert function.__code__.co_filename == _expression.EXPRESSION
    assert not {"eval", "exec", "compile"} & set(function.__code__.co_names)


def test_only_the_users_part_of_a_traceback_is_shown():
    function = _expression.as_function("1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        function()
    assert __file__ not in _expression.format_error(caught.value)
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018
    assert __file__ in _expression.format_error(caught.value)  # nothing of it was typed
