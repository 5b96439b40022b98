"""Fuzzes every kernel, guided by the coverage of its compiled core: ``python tests/fuzz/run.py [KERNEL ...]``.

gilfree is compiled by clang with AddressSanitizer, UndefinedBehaviorSanitizer and the counters that libFuzzer follows.
Corpora, what was found and libFuzzer's logs are kept in build/fuzz. An input that was found is run again by
``python tests/fuzz/run.py KERNEL --input FILE``.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "sanitizers")]

import run_sanitized  # noqa: E402

FOLDER = ROOT / "build" / "fuzz"
LEAST_RUNS = 100  # of a kernel in a minute: fewer is no fuzzing
MEGABYTES = 4096
LONGEST = 1024  # bytes of an input


def libfuzzer(compiler):
    """Link libFuzzer as a shared library, which can be loaded before Python, and return where it is."""
    found = subprocess.run(
        [compiler, "-print-file-name=libclang_rt.fuzzer_no_main-x86_64.a"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(found).is_file():
        sys.exit(f"{compiler} has no libFuzzer (on Debian: libclang-rt-*-dev)")
    target = FOLDER / "libfuzzer.so"
    whole = ["-Wl,--whole-archive", found, "-Wl,--no-whole-archive"]
    subprocess.run([compiler, "-shared", "-o", target, *whole, "-lstdc++", "-lm"], check=True)
    return target


def fuzz(kernel, library, variables, options):
    """Run libFuzzer on the kernel in a process of its own, and return its exit code and its log."""
    folder = FOLDER / kernel
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    command = [sys.executable, HERE / "target.py", library, kernel, *options, f"-artifact_prefix={folder}/"]
    with log.open("w") as file:
        done = subprocess.run(
            [*command, folder / "corpus"], cwd=ROOT, env=variables, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    return done.returncode, log.read_text(errors="replace")


def numbers(log):
    """Return the runs, the covered edges and the size of the corpus that a log tells of, and the edges there are."""
    runs = re.findall(r"^stat::number_of_executed_units: (\d+)", log, re.MULTILINE)
    steps = re.findall(r"^#\d+\s+\w+\s+cov: (\d+) ft: \d+ corp: (\d+)", log, re.MULTILINE)
    counters = re.findall(r"INFO: Loaded \d+ modules\s+\((\d+) inline 8-bit counters\)", log)
    covered, corpus = steps[-1] if steps else (0, 0)
    return int(runs[-1]) if runs else 0, int(covered), int(corpus), int(counters[-1]) if counters else 0


def all_kernels(variables):
    """Return the names of the kernels in the build that is fuzzed, which loads beside its runtimes only."""
    code = "from gilfree.kernels import KERNELS; print(*KERNELS)"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.split()


def show_canary(library, variables):
    """Fail unless the fuzzer finds its way to a mistake four comparisons deep."""
    for old in (FOLDER / "canary" / "corpus").glob("*"):
        old.unlink()
    code, log = fuzz(
        "canary", library, variables, ["-max_total_time=120", "-max_len=8", "-seed=1", "-use_value_profile=0"]
    )
    if code == 0 or "heap-buffer-overflow" not in log:
        sys.exit(f"canary: the fuzzer is blind; see {FOLDER / 'canary' / 'log'}")
    print("canary: found", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each kernel; default: 60")
    parser.add_argument("--compiler", default="clang")
    parser.add_argument("--input", type=Path, help="only run this input again")
    arguments = parser.parse_args()
    library = run_sanitized.build("fuzz", arguments.compiler)
    FOLDER.mkdir(parents=True, exist_ok=True)
    fuzzer = libfuzzer(arguments.compiler)
    variables = run_sanitized.environment("address", arguments.compiler, library, None)
    variables["LD_PRELOAD"] = f"{fuzzer}:{variables['LD_PRELOAD']}"
    # libFuzzer comes first, so that the counters' functions are its own and not those AddressSanitizer has in reserve.
    variables["ASAN_OPTIONS"] += ":verify_asan_link_order=0:handle_abort=0"
    variables["PYTHONPATH"] += os.pathsep + str(HERE)
    if arguments.input:
        [kernel] = arguments.kernels
        command = [sys.executable, HERE / "target.py", fuzzer, kernel, arguments.input]
        sys.exit(subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode)
    show_canary(fuzzer, variables)

    failed = []
    for kernel in arguments.kernels or all_kernels(variables):
        start = time.monotonic()
        limits = [f"-max_total_time={arguments.seconds}", "-timeout=60", f"-rss_limit_mb={MEGABYTES}"]
        code, log = fuzz(
            kernel, fuzzer, variables, [*limits, f"-max_len={LONGEST}", "-len_control=20", "-print_final_stats=1"]
        )
        runs, covered, corpus, counters = numbers(log)
        print(
            f"{kernel}: {runs} runs in {time.monotonic() - start:.0f} s, {covered} of {counters} edges of all kernels, "
            f"{corpus} inputs kept",
            flush=True,
        )
        if code:
            failed.append(f"{kernel}: exit code {code}; the input is in {FOLDER / kernel}, and so is the log")
        elif runs < LEAST_RUNS * arguments.seconds / 60 or not covered:
            failed.append(f"{kernel}: wanted more than {runs} runs and {covered} edges; see {FOLDER / kernel / 'log'}")
    if failed:
        sys.exit("\n".join(failed))
    print("fuzz: nothing found", flush=True)


if __name__ == "__main__":
    main()
