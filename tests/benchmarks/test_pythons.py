"""Other interpreters: what is asked of them, and what is said of those that cannot take part."""

import json
import shlex
import sys
from dataclasses import fields

import pytest
from gilfree.benchmarks import pythons
from gilfree.benchmarks.cell import Order
from gilfree.benchmarks.pythons import ask, find

import gilfree

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs programs that are scripts")

FIELDS = [field.name for field in fields(Order)]


def pretend(folder, name="python", **told):
    """An interpreter that answers so."""
    answer = {"version": "3.13.5", "implementation": "CPython", "free_threaded": True, "gil_enabled": False}
    program = folder / name
    # What the shell itself can do, because where wheels are tried there is no other program.
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(json.dumps(answer | told))}\n")
    program.chmod(0o700)
    return str(program)


def test_an_interpreter_that_has_this_gilfree_takes_part(tmp_path):
    path = pretend(tmp_path, fields=FIELDS, error=None)
    assert ask(path).as_json() == {
        "name": "3.13t",
        "path": path,
        "version": "3.13.5",
        "gil_enabled": False,
        "missing": None,
    }


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"fields": None, "error": "ImportError: no gilfree"}, "lacks gilfree (ImportError: no gilfree)"),
        ({"fields": FIELDS[:-1], "error": None}, f"has another gilfree than this, {gilfree.__version__},"),
    ],
)
def test_one_that_lacks_it_is_told_the_command_that_would_mend_it(tmp_path, told, words):
    path = pretend(tmp_path, **told)
    python = ask(path)
    assert python.missing == f"{path} {words}: {path} -m pip install {pythons.source()}"


def test_one_that_does_not_run_says_so(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)
    for path in (str(tmp_path / "nowhere"), str(broken)):
        assert ask(path).missing.startswith(f"{path} does not run: ")
        assert ask(path).version is None
        with pytest.raises(ValueError, match=f"^--python: {path} does not run: "):
            find([path])


def test_names_are_told_apart(tmp_path):
    told = {"fields": FIELDS, "error": None}
    paths = [
        pretend(tmp_path, "a", **told),
        pretend(tmp_path, "b", **told),
        pretend(tmp_path, "c", **told | {"implementation": "PyPy", "version": "3.11.9", "free_threaded": False}),
    ]
    assert [python.name for python in find(paths)] == ["3.13t", "3.13t-2", "pypy-3.11"]


def test_this_interpreter_answers_for_itself(tmp_path):
    path = tmp_path / "python"
    modules = ":".join(entry for entry in sys.path if entry)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{sys.executable}" "$@"\n')
    path.chmod(0o700)
    python = ask(str(path))
    assert python.missing is None
    assert python.version == ".".join(map(str, sys.version_info[:3]))


def test_an_environment_is_made_where_it_is_asked_for_and_used_again(tmp_path, monkeypatch):
    calls = []
    poor = pretend(tmp_path, fields=None, error="ImportError: no gilfree")
    honest = pythons.subprocess.run

    def run(words, **options):
        if words[1] == "-c":
            return honest(words, **options)
        calls.append(words)
        if words[1:3] == ["-m", "venv"]:
            place = pythons.Path(words[3]) / "bin"
            place.mkdir(parents=True)
            pretend(place, fields=None, error="ImportError: no gilfree")
        else:
            pretend(pythons.Path(words[0]).parent, fields=FIELDS, error=None)
        return None

    monkeypatch.setattr(pythons.subprocess, "run", run)
    inside = str(tmp_path / "made" / "3.13t" / "bin" / "python")
    for _ in range(2):
        [python] = find([poor], tmp_path / "made")
        assert (python.path, python.missing) == (inside, None)
    assert calls == [[poor, "-m", "venv", str(tmp_path / "made" / "3.13t")], [inside, *pythons.install_words()]]
    [python] = find([poor])
    assert python.missing
