"""Builds gilfree with sanitizers, proves that they are awake, and runs tests under them.

python tests/sanitizers/run_sanitized.py address [--compiler clang]
    AddressSanitizer and UndefinedBehaviorSanitizer, over the whole suite; LeakSanitizer, over the kernels.
python tests/sanitizers/run_sanitized.py thread
    ThreadSanitizer, over the kernels and the observer. This Python has to be a free-threaded one built with it.

What follows after -- goes to pytest instead of the usual choice of tests; the number of tests is then no gate.
"""

import argparse
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from gate import ENDED

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILDS = ROOT / "build" / "sanitized"

SANITIZERS = {
    "address": "address,undefined,float-cast-overflow",
    "thread": "thread",
    "fuzz": "address,undefined,float-cast-overflow,fuzzer-no-link",  # for tests/fuzz
}
# Tests, and how many of them have to pass. Those left out, of the documentation, run processes in which nothing is
# instrumented, and take minutes.
OF_DOCUMENTATION = ["tests/test_docs.py", "tests/test_docs_examples.py", "tests/test_extension_template.py"]
TESTS = {
    "address": (["tests", *(f"--ignore={file}" for file in OF_DOCUMENTATION)], 6000),
    "thread": (
        [
            "tests/sanitizers",
            "tests/kernels/test_contract.py",
            # Its calls take turns by rules of their own.
            "tests/kernels/test_smooth_mesh.py::test_several_calls_make_what_one_makes",
            "tests/kernels/test_smooth_mesh.py::test_hold_equals_release_equals_any_workers",
            "tests/observe",
            "tests/test_cancel.py",
            "tests/test_parallel.py",
            "tests/test_to_thread.py",
            "tests/test_workers.py",
        ],
        700,
    ),
}
LEAK_TESTS = ["tests/kernels/test_contract.py", "-k", "not Machine"]


class Canary(NamedTuple):
    code: str
    report: str  # what the sanitizer says of it


CANARIES = {
    "address": [
        Canary("_canaries.read_past_the_end(16)", "heap-buffer-overflow"),
        Canary("_canaries.read_after_free(16)", "heap-use-after-free"),
        Canary("_canaries.add(2**31 - 1, 1)", "signed integer overflow"),
        Canary("_canaries.read_at(bytes(9), 1)", "misaligned address"),
        Canary("_canaries.to_int(1e10)", "outside the range of representable values"),
    ],
    "thread": [
        Canary(
            "from array import array; from threading import Barrier, Thread; n = array('i', [0]); b = Barrier(2)\n"
            "t = [Thread(target=lambda: (b.wait(), _canaries.count_up(n, 3 * 10**7))) for _ in 'ab']\n"
            "[u.start() for u in t]; [u.join() for u in t]",
            "data race",
        )
    ],
}
LEAK = Canary("_canaries.lose(1234)", "LeakSanitizer")

DIED = "ERROR: ThreadSanitizer"  # at a signal, say; races are warnings
# A frame of compiled code of ours, in a sanitizer's report.
OURS = re.compile(r"\b(_kernels|_native|_canaries)\.(cpython|abi3|c:)|\bsrc/gilfree/")  # gcc's names no module
# What is no mistake: an allocation that was refused, as large ones are without a sanitizer.
REFUSED = re.compile(r"^==\d+==WARNING: AddressSanitizer failed to allocate .*\n?", re.MULTILINE)
# Races of free-threaded CPython 3.13 with itself in which a function of ours is further up the stack, for having raised
# an exception: the code object in its traceback interns its names, and other threads compare these. Only where these
# two functions make the accesses, in the interpreter, and what ours called is the one below.
RACES_OF_PYTHON = [{"immortalize_interned", "unicode_eq"}]
CALLED_BY_OURS = ("__Pyx_CreateCodeObjectForTraceback", "PyCode_NewEmpty")
INTERPRETER = re.compile(r"(lib)?python3[.\d]*t?(\.so[.\d]*)?")
# A function and the file that it is loaded from.
FRAME = re.compile(r"^ +#\d+ (\S+) .*?\(([^()\s]+)\+0x[0-9a-f]+\)", re.MULTILINE)
ACCESS = re.compile(r"^ +(Atomic |Previous |Previous atomic )?(read|write) of size", re.IGNORECASE)


class Failure(Exception):  # noqa: N818 - of the gate
    pass


def build(kind, compiler):
    """Compile and return the folder to import gilfree from."""
    folder = BUILDS / f"{kind}-{Path(compiler).name}"
    environment = os.environ | {"GILFREE_BUILD": SANITIZERS[kind], "CC": compiler}
    if "clang" in compiler:
        environment["LDSHARED"] = f"{compiler} -shared"
    elif "undefined" in SANITIZERS[kind]:
        # gcc's two runtimes share by accident the function that is told of `log_path`, and one would not hear of it.
        environment["LDFLAGS"] = "-static-libubsan -Wl,--exclude-libs,libubsan.a"
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", folder, "--build-lib", folder / "lib"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return folder / "lib"


def runtime(compiler):
    """Return the libraries that have to be loaded before Python, as LD_PRELOAD wants them.

    AddressSanitizer's, and that of C++: the former looks for the latter's functions when it starts and never again, and
    ends a process in which other people's modules throw exceptions that it knows nothing of.
    """
    paths = []
    for name in ("libclang_rt.asan-x86_64.so" if "clang" in compiler else "libasan.so", "libstdc++.so.6"):
        command = [compiler, f"-print-file-name={name}"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        paths.append(Path(found.strip()).resolve())
        if not paths[-1].is_file():
            raise Failure(f"{compiler} has no {name}")
    return ":".join(map(str, paths))


def environment(kind, compiler, library, reports, *, leaks=False):
    """Return what the sanitizer's runtime wants to be told, and Python."""
    paths = [str(library), str(HERE), os.environ.get("PYTHONPATH", "")]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONFAULTHANDLER": ""}
    log = f"log_path={reports}/report" if reports else "log_path=stderr"
    if kind == "thread":
        # Races in CPython itself are told apart by `foreign`, not suppressed: a suppression would hide ours as well.
        # A forked child that starts a thread would be ended at once, and with exit code 0.
        # What is too large is refused, as without a sanitizer, and does not end the process.
        options = "halt_on_error=0:exitcode=0:history_size=6:die_after_fork=0:allocator_may_return_null=1"
        return variables | {"TSAN_OPTIONS": f"{log}:{options}"}
    if leaks:  # those of Python itself are no failure; the exit code is AddressSanitizer's too
        variables["LSAN_OPTIONS"] = "exitcode=0:max_leaks=0"
    # gcc 12 stores whole 64-byte registers where this check has put the locals, without aligning that place for it.
    after_return = int("clang" in compiler)
    options = f"detect_leaks={int(leaks)}:allocator_may_return_null=1:detect_stack_use_after_return={after_return}"
    return variables | {
        "LD_PRELOAD": runtime(compiler),
        "PYTHONMALLOC": "malloc",  # Python's own allocator would hide what is wrong in small blocks
        "ASAN_OPTIONS": f"{log}:{options}",  # what is too large is refused, as without a sanitizer
        "UBSAN_OPTIONS": f"{log}:print_stacktrace=1",
    }


def reported(reports):
    """Return the text of all reports, and forget them."""
    files = sorted(reports.glob("report.*"))
    text = "\n".join(REFUSED.sub("", file.read_text(errors="replace")) for file in files).strip()
    for file in files:
        file.unlink()
    return text


def show_canaries(kind, variables, reports):
    """Fail unless each mistake is reported."""
    for canary in CANARIES[kind]:
        code = f"from gilfree import _canaries\n{canary.code}"
        done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
        text = reported(reports) + done.stderr
        if canary.report not in text or (kind == "thread" and not ours(text)):
            raise Failure(f"no report of {canary.code!r}, which is a mistake:\n{text[-2000:]}")
        print(f"canary: {canary.report}", flush=True)


def races(text):
    """Return the accesses of each report of ThreadSanitizer, as text."""
    found = []
    for report in text.split("WARNING: ThreadSanitizer: ")[1:]:
        sections = re.split(r"\n\s*\n", report)
        accesses = [section for section in sections if any(map(ACCESS.match, section.splitlines()))]
        found.append((report.splitlines()[0], accesses or sections[:1]))
    return found


def tops(accesses):
    """Return the functions that made the accesses."""
    frames = [re.search(r"#0 (\S+)", access) for access in accesses]
    return [frame.group(1) if frame else "?" for frame in frames]


def is_of_python(access):
    """Return whether an access is CPython's own: made by it and, if ours is on the stack, below what ours may call."""
    frames = FRAME.findall(access)
    if len(frames) != len(re.findall(r"^ +#\d+ ", access, re.MULTILINE)):  # not all of them are understood
        return False
    inside = list(takewhile(lambda frame: INTERPRETER.fullmatch(frame[1]), frames))
    called = (frames[len(inside)][0], inside[-1][0]) if 0 < len(inside) < len(frames) else None
    return bool(inside) and (not OURS.search(access) or called == CALLED_BY_OURS)


def is_ours(accesses):
    """Return whether a function of ours takes part in a race."""
    return any(map(OURS.search, accesses)) and not (
        set(tops(accesses)) in RACES_OF_PYTHON and all(map(is_of_python, accesses))
    )


def ours(text):
    """Return those races in which a function of ours takes part."""
    return [report for report in races(text) if is_ours(report[1])]


def foreign(text):
    """Return how often each pair of functions of others raced: CPython's own and NumPy's."""
    return Counter((title.split(" (")[0], *tops(accesses)) for title, accesses in races(text) if not is_ours(accesses))


def leaks(text):
    """Return the leaks of memory that code of ours allocated."""
    found = re.split(r"\n(?=(?:Direct|Indirect) leak of)", text)
    return [leak for leak in found if "leak of" in leak and OURS.search(leak)]


def run_pytest(kind, variables, library, reports, tests, *, at_least):
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "gate", "--sanitizer", kind, "--sanitized", library]
    command += ["--sanitizer-reports", reports]
    ended = reports / ENDED
    ended.unlink(missing_ok=True)
    code = subprocess.run(
        [*command, "--at-least", str(at_least), *tests], cwd=ROOT, env=variables, check=False
    ).returncode
    print(f"tests: {time.monotonic() - start:.0f} s", flush=True)
    if not ended.exists():  # whatever the exit code: ThreadSanitizer's own is 0, after a crash too
        raise Failure(f"the tests came to no end:\n{reported(reports)[-5000:]}")
    return code


def run_suite(kind, arguments, library, reports):
    """Return the tests' exit status, and what the sanitizer reported, which has shown before that it is awake."""
    variables = environment(kind, arguments.compiler, library, reports)
    show_canaries(kind, variables, reports)
    tests, at_least = (arguments.tests, 1) if arguments.tests else TESTS[kind]
    code = run_pytest(kind, variables, library, reports, tests, at_least=at_least)
    return code, reported(reports)


def check_address(arguments, library, reports):
    code, text = run_suite("address", arguments, library, reports)
    if text:
        raise Failure(f"reports:\n{text}")
    if code:
        raise Failure("tests failed")
    if not arguments.tests:
        check_leaks(arguments, library, reports)


def check_leaks(arguments, library, reports):
    """Fail where memory that a module of ours allocated was lost; Python itself gives back much less than all."""
    variables = environment("address", arguments.compiler, library, reports, leaks=True)
    lost = [sys.executable, "-c", f"from gilfree import _canaries\n{LEAK.code}"]
    subprocess.run(lost, env=variables, check=False)
    if not any("1234 byte" in leak for leak in leaks(reported(reports))):
        raise Failure(f"no report of {LEAK.code!r}, which is a mistake")
    print("canary: leak", flush=True)
    code = run_pytest("address", variables, library, reports, LEAK_TESTS, at_least=450)
    text = reported(reports)
    found = leaks(text)
    if found or code or "ERROR: AddressSanitizer" in text:
        raise Failure("leaks:\n" + "\n".join(found or [text]))


def check_threads(arguments, library, reports):
    code, text = run_suite("thread", arguments, library, reports)
    if DIED in text:  # a child, perhaps; the exit code does not tell
        raise Failure(f"a process died:\n{text[text.index(DIED) :][:5000]}")
    for functions, count in foreign(text).most_common():
        print(f"not ours, {count} times:", *functions)
    found = ours(text)
    if found:
        raise Failure("races:\n" + "\n\n".join("\n".join([title, *accesses]) for title, accesses in found))
    if code:
        raise Failure("tests failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=TESTS)
    parser.add_argument("--compiler", help="default: gcc; for threads, what Python was compiled with")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:end])
    arguments.tests = words[end + 1 :]
    if arguments.kind == "thread":
        if "-fsanitize=thread" not in sysconfig.get_config_var("PY_CFLAGS") or not sysconfig.get_config_var(
            "Py_GIL_DISABLED"
        ):
            sys.exit("thread: wanted a free-threaded Python configured --with-thread-sanitizer")
        arguments.compiler = arguments.compiler or sysconfig.get_config_var("CC").split()[0]
    arguments.compiler = arguments.compiler or "gcc"
    library = build(arguments.kind, arguments.compiler)
    reports = library.parent / "reports"
    reports.mkdir(exist_ok=True)
    reported(reports)
    try:
        (check_threads if arguments.kind == "thread" else check_address)(arguments, library, reports)
    except Failure as failure:
        sys.exit(f"{arguments.kind}: {failure}")
    print(f"{arguments.kind}: clean", flush=True)


if __name__ == "__main__":
    main()
