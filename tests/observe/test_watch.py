"""``gilfree watch``: the program runs as it would without, and the report tells of it."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import gilfree

pytestmark = pytest.mark.thread_unsafe(reason="starts processes")

HERE = str(Path(gilfree.__file__).parents[1])


@pytest.fixture
def program(tmp_path):
    """Return a function that writes a file there, and one that runs a command there."""

    def write(name, code):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        return path

    def run(*arguments, **options):
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PYTHONPATH": HERE, "PYTHONDONTWRITEBYTECODE": "1"}, **options,
        )  # fmt: skip

    def watch(*arguments, **options):
        return run("-m", "gilfree", "watch", *arguments, **options)

    write.run, write.watch, write.path = run, watch, tmp_path
    return write


def reports(done):
    return len(re.findall(r"^(?:The GIL was held|On average, )", done.stderr, re.MULTILINE))


# What a program can see of how it was started.
SEES = """
import json, pickle, sys
class Own: pass
main = sys.modules["__main__"]
print(json.dumps([
    __name__, __file__, __package__, __spec__ and __spec__.name, type(__loader__).__name__, sys.argv, sys.path[0],
    main.__dict__ is globals(), type(__builtins__).__name__, pickle.loads(pickle.dumps(Own)) is Own,
    sorted({*globals()} - {"__annotations__", "__cached__"}),  # which some versions have
]))
"""


@pytest.mark.parametrize(
    "command",
    [
        ["sees.py", "-o", "x.html", "--stall", "--", "-m", "last"],
        ["./sees.py"],
        ["folder/../sees.py", "--help"],
        ["-m", "sees", "--help", "-m", "y", "--", "-o"],
        ["-m", "package", "one"],
        ["-m", "package.inner", "-h"],
        ["folder", "one"],
        ["archive.pyz", "--stall=3"],
        ["link.py"],
    ],
)
@pytest.mark.parametrize("flags", [[], ["-P"]])
def test_a_program_sees_what_it_would_without(program, command, flags):
    for name in ("sees.py", "package/__main__.py", "package/inner.py", "folder/__main__.py"):
        program(name, SEES)
    program("package/__init__.py", "")
    with zipfile.ZipFile(program.path / "archive.pyz", "w") as archive:
        archive.writestr("__main__.py", SEES)
    if "link.py" in command:
        if os.name == "nt":
            pytest.skip("links need rights there")
        program("elsewhere/linked.py", SEES)
        (program.path / "link.py").symlink_to(Path("elsewhere", "linked.py"))
    if flags and command[0] == "-m":
        pytest.skip("-P does not find modules here")
    alone = program.run(*flags, *command)
    watched = program.run(*flags, "-m", "gilfree", "watch", *command)
    assert alone.returncode == 0, alone.stderr
    assert json.loads(watched.stdout) == json.loads(alone.stdout)
    assert (watched.returncode, reports(watched)) == (0, 1)


def test_the_table_tells_of_threads_and_stalls(program):
    program(
        "busy.py",
        "import threading, time\n"
        "def work():\n"
        "    time.sleep(0.01)\n"
        "threads = [threading.Thread(target=work, name='worker') for _ in range(2)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "sum(range(20_000_000))\n"
        "print('done')\n",
    )
    done = program.watch("--stall", "0.05", "busy.py")
    assert (done.returncode, done.stdout) == (0, "done\n")
    lines = done.stderr.splitlines()
    assert sum(line.startswith("worker ") for line in lines) == 2
    assert sum(line.startswith("MainThread ") for line in lines) == 1
    if "(exact)" in lines[1]:
        assert "MainThread, " in done.stderr.split("Stalls")[1]
        assert re.search(r"busy\.py:7 in <module>", done.stderr)


@pytest.mark.parametrize("command", [["-m", "gilfree", "watch"], ["-P", "-m", "gilfree", "watch"]])
def test_out_is_written_instead(program, command):
    program("hop.py", "import os; os.chdir('..'); print('ran')")
    done = program.run(*command, "-o", "trace.json", "hop.py")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert done.stderr == f"gilfree watch: wrote {program.path / 'trace.json'}\n"
    events = json.loads((program.path / "trace.json").read_text())["traceEvents"]
    assert "MainThread" in {event["args"]["name"] for event in events if event["name"] == "thread_name"}


@pytest.mark.parametrize("suffix", ["html", "svg", "png"])
def test_out_in_each_format(program, suffix):
    if suffix == "png":
        pytest.importorskip("matplotlib")
    program("quick.py", "")
    done = program.watch("-o", f"out.{suffix}", "quick.py")
    assert done.returncode == 0, done.stderr
    assert (program.path / f"out.{suffix}").stat().st_size > 1000


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('no luck')", 1, "no luck\n"),
        ("raise SystemExit(True)", 1, ""),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt\n"),
        ("import threading, sys; threading.Thread(target=sys.exit, args=(3,)).start()", 0, ""),
        ("import sys; sys.excepthook = lambda *_: print('own hook', file=sys.stderr); 1 / 0", 1, "own hook\n"),
    ],
)
def test_the_exit_status_is_the_programs(program, code, status, says):
    program("ends.py", code)
    done = program.watch("ends.py")
    assert (done.returncode, reports(done)) == (status, 1)
    before = done.stderr.split("\nThe GIL was held" if "\nThe GIL" in done.stderr else "\nOn average, ")[0]
    assert before.endswith(says)
    assert bool(before) is bool(says)


@pytest.mark.parametrize(
    "code", ["def f():\n    raise ValueError('boom')\nf()\n", "x = = 1\n", "import json.nothing\n"]
)
@pytest.mark.parametrize("command", [["fails.py"], ["-m", "fails"]])
def test_a_traceback_is_the_programs_own(program, code, command):
    program("fails.py", code)
    # Python itself shows frames of runpy for -m.
    alone = program.run("fails.py")
    done = program.watch(*command)
    assert (done.returncode, reports(done)) == (1, 1)
    assert done.stderr.startswith(alone.stderr)


def test_no_report_where_there_was_nothing_to_run(program):
    program("package/__init__.py", "")
    program("empty/nothing.txt", "")
    for command in (["none.py"], ["-m", "none"], ["-m", "package"], ["-m", "package.none"], ["empty"]):
        done = program.watch(*command)
        assert (done.returncode, done.stdout) == (2, ""), command
        assert done.stderr.startswith("gilfree watch: ")
        assert len(done.stderr.splitlines()) == 1


def test_a_package_that_misses_another_shows_where(program):
    program("package/__init__.py", "import missing_from_here")
    program("package/__main__.py", "")
    done = program.watch("-m", "package")
    assert (done.returncode, reports(done)) == (1, 1)
    assert "import missing_from_here" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "wanted a script"),
        (["-m"], "wanted a script"),
        (["-o", "a.txt", "runs.py"], "-o: wanted a name that ends in"),
        (["-o", "none/a.svg", "runs.py"], "is no directory"),
        (["--stall", "0", "runs.py"], "--stall: wanted"),
        (["--stall", "long", "runs.py"], "--stall"),
        (["--unknown", "runs.py"], "unrecognized arguments: --unknown"),
        (["-o"], "expected one argument"),
    ],
)
def test_wrong_usage_is_told_before_the_program_runs(program, arguments, says):
    program("runs.py", "print('ran')")
    done = program.watch(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="who may write anywhere")
def test_out_that_cannot_be_written(program):
    program("locks.py", "import os; os.chmod('.', 0o500)")
    done = program.watch("-o", "a.svg", "locks.py")
    program.path.chmod(0o700)
    assert (done.returncode, reports(done)) == (1, 1)
    assert "cannot write" in done.stderr


def test_out_whose_directory_is_gone(program):
    (program.path / "gone").mkdir()
    program("removes.py", "import os, sys; os.rmdir('gone'); sys.exit(int(sys.argv[1]))")
    done = program.watch("-o", "gone/a.svg", "removes.py", "0")
    assert (done.returncode, reports(done)) == (1, 1)
    assert "cannot write" in done.stderr
    (program.path / "gone").mkdir()
    assert program.watch("-o", "gone/a.svg", "removes.py", "4").returncode == 4


def test_threads_executors_and_handlers_end_as_they_would_without(program):
    program(
        "leaves.py",
        "import atexit, sys, threading, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "atexit.register(print, 'handler')\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), print('late')), name='late').start()\n"
        "threading.Thread(target=time.sleep, args=(1000,), name='endless', daemon=True).start()\n"
        "pool = ThreadPoolExecutor(1, thread_name_prefix='pool')\n"
        "pool.submit(time.sleep, 0.01)\n"
        "print('end')\n",
    )
    done = program.watch("leaves.py")
    assert (done.returncode, done.stdout) == (0, "end\nlate\nhandler\n")
    for name in ("late", "endless", "pool_0"):
        assert re.search(rf"^{name} ", done.stderr, re.MULTILINE), done.stderr
    assert re.search(r"^late +[3-9]\d\d ms|^late +\d\.\d+ s", done.stderr, re.MULTILINE), done.stderr


def test_processes_report_nothing(program):
    program(
        "pools.py",
        "import multiprocessing, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "def square(x): return x * x\n"
        "if __name__ == '__main__':\n"
        "    for method in multiprocessing.get_all_start_methods():\n"
        "        with multiprocessing.get_context(method).Pool(2) as pool: print(pool.map(square, range(3)))\n",
    )
    done = program.watch("pools.py")
    assert done.returncode == 0, done.stderr
    # Libraries imported here may have added methods of their own.
    methods = {"fork", "forkserver", "spawn"} & set(multiprocessing.get_all_start_methods())
    assert done.stdout.splitlines() == ["[0, 1, 4]"] * len(methods)
    assert reports(done) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_only_the_parent_of_a_fork_reports(program):
    program(
        "forks.py",
        "import os, sys, threading\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    thread = threading.Thread(target=sum, args=((1, 2),)); thread.start(); thread.join()\n"
        "    print('child', flush=True)\n"
        "    sys.exit(5)\n"
        "print('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
    )
    done = program.watch("forks.py")
    assert (done.returncode, done.stdout) == (0, "child\nstatus 5\n"), done.stderr
    assert reports(done) == 1
    assert "Traceback" not in done.stderr


def test_os_exit_leaves_at_once(program):
    program(
        "leaves.py", "import os, threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\nos._exit(6)"
    )
    done = program.watch("-o", "a.svg", "leaves.py")
    assert (done.returncode, done.stdout, done.stderr) == (6, "", "")
    assert not (program.path / "a.svg").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("where", ["main", "shutdown"])
def test_an_interrupt_ends_the_program_and_reports(program, where):
    code = "import threading, time\nprint('ready', flush=True)\n"
    # Short sleeps: Python does not see a signal that arrives just before a sleep begins until it has ended.
    code += (
        "while True: time.sleep(0.1)" if where == "main" else "threading.Thread(target=time.sleep, args=(1,)).start()"
    )
    path = program("sleeps.py", code)
    process = subprocess.Popen(
        [sys.executable, "-m", "gilfree", "watch", str(path)], cwd=program.path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": HERE},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    if where == "shutdown":
        signal.sigtimedwait([], 0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "KeyboardInterrupt" in err
    assert re.search(r"^(The GIL was held|On average)", err, re.MULTILINE)
    if where == "main":
        assert err.startswith('Traceback (most recent call last):\n  File "' + str(path))


def test_help_names_the_options(program):
    done = program.run("-m", "gilfree", "watch", "--help")
    assert done.returncode == 0
    for words in ("(SCRIPT | -m MODULE) [ARGS ...]", "--stall SECONDS", "-o OUT", "Perfetto", "os._exit"):
        assert words in " ".join(done.stdout.split())
