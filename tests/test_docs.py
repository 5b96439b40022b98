"""Every kernel has its page, with examples that run and pictures that its code draws."""

import doctest
import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import gilfree
from gilfree.kernels import KERNELS

DOCS = Path(__file__).parents[1] / "docs"
IMAGES = DOCS / "images" / "kernels"
MOST_BYTES = 60_000
SECTIONS = ["When to use it", "Example", "What it costs", "Workers", "Among the dwarfs"]
TONES = 6  # of 255, on average: letters a little elsewhere in another version of Matplotlib are not another picture

if not DOCS.is_dir():
    pytest.skip("needs a checkout", allow_module_level=True)

every_kernel = pytest.mark.parametrize("name", KERNELS)
every_picture = pytest.mark.parametrize("picture", [f"{name}{suffix}" for name in KERNELS for suffix in ("", "-dark")])


def page(name):
    return (DOCS / "kernels" / f"{name}.md").read_text(encoding="utf-8")


@every_kernel
def test_page(name):
    text = page(name)
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    overview = (DOCS / "kernels.md").read_text(encoding="utf-8")
    [row] = re.findall(rf"^\|.*\]\(kernels/{name}\.md\).*\|$", overview, re.MULTILINE)
    assert row.endswith(f"| {KERNELS[name].dwarf} |")
    assert all(f"`{function.__qualname__.split('.')[0]}`" in row for function in KERNELS[name].functions)
    assert f"\nkernels/{name}\n" in overview  # the table of contents


def test_no_page_or_picture_is_left_over():
    assert {path.stem for path in (DOCS / "kernels").glob("*.md")} == set(KERNELS)
    assert {path.stem.removesuffix("-dark") for path in IMAGES.iterdir()} == set(KERNELS)


@pytest.mark.thread_unsafe(reason="doctest redirects the standard output")
@every_kernel
def test_examples_run(name):
    blocks = re.findall(r"^```python\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    assert blocks
    runner = doctest.DocTestRunner()
    for block in blocks:
        examples = doctest.DocTestParser().get_doctest(block, {}, f"{name}.md", None, None)
        assert any(example.want for example in examples.examples)
        runner.run(examples)
    assert runner.failures == 0  # what failed, and how, is in the captured output


@every_picture
def test_page_shows_picture(picture):
    shown = "only-dark" if picture.endswith("-dark") else "only-light"
    block = rf"```{{image}} \.\./images/kernels/{picture}\.png\n:alt: \S.{{30,}}\n:class: {shown}\n```"
    assert len(re.findall(block, page(picture.removesuffix("-dark")))) == 1
    content = (IMAGES / f"{picture}.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) <= MOST_BYTES


def test_the_results_in_the_docs_are_those_of_a_whole_run():
    jsonschema = pytest.importorskip("jsonschema")
    pytest.importorskip("rich")
    from gilfree.benchmarks import report  # noqa: PLC0415 - needs optional packages
    from gilfree.benchmarks.claims.catalogue import CLAIMS  # noqa: PLC0415

    results = json.loads((DOCS / "results.json").read_text(encoding="utf-8"))
    schema = json.loads(files("gilfree.benchmarks").joinpath("results.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(results)
    assert results["plan"]["mode"] == "full"
    assert [kernel["name"] for kernel in results["kernels"]] == list(KERNELS)
    assert not any(cell["error"] for kernel in results["kernels"] for cell in kernel["cells"])
    assert len(results["claims"]["claims"]) == len(CLAIMS)
    assert len(report.render(results)) < 2_000_000


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The pictures, drawn anew."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("pictures")
    paths = filter(None, [str(Path(gilfree.__file__).parents[1]), os.environ.get("PYTHONPATH")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([sys.executable, DOCS / "pictures", "--output", folder], env=environment, check=True)
    return folder


@pytest.mark.thread_unsafe(reason="starts a process")
@every_picture
def test_pictures_are_what_is_drawn(picture, drawn):
    from PIL import Image  # noqa: PLC0415 - comes with Matplotlib

    old, new = (
        np.asarray(Image.open(folder / f"{picture}.png").convert("RGB"), np.int16) for folder in (IMAGES, drawn)
    )
    assert old.shape == new.shape
    assert abs(old - new).mean() < TONES
