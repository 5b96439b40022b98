"""Settings of Sphinx."""

import re

import gilfree

project = "gilfree"
author = "The gilfree developers"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = gilfree.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
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


def list_references(_app, _what, _name, _object, _options, lines):  # noqa: ANN001, ANN201
    """Make a list of each docstring's references: footnotes called 1 may stand only once on a page."""
    lines[:] = [re.sub(r"\[(\d)\]_", r"[\1]", re.sub(r"^\.\. \[(\d)\]", r"\1.", line)) for line in lines]


def setup(app):  # noqa: ANN001, ANN201
    """Connect the above."""
    app.connect("autodoc-process-docstring", list_references)
