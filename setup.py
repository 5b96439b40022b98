"""The compiled part: one Cython module, built once for every instruction-set level.

Everything else about the package stands in pyproject.toml. Switches, all read from the environment:

GILFREE_BUILD    release (default) | debug | a list for -fsanitize=, such as address,undefined
                 | repeated-polls, which is for benchmarks/polling.py
GILFREE_LEVELS   which levels to build, such as "baseline,v4" (default: all that the target has)
"""

import json
import os
import platform
import sysconfig
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

# -ffp-contract=off: compilers fuse a*b+c on their own where the level has FMA, and the answer would then depend on
# the level. Cores that want a fused multiply-add ask for one by name.
# -falign-loops=64: the cores share a translation unit, and a change in one moves the loops of the others. Where they
# happen to lie made differences of up to 5 %, which hid what polling costs (less than 1 %).
GNU_FLAGS = [
    *("-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-falign-loops=64"),
    *("-Wall", "-Wextra"),
]
MSVC_FLAGS = ["/O2", "/fp:precise", "/W3"]
# Where the linker makes ELF files: what it resolves is read-only before any code runs, and no memory is both writable
# and executable. It costs nothing later. Stack protectors are left to CFLAGS: they write and check a guard in each call
# of a core's function that has an array.
ELF_LINK_FLAGS = ["-Wl,-z,relro,-z,now,-z,noexecstack"]
FORTIFY = "_FORTIFY_SOURCE"  # the C library's checks of sizes that the compiler knows; they need optimisation
BUILDS = {
    "release": (["-g0"], []),  # distributions ask for -g, which triples the size
    "debug": (["-O0", "-g3", "-UNDEBUG"], []),
    "repeated-polls": (["-DGILFREE_REPEATED_POLLS"], []),
}
OPTIMIZED = ("release", "repeated-polls")
# level: (flags of GNU-like compilers, flags of MSVC)
X86_LEVELS = {
    "v3": (["-march=x86-64-v3"], ["/arch:AVX2"]),
    "v4": (["-march=x86-64-v4"], ["/arch:AVX512"]),
}

# Given here and not in the file headers, because a header's directives do not reach a cimported .pxd: without
# cdivision there, each division in a core would take the GIL to raise ZeroDivisionError.
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": False,
    "freethreading_compatible": True,
    "subinterpreters_compatible": "own_gil",
}
# Static objects of the module live in its state, so that every subinterpreter has its own.
MACROS = [("CYTHON_USE_MODULE_STATE", "1")]


def target_platform() -> str:
    """What is compiled for, such as linux-x86_64: not this machine when cross-compiling."""
    return os.environ.get("_PYTHON_HOST_PLATFORM") or sysconfig.get_platform()


def target_system() -> str:
    return target_platform().split("-")[0]


def target_machine() -> str:
    host = target_platform()
    if host.endswith("universal2"):
        return "universal2"
    return host.rsplit("-", 1)[-1] if "-" in host else platform.machine()


def levels() -> list[str]:
    on_x86_64 = target_machine().lower() in ("x86_64", "amd64")
    available = ["baseline", *X86_LEVELS] if on_x86_64 else ["baseline"]
    wanted = os.environ.get("GILFREE_LEVELS", ",".join(available)).split(",")
    return [level for level in available if level in wanted or level == "baseline"]


def sanitize_flags(build: str) -> tuple[list[str], list[str]]:
    if build in BUILDS:
        return BUILDS[build]
    flag = f"-fsanitize={build}"
    # Many a Python compiles extensions with -fwrapv, and an overflow is then none that would be reported.
    flags = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", "-fno-sanitize-recover=all", flag]
    return flags, [flag]


def of_sanitizers() -> list[Extension]:
    """What the tests with sanitizers need besides, compiled with the same flags; no release contains it."""
    if os.environ.get("GILFREE_BUILD", "release") in BUILDS:
        return []
    return [
        Extension("gilfree._canaries", ["tests/sanitizers/_canaries.pyx"], define_macros=MACROS),
        Extension("gilfree._disturber", ["tests/fuzz/_disturber.pyx"], define_macros=MACROS),
    ]


def extensions() -> list[Extension]:
    # On this file, too: a change of flags compiles anew.
    baseline = Extension("gilfree._kernels", ["src/gilfree/_kernels.pyx"], define_macros=MACROS, depends=["setup.py"])
    observer = Extension(
        "gilfree.observe._native",
        ["src/gilfree/observe/_native.pyx", "src/gilfree/observe/gil.c"],
        depends=["setup.py", *(str(header) for header in Path("src/gilfree/observe").glob("*.h"))],
        include_dirs=["src/gilfree/observe"],
        define_macros=MACROS,
    )
    generated, observer, *others = cythonize(
        [baseline, observer, *of_sanitizers()],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        include_path=["src"],
        show_all_warnings=False,
    )
    # Every level compiles the same generated file; only its package tells the modules apart.
    return [
        generated,
        observer,
        *others,
        *(
            Extension(f"gilfree._{level}._kernels", generated.sources, define_macros=MACROS, depends=generated.depends)
            for level in levels()
            if level != "baseline"
        ),
    ]


class BuildLevels(build_ext):
    """Adds each level's flags, once the compiler is known."""

    def build_extension(self, extension: Extension) -> None:
        msvc = self.compiler.compiler_type == "msvc"
        build = os.environ.get("GILFREE_BUILD", "release")
        compile_flags, link_flags = sanitize_flags(build)
        extension.extra_compile_args = [*(MSVC_FLAGS if msvc else GNU_FLAGS)]
        if not msvc:
            extension.extra_compile_args += compile_flags
            extension.extra_link_args = [*link_flags, *(ELF_LINK_FLAGS if target_system() == "linux" else [])]
            # A distribution's own level, which may be higher, is left alone.
            if build in OPTIMIZED and not any(FORTIFY in word for word in self.compiler.compiler_so):
                extension.extra_compile_args.append(f"-D{FORTIFY}=2")
        level = extension.name.split(".")[1].removeprefix("_")
        if level in X86_LEVELS:
            gnu, microsoft = X86_LEVELS[level]
            extension.extra_compile_args += microsoft if msvc else gnu
        # A folder for each level: they share one C file, and would share its object file.
        shared, self.build_temp = self.build_temp, str(Path(self.build_temp) / level)
        try:
            super().build_extension(extension)
        finally:
            self.build_temp = shared


def bill_of_materials(version: str) -> dict[str, object]:
    """What the wheel is made of, as CycloneDX has it: this project, and what Cython writes into compiled modules."""
    project = {
        "type": "library",
        "bom-ref": "gilfree",
        "name": "gilfree",
        "version": version,
        "purl": f"pkg:pypi/gilfree@{version}",
        "licenses": [{"license": {"id": "BSD-3-Clause"}}],
    }
    cython = {
        "type": "library",
        "bom-ref": "cython",
        "name": "Cython",
        "version": Cython.__version__,
        "purl": f"pkg:pypi/cython@{Cython.__version__}",
        "description": "its utility code is part of the compiled modules",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": project},
        "components": [cython],
        "dependencies": [{"ref": "gilfree", "dependsOn": ["cython"]}],
    }


class WheelWithMaterials(bdist_wheel):
    """Adds the bill of materials where PEP 770 has it."""

    def write_wheelfile(self, wheelfile_base: str, *args: str, **keywords: str) -> None:
        super().write_wheelfile(wheelfile_base, *args, **keywords)
        folder = Path(wheelfile_base) / "sboms"
        folder.mkdir(exist_ok=True)
        materials = bill_of_materials(self.distribution.get_version())
        (folder / "gilfree.cdx.json").write_text(json.dumps(materials, indent=2) + "\n", encoding="utf-8")


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildLevels, "bdist_wheel": WheelWithMaterials})
