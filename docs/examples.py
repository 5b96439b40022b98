"""Runs the examples of a page of documentation, and compares or writes what they print.

Python blocks run from top to bottom as one program, but for those with a comment right above, which are files. A text
block right behind one is what it prints. If a comment in between says that the figures are from one machine, only the
words are compared. ``python docs/examples.py PAGE ...`` writes the text blocks anew; the tests import this file and
compare.
"""

import io
import re
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Example", "examples", "run", "shape", "write"]

MARK = "<!-- figures of one machine -->"
BLOCK = re.compile(
    rf"(?<!-->\n)^```python\n(?P<code>.*?)^```\n(?:\n(?P<mark>{re.escape(MARK)}\n)?```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Example:
    """A block of code, and what follows it on the page."""

    code: str
    line: int
    output: str | None
    exact: bool


def examples(page: Path) -> list[Example]:
    """Return the examples of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(found["code"], text.count("\n", 0, found.start()) + 2, found["output"], found["mark"] is None)
        for found in BLOCK.finditer(text)
    ]


def run(page: Path, namespace: dict[str, object]) -> list[str]:
    """Run the examples of a page, and return what each of them prints."""
    printed = []
    for example in examples(page):
        # So that a traceback shows the line of the page.
        code = compile("\n" * (example.line - 1) + example.code, str(page), "exec")
        with redirect_stdout(io.StringIO()) as output:
            exec(code, namespace)  # noqa: S102 - the page's own
        printed.append(output.getvalue())
    return printed


def shape(output: str) -> str:
    """Return what is said, without the figures."""
    return re.sub(r"\s+", " ", re.sub(r"[\d.,]+", "#", output)).strip()


def write(page: Path) -> None:
    """Put what the examples print now onto the page."""
    printed = iter(run(page, {"__name__": "__main__"}))

    def renew(found: re.Match[str]) -> str:
        output = next(printed)
        if found["output"] is None:
            return found[0]
        begin, end = (position - found.start() for position in found.span("output"))
        return found[0][:begin] + output + found[0][end:]

    text = page.read_text(encoding="utf-8")
    page.write_text(BLOCK.sub(renew, text), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(name))
