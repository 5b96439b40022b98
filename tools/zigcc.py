"""zig's C compiler, called as gcc is: ``python zigcc.py ARGUMENTS ...``, which tools/wheels.py sets as CC.

It needs the package ziglang, and nothing else: zig brings clang, a linker, and the headers and symbols of every glibc.
"""

import os
import subprocess
import sys
from pathlib import Path

# gcc and clang take -march=x86-64-v3; zig reads that as the processor "x86" and something missing from it.
ZIG_LEVELS = {f"-march=x86-64-{level}": f"-march=x86_64_{level}" for level in ("v2", "v3", "v4")}
COMPILING = ["-include", str(Path(__file__).with_name("zig.h"))]
# Nothing of zig's runtime library but what is called.
LINKING = ["-Wl,--gc-sections", "-Wl,--strip-debug"]


def main(arguments: list[str]) -> int:
    """Call zig, and return its exit status."""
    target = ["-target", os.environ["GILFREE_ZIG_TARGET"]]
    translated = [ZIG_LEVELS.get(argument, argument) for argument in arguments]
    own = [*COMPILING, *more_headers()] if "-c" in arguments else LINKING
    return subprocess.call([sys.executable, "-m", "ziglang", "cc", *target, *own, *translated])


def more_headers() -> list[str]:
    """Return where to look for headers besides."""
    folder = os.environ.get("GILFREE_ZIG_HEADERS")
    return ["-isystem", folder] if folder else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
