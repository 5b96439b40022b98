"""What is said about versions in several places agrees, and the tools that build and release refuse what is wrong."""

import importlib.util
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

import pytest

import gilfree

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "tools"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.thread_unsafe(reason="they set variables, patch modules and write files")

if not WORKFLOWS:
    pytest.skip("needs a checkout", allow_module_level=True)


def tool(name):
    spec = importlib.util.spec_from_file_location(f"gilfree_tools_{name}", TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


check_dist, release, wheels, zigcc = map(tool, ("check_dist", "release", "wheels", "zigcc"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sources():
    """Every file of the package, with the package that it belongs to."""
    for top, package in ((ROOT / "src" / "gilfree", "gilfree"), (ROOT / "benchmarks", "gilfree.benchmarks")):
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if name != "__pycache__" and not (Path(folder) / name).is_symlink()]
            inside = ".".join([package, *Path(folder).relative_to(top).parts])
            yield from ((inside, name) for name in files)


def test_everything_is_installed(project):
    setuptools = project["tool"]["setuptools"]
    assert {package for package, name in sources() if name.endswith((".py", ".pxd"))} == set(setuptools["packages"])
    compiled = (".pyx", ".c", ".h", ".so", ".pyd")
    data = [(package, name) for package, name in sources() if not name.endswith((".py", *compiled))]
    assert {"py.typed", "timeline.html", "stop.pxd", "results.schema.json"} <= {name for _, name in data}
    for package, name in data:
        assert any(fnmatch(name, pattern) for pattern in setuptools["package-data"][package]), (package, name)


def classified(project):
    """The versions of Python that the metadata names."""
    pattern = r"Programming Language :: Python :: (3\.\d+)"
    return [found[1] for line in project["project"]["classifiers"] if (found := re.fullmatch(pattern, line))]


def test_version_is_written_in_one_place(project):
    assert project["project"]["dynamic"] == ["version"]
    assert release.version() == gilfree.__version__
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited[1] == gilfree.__version__


def test_same_pythons_everywhere(project):
    versions = classified(project)
    assert project["project"]["requires-python"] == f">={versions[0]}"
    built = project["tool"]["cibuildwheel"]["build"].split()
    free_threaded = ["3.14t", "3.15t"]
    for version in (*versions, *free_threaded):
        identifier = f"cp{version.replace('.', '')}-manylinux_x86_64"
        assert any(fnmatch(identifier, one) for pattern in built for one in braces(pattern))
        assert version in wheels.VERSIONS
    tests = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    [matrix] = re.findall(r"^ +python: \[(.+)\]$", tests, re.MULTILINE)
    assert re.findall(r'"(.+?)"', matrix) == [*versions, *free_threaded]


def braces(pattern):
    """The patterns that one with {a,b} stands for."""
    parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
    return ["".join(chosen) for chosen in product(*parts)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path):
    text = path.read_text(encoding="utf-8")
    actions = re.findall(r"uses: (.*)", text)
    assert actions or "uses:" not in text
    for action in actions:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert len(re.findall(r"^    timeout-minutes: ", text, re.MULTILINE)) == len(
        re.findall(r"^    runs-on: ", text, re.MULTILINE)
    )


def test_one_version_of_each_action():
    """In the template for other projects, too."""
    paths = [*WORKFLOWS, ROOT / "docs" / "extension" / "project" / ".github" / "workflows" / "ci.yml"]
    pins = re.findall(r"uses: ([\w/-]+)@(.+)", "".join(path.read_text(encoding="utf-8") for path in paths))
    assert len(set(pins)) == len({name for name, _ in pins})


def test_commits_are_looked_at_by_the_same_linters(project):
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    linters = dict(package.split("==") for package in project["dependency-groups"]["lint"])
    ruff = re.search(r"/ruff-pre-commit\n +rev: v(\S+)", hooks)[1]
    assert fnmatch(ruff, linters["ruff"])
    assert f'"cython-lint=={linters["cython-lint"]}"' in hooks


@pytest.fixture
def checkout(tmp_path):
    """One that may be released as v1.2.3."""
    (tmp_path / "src" / "gilfree").mkdir(parents=True)
    (tmp_path / "src" / "gilfree" / "_version.py").write_text('"""The version."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2030-01-31\n\n- New.\n\n## 1.2.2 - 2030-01-01\n\n- Old.\n"
    )
    return tmp_path


def test_release_prints_its_section_of_the_changelog(checkout):
    assert release.check("v1.2.3", checkout) == "- New."


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("src/gilfree/_version.py", "1.2.3", "1.2.4", r"tag: wanted v1\.2\.4, .* got v1\.2\.3"),
        ("CITATION.cff", "1.2.3", "1.2.2", r"CITATION\.cff: wanted version: 1\.2\.3, got 1\.2\.2"),
        ("CHANGELOG.md", "## 1.2.3 - 2030-01-31", "## 1.2.3", r"wanted a section .* got none"),
        ("CHANGELOG.md", "- New.", "", r"the section of 1\.2\.3 is empty"),
    ],
)
def test_release_refuses_what_does_not_agree(checkout, file, old, new, message):
    path = checkout / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        release.check("v1.2.3", checkout)


@pytest.mark.parametrize("version", ["1.2.3.dev0", "1.2.3+local"])
def test_release_refuses_versions_of_development(checkout, version):
    (checkout / "src" / "gilfree" / "_version.py").write_text(f'__version__ = "{version}"\n')
    with pytest.raises(ValueError, match="wanted one that can be released"):
        release.check(f"v{version}", checkout)


def archive(path, names, when, owner):
    with tarfile.open(path, "w:gz") as packed:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname = len(name), when, owner
            packed.addfile(member, io.BytesIO(name.encode()))


def test_sdists_differ_by_content_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    archive(tmp_path / "a.tar.gz", ["x-1/one", "x-1/two"], 1_800_000_000, "anna")
    archive(tmp_path / "b.tar.gz", ["x-1/two", "x-1/one"], 1_900_000_000, "bert")
    archive(tmp_path / "c.tar.gz", ["x-1/one", "x-1/too"], 1_800_000_000, "anna")
    first, second, third = (wheels.packed_again(tmp_path / f"{name}.tar.gz") for name in "abc")
    assert first == second != third
    with tarfile.open(fileobj=io.BytesIO(first)) as packed:
        assert packed.getnames() == ["x-1/one", "x-1/two"]
        assert packed.extractfile("x-1/two").read() == b"x-1/two"


def wheel(path, *, without=None, padding=0, machine=62):
    contents = [f"{module}.cpython-311-x86_64-linux-gnu.so" for module in wheels.MODULES["x86_64"]]
    contents.append("gilfree-1.dist-info/sboms/gilfree.cdx.json")
    with zipfile.ZipFile(path, "w") as packed:
        packed.mkdir("gilfree-1.dist-info/sboms")  # auditwheel adds entries for folders
        for name in contents:
            if not (without and without in name):
                packed.writestr(name, bytes(18) + machine.to_bytes(2, "little"))
        packed.writestr("gilfree/padding", bytes(padding))
    return path


WHEEL = "gilfree-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"


@pytest.fixture
def imported(monkeypatch):
    """What the modules of wheels take from the C library."""
    names = set(wheels.FROM_THE_C_LIBRARY)
    monkeypatch.setattr(wheels, "imported", lambda _binary: names)
    monkeypatch.setattr(wheels, "exposures", lambda _binary: ())  # nothing is in these
    return names


@pytest.mark.usefixtures("imported")
def test_wheel_is_accepted(tmp_path):
    wheels.check(wheel(tmp_path / WHEEL), "x86_64")


def test_wheel_with_the_functions_of_the_linker_is_refused(tmp_path, imported):
    imported.remove("exp")
    with pytest.raises(wheels.Failure, match="wanted exp from the C library"):
        wheels.check(wheel(tmp_path / WHEEL), "x86_64")


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ({"without": "_v4/"}, "wanted the modules"),
        ({"without": "/_native"}, "wanted the modules"),
        ({"without": ".json"}, "no bill of materials"),
        ({"padding": wheels.MOST_BYTES}, "wanted at most"),
        ({"machine": 183}, "wanted x86_64, 62 in an ELF header, got 183"),
    ],
)
def test_wheel_is_refused(tmp_path, flaw, message):
    with pytest.raises(wheels.Failure, match=message):
        wheels.check(wheel(tmp_path / WHEEL, **flaw), "x86_64")


def elf(*segments):
    """The parts of an ELF file that are looked at: each segment's kind, permissions and content."""
    start, table, contents = 64 + 56 * len(segments), b"", b""
    for kind, flags, content in segments:
        table += struct.pack("<IIQQQQQQ", kind, flags, start + len(contents), 0, 0, len(content), len(content), 8)
        contents += content
    return struct.pack("<32xQ14xHH6x", 64, 56, len(segments)) + table + contents


def dynamic(*entries):
    """The segment with the dynamic section, and room after its end."""
    return wheels.PT_DYNAMIC, 6, b"".join(struct.pack("<QQ", *entry) for entry in (*entries, (0, 0), (22, 0)))


CODE, DATA, STACK = (1, 5, b"code"), (1, 6, b"data"), (wheels.PT_GNU_STACK, 6, b"")
RELRO, NOW = (wheels.PT_GNU_RELRO, 4, b"data"), dynamic((5, 64), (wheels.DT_FLAGS, wheels.DF_BIND_NOW))


@pytest.mark.parametrize(
    ("segments", "found"),
    [
        ((CODE, DATA, STACK, RELRO, NOW), []),
        ((CODE, DATA, STACK, RELRO, dynamic((wheels.DT_FLAGS_1, wheels.DF_1_NOW))), []),
        ((CODE, DATA, STACK, RELRO, dynamic((wheels.DT_BIND_NOW, 0))), []),
        ((CODE, DATA, RELRO, NOW), ["memory is both writable and executable"]),
        ((CODE, DATA, (wheels.PT_GNU_STACK, 7, b""), RELRO, NOW), ["memory is both writable and executable"]),
        (((1, 7, b"code"), DATA, STACK, RELRO, NOW), ["memory is both writable and executable"]),
        ((CODE, DATA, STACK, NOW), ["addresses of functions stay writable"]),
        ((CODE, DATA, STACK, RELRO, dynamic((5, 64))), ["addresses of functions stay writable"]),
        ((CODE, DATA, STACK, RELRO, dynamic((24, 0), (22, 0))), ["code is changed when it is loaded"]),
        ((CODE, DATA, STACK, RELRO, dynamic((30, 12))), ["code is changed when it is loaded"]),
    ],
)
def test_what_can_be_overwritten_is_seen(segments, found):
    assert list(wheels.exposures(elf(*segments))) == found


@pytest.mark.usefixtures("imported")
def test_wheel_that_can_be_overwritten_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "exposures", lambda _binary: iter(["code is changed when it is loaded"]))
    with pytest.raises(wheels.Failure, match=r"_kernels.*\.so: code is changed when it is loaded"):
        wheels.check(wheel(tmp_path / WHEEL), "x86_64")


def test_bills_of_materials_are_found_in_wheels(tmp_path):
    [bill] = check_dist.bills(wheel(tmp_path / "gilfree.whl"))
    assert bill.startswith("\0")  # what that file holds, not the folder
    assert check_dist.bills(wheel(tmp_path / "none.whl", without=".json")) == []


@pytest.mark.parametrize(
    "name",
    [WHEEL.replace("2_17", "2_28"), WHEEL.replace("x86_64", "aarch64"), "gilfree-1-cp311-cp311-linux_x86_64.whl"],
)
def test_wheel_for_something_else_is_refused(tmp_path, name):
    with pytest.raises(wheels.Failure, match="wanted a wheel for manylinux_2_17_x86_64"):
        wheels.check(wheel(tmp_path / name), "x86_64")


def test_wheels_that_differ_are_refused(tmp_path):
    first, second = (wheel(tmp_path / name) for name in ("first.whl", "second.whl"))
    second.write_bytes(first.read_bytes())
    assert wheels.compare(first, second).startswith("sha256 ")
    with pytest.raises(wheels.Failure, match="these differ: gilfree/padding"):
        wheels.compare(first, wheel(tmp_path / "third.whl", padding=1))


def test_interpreters_are_looked_at():
    described = wheels.describe(sys.executable)
    assert described["version"].rstrip("t") == "{}.{}".format(*sys.version_info)
    assert described["version"].endswith("t") == bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    with pytest.raises(wheels.Failure, match="does not run"):
        list(wheels.find_interpreters(["/nowhere/python3.12"]))


def test_zig_gets_the_levels_by_its_names(monkeypatch):
    called = []
    monkeypatch.setattr(zigcc.subprocess, "call", lambda command: called.append(command) or 3)
    monkeypatch.setenv("GILFREE_ZIG_TARGET", "x86_64-linux-gnu.2.17")
    assert zigcc.main(["-O3", "-march=x86-64-v3", "a.c"]) == 3
    assert called[0][-2:] == ["-march=x86_64_v3", "a.c"]
    assert {"-target", "x86_64-linux-gnu.2.17", "-O3"} < set(called[0])


@pytest.mark.parametrize(("multiarch", "there"), [("x86_64-linux-gnu", True), ("elsewhere", False), ("", False)])
@pytest.mark.skipif(os.name == "nt", reason="links")
def test_headers_of_debian_are_found(tmp_path, monkeypatch, multiarch, there):
    for name in ("python3.12", "x86_64-linux-gnu/python3.12"):
        (tmp_path / "include" / name).mkdir(parents=True)
        (tmp_path / "include" / name / "pyconfig.h").touch()
    interpreter = wheels.Interpreter("python3.12", "3.12", ".so", tmp_path / "include" / "python3.12", multiarch)
    variables = wheels.compiler("x86_64", interpreter, tmp_path / "work")
    folder = variables.get("GILFREE_ZIG_HEADERS")
    assert bool(folder) == there
    assert not folder or Path(folder, multiarch, "python3.12", "pyconfig.h").is_file()
    called = []
    monkeypatch.setattr(zigcc.subprocess, "call", lambda command: called.append(command) or 0)
    for name in variables.keys() & {"GILFREE_ZIG_TARGET", "GILFREE_ZIG_HEADERS"}:
        monkeypatch.setenv(name, variables[name])
    zigcc.main(["-c", "a.c"])
    assert ("-isystem" in called[0]) == there
    assert (folder in called[0]) == there


def test_wheels_are_tried_without_a_compiler(monkeypatch):
    monkeypatch.setenv("CC", "gcc")
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    environment = wheels.without_compiler(Path("/somewhere/bin"))
    assert environment["PATH"] == str(Path("/somewhere/bin"))
    assert environment["PIP_INDEX_URL"] == "https://example.org/simple"
    assert "CC" not in environment


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """What is done where a wheel is tried: packages that are installed, commands that are run. No SciPy fits there."""
    done = []

    def install(_python, packages, _environment):
        done.append(" ".join(packages))
        if "scipy" in packages:
            raise wheels.Failure("no wheel of scipy fits")

    def run_in(_folder, command, _environment):
        done.append(" ".join(str(word) for word in command))
        return 0, "3 passed in 1 s"

    monkeypatch.setattr(wheels, "make_environment", lambda *_: tmp_path / "bin" / "python")
    monkeypatch.setattr(wheels, "check_level", lambda *_: None)
    monkeypatch.setattr(wheels, "install", install)
    monkeypatch.setattr(wheels, "run_in", run_in)
    monkeypatch.setattr(wheels, "try_bench", lambda *_: "passed in 60 s")
    return done


@pytest.mark.parametrize(
    ("optional", "lacking"),
    [
        ({"gilfree[bench]": ["rich"], "peers": ["rapidfuzz"]}, ()),
        ({"gilfree[bench]": ["rich"], "peers": ["scipy"]}, ("peers",)),
        ({"gilfree[bench]": ["rich", "scipy"], "peers": ["rapidfuzz"]}, ("gilfree[bench]",)),
    ],
)
def test_wheels_are_tried_with_what_there_is(tmp_path, monkeypatch, tried, optional, lacking):
    monkeypatch.setattr(wheels, "extra", lambda _name: optional["gilfree[bench]"])
    monkeypatch.setattr(wheels, "groups", lambda name: optional.get(name, ["pytest"]))
    monkeypatch.setattr(sys, "argv", ["wheels.py", "--pytest=-n 0 -x"])
    row = wheels.Row(wheels.Interpreter("python3.12", "3.12", ".so"))
    wheels.try_out(row, tmp_path / "gilfree.whl", tmp_path, tmp_path, wheels.parse())
    assert tried[:2] == [str(tmp_path / "gilfree.whl"), "pytest"]
    assert tried[2:4] == [" ".join(packages) for packages in optional.values()]  # before the tests, which use them
    assert " -m pytest " in tried[4]
    assert tried[4].endswith(" --dist=loadfile -n 0 -x")  # what was asked for overrules the processes
    assert (row.lacking, row.tests) == (lacking, "3 passed in 1 s")
    assert row.bench.startswith("not run" if "gilfree[bench]" in lacking else "passed in 60 s")


def test_tests_of_wheels_have_the_processes_of_other_tests():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"PROCESSES := {' '.join(wheels.PROCESSES)}\n" in makefile


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('report.html', 'w')", r"passed in \d+ s"),
        ("pass", r"failed: no report\.html"),
        ("open('report.html', 'w'); exit(1)", "failed with 1"),
    ],
)
def test_benchmarks_are_tried(tmp_path, monkeypatch, code, said):
    run_in = wheels.run_in
    monkeypatch.setattr(wheels, "run_in", lambda folder, *_: run_in(folder, [sys.executable, "-c", code], {}))
    assert re.fullmatch(said, wheels.try_bench(tmp_path / "python", tmp_path / "results", {}))


def test_only_the_tests_of_an_sdist_are_unpacked(tmp_path):
    names = ["x-1/tests/one.py", "x-1/pyproject.toml", "x-1/src/x.py", "x-1/docs/pyproject.toml"]
    archive(tmp_path / "x.tar.gz", names, 1_800_000_000, "anna")
    here = wheels.unpack_tests(tmp_path / "x.tar.gz", tmp_path)
    files = sorted(str(path.relative_to(here)) for path in here.rglob("*") if path.is_file())
    assert files == ["pyproject.toml", str(Path("tests", "one.py"))]


TESTS_THERE = """
import os, sys

def test_one():
    assert os.environ["PYTHONPATH"].endswith("packages")
    assert "PYTEST_XDIST_WORKER" not in os.environ
    assert "no:cacheprovider" in sys.argv

def test_two():
    raise AssertionError
"""


@pytest.mark.parametrize(("chosen", "said"), [("one", "1 passed, 1 deselected"), ("two", "failed with 1: 1 failed")])
def test_wheels_for_other_machines_are_tried_there(tmp_path, monkeypatch, chosen, said):
    installed = []
    monkeypatch.setattr(wheels, "make_environment", lambda *_: Path("/nowhere/bin/python"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setattr(wheels, "install", lambda _python, packages, _environment: installed.extend(packages))
    (tmp_path / "test_there.py").write_text(TESTS_THERE)
    arguments = ["--machine=aarch64", f"--there={Path(sys.executable).name} -B", f"--pytest=-k {chosen}"]
    monkeypatch.setattr(sys, "argv", ["wheels.py", *arguments])
    row = wheels.Row(wheels.Interpreter("python3.12", "3.12", ".so"))
    wheel = Path("gilfree.whl")
    assert wheels.try_there(row, wheel, tmp_path, tmp_path / "work", wheels.parse()).startswith(said)
    assert {"--platform=manylinux_2_17_aarch64", "gilfree.whl", f"--target={tmp_path / 'work' / 'packages'}"} < {
        *installed
    }


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("gcc") is None, reason="needs gcc on Linux")
def test_zig_asks_for_no_threads_of_an_old_c_library(tmp_path):
    source = tmp_path / "asks.c"
    source.write_text("#ifdef __STDC_NO_THREADS__\nnone\n#else\n#include <threads.h>\n#endif\n")
    command = ["gcc", "-E", "-P", "-include", TOOLS / "zig.h", source]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1] == "none"


def test_zig_knows_every_feature_that_is_asked_for():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "gilfree").rglob("*.p[xy][dx]"))
    asked = set(re.findall(r'__builtin_cpu_supports\("(\w+)"\)', source))
    assert "avx512f" in asked
    assert asked == set(re.findall(r'FEATURE\("(\w+)"\)', (TOOLS / "zig.h").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("sse2 avx", "baseline"),
        ("avx2 fma bmi1 bmi2 popcnt", "v3"),
        ("avx2 fma bmi1 bmi2 popcnt avx512f avx512bw avx512cd avx512dq", "v3"),
        ("avx2 fma bmi1 bmi2 popcnt avx512f avx512bw avx512cd avx512dq avx512vl", "v4"),
        ("avx512f avx512bw avx512cd avx512dq avx512vl", "baseline"),
    ],
)
def test_level_that_a_processor_should_get(flags, level):
    assert wheels.best_level(flags.split()) == level


@pytest.mark.parametrize(
    ("code", "said"), [("print('a'); print('== b ==')", "b"), ("print('c'); exit(3)", "failed with 3: c")]
)
def test_last_line_of_a_run_is_told(tmp_path, capfd, code, said):
    run = wheels.run_in(tmp_path, [sys.executable, "-c", code], {})
    assert wheels.last_line(run) == said
    assert capfd.readouterr().out == run[1]


@pytest.mark.parametrize(
    ("row", "failed"),
    [
        ({}, False),
        ({"tests": "3 passed, 1 xfailed in 1 s", "bench": "passed"}, False),
        ({"tests": "failed with 1: 1 failed, 3 passed in 1 s"}, True),
        ({"bench": "failed with 1"}, True),
        ({"failure": "no compiler"}, True),
    ],
)
def test_what_fails_is_known(row, failed):
    interpreter = wheels.Interpreter("python3.12", "3.12", ".so")
    assert wheels.Row(interpreter, **row).failed == failed


@pytest.mark.parametrize(("arguments", "compiles"), [(["-c", "a.c"], True), (["-shared", "a.o"], False)])
def test_zig_compiles_for_the_c_library(monkeypatch, arguments, compiles):
    called = []
    monkeypatch.setattr(zigcc.subprocess, "call", lambda command: called.append(command) or 0)
    monkeypatch.setenv("GILFREE_ZIG_TARGET", "x86_64-linux-gnu.2.17")
    assert zigcc.main(arguments) == 0
    assert ("-include" in called[0]) == compiles
    assert ("-Wl,--gc-sections" in called[0]) == (not compiles)
