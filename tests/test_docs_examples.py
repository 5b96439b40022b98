"""What the pages of the documentation show is what their examples do."""

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

import gilfree

DOCS = Path(__file__).parents[1] / "docs"

if not DOCS.is_dir():
    pytest.skip("needs a checkout", allow_module_level=True)

pytestmark = pytest.mark.thread_unsafe(reason="redirects the standard output, and starts processes")


def load(path):
    spec = importlib.util.spec_from_file_location(f"gilfree_docs_{path.stem}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


pages = load(DOCS / "examples.py")

NEEDS = {
    "../README.md": [],
    "tutorial.md": [],
    "how-to/thread-pool.md": [],
    "how-to/joblib.md": ["joblib"],
    "how-to/find-who-holds.md": [],
}


@pytest.mark.parametrize("name", NEEDS)
def test_examples_print_what_is_shown(name):
    for package in NEEDS[name]:
        pytest.importorskip(package)
    shown = pages.examples(DOCS / name)
    printed = pages.run(DOCS / name, {"__name__": "__main__"})
    assert any(example.output for example in shown)
    for example, output in zip(shown, printed, strict=True):
        if example.output is None:
            assert output == "", f"{name}:{example.line} prints, and the page does not show it"
        elif example.exact:
            assert output == example.output
        else:
            assert pages.shape(output) == pages.shape(example.output)
            assert output.count("\n") == example.output.count("\n")


def test_every_how_to_with_examples_is_run():
    tested = {*NEEDS, "how-to/fastapi.md", "how-to/own-kernel.md"}
    found = {"../README.md", "tutorial.md"}
    for path in (DOCS / "how-to").glob("*.md"):
        if "```python" in path.read_text(encoding="utf-8"):
            found.add(f"how-to/{path.name}")
    assert found == tested


def test_a_wrong_output_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '```python\nprint("it took 5 s")\n```\n\n<!-- figures of one machine -->\n```text\nit took 7 s\n```\n'
    )
    [example], [output] = pages.examples(page), pages.run(page, {})
    assert not example.exact
    assert output != example.output
    assert pages.shape(output) == pages.shape(example.output) != pages.shape("it takes 7 s\n")
    pages.write(page)
    assert pages.examples(page)[0].output == output


def block(page, mark):
    """The code block behind this comment."""
    text = page.read_text(encoding="utf-8")
    [found] = re.findall(rf"^<!-- {re.escape(mark)} -->\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


FASTAPI = DOCS / "how-to" / "fastapi.md"


@pytest.fixture
def app():
    pytest.importorskip("fastapi")
    namespace = {"__name__": "app"}
    exec(block(FASTAPI, "file: app.py"), namespace)  # noqa: S102 - the page's own
    return namespace["app"]


def get(app, **params):
    """The answer of the service, started and ended as a server would."""
    httpx = pytest.importorskip("httpx")

    async def ask():
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            return await client.get("/nearest", params=params)

    return asyncio.run(ask())


def test_service_answers(app):
    answer = get(app, query="sittin")
    assert answer.status_code == 200
    assert answer.text == block(FASTAPI, "answer").strip()


def test_service_times_out(app):
    assert get(app, query="sittin", timeout=0).status_code == 503


OWN_KERNEL = DOCS / "how-to" / "own-kernel.md"


def run(folder, *command):
    ours = Path(importlib.util.find_spec("gilfree").origin).parents[1]
    paths = filter(None, [str(folder), str(ours), os.environ.get("PYTHONPATH")])
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def own_kernel(tmp_path_factory):
    """Where the page's module has been built."""
    for package in ("Cython", "setuptools"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    if os.name == "posix" and shutil.which(sysconfig.get_config_var("CC").split()[0]) is None:
        pytest.skip("no compiler for C")
    folder = tmp_path_factory.mktemp("own_kernel")
    for name in ("history.pyx", "setup.py", "use.py"):
        (folder / name).write_text(block(OWN_KERNEL, f"file: {name}"), encoding="utf-8")
    built = run(folder, "setup.py", "build_ext", "--inplace")
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.mark.usefixtures("counted")
def test_own_kernel_does_as_shown(own_kernel):
    found = run(own_kernel, "use.py")
    [shown] = re.findall(r"^```text\n(.*?)^```$", OWN_KERNEL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found.stdout == shown, found.stderr


def test_own_kernel_equals_ours(own_kernel):
    random = Random(3)
    versions = [bytes(random.choices(b"abc", k=random.randrange(3000))) for _ in range(6)]
    expected = sum(gilfree.edit_distance(a, b) for a, b in pairwise(versions))
    code = f"from history import count_edits; print(count_edits({versions!r}), count_edits([]), count_edits([b'a']))"
    assert run(own_kernel, "-c", code).stdout.split() == [str(expected), "0", "0"]
    assert expected > 0
