"""Settings of Sphinx."""

import argparse
import json
import re
from pathlib import Path
from unittest.mock import patch

from docutils import nodes
from docutils.parsers.rst import Directive
from gilfree.benchmarks import report

import gilfree
from gilfree.cli import parser

project = "gilfree"
author = "The gilfree developers"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = gilfree.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "extension/project"]
default_role = "py:obj"

myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "none"  # the docstrings tell the types
autodoc_member_order = "alphabetical"

html_theme = "furo"
html_title = f"gilfree {release}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["tables.css"]

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False  # most sites make theirs by scripts


class CommandLine(Directive):
    """What ``--help`` says, of the whole command line and of each subcommand."""

    def run(self):  # noqa: ANN201
        """Return a section for each."""
        top = parser()
        [commands] = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
        return [self.section(command) for command in (top, *commands.choices.values())]

    def section(self, command):  # noqa: ANN001, ANN201
        """Return one, with its usage and options."""
        command.color = False  # where it is new, a terminal would get colours
        name = command.prog
        with patch.dict("os.environ", COLUMNS="88"):
            text = command.format_help()
        found = nodes.section(ids=[nodes.make_id(name)], names=[nodes.fully_normalize_name(name)])
        found += nodes.title("", "", nodes.literal(text=name))
        found += nodes.literal_block(text, text, language="text")
        return found


def list_references(_app, _what, _name, _object, _options, lines):  # noqa: ANN001, ANN201
    """Make a list of each docstring's references: footnotes called 1 may stand only once on a page."""
    # Escaped, because an initial with its full stop would begin another list.
    lines[:] = [re.sub(r"\[(\d)\]_", r"[\1]", re.sub(r"^\.\. \[(\d)\] ", r"\1. \\", line)) for line in lines]


def write_report(app, failure):  # noqa: ANN001, ANN201
    """Put a report beside the pages: that of the run whose results are in this folder."""
    if failure is None and app.builder.format == "html":
        results = json.loads(Path(app.srcdir, "results.json").read_text(encoding="utf-8"))
        Path(app.outdir, "report.html").write_text(report.render(results), encoding="utf-8")


def setup(app):  # noqa: ANN001, ANN201
    """Connect the above."""
    app.connect("build-finished", write_report)
    app.connect("autodoc-process-docstring", list_references)
    app.add_directive("command-line", CommandLine)
