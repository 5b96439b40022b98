"""The table of hazards in the documentation names tests, and these exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"

pytestmark = pytest.mark.thread_unsafe(reason="CPython 3.11 does not parse in several threads at once (gh-106905)")

if not PAGE.is_file():
    pytest.skip("needs a checkout", allow_module_level=True)

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| Hazard")
]


def names_in(path):
    """The names of functions and classes, for whose absence a proof would be none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_every_hazard_has_its_tests(row):
    hazard, measure, proofs = row
    assert hazard
    assert measure
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proofs)
    assert named
    assert re.sub(r"`tests/[\w/]+\.py::\w+`", "", proofs).strip() == ""
    for file, name in named:
        assert name.startswith(("test_", "Test"))
        assert name in names_in(ROOT / file), f"{file} has no {name}"


def test_every_file_of_proofs_is_in_the_table():
    text = PAGE.read_text(encoding="utf-8")
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}
    assert len(files) > 10
    assert {name for name in files if f"tests/reliability/{name}::" not in text} == set()
