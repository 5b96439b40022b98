"""The reference is complete, and every public docstring tells what threads may do."""

import inspect
import re
from pathlib import Path

import pytest

import gilfree
import gilfree.observe
from gilfree.kernels import KERNELS
from gilfree.observe._assertions import Gil

DOCS = Path(__file__).parents[1] / "docs"
# The headings of "Thread safety levels" in CPython's documentation.
LEVELS = ["incompatible", "compatible", "safe on distinct objects", "safe on shared objects", "atomic"]

NAMES = {f"gilfree.{name}" for name in gilfree.__all__ if name != "__version__"}
NAMES |= {f"gilfree.observe.{name}" for name in gilfree.observe.__all__}


def resolve(name):
    value = gilfree
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


def methods(value):
    """The public methods and properties of a class that have state to share."""
    members = vars(value).items() if inspect.isclass(value) else ()
    return {name: member for name, member in members if not name.startswith("_") and callable(member)}


PUBLIC = {name: resolve(name) for name in sorted(NAMES)}
PUBLIC |= {f"gilfree.{function.__qualname__}": function for kernel in KERNELS.values() for function in kernel.functions}
PUBLIC |= {f"gilfree.CancelScope.{name}": method for name, method in methods(gilfree.CancelScope).items()}
PUBLIC["the fixture gil"] = Gil


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_tells_the_level_of_thread_safety(name):
    text = inspect.getdoc(PUBLIC[name])
    assert len(re.findall(rf"^Thread safety: ({'|'.join(LEVELS)})\b", text, re.MULTILINE)) == 1
    assert len(re.findall(r"thread.safe", text, re.IGNORECASE)) == 1, "it says so twice"


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs a checkout")
class TestReference:
    def test_has_every_public_name_once(self):
        page = (DOCS / "reference.md").read_text(encoding="utf-8")
        found = re.findall(r"^\.\. auto(?:function|class|exception|module):: (\S+)$", page, re.MULTILINE)
        names = [name if name.startswith("gilfree.") else f"gilfree.{name}" for name in found]
        assert len(names) == len(set(names))
        # `probe` is one function under two names.
        assert set(names) | {"gilfree.observe.probe"} == NAMES

    def test_no_other_page_repeats_it(self):
        for path in DOCS.rglob("*.md"):
            if path.name != "reference.md":
                assert ".. auto" not in path.read_text(encoding="utf-8"), path

    def test_every_page_is_within_reach(self):
        """Sphinx warns of a page in no table of contents; this runs without Sphinx."""
        listed = set()
        for path in DOCS.rglob("*.md"):
            for block in re.findall(
                r"^```\{toctree\}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
            ):
                entries = [re.sub(r".*<(.+)>", r"\1", line) for line in block.splitlines() if line and line[0] != ":"]
                listed |= {path.parent / f"{entry}.md" for entry in entries}
        pages = {path for path in DOCS.rglob("*.md") if not {"project", "_build"} & set(path.parts)}
        assert listed == pages - {DOCS / "index.md"}
