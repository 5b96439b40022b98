"""What the compiled files are made of: how they are mapped into memory, and how much stack they take."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gilfree
from gilfree import _kernels
from gilfree.observe import _native

BINARIES = sorted(Path(gilfree.__file__).parent.rglob("*.so"))
MOST_STACK = 8_192  # bytes in one frame: a sixteenth of the smallest stack that a C library gives to threads (musl)

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other formats")
every_binary = pytest.mark.parametrize(
    "path", BINARIES, ids=lambda path: f"{path.parent.name}-{path.name.split('.')[0]}"
)


def read(tool, *arguments):
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool} (binutils)")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=True).stdout


@linux
def test_none_is_missing():
    assert {Path(_kernels.__file__), Path(_native.__file__)} <= set(BINARIES)


@linux
@every_binary
@pytest.mark.thread_unsafe(reason="starts a process")
class TestMapping:
    def test_no_memory_is_both_writable_and_executable(self, path):
        segments = re.findall(
            r"^ +(LOAD|GNU_STACK) +(?:0x\w+ +){5}([RWE ]{3}) ", read("readelf", "-lW", path), re.MULTILINE
        )
        assert [kind for kind, _ in segments].count("GNU_STACK") == 1
        assert len(segments) > 1
        for kind, flags in segments:
            assert not {"W", "E"} <= set(flags), (kind, flags)

    def test_what_the_linker_resolves_is_read_only(self, path):
        assert re.search(r"^ +GNU_RELRO +", read("readelf", "-lW", path), re.MULTILINE)
        entries = read("readelf", "-dW", path)
        assert re.search(r"\((FLAGS|FLAGS_1)\) .*NOW", entries)
        assert "TEXTREL" not in entries


def frames(listing):
    """The function and the size of each frame that code without frame pointers reserves in one step."""
    function = None
    for line in listing.splitlines():
        if label := re.match(r"^[0-9a-f]+ <(.+)>:$", line):
            function = label[1]
        # x86: sub $0x98,%rsp or lea -0x98(%rsp),%rsp; ARM: sub sp, sp, #0x98 with an optional shift by 12
        elif size := re.search(r"\bsub +\$0x([0-9a-f]+),%rsp|\blea +-0x([0-9a-f]+)\(%rsp\),%rsp", line):
            amount = int(size[1] or size[2], 16)
            # 128 bytes are given back by taking -128, which is a shorter instruction.
            if amount < 1 << 63:
                yield function, amount
        elif size := re.search(r"\bsub\s+sp, sp, #0x([0-9a-f]+)(, lsl #12)?", line):
            yield function, int(size[1], 16) << (12 if size[2] else 0)


def test_frames_are_read_from_a_listing():
    listing = """
0000000000001000 <taker>:
    1000:	sub    $0x98,%rsp
    1007:	lea    -0x4018(%rsp),%rsp
    100f:	sub    $0xffffffffffffff80,%rsp
0000000000002000 <taker_on_arm>:
    2000:	sub	sp, sp, #0x20
    2004:	sub	sp, sp, #0x3, lsl #12
"""
    assert list(frames(listing)) == [
        ("taker", 0x98),
        ("taker", 0x4018),
        ("taker_on_arm", 0x20),
        ("taker_on_arm", 0x3000),
    ]


@linux
@every_binary
@pytest.mark.thread_unsafe(reason="starts a process")
def test_frames_are_small(path):
    if re.search(rb"__[amt]san_", path.read_bytes()):
        pytest.skip("sanitizers take stack of their own")
    found = list(frames(read("objdump", "--disassemble", "--no-show-raw-insn", path)))
    assert len(found) > 50, "this processor's instructions are not known here"
    large = sorted({(size, function) for function, size in found if size > MOST_STACK})
    assert not large
